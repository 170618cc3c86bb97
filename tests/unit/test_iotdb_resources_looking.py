"""Looks at a cluster by recorded answers: what is asked when, what is kept, and what a refusal costs."""

from collections.abc import Callable
from typing import Any

import pytest

from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.faults import refused
from quarterdeck_ainode.iotdb.client.rows import Rows
from quarterdeck_ainode.iotdb.mirrored.cluster_state import NodeType, loaded_of, models_of, nodes_of, queries_of
from quarterdeck_ainode.iotdb.mirrored.looking import MODELS_SECONDS, QUERIES_SECONDS, Looking
from quarterdeck_api.errors import CallTimeoutError, ProtocolError, UnreachableError

DETAILS = (
    *("NodeID", "NodeType", "Status", "InternalAddress", "InternalPort", "ConfigConsensusPort"),
    *("RpcAddress", "RpcPort", "MppPort", "SchemaConsensusPort", "DataConsensusPort", "Version", "BuildInfo"),
)
CONFIG_NODE = (0, "ConfigNode", "Running", "10.0.0.1", 10710, "10720", "", "", "", "", "", "2.0.10", "UNKNOWN")
DATA_NODE = (
    *(1, "DataNode", "Running", "10.0.0.2", 10730, ""),
    *("10.0.0.2", "6667", "10740", "10750", "10760", "2.0.10", "UNKNOWN"),
)
MODELS = Rows(
    ("ModelId", "ModelType", "Category", "State"),
    ("TEXT",) * 4,
    (("arima", "sktime", "builtin", "active"), ("mine", "", "USER-DEFINED", "INACTIVE")),
)
LOADED = Rows(("DeviceId", "ModelId", "Count(instances)"), ("TEXT", "TEXT", "INT32"), (("cpu", "arima", 2),))
DEVICES = Rows(("DeviceId", "DeviceType"), ("TEXT", "TEXT"), (("cpu", "cpu"), ("0", "cuda")))
QUERIES = Rows(
    ("query_id", "start_time", "datanode_id", "elapsed_time", "statement", "user", "client_ip", "timeout"),
    ("STRING",) * 8,
    (
        ("q1", 0, 1, 0.01, "show queries", "root", "127.0.0.1", 60000),
        ("q2", 0, 1, 12.5, "SELECT  *\nFROM t", "ops", "10.0.0.9", 60000),
        ("q3", 0, 1, 0.5, " Show Models; ", "root", "127.0.0.1", 60000),
    ),
)


def ainode(status: str = "Running", number: int = 2, build: str = "official") -> tuple[Any, ...]:
    return (number, "AINode", status, "10.0.0.3", 10810, "", "", "", "", "", "", "2.0.10", build)


def nodes(*rows: tuple[Any, ...]) -> Rows:
    return Rows(DETAILS, ("TEXT",) * len(DETAILS), rows)


class Server:
    """Answers statements as they were recorded, and notes what was asked in which dialect."""

    def __init__(self, *rows: tuple[Any, ...]) -> None:
        self.answers: dict[str, Rows | Exception] = {
            "SHOW CLUSTER DETAILS": nodes(*rows),
            "SHOW MODELS": MODELS,
            "SHOW LOADED MODELS": LOADED,
            "SHOW AI_DEVICES": DEVICES,
            "SHOW QUERIES": QUERIES,
        }
        self.asked: list[tuple[str, Dialect]] = []

    def rows(self, statement: str, *, dialect: Dialect = Dialect.TREE, **more: Any) -> Rows:
        self.asked.append((statement, dialect))
        answer = self.answers[statement]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def statements(self) -> list[str]:
        found = [statement for statement, _ in self.asked]
        self.asked.clear()
        return found


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def look_at() -> Callable[..., tuple[Server, Looking, Clock]]:
    def made(*rows: tuple[Any, ...]) -> tuple[Server, Looking, Clock]:
        server, clock = Server(*rows), Clock()
        looking = Looking(server, clock, lambda: clock() + 1e9)  # type: ignore[arg-type]
        return server, looking, clock

    return made


