"""How our AINode asks ConfigNodes: leaders and redirections, dead nodes, wrong ports, TLS, refusals with a remedy."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from iotdb.thrift.common.ttypes import TEndPoint, TSStatus

from fake_config_node import FakeConfigNode, MakeConfigNode, config_nodes, registration
from made_certificates import make_authority, make_certificate
from quarterdeck_ainode.serving.config_node import ConfigNodes, NodeRefusedError, NotReadyError
from quarterdeck_ainode.serving.end_point import Address
from quarterdeck_ainode.serving.server_parameters import ServerParameters
from quarterdeck_ainode.serving.tls import tls_contexts
from quarterdeck_api.errors import QuarterdeckError, UnreachableError

_PATIENCE = 30.0


@pytest.fixture
def make_config_node() -> Iterator[MakeConfigNode]:
    with config_nodes() as make:
        yield make


@pytest.fixture
def config_node(make_config_node: MakeConfigNode) -> FakeConfigNode:
    return make_config_node()


def test_the_leader_is_asked_when_another_node_names_it(make_config_node: MakeConfigNode) -> None:
    follower, leader = make_config_node(), make_config_node()
    point = TEndPoint(leader.address.host, leader.address.port)
    follower.answers = [TSStatus(400, "", None, point)]
    nodes = ConfigNodes([follower.address])
    assert nodes.register(registration()) == 2
    assert leader.ainodes.keys() == {2}
    assert follower.ainodes == {}
    assert nodes.known[0] == leader.address, "the leader is remembered"


def test_a_node_that_knows_no_leader_is_asked_again_later(config_node: FakeConfigNode) -> None:
    point = TEndPoint(config_node.address.host, config_node.address.port)
    config_node.answers = [TSStatus(400, ""), TSStatus(400, "", None, point)]
    nodes = ConfigNodes([config_node.address])
    for _ in range(2):
        with pytest.raises(NotReadyError, match="knows of no leader"):
            nodes.register(registration())
    assert nodes.register(registration()) == 2


def test_nodes_that_name_one_another_are_not_followed_for_ever(make_config_node: MakeConfigNode) -> None:
    first, second = make_config_node(), make_config_node()
    first.answers = [TSStatus(400, "", None, TEndPoint("127.0.0.1", second.address.port))] * 20
    second.answers = [TSStatus(400, "", None, TEndPoint("127.0.0.1", first.address.port))] * 20
    with pytest.raises(NotReadyError, match="one another"):
        ConfigNodes([first.address]).register(registration())


def test_a_dead_node_is_passed_over(config_node: FakeConfigNode) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        dead = Address("127.0.0.1", taken.getsockname()[1])
    nodes = ConfigNodes([dead, config_node.address])
    assert nodes.register(registration()) == 2
    with pytest.raises(UnreachableError, match=f"no ConfigNode answers showAINodes .*{dead.port}") as caught:
        ConfigNodes([dead]).ainodes()
    assert "--config-node" in caught.value.remedy


def test_a_client_port_in_place_of_the_internal_one_is_told(tmp_path: Path) -> None:
    """Whatever listens there ends the connection, or answers something else."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(UnreachableError) as caught:
            ConfigNodes([Address("127.0.0.1", listening.getsockname()[1])]).ainodes()
        assert "internal port" in caught.value.remedy
        thread.join(_PATIENCE)


def test_a_config_node_is_asked_over_tls(make_config_node: MakeConfigNode, tmp_path: Path) -> None:
    make_authority(tmp_path, "plant")
    make_certificate(tmp_path, "node", "plant")
    certificate, key, authority = (str(tmp_path / name) for name in ("node.pem", "node.key", "plant.pem"))
    contexts = tls_contexts(ServerParameters(certificate=certificate, key=key, authority=authority))
    secure, plain = make_config_node(contexts.listening), make_config_node()
    assert ConfigNodes([secure.address], contexts.connecting).register(registration()) == 2
    with pytest.raises(UnreachableError) as caught:
        ConfigNodes([plain.address], contexts.connecting, seconds=1.0).ainodes()
    assert "leave out --certificate" in caught.value.remedy
    with pytest.raises(UnreachableError) as caught:
        ConfigNodes([secure.address], seconds=1.0).ainodes()
    assert "leave out --certificate" not in caught.value.remedy


@pytest.mark.parametrize(
    ("status", "sentence", "remedy"),
    [
        (TSStatus(1501, "There is already one"), "has an AINode already", "REMOVE AINODE"),
        (TSStatus(1002, "ClusterName of the current Node: x"), "refuses this node: ClusterName", "--cluster-name"),
        (TSStatus(1002, "It is conflicted:\r\n\t1. Remove it"), "conflicted: 1. Remove it$", "REMOVE AINODE"),
    ],
)
def test_refusals_say_what_to_do(config_node: FakeConfigNode, status: TSStatus, sentence: str, remedy: str) -> None:
    config_node.answers = [status]
    with pytest.raises(NodeRefusedError, match=sentence) as caught:
        ConfigNodes([config_node.address]).register(registration())
    assert remedy in caught.value.remedy
    config_node.answers = [TSStatus(305, "Boom")]
    with pytest.raises(QuarterdeckError, match="answers showAINodes with 305: Boom"):
        ConfigNodes([config_node.address]).ainodes()
