"""The client against a DataNode that misbehaves: nothing is sent twice, nothing blocks for ever, every failure is a sentence."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from fake_datanode import Answer, FakeDataNode, result, texts
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient, Purpose
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_ainode.iotdb.client.tablet import Tablet, TabletColumn
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_ainode.value_types import ValueType
from quarterdeck_api.errors import (
    CallTimeoutError,
    ProtocolError,
    QuarterdeckError,
    UnknownOutcomeError,
    UnreachableError,
    UnsupportedError,
)

VERSION = "SHOW VERSION"
CREATE = "CREATE MODEL m USING URI 'file:///m'"
PATIENCE = 60.0


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def node() -> Iterator[FakeDataNode]:
    server = FakeDataNode()
    server.on(VERSION, result([("Version", "TEXT")], texts("2.0.10")))
    yield server
    server.close()


Connect = Callable[..., IotdbClient]


@pytest.fixture
def connect(clock: Clock) -> Iterator[Connect]:
    made: list[IotdbClient] = []

    def make(*nodes: FakeDataNode | str, **settings: Any) -> IotdbClient:
        urls = tuple(each if isinstance(each, str) else each.url for each in nodes)
        given = {"connect_timeout": PATIENCE, "inference_timeout": PATIENCE, **settings}
        made.append(IotdbClient(IotdbSettings(nodes=urls, **given), clock, random.Random(1)))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_query_is_answered_and_its_session_used_again(node: FakeDataNode, connect: Connect) -> None:
    client = connect(node)
    for _ in range(3):
        assert client.rows(VERSION).values == (("2.0.10",),)
    assert node.connections == 1 and node.statements == [VERSION] * 3


def test_a_question_is_asked_again_while_the_server_has_no_memory_for_it_and_a_change_is_not(
    node: FakeDataNode, connect: Connect
) -> None:
    crowded = (719, "There is not enough memory to execute current fragment instance")
    answers = iter([crowded, crowded, result([("Version", "TEXT")], texts("2.0.10"))()])
    node.on(VERSION, lambda: next(answers))
    node.on(CREATE, crowded)
    node.on("SHOW QUERIES", crowded)
    client = connect(node)
    assert client.rows(VERSION).values == (("2.0.10",),)
    assert node.statements.count(VERSION) == 3
    with pytest.raises(IotdbError, match="719 no memory for the query"):
        client.execute(CREATE)
    assert node.statements.count(CREATE) == 1
    with pytest.raises(IotdbError, match="719"):
        client.rows("SHOW QUERIES")


@pytest.mark.parametrize("answer", [Answer.CLOSE, Answer.RUBBISH, Answer.HUGE, Answer.CUT])
def test_a_change_whose_answer_is_lost_is_unknown_and_sent_once(
    node: FakeDataNode, connect: Connect, answer: Answer
) -> None:
    node.on(CREATE, answer)
    with pytest.raises(UnknownOutcomeError, match="may or may not have happened"):
        connect(node, node).execute(CREATE)
    assert node.statements == [CREATE]


@pytest.mark.parametrize("answer", [Answer.CLOSE, Answer.RUBBISH, Answer.HUGE, Answer.CUT])
def test_a_question_whose_answer_is_lost_is_unreachable_and_the_next_one_is_answered(
    node: FakeDataNode, connect: Connect, answer: Answer
) -> None:
    client = connect(node)
    node.on("SHOW MODELS", answer)
    with pytest.raises((UnreachableError, ProtocolError)):
        client.rows("SHOW MODELS")
    assert client.rows(VERSION).values == (("2.0.10",),)
    assert node.statements == ["SHOW MODELS", VERSION]


def test_a_change_without_an_answer_ends_in_time_and_is_unknown(node: FakeDataNode, connect: Connect) -> None:
    node.on(CREATE, Answer.HANG)
    with pytest.raises(UnknownOutcomeError, match="does not come in time"):
        connect(node).execute(CREATE, timeout=0.2)
    assert node.statements == [CREATE]


def test_a_question_without_an_answer_ends_in_time(node: FakeDataNode, connect: Connect) -> None:
    node.on("SHOW MODELS", Answer.HANG)
    with pytest.raises(CallTimeoutError, match="does not come in time"):
        connect(node).rows("SHOW MODELS", timeout=0.2)


def test_a_later_part_of_a_result_ends_in_time(node: FakeDataNode, connect: Connect) -> None:
    node.on("SELECT s FROM root.a", result([("s", "TEXT")], texts("x"), more=True))
    node.on("fetchResultsV2", Answer.HANG)
    batches = connect(node, read_timeout=0.2).batches("SELECT s FROM root.a")
    assert next(batches).rows == 1
    with pytest.raises(CallTimeoutError):
        next(batches)


def test_a_result_that_is_left_is_released(node: FakeDataNode, connect: Connect) -> None:
    node.on("SELECT s FROM root.a", result([("s", "TEXT")], texts("x"), more=True))
    batches = connect(node).batches("SELECT s FROM root.a")
    next(batches)
    assert node.calls["closeOperation"] == 0
    batches.close()
    assert node.calls["closeOperation"] == 1


def test_a_result_of_an_unknown_type_is_refused_and_released(node: FakeDataNode, connect: Connect) -> None:
    node.on("SELECT o FROM root.a", result([("o", "OBJECT")], None, more=True))
    client = connect(node)
    with pytest.raises(UnsupportedError, match="column o is of type OBJECT"):
        client.rows("SELECT o FROM root.a")
    assert node.calls["closeOperation"] == 1
    assert client.rows(VERSION).values == (("2.0.10",),) and node.connections == 1


def test_an_idle_session_whose_server_was_restarted_loses_no_statement(node: FakeDataNode, connect: Connect) -> None:
    client = connect(node)
    client.execute("FLUSH")
    before = client.reconnects
    node.drop()
    client.execute(CREATE)
    assert node.statements == ["FLUSH", CREATE]
    assert client.reconnects == before + 1


def test_a_closed_port_is_unreachable_and_nothing_is_sent(node: FakeDataNode, connect: Connect) -> None:
    node.close()
    with pytest.raises(UnreachableError, match=r"cannot be reached: Connection refused") as caught:
        connect(node).execute(CREATE)
    assert not isinstance(caught.value, UnknownOutcomeError) and caught.value.remedy


def test_the_next_node_is_taken_and_kept(node: FakeDataNode, connect: Connect) -> None:
    dead = FakeDataNode()
    dead.close()
    client = connect(dead, node)
    assert client.rows(VERSION).values == (("2.0.10",),)
    client.execute(CREATE)
    assert node.connections == 2  # One for each purpose, none for the dead one's sake.


def test_what_watches_leaves_a_dead_server_in_peace_and_what_somebody_wants_does_not(
    connect: Connect, clock: Clock
) -> None:
    node = FakeDataNode()

    def fail(_: object) -> None:
        raise ConnectionError

    node.openSession = fail  # type: ignore[method-assign]
    try:
        client = connect(node)
        for _ in range(5):
            with pytest.raises((UnreachableError, ProtocolError)):
                client.rows(VERSION)
        assert node.connections == 1
        clock.now += 2.0
        with pytest.raises((UnreachableError, ProtocolError)):
            client.rows(VERSION)
        assert node.connections == 2
        with pytest.raises((UnreachableError, ProtocolError)):
            client.execute(CREATE)
        assert node.connections == 3 and node.statements == []
    finally:
        node.close()


@pytest.mark.parametrize("status", [2206, 2207])
def test_a_question_to_a_data_node_that_just_starts_may_be_asked_again(
    node: FakeDataNode, connect: Connect, status: int
) -> None:
    client = connect(node)
    for statement in ("SHOW CLUSTER DETAILS", CREATE):
        node.on(statement, (status, ""))
    with pytest.raises(UnreachableError, match=f"its data cannot be read .{status}") as asked:
        client.rows("SHOW CLUSTER DETAILS")
    assert "has started" in asked.value.remedy
    with pytest.raises(IotdbError):
        client.execute(CREATE)
    assert node.statements.count(CREATE) == 1


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (305, "Fail to connect to any config node. Please check status of ConfigNodes"),
        (1014, "leader warming up"),
        (305, "ConfigNode: Error in calling method getDataPartitionTable, because: Connection refused"),
    ],
)
def test_a_question_without_a_config_node_may_be_asked_again_and_a_change_was_refused(
    node: FakeDataNode, connect: Connect, status: int, text: str
) -> None:
    client = connect(node)
    for statement in ("SHOW CLUSTER DETAILS", CREATE):
        node.on(statement, (status, text))
    with pytest.raises(
        UnreachableError, match=r"answers, but (it reaches no ConfigNode|a node that it needs)"
    ) as asked:
        client.rows("SHOW CLUSTER DETAILS")
    assert "ConfigNodes run" in asked.value.remedy
    with pytest.raises(IotdbError, match="ConfigNode") as changed:
        client.execute(CREATE)
    assert changed.value.status == status
    assert node.statements.count(CREATE) == 1


def test_a_change_that_gets_lost_between_datanode_and_ainode_may_have_happened(
    node: FakeDataNode, connect: Connect
) -> None:
    text = "Failed to connect to AINode because [TException: Error in calling method registerModel, because: …]"
    node.on(CREATE, (1011, text))
    node.on("SHOW MODELS", (1011, text))
    client = connect(node)
    with pytest.raises(UnknownOutcomeError, match="registerModel"):
        client.execute(CREATE)
    with pytest.raises(IotdbError, match="1011"):
        client.rows("SHOW MODELS")
    node.on(CREATE, (1011, "Failed to connect to AINode because [Unable to validate object]"))
    with pytest.raises(IotdbError, match="1011"):
        client.execute(CREATE)
    assert node.statements.count(CREATE) == 2


@pytest.mark.parametrize("status", [801, 822])
def test_a_refused_login_is_not_repeated_until_the_user_is_locked(
    node: FakeDataNode, connect: Connect, clock: Clock, status: int
) -> None:
    node.login_status = status
    client = connect(node)
    for attempt in range(10):
        with pytest.raises(IotdbError) as caught:
            client.rows(VERSION)
        assert caught.value.status == status
        assert ("not tried again" in caught.value.message) == (attempt > 0)
    assert node.connections == 1
    clock.now += 301
    with pytest.raises(IotdbError):
        client.rows(VERSION)
    assert node.connections == 2
    clock.now += 301  # The pause has doubled.
    with pytest.raises(IotdbError):
        client.rows(VERSION)
    assert node.connections == 2
    node.login_status = 200
    client.retry_login()
    assert client.rows(VERSION).values == (("2.0.10",),)


def test_monitoring_does_not_wait_behind_inference(node: FakeDataNode, connect: Connect) -> None:
    client = connect(node)
    node.on("CALL INFERENCE(m, 's')", Answer.HANG)
    with ThreadPoolExecutor(24) as threads:
        running = [threads.submit(client.rows, "CALL INFERENCE(m, 's')", purpose=Purpose.INFERENCE) for _ in range(24)]
        for _ in running:
            assert node.hanging.acquire(timeout=PATIENCE)
        assert client.rows(VERSION).values == (("2.0.10",),)
        node.released.set()
        for each in running:
            assert isinstance(each.exception(PATIENCE), UnreachableError)


def test_more_inference_than_sessions_waits_and_says_so(node: FakeDataNode, connect: Connect) -> None:
    client = connect(node, inference_timeout=0.3)
    with ThreadPoolExecutor(24) as threads:
        held = threading.Event()
        barrier = threading.Barrier(25)

        def hold() -> None:
            with client.session(Purpose.INFERENCE, Dialect.TREE):
                barrier.wait(PATIENCE)
                held.wait(PATIENCE)

        running = [threads.submit(hold) for _ in range(24)]
        barrier.wait(PATIENCE)
        with pytest.raises(UnreachableError, match="all 24 sessions for inference"):
            client.rows("CALL INFERENCE(m, 's')", purpose=Purpose.INFERENCE)
        held.set()
        for each in running:
            each.result(PATIENCE)
    assert node.statements == []


def test_a_session_is_never_used_by_two_threads(node: FakeDataNode, connect: Connect) -> None:
    client = connect(node)
    used: set[object] = set()
    lock = threading.Lock()

    def use(_: int) -> None:
        with client.session(Purpose.MONITORING, Dialect.TREE) as session:
            with lock:
                assert session not in used
                used.add(session)
            session.rows(VERSION, PATIENCE)
            with lock:
                used.remove(session)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(use, range(200)))
    assert node.connections <= 4


def test_idle_sessions_are_closed_after_a_while(node: FakeDataNode, connect: Connect, clock: Clock) -> None:
    client = connect(node)
    client.execute("FLUSH")
    clock.now += 61
    client.rows(VERSION)
    assert node.calls["closeSession"] == 1


def test_an_old_session_is_replaced(node: FakeDataNode, connect: Connect, clock: Clock) -> None:
    client = connect(node)
    for _ in range(80):
        client.rows(VERSION)
        clock.now += 50
    assert node.calls["closeSession"] == 1 and node.connections == 2


def test_closing_ends_calls_that_hang(node: FakeDataNode, connect: Connect) -> None:
    client = connect(node)
    node.on(CREATE, Answer.HANG)
    node.on("SHOW MODELS", Answer.HANG)
    with ThreadPoolExecutor(2) as threads:
        change = threads.submit(client.execute, CREATE)
        question = threads.submit(client.rows, "SHOW MODELS")
        assert node.hanging.acquire(timeout=PATIENCE) and node.hanging.acquire(timeout=PATIENCE)
        client.close()
        assert isinstance(change.exception(PATIENCE), UnknownOutcomeError)
        assert isinstance(question.exception(PATIENCE), UnreachableError)
    with pytest.raises(UnreachableError, match="closed"):
        client.rows(VERSION)


def test_closing_ends_a_login_that_hangs(connect: Connect) -> None:
    node = FakeDataNode()
    reached = threading.Event()

    def hang(_: object) -> None:
        reached.set()
        node.released.wait(PATIENCE)

    node.openSession = hang  # type: ignore[method-assign]
    try:
        client = connect(node)
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(client.rows, VERSION)
            assert reached.wait(PATIENCE)
            client.close()
            assert isinstance(waiting.exception(PATIENCE), UnreachableError)
    finally:
        node.close()


def test_an_error_names_its_code_meaning_and_remedy(node: FakeDataNode, connect: Connect) -> None:
    node.on(CREATE, (1503, "Model [m] exists"))
    with pytest.raises(IotdbError) as caught:
        connect(node).execute(CREATE)
    assert caught.value.status == 1503
    assert caught.value.message == "1503 model exists: Model [m] exists"
    assert caught.value.remedy == "choose another name, or drop the model first"
    report = caught.value.report()
    assert report.code == "iotdb" and report.message == caught.value.message


def test_an_error_survives_the_way_between_processes(node: FakeDataNode, connect: Connect) -> None:
    from quarterdeck_api.errors import error_from_report

    node.on(CREATE, (1503, "Model [m] exists"))
    with pytest.raises(IotdbError) as caught:
        connect(node).execute(CREATE)
    again = error_from_report(caught.value.report())
    assert (again.message, again.remedy) == (caught.value.message, caught.value.remedy)


def test_a_tablet_whose_answer_is_lost_is_unknown(node: FakeDataNode, connect: Connect) -> None:
    node.on("insertTablet", Answer.CLOSE)
    column = TabletColumn("s", ValueType.DOUBLE, np.zeros(2))
    with pytest.raises(UnknownOutcomeError, match=r"a tablet for root\.a"):
        connect(node).insert(Tablet("root.a", np.arange(2), (column,)))
    assert node.calls["insertTablet"] == 1


def test_a_server_of_another_kind_is_told_from_one_that_is_away(connect: Connect) -> None:
    node = FakeDataNode()
    node.openSession = lambda req: None  # type: ignore[method-assign]
    try:
        with pytest.raises(QuarterdeckError, match=r"failed inside|cannot be read|without a status") as caught:
            connect(node).rows(VERSION)
        assert caught.value.remedy
    finally:
        node.close()


def test_ipv6(connect: Connect) -> None:
    try:
        node = FakeDataNode(host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6 on loopback")
    node.on(VERSION, result([("Version", "TEXT")], texts("2.0.10")))
    try:
        assert connect(node).rows(VERSION).values == (("2.0.10",),)
        assert node.url.startswith("[::1]:")
    finally:
        node.close()


def test_time_precision_of_the_server(node: FakeDataNode, connect: Connect) -> None:
    node.precision = "ns"
    assert connect(node).precision() == 1_000_000_000
    node.precision = "fortnight"
    with pytest.raises(ProtocolError, match="fortnight"):
        connect(node).precision()
