"""Our own AINode as the cluster and this console see it: how it is recognised, what its process is called, and where it must listen."""

import socket
from collections.abc import Sequence

from msgspec import Struct

from quarterdeck_ainode.iotdb.client.endpoints import Endpoint
from quarterdeck_ainode.iotdb.mirrored.cluster_state import ClusterNode, NodeType
from quarterdeck_ainode.iotdb.mirrored.reachability import is_loopback
from quarterdeck_ainode.iotdb.operations.parameters import StartAinode
from quarterdeck_api.errors import RefusedError, UsageError

#: What ours writes into the column BuildInfo of SHOW CLUSTER.
_OUR_BUILD = "quarterdeck"
_ANYWHERE = "0.0.0.0"
#: A process's name has 63 characters at most.
_LONGEST_BACKEND = 63 - len("-ainode")


class StartPlan(Struct, frozen=True):
    """How to start our AINode: the parameters of its process, and what its user should know."""

    process: str
    parameters: dict[str, object]
    notices: tuple[str, ...] = ()


def ainode_of(nodes: Sequence[ClusterNode]) -> ClusterNode | None:
    """The cluster's AINode; there is one at most."""
    return next((node for node in nodes if node.type is NodeType.AINODE), None)


def is_ours(node: ClusterNode) -> bool:
    """Whether an AINode is of our make, whoever started it."""
    return node.build.strip().lower().startswith(_OUR_BUILD)


def process_name(backend: str) -> str:
    """The managed process of a backend's AINode."""
    return f"{backend[:_LONGEST_BACKEND]}-ainode"


def plan_start(
    backend: str,
    nodes: Sequence[ClusterNode],
    connected: Sequence[Endpoint],
    cluster_name: str,
    wanted: StartAinode,
) -> StartPlan:
    """How to start our AINode for a cluster; raises RefusedError or UsageError when it could not join.

    `connected` are the DataNodes that the backend was told. A cluster whose nodes know one another by loopback can be joined from its own machine only.
    """
    config_nodes = wanted.config_node or ",".join(
        str(Endpoint(node.host, node.port)) for node in nodes if node.type is NodeType.CONFIG_NODE
    )
    if not config_nodes:
        raise UsageError("the cluster names no ConfigNode", "give --config-node HOST:PORT")
    inside = all(is_loopback(node.host) for node in nodes if node.type is not NodeType.AINODE)
    elsewhere = [each.host for each in connected if not on_this_machine(each.host)]
    if inside and elsewhere and not wanted.config_node:
        raise RefusedError(
            f"the nodes of this cluster know one another as {nodes[0].host}, on the machine of {elsewhere[0]}: "
            "an AINode can join it from that machine only",
            "run `quarterdeck-ainode` there, or give the nodes addresses that other machines reach (cn_internal_address, dn_internal_address)",
        )
    listen = wanted.listen or ("127.0.0.1" if inside else _ANYWHERE)
    notices = _notices(nodes, inside, listen, wanted)
    parameters: dict[str, object] = {"config_node": config_nodes, "host": listen, "port": wanted.port}
    said = {
        "advertise": wanted.advertise,
        "cluster_name": cluster_name,
        "workers": wanted.workers,
        "trust": wanted.trust,
        "data": wanted.data,
        "certificate": wanted.certificate,
        "key": wanted.private_key,
        "authority": wanted.authority,
    }
    parameters.update({name: value for name, value in said.items() if value})
    return StartPlan(process_name(backend), parameters, notices)


def _notices(nodes: Sequence[ClusterNode], inside: bool, listen: str, wanted: StartAinode) -> tuple[str, ...]:
    notices: list[str] = []
    advertised = wanted.advertise or ("" if listen == _ANYWHERE else listen)
    if advertised and is_loopback(advertised) and not inside:
        far = next(node for node in nodes if not is_loopback(node.host))
        notices.append(
            f"the cluster would look for it at {advertised}, which on {far.host} is that machine itself: "
            "it would join and stay Unknown; give --advertise an address that the nodes reach"
        )
    if not inside and wanted.port == 0:
        notices.append("a firewall between the nodes has to let its port through: give --port to know it beforehand")
    return tuple(notices)


def on_this_machine(host: str) -> bool:
    """Whether a host is an address of this machine: one that can be listened at. Blocks while a name is looked up."""
    if is_loopback(host):
        return True
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return any(_can_listen(family, address) for family, _, _, _, address in found)


def _can_listen(family: int, address: object) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        try:
            trial.bind(address)  # type: ignore[arg-type]
        except OSError:
            return False
    return True
