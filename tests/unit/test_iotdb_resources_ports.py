"""Ports of nodes as they are seen from here: what a connection says of them, and which are not tried."""

import socket
from collections.abc import Iterator

import pytest

from quarterdeck_ainode.iotdb.mirrored.cluster_state import NodePort
from quarterdeck_ainode.iotdb.mirrored.reachability import PortState, Reachability, try_ports


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_ports_are_tried(listening: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        closed = gone.getsockname()[1]
    targets = [("127.0.0.1", listening), ("127.0.0.1", closed), ("no.such.host.invalid", 1)]
    assert list(try_ports(targets, 10.0).values()) == [PortState.OPEN, PortState.CLOSED, PortState.UNRESOLVED]


def test_a_port_that_cannot_be_tried_is_not_said_to_be_closed() -> None:
    assert try_ports([("255.255.255.255", 9)], 10.0) == {("255.255.255.255", 9): PortState.SILENT}


def test_a_round_is_made_beside_everything_else_and_again_when_it_is_due(listening: int) -> None:
    now = [0.0]
    reachability = Reachability(local=True, clock=lambda: now[0])
    port = NodePort("client", "127.0.0.1", listening)
    assert reachability.state(port) is PortState.NOT_CHECKED
    reachability.refresh([port])
    reachability.close()
    assert reachability.state(port) is PortState.OPEN


def test_a_loopback_address_of_a_cluster_elsewhere_is_not_tried(listening: int) -> None:
    reachability = Reachability(local=False)
    port = NodePort("internal", "127.0.0.1", listening)
    assert not reachability.can_check(port)
    reachability.refresh([port])
    reachability.close()
    assert reachability.state(port) is PortState.NOT_CHECKED
