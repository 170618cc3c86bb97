"""What the workbench has to know of a cluster before it asks its models anything."""

from quarterdeck_ainode.iotdb.client import IotdbClient
from quarterdeck_ainode.iotdb.cluster_state import read_loaded, read_models, read_nodes
from quarterdeck_ainode.iotdb.our_ainode import ainode_of, is_ours
from quarterdeck_ainode.iotdb.versions import recognise
from quarterdeck_ainode.iotdb.workbench.entrants import ClusterFacts
from quarterdeck_ainode.iotdb.workbench.parameters import LOCAL
from quarterdeck_api.errors import QuarterdeckError

#: The cluster's models are not asked for where only the local engine is wanted: it works without any AINode.
NOTHING_KNOWN = ClusterFacts((), frozenset(), ours=True, version=recognise("").facts)


def cluster_facts(client: IotdbClient, models: tuple[str, ...]) -> ClusterFacts:
    """Catalogue, loaded models and whose AINode it is; nothing when every model is the local engine's.

    Raises QuarterdeckError, with the models of the local engine as the remedy, when there is no AINode.
    """
    if all(name.strip().startswith(LOCAL) for name in models):
        return NOTHING_KNOWN
    node = ainode_of(read_nodes(client))
    if node is None:
        raise QuarterdeckError(
            "the cluster has no AINode, so its models cannot be used",
            f"start one on the node `ainode` (node.start-ainode), or use the local engine's: {LOCAL}NAME",
        )
    loaded = frozenset(each.model_id for each in read_loaded(client) if each.count)
    [version] = client.rows("SHOW VERSION").texts()
    facts = recognise(version["version"], version.get("buildinfo", "")).facts
    return ClusterFacts(tuple(read_models(client)), loaded, is_ours(node), facts)
