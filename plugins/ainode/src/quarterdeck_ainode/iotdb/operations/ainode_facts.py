"""What the planner has to know of a cluster's AINode, asked of the cluster and of this machine."""

import os

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_ainode.iotdb.mirrored.cluster_state import (
    NO_PERMISSION,
    ClusterNode,
    read_devices,
    read_loaded,
    read_models,
    read_nodes,
)
from quarterdeck_ainode.iotdb.operations.load_planner import AinodeFacts, OfficialMemory
from quarterdeck_ainode.iotdb.operations.our_ainode import ainode_of, is_ours, on_this_machine
from quarterdeck_api.errors import RefusedError, UnreachableError

_CPU = "cpu"
_GIB = 2**30
_RUNNING = "Running"


def running_ainode(client: IotdbClient) -> ClusterNode | None:
    """The cluster's AINode, None when the user may not see nodes; raises RefusedError when there is none, and UnreachableError when it does not run."""
    try:
        node = ainode_of(read_nodes(client))
    except IotdbError as error:
        if error.status != NO_PERMISSION:
            raise
        return None
    if node is None:
        raise RefusedError("the cluster has no AINode", "start one: node.start-ainode on the node `ainode`")
    if node.status != _RUNNING:
        raise UnreachableError(
            f"the AINode (node {node.node_id}, {node.host}:{node.port}) is {node.status}",
            "see why on the node `ainode`; it answers once it is Running",
        )
    return node


def read_facts(client: IotdbClient, device_memory: float = 0.0, memory_ratio: float = 0.2) -> AinodeFacts:
    """The facts of the AINode that runs; `device_memory` in GiB, 0 is unknown."""
    node = running_ainode(client)
    devices = read_devices(client)
    ours = node is not None and is_ours(node)
    memory: dict[str, OfficialMemory] = {}
    if not ours:
        for device in devices:
            total = int(device_memory * _GIB) or (_machine_memory(node) if device == _CPU else 0)
            if total:
                memory[device] = OfficialMemory(total, memory_ratio)
    return AinodeFacts(devices, read_models(client), read_loaded(client), ours, memory)


def _machine_memory(node: ClusterNode | None) -> int:
    """Bytes of this machine's memory when the AINode runs here, else 0."""
    here = node is not None and on_this_machine(node.host)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if here else 0
