"""What a cluster says of itself, as types: nodes, models, AI devices, loaded instances and running queries."""

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct

from quarterdeck_ainode.iotdb.client import IotdbClient
from quarterdeck_ainode.iotdb.dialect import Dialect
from quarterdeck_ainode.iotdb.rows import Rows


class NodeType(Enum):
    """The three kinds of nodes, by the server's words."""

    CONFIG_NODE = "ConfigNode"
    DATA_NODE = "DataNode"
    AINODE = "AINode"


class ClusterNode(Struct, frozen=True):
    """A node as SHOW CLUSTER DETAILS lists it. `status` is the server's word, `reason` what it says in brackets; `rpc_port` 0 is none."""

    node_id: int
    type: NodeType
    status: str
    reason: str
    host: str
    port: int
    rpc_host: str
    rpc_port: int
    version: str
    build: str


class CatalogueModel(Struct, frozen=True):
    """A model as SHOW MODELS lists it, with category and state in one spelling (lower case, `_`)."""

    model_id: str
    type: str
    category: str
    state: str


class LoadedInstances(Struct, frozen=True):
    """How many instances of a model a device runs; 0 means that loading it has failed or goes on."""

    device: str
    model_id: str
    count: int


class RunningQuery(Struct, frozen=True):
    """A query that runs in the cluster. `started` is a Unix time, `elapsed` in seconds."""

    query_id: str
    statement: str
    started: float
    elapsed: float
    data_node: int
    client: str
    user: str


def read_nodes(client: IotdbClient) -> tuple[ClusterNode, ...]:
    """Every node of the cluster."""
    return nodes_of(client.rows("SHOW CLUSTER DETAILS"))


def read_models(client: IotdbClient) -> tuple[CatalogueModel, ...]:
    """The models that the AINode knows; raises IotdbError (1011) when there is none."""
    found = client.rows("SHOW MODELS")
    return tuple(
        CatalogueModel(row["modelid"], row["modeltype"], one_spelling(row["category"]), one_spelling(row["state"]))
        for row in found.texts()
    )


def read_loaded(client: IotdbClient) -> tuple[LoadedInstances, ...]:
    """What is loaded where."""
    found = client.rows("SHOW LOADED MODELS")
    counts = next(name for name in (*found.columns, "") if name.lower().startswith("count"))
    return tuple(
        LoadedInstances(row["deviceid"], row["modelid"], int(row[counts.lower()] or 0)) for row in found.texts()
    )


def read_devices(client: IotdbClient) -> dict[str, str]:
    """AI device id to type; the type is empty where the server does not say it."""
    return {row["deviceid"]: row.get("devicetype", "") for row in client.rows("SHOW AI_DEVICES").texts()}


def read_configuration(client: IotdbClient) -> dict[str, tuple[str, str]]:
    """Setting to its value and its default, as far as the cluster shows them."""
    found = client.rows("SHOW CONFIGURATION", dialect=Dialect.TABLE)
    return {row["name"]: (row["value"], row["default_value"]) for row in found.texts()}


def nodes_of(found: Rows) -> tuple[ClusterNode, ...]:
    """The nodes of an answer to SHOW CLUSTER DETAILS."""
    return tuple(_node(row) for row in found.texts())


def one_spelling(word: str) -> str:
    """Categories and states differ in case and in `-` between versions."""
    return word.strip().lower().replace("-", "_")


def _node(cells: Mapping[str, str]) -> ClusterNode:
    status, _, reason = cells["status"].partition("(")
    return ClusterNode(
        int(cells["nodeid"]),
        NodeType(cells["nodetype"]),
        status.strip(),
        reason.removesuffix(")").strip(),
        cells["internaladdress"],
        int(cells["internalport"] or 0),
        cells.get("rpcaddress", ""),
        int(cells.get("rpcport") or 0),
        cells.get("version", ""),
        cells.get("buildinfo", ""),
    )
