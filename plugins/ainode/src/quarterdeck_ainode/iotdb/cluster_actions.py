"""The actions that clusters have, by the kinds of resources; imports nothing heavy."""

from quarterdeck_ainode.iotdb import declared_data, declared_operations, declared_workbench

_DECLARED = (*declared_operations.ACTIONS, *declared_workbench.ACTIONS, *declared_data.ACTIONS)


def cluster_actions(kind: str) -> frozenset[str]:
    """The ids of the actions on a kind that only clusters have."""
    return frozenset(action.id for action in _DECLARED if kind in action.kinds)
