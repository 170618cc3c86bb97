"""What is told of a node beside its state, when it is described: the cluster as a whole by its ConfigNodes, clients and services by its DataNodes."""

from collections import Counter
from collections.abc import Callable

from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.rows import GivesRows, Rows
from quarterdeck_api.documents import Block, Fact, FactsBlock, TableBlock, TextBlock
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.resources import Cell

_CONNECTIONS = "SELECT * FROM information_schema.connections"


def config_node_blocks(client: GivesRows, node_id: int) -> tuple[Block, ...]:
    """The cluster's id, this ConfigNode's role, and what holds in the whole cluster."""

    def role(found: Rows) -> Cell:
        return next((row["role"] for row in found.texts() if row["nodeid"] == str(node_id)), None)

    facts = (
        Fact("Cluster id", _told(client, "SHOW CLUSTERID", lambda found: found.values[0][0])),
        Fact("Role", _told(client, "SHOW CONFIGNODES", role)),
    )
    return (
        FactsBlock(facts, "Cluster"),
        _table(client, "SHOW VARIABLES", Dialect.TREE, "The same on every node", _variables),
    )


def data_node_blocks(client: GivesRows, node_id: int) -> tuple[Block, ...]:
    """Who is connected to this DataNode, and which services it offers beside the one for clients."""
    return (
        _table(client, _CONNECTIONS, Dialect.TABLE, "Connected", lambda found: _connected(found, node_id)),
        _table(client, "SHOW SERVICES", Dialect.TREE, "Services", lambda found: _services(found, node_id)),
    )


def _variables(found: Rows) -> TableBlock:
    rows = tuple((row["variable"], row["value"]) for row in found.texts())
    return TableBlock(("variable", "value"), rows, "The same on every node")


def _connected(found: Rows, node_id: int) -> TableBlock:
    sessions = Counter(
        (row["user_name"], row["client_ip"]) for row in found.texts() if row["datanode_id"] == str(node_id)
    )
    rows = tuple((user, client, count) for (user, client), count in sorted(sessions.items()))
    return TableBlock(("user", "from", "sessions"), rows, "Connected")


def _services(found: Rows, node_id: int) -> TableBlock:
    rows = tuple((row["servicename"], row["state"]) for row in found.texts() if row["datanodeid"] == str(node_id))
    return TableBlock(("service", "state"), rows, "Services")


def _told(client: GivesRows, statement: str, read: Callable[[Rows], Cell]) -> Cell:
    """One fact, or why it cannot be had: a user's privileges and older versions refuse each statement by itself."""
    try:
        return read(client.rows(statement))
    except (QuarterdeckError, KeyError, IndexError) as error:
        return _unseen(error)


def _table(
    client: GivesRows, statement: str, dialect: Dialect, title: str, read: Callable[[Rows], TableBlock]
) -> Block:
    try:
        return read(client.rows(statement, dialect=dialect))
    except (QuarterdeckError, KeyError) as error:
        return TextBlock(_unseen(error), title=title)


def _unseen(error: Exception) -> str:
    if isinstance(error, QuarterdeckError):
        return f"not to be seen: {error.message}"
    return "not to be seen: this version tells it in another way"
