"""The actions that only clusters have, and why the local engine has none of them; imports nothing heavy."""

from quarterdeck_ainode.iotdb import declared_data, declared_operations, declared_workbench

_DECLARED = (*declared_operations.ACTIONS, *declared_workbench.ACTIONS, *declared_data.ACTIONS)
_ELSEWHERE = (
    "this is done in a cluster of IoTDB: add one with `quarterdeck backend add NAME ainode.iotdb --nodes HOST:PORT`"
)


def cluster_actions(kind: str) -> frozenset[str]:
    """The ids of the actions on a kind that only clusters have."""
    return frozenset(action.id for action in _DECLARED if kind in action.kinds)


def off_locally(kind: str) -> dict[str, str]:
    """What the local engine's resources of a kind cannot do because only clusters can."""
    return dict.fromkeys(sorted(cluster_actions(kind)), _ELSEWHERE)
