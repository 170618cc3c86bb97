"""What IoTDB's own client 2.0.10 does that ours must not: the findings that made us talk to the server ourselves, each as it is in the wheel.

When one of these fails after an update of the wheel, the finding is gone there; ours keeps its own way (tests of the sessions).
"""

import inspect
import queue
import socket
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from iotdb.dbapi.Cursor import Cursor
from iotdb.Session import Session
from iotdb.SessionPool import PoolConfig, SessionPool
from iotdb.tsfile.utils.tsblock_serde import read_column_types
from iotdb.utils.exception import IoTDBConnectionException, StatementExecutionException
from iotdb.utils.NumpyTablet import NumpyTablet
from iotdb.utils.RowRecord import RowRecord
from iotdb.utils.SessionDataSet import SessionDataSet

from fake_datanode import Answer, FakeDataNode

CREATE = "CREATE MODEL m USING URI 'file:///m'"


@pytest.fixture
def node() -> Iterator[FakeDataNode]:
    server = FakeDataNode()
    yield server
    server.close()


def opened(session: Session) -> Session:
    session.open(False)
    return session


def of_host(node: FakeDataNode, **given: Any) -> Session:
    return opened(Session(node.host, node.port, zone_id="UTC", enable_redirection=False, **given))


def test_1_a_session_has_no_lock() -> None:
    assert not any(isinstance(each, type(threading.Lock())) for each in vars(Session("127.0.0.1", 1)).values())


def test_2_a_session_of_a_host_never_reconnects(node: FakeDataNode) -> None:
    session = of_host(node)
    node.drop()
    for _ in range(2):
        with pytest.raises(IoTDBConnectionException):
            session.execute_non_query_statement(CREATE)
    assert node.connections == 1


def test_3_a_session_of_urls_sends_a_statement_again(node: FakeDataNode) -> None:
    session = opened(Session.init_from_node_urls([node.url], zone_id="UTC", enable_redirection=False))
    node.on(CREATE, Answer.CLOSE)
    with pytest.raises(IoTDBConnectionException):
        session.execute_non_query_statement(CREATE)
    assert node.statements == [CREATE, CREATE]


def test_4_without_a_time_out_it_waits_for_ever() -> None:
    assert inspect.signature(Session.__init__).parameters["connection_timeout_in_ms"].default is None


def test_5_its_pool_sleeps_while_it_holds_the_lock() -> None:
    source = inspect.getsource(SessionPool.get_session)
    assert "with self.__lock" in source and "sleep" in source
    pool = SessionPool(PoolConfig("127.0.0.1", "1"), 1, 10)
    assert isinstance(pool, SessionPool) and issubclass(queue.Empty, Exception)


def test_6_a_result_set_is_given_session_and_statement_in_each_others_place() -> None:
    order = list(inspect.signature(SessionDataSet.__init__).parameters)[5:9]
    assert order == ["query_id", "statement_id", "client", "session_id"]
    call = inspect.getsource(Session.execute_query_statement).split("SessionDataSet(")[1]
    assert call.index("self.__session_id") < call.index("self.__client") < call.index("self.__statement_id")


def test_7_execute_statement_gives_its_time_out_as_the_fetch_size() -> None:
    call = inspect.getsource(Session.execute_statement).split("TSExecuteStatementReq(")[1].split(")")[0]
    assert [each.strip() for each in call.split(",") if each.strip()][3] == "timeout"


def test_8_the_database_interface_swallows_errors() -> None:
    source = inspect.getsource(Cursor.execute)
    assert "except Exception" in source and "raise" not in source.split("except Exception")[1]


def test_9_a_row_record_is_used_again_for_the_next_row() -> None:
    fields: list[Any] = []
    assert RowRecord(0, fields).get_fields() is fields


def test_10_an_error_has_its_code_in_its_text_only(node: FakeDataNode) -> None:
    session = of_host(node)
    node.on(CREATE, (1503, "exists"))
    with pytest.raises(StatementExecutionException) as caught:
        session.execute_non_query_statement(CREATE)
    assert str(caught.value) == "1503: exists"
    assert not any(value == 1503 for value in vars(caught.value).values())


def test_11_objects_cannot_be_read() -> None:
    with pytest.raises(Exception, match="Invalid data type"):
        read_column_types(memoryview(b"\x0c"), 1)


def test_12_times_are_walked_through_one_by_one() -> None:
    assert "for i in range(1, len(timestamps))" in inspect.getsource(NumpyTablet.check_sorted)
    assert NumpyTablet.check_sorted(np.array([1, 2, 2])) and not NumpyTablet.check_sorted(np.array([2, 1]))


def test_client_certificates_are_not_in_it() -> None:
    assert "client_cert" not in inspect.signature(Session.__init__).parameters


def test_a_port_that_says_nothing_blocks_the_login_unless_a_time_out_is_given() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(IoTDBConnectionException):
        opened(Session("127.0.0.1", silent.getsockname()[1], connection_timeout_in_ms=200))