def test_nodes_are_asked_for_each_time_and_the_rest_now_and_then(look_at: Any) -> None:
    server, looking, clock = look_at(CONFIG_NODE, DATA_NODE, ainode())
    first = looking.look()
    assert server.statements == [
        *(
            "SHOW CLUSTER DETAILS",
            "SHOW MODELS",
            "SHOW LOADED MODELS",
            "SHOW AI_DEVICES",
            "SHOW QUERIES",
            "SHOW QUERIES",
        )
    ]
    clock.now += 2
    assert looking.look().models == first.models
    assert server.statements == ["SHOW CLUSTER DETAILS"]
    clock.now += QUERIES_SECONDS
    looking.look()
    assert server.statements == ["SHOW CLUSTER DETAILS", "SHOW QUERIES", "SHOW QUERIES"]
    clock.now += MODELS_SECONDS
    looking.look()
    assert "SHOW MODELS" in server.statements


def test_after_something_was_done_everything_is_asked_for(look_at: Any) -> None:
    server, looking, clock = look_at(DATA_NODE, ainode())
    looking.look()
    server.asked.clear()
    clock.now += 1
    looking.attend()
    looking.look()
    assert len(server.statements) == 6


def test_queries_of_both_dialects_are_put_together(look_at: Any) -> None:
    class TwoDialects(Server):
        def rows(self, statement: str, *, dialect: Dialect = Dialect.TREE, **more: Any) -> Rows:
            found = super().rows(statement, dialect=dialect)
            if statement == "SHOW QUERIES" and dialect is Dialect.TREE:
                names = ("Time", "QueryId", "DataNodeId", "ElapsedTime", "Statement", "ClientIp", "Timeout")
                inferring = (0, "q9", 1, 3.0, "CALL INFERENCE(lazy, ...)", "10.0.0.9", 60000)
                return Rows(names, ("TEXT",) * len(names), (inferring,))
            return found

    server = TwoDialects(DATA_NODE)
    assert [each.query_id for each in Looking(server, Clock()).look().queries] == ["q9", "q2"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("refusal", "left_out"), [("700: mismatched input", True), ("803: SYSTEM", True), ("719: no memory", False)]
)
def test_only_a_dialect_in_which_queries_cannot_be_asked_for_is_left_out(refusal: str, left_out: bool) -> None:
    class OneDialect(Server):
        def rows(self, statement: str, *, dialect: Dialect = Dialect.TREE, **more: Any) -> Rows:
            if statement == "SHOW QUERIES" and dialect is Dialect.TREE:
                raise refused(refusal)
            return super().rows(statement, dialect=dialect)

    look = Looking(OneDialect(DATA_NODE), Clock()).look()  # type: ignore[arg-type]
    assert [each.query_id for each in look.queries] == (["q2"] if left_out else [])
    assert look.queries_known is left_out


def test_what_the_ainode_told_is_kept_while_it_is_silent_and_gone_with_it(look_at: Any) -> None:
    server, looking, clock = look_at(DATA_NODE, ainode())
    assert [each.model_id for each in looking.look().models] == ["arima", "mine"]
    server.answers["SHOW CLUSTER DETAILS"] = nodes(DATA_NODE, ainode("Unknown"))
    server.asked.clear()
    clock.now += 60
    silent = looking.look()
    assert [each.model_id for each in silent.models] == ["arima", "mine"]
    assert "SHOW MODELS" not in server.statements, "one that is known to be silent is not asked"
    server.answers["SHOW CLUSTER DETAILS"] = nodes(DATA_NODE, ainode())
    clock.now += 1
    looking.look()
    assert "SHOW MODELS" in server.statements, "one that is back is asked at once"
    server.answers["SHOW CLUSTER DETAILS"] = nodes(DATA_NODE)
    gone = looking.look()
    assert (gone.models, gone.loaded, gone.devices, gone.told) == ((), (), (), 0.0)


def test_another_ainode_has_none_of_the_models_of_the_one_before(look_at: Any) -> None:
    server, looking, _ = look_at(DATA_NODE, ainode())
    looking.look()
    server.answers["SHOW CLUSTER DETAILS"] = nodes(DATA_NODE, ainode("Unknown", number=3))
    assert looking.look().models == ()


def test_one_that_does_not_answer_is_asked_one_thing_and_stays_so_until_it_is_asked_again(look_at: Any) -> None:
    server, looking, clock = look_at(DATA_NODE, ainode())
    server.answers["SHOW MODELS"] = UnreachableError("no answer within 5 s")
    look = looking.look()
    assert not look.ainode_answers
    assert server.statements == ["SHOW CLUSTER DETAILS", "SHOW MODELS", "SHOW QUERIES", "SHOW QUERIES"]
    clock.now += 1
    assert looking.look().refusal("SHOW MODELS") is not None
    server.answers["SHOW MODELS"] = MODELS
    clock.now += MODELS_SECONDS
    assert looking.look().ainode_answers


