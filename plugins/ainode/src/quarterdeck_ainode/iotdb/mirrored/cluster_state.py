"""What a cluster says of itself, as types: nodes, models, AI devices, loaded instances and running queries."""

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.error_codes import NO_PERMISSION, NOT_UNDERSTOOD
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_ainode.iotdb.client.rows import Rows
from quarterdeck_ainode.iotdb.versions import category_of, state_of
from quarterdeck_api.errors import ProtocolError

_PORTS = (
    ("internal", "internaladdress", "internalport"),
    ("client", "rpcaddress", "rpcport"),
    ("data exchange", "internaladdress", "mppport"),
    ("consensus", "internaladdress", "configconsensusport"),
    ("schema consensus", "internaladdress", "schemaconsensusport"),
    ("data consensus", "internaladdress", "dataconsensusport"),
)


class NodeType(Enum):
    """The three kinds of nodes, by the server's words."""

    CONFIG_NODE = "ConfigNode"
    DATA_NODE = "DataNode"
    AINODE = "AINode"


class NodePort(Struct, frozen=True):
    """A port at which a node listens, and what for."""

    purpose: str
    host: str
    port: int


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
    ports: tuple[NodePort, ...] = ()


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
    """A query that runs in the cluster; `elapsed` in seconds. `user` is empty where the server does not say it."""

    query_id: str
    statement: str
    elapsed: float
    data_node: int
    client: str
    user: str


def read_nodes(client: IotdbClient) -> tuple[ClusterNode, ...]:
    """Every node of the cluster."""
    return nodes_of(client.rows("SHOW CLUSTER DETAILS"))


def read_models(client: IotdbClient) -> tuple[CatalogueModel, ...]:
    """The models that the AINode knows; raises IotdbError (1011) when there is none."""
    return models_of(_either(client, "SHOW MODELS"))


def read_loaded(client: IotdbClient) -> tuple[LoadedInstances, ...]:
    """What is loaded where."""
    return loaded_of(_either(client, "SHOW LOADED MODELS"))


def read_devices(client: IotdbClient) -> dict[str, str]:
    """AI device id to type; the type is empty where the server does not say it."""
    return {row["deviceid"]: row.get("devicetype", "") for row in _either(client, "SHOW AI_DEVICES").texts()}


def read_queries(client: IotdbClient) -> tuple[RunningQuery, ...]:
    """The queries that run; an administrator sees those of all users. The table dialect tells whose they are.

    Each dialect lists its own queries only (measured on 2.0.10), so both are asked; one that the server has not, or in which the user may not
    ask, is left out while the other answers.
    """
    found: dict[str, RunningQuery] = {}
    refusals: list[IotdbError] = []
    for dialect in (Dialect.TREE, Dialect.TABLE):
        try:
            found.update((each.query_id, each) for each in queries_of(client.rows("SHOW QUERIES", dialect=dialect)))
        except IotdbError as error:
            if error.status not in (*NOT_UNDERSTOOD, NO_PERMISSION):
                raise
            refusals.append(error)
    if len(refusals) == len(Dialect):
        raise refusals[0]
    return tuple(found.values())


def nodes_of(found: Rows) -> tuple[ClusterNode, ...]:
    """The nodes of an answer to SHOW CLUSTER DETAILS; raises ProtocolError for what is none."""
    return tuple(_node(row) for row in found.texts())


def models_of(found: Rows) -> tuple[CatalogueModel, ...]:
    """The models of an answer to SHOW MODELS."""
    return tuple(
        CatalogueModel(row["modelid"], row["modeltype"], category_of(row["category"]), state_of(row["state"]))
        for row in found.texts()
    )


def loaded_of(found: Rows) -> tuple[LoadedInstances, ...]:
    """The instances of an answer to SHOW LOADED MODELS, whose third column has other names in other versions."""
    counts = next((name.lower() for name in found.columns if name.lower().startswith("count")), "")
    return tuple(LoadedInstances(row["deviceid"], row["modelid"], int(row.get(counts) or 0)) for row in found.texts())


def queries_of(found: Rows) -> tuple[RunningQuery, ...]:
    """The queries of an answer to SHOW QUERIES of either dialect."""
    return tuple(_query(row) for row in found.texts())


def _either(client: IotdbClient, statement: str) -> Rows:
    """Asks in the tree dialect, and in the table dialect where the user lacks the tree's privilege: the table dialect has none for models."""
    try:
        return client.rows(statement)
    except IotdbError as error:
        if error.status != NO_PERMISSION:
            raise
        return client.rows(statement, dialect=Dialect.TABLE)


def _node(cells: Mapping[str, str]) -> ClusterNode:
    status, _, reason = cells["status"].partition("(")
    try:
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
            tuple(
                NodePort(purpose, cells[host], int(cells[port]))
                for purpose, host, port in _PORTS
                if cells.get(port) and cells.get(host)
            ),
        )
    except ValueError as error:
        raise ProtocolError(
            f"the cluster lists a node that is not understood: {error}",
            "this version of IoTDB may not be supported: see `quarterdeck backend test`",
        ) from error


def _query(cells: Mapping[str, str]) -> RunningQuery:
    return RunningQuery(
        cells.get("query_id") or cells.get("queryid", ""),
        cells["statement"],
        float(cells.get("elapsed_time") or cells.get("elapsedtime") or 0.0),
        int(cells.get("datanode_id") or cells.get("datanodeid") or 0),
        cells.get("client_ip") or cells.get("clientip", ""),
        cells.get("user", ""),
    )
