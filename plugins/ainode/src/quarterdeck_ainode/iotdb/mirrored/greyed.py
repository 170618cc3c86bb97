"""Why an action cannot be done to a resource now: pure decisions, from what was seen of the cluster."""

from quarterdeck_ainode.iotdb.cluster_actions import cluster_actions
from quarterdeck_ainode.iotdb.mirrored.cluster_state import CatalogueModel, ClusterNode, NodeType
from quarterdeck_ainode.iotdb.mirrored.looking import ClusterLook
from quarterdeck_ainode.iotdb.mirrored.own_ainode import ManagedAINode
from quarterdeck_ainode.iotdb.operations.action_ids import (
    CONFIGURE,
    CREATE,
    DROP,
    FINE_TUNE,
    LOAD,
    NO_FINE_TUNING,
    REMOVE,
    START,
    STOP,
    UNLOAD,
)
from quarterdeck_ainode.iotdb.operations.our_ainode import is_ours
from quarterdeck_ainode.local import actions as local_actions
from quarterdeck_api.resources import Health

RUNNING = "Running"

#: Actions of the local engine on models, with what to use in a cluster instead.
_INSTEAD = {
    local_actions.FORECAST: "choose a series of the cluster and forecast it with this model (series.forecast)",
    local_actions.BACKTEST: "forecast a series of the cluster (series.forecast): it is backtested on its last part too",
    local_actions.TUNE: "tune the local engine's model of the same name, and give what it found to series.forecast",
    local_actions.DETECT: "choose a series of the cluster and label it with this model (series.classify)",
}


def off_of_node(node: ClusterNode | None, look: ClusterLook, managed: ManagedAINode | None) -> dict[str, str]:
    """Of a node of the cluster; None is the AINode that is missing, or that the user may not see."""
    if node is not None and node.type is not NodeType.AINODE:
        here = "this is done on the node `ainode`"
        return _declared(
            "node", {START: here, STOP: here, REMOVE: here, CREATE: "models are created on the node `ainode`"}
        )
    off = {
        CONFIGURE: "an AINode has its settings in a file of its own; these are the settings of ConfigNodes and DataNodes"
    }
    if managed is not None and managed.connected and managed.health not in (Health.STOPPED, Health.FAILED):
        off[START] = f"it runs already, as the process {managed.instance} of this console"
    elif node is not None and node.status == RUNNING:
        off[START] = f"an AINode runs at {node.host}:{node.port}, and a cluster has one at most: remove that one first"
    elif node is not None and not is_ours(node):
        where = f"{node.host}:{node.port}"
        off[START] = f"the cluster has an AINode that is not ours, at {where}: start it there, or remove it first"
    if managed is None:
        off[STOP] = "this console does not run it: stop it where it was started"
    if look.nodes_known and node is None:
        off[REMOVE] = "no AINode is registered in this cluster"
        off[CREATE] = "no AINode is registered in this cluster: start one first"
    elif node is not None and node.status != RUNNING:
        off[CREATE] = f"the AINode is {node.status}: it has to be running"
    return _declared("node", off)


def off_of_model(model: CatalogueModel, look: ClusterLook) -> dict[str, str]:
    """Of a model of the cluster."""
    off = {**_INSTEAD, FINE_TUNE: NO_FINE_TUNING}
    node = look.ainode
    if node is not None and node.status != RUNNING:
        off.update(dict.fromkeys((DROP, LOAD, UNLOAD), f"the AINode is {node.status}: it has to be running"))
        return _declared("model", off)
    if model.category in ("builtin", "built_in"):
        off[DROP] = "it is built in: only models that users created can be dropped"
    if model.state not in ("active", ""):
        off[LOAD] = f"it is {model.state}: a model that is not active would stay at 0 instances"
    warm = {each.device for each in look.loaded if each.model_id == model.model_id and each.count > 0}
    if look.devices and warm >= {device for device, _ in look.devices}:
        off[LOAD] = f"it is loaded already on {', '.join(sorted(warm))}"
    if look.instances_known and not any(each.model_id == model.model_id for each in look.loaded):
        off[UNLOAD] = "no AI device has it loaded"
    return _declared("model", off)


def _declared(kind: str, off: dict[str, str]) -> dict[str, str]:
    known = cluster_actions(kind) | set(_INSTEAD)
    return {action: reason for action, reason in off.items() if action in known}
