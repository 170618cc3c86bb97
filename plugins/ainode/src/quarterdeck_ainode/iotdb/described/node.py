"""The documents of a node, an AI device and a running query, from what was seen last."""

from collections.abc import Sequence

from quarterdeck_ainode.iotdb.mirrored.cluster_state import ClusterNode, NodeType
from quarterdeck_ainode.iotdb.mirrored.looking import ClusterLook
from quarterdeck_ainode.iotdb.mirrored.nodes import (
    ABSENT,
    AINODE,
    HIDDEN,
    START_ADVICE,
    PortCheck,
    node_name,
    node_reason,
)
from quarterdeck_ainode.iotdb.mirrored.own_ainode import ManagedAINode
from quarterdeck_ainode.iotdb.mirrored.reachability import PortState
from quarterdeck_ainode.iotdb.operations.our_ainode import is_ours
from quarterdeck_api.documents import Block, Document, Fact, FactsBlock, TableBlock, TextBlock
from quarterdeck_api.errors import NotFoundError
from quarterdeck_api.resources import Cell

_STATUS_MEANING = {
    "Running": "its heartbeats reach the ConfigNode",
    "Unknown": (
        "no heartbeat has reached the ConfigNode for some seconds (a process that has ended is seen within 2 s, one that hangs "
        "within 20 s). It says nothing of why. The node comes back by itself when its heartbeats do"
    ),
    "ReadOnly": "it answers queries and refuses writes",
    "Removing": "it is being taken out of the cluster",
}

_ONE_AINODE = (
    "A cluster has one AINode at most; a second one is refused (1501). Its number changes each time one is registered."
)

_OFFICIAL = (
    "This is not the AINode of this console. The official one ignores the parameters of its models, gives float32 values, and its "
    "statistical models begin with the last observation, so that each value stands one step late; "
    "`LOAD MODEL` says ok before it has begun, and failures are in its log only."
)


def describe_node(
    address: str, name: str, look: ClusterLook, managed: ManagedAINode | None, port_state: PortCheck, regions: str
) -> Document:
    """A node of the cluster, or the AINode that is missing; `regions` says what a DataNode holds, empty for others."""
    node = next((each for each in look.nodes if node_name(each) == name), None)
    if node is not None:
        return Document(
            address, (*_of_node(node, look, managed, port_state, regions), *_of_ainode(node, look, managed))
        )
    if name == AINODE:
        return Document(address, _missing(look, managed))
    known = ", ".join(node_name(each) for each in look.nodes)
    raise NotFoundError(f"there is no {address}", f"there are: {known or AINODE}", address)


def describe_device(address: str, name: str, look: ClusterLook) -> Document:
    """An AI device with what is loaded on it."""
    kind = dict(look.devices).get(name)
    if kind is None:
        known = ", ".join(device for device, _ in look.devices)
        raise NotFoundError(f"there is no {address}", f"there are: {known or 'none: the AINode tells them'}", address)
    loaded = tuple((each.model_id, each.count) for each in look.loaded if each.device == name)
    instances = _loaded_instances(look, [count for _, count in loaded])
    return Document(
        address,
        (
            FactsBlock((Fact("Type", kind or name), Fact("Instances", instances))),
            TableBlock(("model", "instances"), loaded, "Loaded models"),
            TextBlock(
                "A model answers from its loaded instances; one that is not loaded is loaded for each request. "
                "0 instances mean that loading goes on or has failed.",
                title="What it means",
            ),
        ),
    )


def describe_query(address: str, name: str, look: ClusterLook) -> Document:
    """A running query."""
    query = next((each for each in look.queries if each.query_id == name), None)
    if query is None:
        raise NotFoundError(f"there is no {address}", "it has ended, or see `quarterdeck get query`", address)
    facts = (
        Fact("Runs for, seconds", round(query.elapsed, 1)),
        Fact("User", query.user or "not told"),
        Fact("Client", query.client),
        Fact("DataNode", query.data_node),
    )
    return Document(address, (FactsBlock(facts), TextBlock(query.statement, "sql", "Statement")))


