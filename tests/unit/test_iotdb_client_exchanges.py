"""What is sent to a DataNode that misbehaves, and what comes back: nothing is sent twice, nothing blocks for ever, every failure is a sentence."""

from collections.abc import Iterator

import numpy as np
import pytest

from fake_datanode import Answer, FakeDataNode, result, texts
from fake_datanode_clients import CREATE, VERSION, Clock, Connect, connecting, versioned_node
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_ainode.iotdb.client.tablet import Tablet, TabletColumn
from quarterdeck_ainode.value_types import ValueType
from quarterdeck_api.errors import (
    CallTimeoutError,
    ProtocolError,
    UnknownOutcomeError,
    UnreachableError,
    UnsupportedError,
)


@pytest.fixture
def node() -> Iterator[FakeDataNode]:
    with versioned_node() as server:
        yield server


@pytest.fixture
def connect() -> Iterator[Connect]:
    with connecting(Clock()) as make:
        yield make


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
