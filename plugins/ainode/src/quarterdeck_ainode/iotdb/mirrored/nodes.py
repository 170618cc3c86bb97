"""The nodes of a cluster as resources: the server's word, what it means, and whether their ports can be reached from here."""

from collections.abc import Callable, Sequence

from quarterdeck_ainode.iotdb.mirrored.cluster_state import ClusterNode, NodePort, NodeType
from quarterdeck_ainode.iotdb.mirrored.greyed import off_of_node
from quarterdeck_ainode.iotdb.mirrored.looking import ClusterLook
from quarterdeck_ainode.iotdb.mirrored.own_ainode import ManagedAINode
from quarterdeck_ainode.iotdb.mirrored.reachability import PortState
from quarterdeck_api.browsing import ResourceMaker
from quarterdeck_api.resources import Cell, Health, Resource

#: The name of the AINode among a cluster's nodes; there is one at most, and its number changes with each registration.
AINODE = "ainode"
#: The state of the AINode's row when the cluster has none.
ABSENT = "absent"
#: And when the user may not see whether it has one.
HIDDEN = "hidden"

START_ADVICE = "start one here: action node.start-ainode on this node (`a`), or `quarterdeck ainode serve`"

PortCheck = Callable[[NodePort], PortState]

_HEALTH = {
    "Running": Health.OK,
    "Unknown": Health.FAILED,
    "ReadOnly": Health.DEGRADED,
    "Removing": Health.BUSY,
}


def node_name(node: ClusterNode) -> str:
    """`ainode`, `datanode-1`, `confignode-0`."""
    return AINODE if node.type is NodeType.AINODE else f"{node.type.value.lower()}-{node.node_id}"


def node_resources(
    make: ResourceMaker, look: ClusterLook, port_state: PortCheck, managed: ManagedAINode | None
) -> list[Resource]:
    """All nodes, and the AINode's row also when there is none."""
    found = [_node(make, node, look, port_state, managed) for node in look.nodes]
    return found if look.ainode is not None else [*found, _missing(make, look, managed)]


def node_reason(node: ClusterNode, managed: ManagedAINode | None, port_state: PortCheck) -> str:
    """What the server's word means, empty when all is well and there is nothing to say."""
    ours = managed is not None and managed.is_node(node)
    match node.status:
        case "Running":
            if ours and managed is not None and managed.health is not Health.OK:
                return f"run by this console: {managed.message}"
            return f"run by this console ({managed.instance})" if ours and managed is not None else ""
        case "Unknown":
            return f"no heartbeat reaches the ConfigNode: the process has ended, hangs, or is cut off; {_from_here(node, port_state)}"
        case "ReadOnly":
            full = node.reason.lower() == "diskfull"
            why = "its disk is full" if full else f"it says {node.reason}" if node.reason else "it was set so"
            return f"it takes no writes: {why}"
        case "Removing":
            return "it is being taken out of the cluster"
        case _:
            return f"the server says {node.status}{f' ({node.reason})' if node.reason else ''}, a word that is not known here"


def ports_text(ports: Sequence[NodePort], port_state: PortCheck) -> str:
    """How many of the ports can be reached from here, and which cannot."""
    states = [(each, port_state(each)) for each in ports]
    checked = [(each, state) for each, state in states if state is not PortState.NOT_CHECKED]
    if not checked:
        return "not checked"
    bad = [f"{each.port} {state.value}" for each, state in checked if state is not PortState.OPEN]
    return ", ".join(bad) if bad else f"{len(checked)} open"


def _from_here(node: ClusterNode, port_state: PortCheck) -> str:
    where = f"{node.host}:{node.port}"
    match port_state(NodePort("internal", node.host, node.port)):
        case PortState.OPEN:
            return f"something does listen at {where}"
        case PortState.CLOSED:
            return f"nothing listens at {where}"
        case PortState.SILENT:
            return f"{where} does not answer from here"
        case PortState.UNRESOLVED:
            return f"the host {node.host} is not known here"
        case PortState.NOT_CHECKED:
            return f"its address is {where}"


def _node(
    make: ResourceMaker,
    node: ClusterNode,
    look: ClusterLook,
    port_state: PortCheck,
    managed: ManagedAINode | None,
) -> Resource:
    health = _HEALTH.get(node.status, Health.UNKNOWN)
    if health is Health.OK and managed is not None and managed.is_node(node) and managed.health is not Health.OK:
        health = managed.health
    cells: dict[str, Cell] = {
        "type": node.type.value,
        "endpoint": f"{node.host}:{node.port}",
        "version": node.version,
        "build": node.build,
        "ports": ports_text(node.ports, port_state),
    }
    if node.type is NodeType.AINODE:
        cells["models"] = len(look.models) if look.ainode_answers else None
    return make(
        "node",
        node_name(node),
        uid=f"{node.type.value}-{node.node_id}",
        cells=cells,
        health=health.value,
        state=f"{node.status}({node.reason})" if node.reason else node.status,
        reason=node_reason(node, managed, port_state),
        links={"process": managed.process} if managed is not None and managed.is_node(node) else {},
        actions_off=off_of_node(node, look, managed),
    )


def _missing(make: ResourceMaker, look: ClusterLook, managed: ManagedAINode | None) -> Resource:
    hidden = look.refusal("SHOW CLUSTER DETAILS")
    if hidden is not None:
        state, health, reason = HIDDEN, Health.UNKNOWN, f"the nodes cannot be seen: {hidden.error.message}"
    elif managed is not None and managed.connected:
        state, health, reason = ABSENT, Health.BUSY, f"{managed.instance} runs and is not registered: {managed.message}"
    else:
        state, health, reason = ABSENT, Health.STOPPED, f"no AINode is registered in this cluster; {START_ADVICE}"
    return make(
        "node",
        AINODE,
        uid="AINode",
        cells={"type": NodeType.AINODE.value},
        health=health.value,
        state=state,
        reason=reason,
        actions_off=off_of_node(None, look, managed),
    )
