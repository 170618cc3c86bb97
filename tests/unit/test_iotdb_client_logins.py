"""Which server the client logs in to, what it does when that refuses, and what of the server it then knows."""

from collections.abc import Iterator

import pytest

from fake_datanode import FakeDataNode, result, texts
from fake_datanode_clients import CREATE, VERSION, Clock, Connect, connecting, versioned_node
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_api.errors import ProtocolError, QuarterdeckError, UnknownOutcomeError, UnreachableError


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


@pytest.mark.parametrize("status", [801, 804, 822])
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


def test_a_refusal_that_is_said_again_and_again_does_not_grow(node: FakeDataNode, connect: Connect) -> None:
    node.login_status = 801
    client = connect(node)
    depths: set[int] = set()
    for _ in range(20):
        with pytest.raises(IotdbError) as caught:
            client.rows(VERSION)
        depths.add(len(caught.traceback))
    assert len(depths) == 2  # The server's own refusal, then the one that is remembered.
