"""One look at a cluster: its mirrored resources as they are now."""

from quarterdeck_ainode.iotdb.client import IotdbClient
from quarterdeck_ainode.iotdb.cluster_state import ClusterNode, NodeType, read_models, read_nodes
from quarterdeck_ainode.iotdb.faults import IotdbError
from quarterdeck_api.backend import WatchContext
from quarterdeck_api.resources import Resource

KINDS = ("node", "model", "ai-device", "query")

#: The name of the AINode among a cluster's nodes; there is one at most, and its number changes with each registration.
AINODE = "ainode"


class Snapshot:
    """Takes looks at one cluster."""

    def __init__(self, name: str, client: IotdbClient, context: WatchContext) -> None:
        self._name = name
        self._client = client
        self._context = context

    def take(self) -> list[Resource]:
        """Every mirrored resource; raises UnreachableError when the cluster does not answer."""
        nodes = read_nodes(self._client)
        return [*(self._node(node) for node in nodes), *self._models()]

    def _node(self, node: ClusterNode) -> Resource:
        health = "ok" if node.status == "Running" else "degraded"
        return self._context.resource(
            "node",
            node_name(node),
            cells={"version": node.version},
            health=health,
            state=node.status,
            reason=node.reason,
        )

    def _models(self) -> list[Resource]:
        try:
            models = read_models(self._client)
        except IotdbError:
            return []
        parent = f"{self._name}/node/{AINODE}"
        return [
            self._context.resource(
                "model",
                model.model_id,
                cells={"type": model.type, "category": model.category},
                state=model.state,
                parent=parent,
            )
            for model in models
        ]


def node_name(node: ClusterNode) -> str:
    """`ainode`, `datanode-1`, `confignode-0`."""
    return AINODE if node.type is NodeType.AINODE else f"{node.type.value.lower()}-{node.node_id}"
