"""Taking a node out of its cluster for good."""

from time import monotonic, sleep

from quarterdeck_ainode.serving.config_node import ConfigNodes
from quarterdeck_ainode.serving.joining import check_cluster
from quarterdeck_ainode.serving.node_folder import forget_record, read_record
from quarterdeck_ainode.serving.server import config_node_addresses, node_folder_path
from quarterdeck_ainode.serving.server_parameters import ServerParameters
from quarterdeck_ainode.serving.tls import tls_contexts
from quarterdeck_api.errors import UnknownOutcomeError, UsageError

#: The cluster tries six times to reach a node that is to be removed before it forgets it.
_PATIENCE = 40.0
_PAUSE = 0.2


def deregister(parameters: ServerParameters) -> str:
    """Asks the cluster to forget the node of the data folder, which ends if it runs; gives a sentence about what came of it."""
    path = node_folder_path(parameters)
    record = read_record(path)
    if record is None:
        raise UsageError(
            f"{path} is the data folder of no node that has joined a cluster", "name the folder with --data"
        )
    seeds = (*config_node_addresses(parameters.config_node), *record.config_nodes)
    nodes = ConfigNodes(seeds, tls_contexts(parameters).connecting, parameters.compact)
    # Ids are small numbers: another cluster at that address has most likely a node of the same one.
    check_cluster(nodes.identity(), parameters.cluster_name, record)
    if record.node_id not in nodes.ainodes():
        forget_record(path)
        return f"the cluster {record.cluster_name} does not have node {record.node_id} any more; its id is forgotten"
    nodes.remove(record.node_id, record.address)
    deadline = monotonic() + _PATIENCE
    while record.node_id in nodes.ainodes():
        if monotonic() > deadline:
            raise UnknownOutcomeError(
                f"the cluster has not forgotten node {record.node_id} within {_PATIENCE:.0f} s", "see SHOW AINODES"
            )
        sleep(_PAUSE)
    forget_record(path)
    return f"node {record.node_id} is removed from the cluster {record.cluster_name}"
