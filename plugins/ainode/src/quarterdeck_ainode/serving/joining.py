"""How a node becomes a member of its cluster: by its stored id when the cluster still knows it, else as a new one. One trial at a time."""

from collections.abc import Callable
from enum import Enum

from msgspec import Struct

from quarterdeck_ainode.serving.config_node import (
    ClusterIdentity,
    ConfigNodes,
    ConfigStatus,
    NodeRefusedError,
    NodeRegistration,
)
from quarterdeck_ainode.serving.node_folder import NodeRecord
from quarterdeck_api.errors import RefusedError


class JoinedAs(Enum):
    """How it came about."""

    NEW = "registered"
    BACK = "came back"
    FOUND = "found itself registered already"


class Joined(Struct, frozen=True):
    """A membership: what is to be stored, and how it came about."""

    record: NodeRecord
    how: JoinedAs


def check_cluster(identity: ClusterIdentity, wanted_name: str, record: NodeRecord | None) -> None:
    """Whether the ConfigNode that answers belongs to the right cluster; raises RefusedError."""
    if wanted_name and wanted_name != identity.name:
        raise RefusedError(
            f"the ConfigNode belongs to the cluster {identity.name!r}, not to {wanted_name!r}",
            f"leave out --cluster-name, or write --cluster-name {identity.name}",
        )
    if record is not None and record.cluster_id and identity.id and record.cluster_id != identity.id:
        raise RefusedError(
            f"the data folder belongs to a node of another cluster ({record.cluster_name}, id {record.cluster_id}), and "
            f"the ConfigNode belongs to {identity.name}, id {identity.id}",
            "choose another folder with --data, or remove node.json from this one if that cluster is gone",
        )


def join(
    nodes: ConfigNodes,
    identity: ClusterIdentity,
    record: NodeRecord | None,
    node: NodeRegistration,
    unsure: bool,
    say: Callable[[str], None],
) -> Joined:
    """One trial to join; raises UnreachableError when it is worth another, RefusedError when it is not.

    `unsure` says that a trial before was sent and its answer lost: then an entry of this very address is this node's own. Otherwise it is one
    that was left behind, perhaps being removed at this moment, and whoever takes that over is removed with it.
    """

    def stored(node_id: int) -> NodeRecord:
        return NodeRecord(node_id, identity.name, identity.id, node.address, nodes.known)

    if record is not None:
        if record.node_id in nodes.ainodes():
            nodes.restart(record.node_id, identity.id, node)
            return Joined(stored(record.node_id), JoinedAs.BACK)
        say(f"the cluster no longer has node {record.node_id}, which was removed; joining as a new one")
    try:
        return Joined(stored(nodes.register(node)), JoinedAs.NEW)
    except NodeRefusedError as refusal:
        if refusal.status not in (ConfigStatus.ALREADY_ONE, ConfigStatus.NODE_REFUSED):
            raise
        for node_id, known in nodes.ainodes().items():
            if unsure and known.address == node.address:
                nodes.restart(node_id, identity.id, node)
                return Joined(stored(node_id), JoinedAs.FOUND)
        raise