def test_a_refused_statement_costs_what_it_would_have_told(look_at: Any) -> None:
    server, looking, _ = look_at(DATA_NODE, ainode())
    server.answers["SHOW LOADED MODELS"] = refused("1599: it broke")
    look = looking.look()
    assert look.models and not look.loaded
    assert look.queries_known and not look.instances_known
    refusal = look.refusal("SHOW LOADED MODELS")
    assert refusal is not None and refusal.status == 1599 and not refusal.lacks_privilege


def test_a_user_who_may_not_see_the_nodes_sees_the_rest(look_at: Any) -> None:
    server, looking, _ = look_at()
    server.answers["SHOW CLUSTER DETAILS"] = refused("803: No permissions, please add privilege SYSTEM")
    look = looking.look()
    assert not look.nodes_known and look.nodes == ()
    assert [each.model_id for each in look.models] == ["arima", "mine"]


def test_models_are_asked_for_in_the_table_dialect_where_the_tree_needs_a_privilege() -> None:
    from quarterdeck_ainode.iotdb.mirrored.cluster_state import read_models

    class Strict(Server):
        def rows(self, statement: str, *, dialect: Dialect = Dialect.TREE, **more: Any) -> Rows:
            if dialect is Dialect.TREE:
                raise refused("803: No permissions")
            return super().rows(statement, dialect=dialect)

    assert len(read_models(Strict())) == 2  # type: ignore[arg-type]


def test_a_cluster_that_does_not_answer_is_unreachable(look_at: Any) -> None:
    server, looking, _ = look_at(DATA_NODE)
    server.answers["SHOW CLUSTER DETAILS"] = CallTimeoutError("10.0.0.2:6667 did not answer")
    with pytest.raises(CallTimeoutError, match="it hangs, or the ConfigNode") as hanging:
        looking.look()
    assert "both processes" in hanging.value.remedy
    server.answers["SHOW CLUSTER DETAILS"] = UnreachableError("connection refused")
    with pytest.raises(UnreachableError, match=r"^connection refused$"):
        looking.look()
    assert looking.silence == "connection refused"
    server.answers["SHOW CLUSTER DETAILS"] = nodes(DATA_NODE)
    assert looking.look() is looking.latest and looking.silence == ""


def test_our_own_looking_is_not_among_the_queries(look_at: Any) -> None:
    _, looking, _ = look_at(DATA_NODE)
    assert [(each.query_id, each.user, each.elapsed) for each in looking.look().queries] == [("q2", "ops", 12.5)]


def test_nodes_are_read_with_reason_and_ports() -> None:
    full = (*DATA_NODE[:2], "ReadOnly(DiskFull)", *DATA_NODE[3:])
    config, data = nodes_of(nodes(CONFIG_NODE, full))
    assert (config.type, [each.port for each in config.ports]) == (NodeType.CONFIG_NODE, [10710, 10720])
    assert (data.status, data.reason) == ("ReadOnly", "DiskFull")
    assert {each.purpose: each.port for each in data.ports} == {
        "internal": 10730,
        "client": 6667,
        "data exchange": 10740,
        "schema consensus": 10750,
        "data consensus": 10760,
    }


@pytest.mark.parametrize("wrong", [(1, "PipeNode"), ("x", "DataNode")])
def test_a_node_that_is_not_understood_is_said(wrong: tuple[Any, ...]) -> None:
    with pytest.raises(ProtocolError, match="not understood"):
        nodes_of(nodes((*wrong, *DATA_NODE[2:])))


def test_words_have_one_spelling_whatever_the_version() -> None:
    assert [(each.category, each.state) for each in models_of(MODELS)] == [
        ("builtin", "active"),
        ("user_defined", "inactive"),
    ]
    older = Rows(("DeviceId", "ModelId", "Count"), ("TEXT",) * 3, (("cpu", "x", 0),))
    assert [(each.model_id, each.count) for each in loaded_of(older)] == [("x", 0)]
    tree = Rows(
        ("Time", "QueryId", "DataNodeId", "ElapsedTime", "Statement", "WaitTimeInServer", "ClientIp"),
        ("TEXT",) * 7,
        ((1, "q", 4, 1.5, "select 1", 0.1, "::1"),),
    )
    [query] = queries_of(tree)
    assert (query.query_id, query.data_node, query.client, query.user) == ("q", 4, "::1", "")