def _of_node(
    node: ClusterNode, look: ClusterLook, managed: ManagedAINode | None, port_state: PortCheck, regions: str
) -> tuple[Block, ...]:
    reason = node_reason(node, managed, port_state)
    facts = [
        Fact("Node", f"{node.type.value} {node.node_id}"),
        Fact("Status", f"{node.status}({node.reason})" if node.reason else node.status),
        Fact("Meaning", reason or _STATUS_MEANING.get(node.status)),
        Fact("Version", node.version),
        Fact(
            "Build",
            node.build if node.build.upper() != "UNKNOWN" else "UNKNOWN: not a release build, so drift cannot be seen",
        ),
        Fact("Address in the cluster", f"{node.host}:{node.port}"),
    ]
    if node.rpc_port:
        facts.append(Fact("Address for clients", f"{node.rpc_host}:{node.rpc_port}"))
    if regions:
        facts.append(Fact("Regions", regions))
    others = [each for each in look.nodes if each.version != node.version and each.version]
    if others:
        facts.append(Fact("Other versions", ", ".join(f"{node_name(each)} {each.version}" for each in others)))
    ports = TableBlock(
        ("port", "for", "from here"),
        tuple((each.port, each.purpose, port_state(each).value) for each in node.ports),
        "Ports",
    )
    blocks: list[Block] = [FactsBlock(tuple(facts)), ports]
    if all(port_state(each) is PortState.NOT_CHECKED for each in node.ports):
        blocks.append(
            TextBlock(
                "Ports are tried every 30 s while somebody looks. A loopback address of a cluster on another machine means that "
                "machine, and cannot be tried from here.",
                title="Not checked",
            )
        )
    if node.status == "Unknown":
        blocks.append(TextBlock(_STATUS_MEANING["Unknown"] + ".", title="What Unknown means"))
    return tuple(blocks)


def _of_ainode(node: ClusterNode, look: ClusterLook, managed: ManagedAINode | None) -> tuple[Block, ...]:
    if node.type is not NodeType.AINODE:
        return ()
    blocks: list[Block] = []
    if managed is not None and managed.is_node(node):
        blocks.append(
            FactsBlock(
                (
                    Fact("Run by", f"this console, as the process {managed.instance}"),
                    Fact("It says", managed.message),
                    Fact("Engine", "the models of the local engine, in warm workers"),
                ),
                "Our AINode",
            )
        )
        numbers = tuple((name, value, managed.units.get(name, "")) for name, value in sorted(managed.values.items()))
        blocks.append(TableBlock(("number", "value", "unit"), numbers, "How it is doing"))
    elif is_ours(node):
        blocks.append(
            TextBlock(
                "It is of this console's make and was started elsewhere (`quarterdeck-ainode`).", title="Our AINode"
            )
        )
    else:
        blocks.append(TextBlock(_OFFICIAL, title="Its defects"))
    if look.ainode_answers:
        loaded = _loaded_instances(look, [each.count for each in look.loaded])
        blocks.append(
            FactsBlock(
                (
                    Fact("Models", len(look.models)),
                    Fact("Loaded instances", loaded),
                    Fact("AI devices", len(look.devices)),
                )
            )
        )
    silent = look.refusal("SHOW MODELS")
    if silent is not None:
        blocks.append(TextBlock(f"{silent.error.message}\n{silent.error.remedy}", title="Its models cannot be seen"))
    blocks.append(TextBlock(_ONE_AINODE, title="One AINode"))
    return tuple(blocks)


def _loaded_instances(look: ClusterLook, counts: Sequence[int]) -> Cell:
    refusal = look.refusal("SHOW LOADED MODELS")
    return sum(counts) if refusal is None else f"not to be seen: {refusal.error.message}"


def _missing(look: ClusterLook, managed: ManagedAINode | None) -> tuple[Block, ...]:
    hidden = look.refusal("SHOW CLUSTER DETAILS")
    if hidden is not None:
        return (
            FactsBlock(
                (Fact("Status", HIDDEN), Fact("Why", hidden.error.message), Fact("Remedy", hidden.error.remedy))
            ),
        )
    facts = [Fact("Status", f"{ABSENT}: no AINode is registered in this cluster"), Fact("What to do", START_ADVICE)]
    if managed is not None and managed.connected:
        facts.append(Fact("Process", f"{managed.instance}: {managed.message}"))
    return (FactsBlock(tuple(facts)), TextBlock(_ONE_AINODE, title="One AINode"))
