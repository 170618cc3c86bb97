"""What the workbench has to know of a cluster before it asks its models anything."""

from collections.abc import Callable
from typing import TypeVar

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.error_codes import AINODE_AWAY
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_ainode.iotdb.mirrored.cluster_state import (
    NO_PERMISSION,
    ClusterNode,
    read_loaded,
    read_models,
    read_nodes,
)
from quarterdeck_ainode.iotdb.operations.our_ainode import ainode_of, is_ours
from quarterdeck_ainode.iotdb.versions import recognise
from quarterdeck_ainode.iotdb.workbench.entrants import ClusterFacts
from quarterdeck_ainode.iotdb.workbench.parameters import LOCAL
from quarterdeck_api.errors import QuarterdeckError, UnreachableError

T = TypeVar("T")

#: The cluster's models are not asked for where only the local engine is wanted: it works without any AINode.
NOTHING_KNOWN = ClusterFacts((), frozenset(), ours=None, version=recognise("").facts)


def cluster_facts(client: IotdbClient, models: tuple[str, ...]) -> ClusterFacts:
    """Catalogue, loaded models and whose AINode it is; nothing when every model is the local engine's.

    What the user may not see is left open: reading a series and forecasting it need less than looking at the cluster. Raises
    QuarterdeckError, with the models of the local engine as the remedy, when there is no AINode, and UnreachableError when it does not answer.
    """
    if all(name.strip().startswith(LOCAL) for name in models):
        return NOTHING_KNOWN
    nodes = _permitted(lambda: read_nodes(client))
    ours = node = None
    if nodes is not None:
        node = ainode_of(nodes)
        if node is None:
            raise QuarterdeckError(
                "the cluster has no AINode, so its models cannot be used",
                f"start one on the node `ainode` (node.start-ainode), or use the local engine's: {LOCAL}NAME",
            )
        ours = is_ours(node)
    catalogue = _permitted(lambda: _answered(lambda: read_models(client), node))
    running = _permitted(lambda: _answered(lambda: read_loaded(client), node))
    loaded = None if running is None else frozenset(each.model_id for each in running if each.count)
    [version] = client.rows("SHOW VERSION").texts()
    facts = recognise(version["version"], version.get("buildinfo", "")).facts
    return ClusterFacts(catalogue, loaded, ours, facts)


def _answered(read: Callable[[], T], node: ClusterNode | None) -> T:
    """What the AINode tells; raises UnreachableError for one that the cluster has and that does not answer just now."""
    try:
        return read()
    except IotdbError as error:
        if node is None or error.status not in AINODE_AWAY:
            raise
        raise UnreachableError(
            f"the AINode, node {node.node_id} at {node.host}:{node.port}, is {node.status} and does not answer: {error.message}",
            f"see the node `ainode` of the cluster, or use the local engine's models: {LOCAL}NAME",
        ) from error


def _permitted(read: Callable[[], T]) -> T | None:
    """What is read, or None when the user may not see it."""
    try:
        return read()
    except IotdbError as error:
        if error.status == NO_PERMISSION:
            return None
        raise
