"""Who gets a session of the client, when one is opened and closed, and that closing ends whatever hangs."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fake_datanode import Answer, FakeDataNode
from fake_datanode_clients import CREATE, PATIENCE, VERSION, Clock, Connect, connecting, versioned_node
from quarterdeck_ainode.iotdb.client.cluster_client import Purpose
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_api.errors import UnknownOutcomeError, UnreachableError


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def node() -> Iterator[FakeDataNode]:
    with versioned_node() as server:
        yield server


@pytest.fixture
def connect(clock: Clock) -> Iterator[Connect]:
    with connecting(clock) as make:
        yield make


def test_a_query_is_answered_and_its_session_used_again(node: FakeDataNode, connect: Connect) -> None:
    client = connect(node)
    for _ in range(3):
        assert client.rows(VERSION).values == (("2.0.10",),)
    assert node.connections == 1 and node.statements == [VERSION] * 3


def test_an_idle_session_whose_server_was_restarted_loses_no_statement(node: FakeDataNode, connect: Connect) -> None:
    client = connect(node)
    client.execute("FLUSH")
    before = client.reconnects
    node.drop()
    client.execute(CREATE)
    assert node.statements == ["FLUSH", CREATE]
    assert client.reconnects == before + 1


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


def test_whoever_waits_for_a_session_is_woken_when_one_of_the_purpose_is_free(
    node: FakeDataNode, connect: Connect
) -> None:
    client = connect(node, statement_timeout=PATIENCE, read_timeout=PATIENCE)
    with ThreadPoolExecutor(40) as threads:
        held = {Purpose.CHANGE: threading.Event(), Purpose.DATA: threading.Event()}
        barrier = threading.Barrier(13)

        def hold(purpose: Purpose) -> None:
            with client.session(purpose, Dialect.TREE):
                barrier.wait(PATIENCE)
                held[purpose].wait(PATIENCE)

        def pass_through(purpose: Purpose) -> None:
            with client.session(purpose, Dialect.TREE):
                pass

        for purpose, sessions in ((Purpose.CHANGE, 4), (Purpose.DATA, 8)):
            for _ in range(sessions):
                threads.submit(hold, purpose)
        barrier.wait(PATIENCE)
        waiting_longest = [threads.submit(pass_through, Purpose.DATA) for _ in range(8)]
        wanted = threads.submit(pass_through, Purpose.CHANGE)
        waiters = client._pool._changed._waiters  # pyright: ignore
        while len(waiters) < 9:
            threading.Event().wait(0.001)
        held[Purpose.CHANGE].set()
        try:
            wanted.result(PATIENCE / 6)
            assert not any(each.done() for each in waiting_longest)
        finally:
            held[Purpose.DATA].set()


def test_a_server_that_hangs_is_waited_for_once_when_its_sessions_are_closed(
    node: FakeDataNode, connect: Connect
) -> None:
    client = connect(node)
    barrier = threading.Barrier(5)

    def open_one(_: int) -> None:
        with client.session(Purpose.INFERENCE, Dialect.TREE):
            barrier.wait(PATIENCE)

    with ThreadPoolExecutor(5) as threads:
        list(threads.map(open_one, range(5)))
    assert node.connections == 5
    node.on("closeSession", Answer.HANG)
    client.close()
    assert node.calls["closeSession"] == 1
