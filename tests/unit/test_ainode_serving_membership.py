"""How our AINode joins, comes back, is refused and notices that it was removed, against ConfigNodes that speak the real protocol from a few lines."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Any

import pytest
from iotdb.thrift.common.ttypes import TConfigNodeLocation, TEndPoint, TSStatus
from iotdb.thrift.confignode.IConfigNodeRPCService import Processor
from iotdb.thrift.confignode.ttypes import (
    TAINodeInfo,
    TAINodeRegisterResp,
    TAINodeRestartResp,
    TClusterParameters,
    TGetClusterIdResp,
    TNodeVersionInfo,
    TShowAINodesResp,
    TShowClusterResp,
    TShowVariablesResp,
)
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TFramedTransport, TTransportException

from made_certificates import make_authority, make_certificate
from quarterdeck_ainode.serving import deregistering, membership
from quarterdeck_ainode.serving.config_node import ConfigNodes, NodeRefusedError, NodeRegistration, NotReadyError
from quarterdeck_ainode.serving.deregistering import deregister
from quarterdeck_ainode.serving.end_point import Address, parse_address
from quarterdeck_ainode.serving.joining import Joined, JoinedAs, check_cluster, join
from quarterdeck_ainode.serving.membership import Membership, MemberState, Standing
from quarterdeck_ainode.serving.node_folder import NodeFolder, NodeRecord, read_record
from quarterdeck_ainode.serving.server import advertised, default_data_folder
from quarterdeck_ainode.serving.server_parameters import ServerParameters
from quarterdeck_ainode.serving.tls import tls_contexts
from quarterdeck_api.errors import (
    QuarterdeckError,
    RefusedError,
    UnknownOutcomeError,
    UnreachableError,
    UsageError,
)

_PATIENCE = 30.0
_HERE = Address("127.0.0.1", 10810)


class ConfigNode:
    """A ConfigNode with one cluster's list of AINodes; `answers` are statuses that it gives first, in place of what it would."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.name = "plant"
        self.id = "id-of-plant"
        self.ainodes: dict[int, TAINodeInfo] = {}
        self.next_id = 2
        self.answers: list[TSStatus] = []
        self.lose_answers = 0
        self.calls: list[str] = []
        self.versions: list[TNodeVersionInfo] = []
        self.remove_works = True
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = Address("127.0.0.1", self._listening.getsockname()[1])
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        transport = TSocket()
        try:
            transport.setHandle(self._tls.wrap_socket(connection, server_side=True) if self._tls else connection)
            protocol = TBinaryProtocol(TFramedTransport(transport))
            while True:
                Processor(self).process(protocol, protocol)
        except (TTransportException, OSError):
            return

    def close(self) -> None:
        if not self._thread.is_alive():
            return
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()
        for connection in self._open:
            connection.close()

    def _status(self) -> TSStatus:
        return self.answers.pop(0) if self.answers else TSStatus(200)

    def _itself(self) -> list[TConfigNodeLocation]:
        point = TEndPoint(self.address.host, self.address.port)
        return [TConfigNodeLocation(0, point, point)]

    def showVariables(self) -> TShowVariablesResp:
        parameters = TClusterParameters(*([""] * 15))
        for entry in TClusterParameters.thrift_spec:
            if entry is not None and entry[1] != 11:
                setattr(parameters, entry[2], 0)
        parameters.clusterName, parameters.timestampPrecision = self.name, "us"
        return TShowVariablesResp(TSStatus(200), parameters)

    def getClusterId(self) -> TGetClusterIdResp:
        return TGetClusterIdResp(TSStatus(200), self.id)

    def showCluster(self) -> TShowClusterResp:
        versions = {0: TNodeVersionInfo("2.0.10", "x")}
        return TShowClusterResp(TSStatus(200), self._itself(), [], [], {}, versions)

    def showAINodes(self) -> TShowAINodesResp:
        return TShowAINodesResp(self._status(), list(self.ainodes.values()))

    def registerAINode(self, request: Any) -> TAINodeRegisterResp:
        self.calls.append("register")
        status = self._status()
        if status.code == 200 and self.ainodes:
            status = TSStatus(1501, "There is already one AINode in the cluster.")
        if status.code != 200:
            return TAINodeRegisterResp(status, self._itself())
        self.versions.append(request.versionInfo)
        self._enter(self.next_id, request.aiNodeConfiguration.location.internalEndPoint)
        self.next_id += 1
        if self.lose_answers:
            self.lose_answers -= 1
            raise OSError("the answer is lost")
        return TAINodeRegisterResp(status, self._itself(), self.next_id - 1)

    def restartAINode(self, request: Any) -> TAINodeRestartResp:
        location = request.aiNodeConfiguration.location
        self.calls.append(f"restart {location.aiNodeId} {request.clusterId}")
        if location.aiNodeId not in self.ainodes:
            return TAINodeRestartResp(TSStatus(1002, "no corresponding AINode"), self._itself())
        self._enter(location.aiNodeId, location.internalEndPoint)
        return TAINodeRestartResp(self._status(), self._itself())

    def removeAINode(self, request: Any) -> TSStatus:
        self.calls.append("remove")
        if self.remove_works:
            self.ainodes.pop(request.aiNodeLocation.aiNodeId)
        return TSStatus(200)

    def _enter(self, node_id: int, point: TEndPoint) -> None:
        self.ainodes[node_id] = TAINodeInfo(node_id, "Unknown", point.ip, point.port)


MakeNode = Callable[..., ConfigNode]


@pytest.fixture
def make_config_node() -> Iterator[MakeNode]:
    made: list[ConfigNode] = []

    def make(tls: ssl.SSLContext | None = None) -> ConfigNode:
        made.append(ConfigNode(tls))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def config_node(make_config_node: MakeNode) -> ConfigNode:
    return make_config_node()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[NodeFolder]:
    found = NodeFolder(tmp_path / "node")
    yield found
    found.close()


def _registration(address: Address = _HERE) -> NodeRegistration:
    return NodeRegistration("plant", address, 2, 2**30, "2.0.10", "quarterdeck")


def _join(
    nodes: ConfigNodes, record: NodeRecord | None = None, address: Address = _HERE, unsure: bool = False
) -> Joined:
    return join(nodes, nodes.identity(), record, _registration(address), unsure, lambda sentence: None)


def _until(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + _PATIENCE
    while not condition():
        assert monotonic() < deadline
        sleep(0.01)


def test_a_new_node_registers_and_remembers(config_node: ConfigNode) -> None:
    nodes = ConfigNodes([config_node.address])
    assert nodes.identity().time_unit == "us"
    assert nodes.identity().version == "2.0.10"
    joined = _join(nodes)
    assert joined.how is JoinedAs.NEW
    assert joined.record == NodeRecord(2, "plant", "id-of-plant", _HERE, (config_node.address,))
    assert config_node.versions[0].buildInfo == "quarterdeck"
    assert nodes.ainodes()[2].address == _HERE


def test_a_known_node_comes_back_at_another_address(config_node: ConfigNode) -> None:
    nodes = ConfigNodes([config_node.address])
    record = _join(nodes).record
    moved = Address("127.0.0.1", 10999)
    joined = _join(nodes, record, moved)
    assert joined.how is JoinedAs.BACK
    assert joined.record.node_id == 2
    assert nodes.ainodes()[2].address == moved
    assert config_node.calls == ["register", "restart 2 id-of-plant"]


def test_a_node_that_was_removed_registers_anew(config_node: ConfigNode) -> None:
    nodes = ConfigNodes([config_node.address])
    record = _join(nodes).record
    config_node.ainodes.clear()
    joined = _join(nodes, record)
    assert (joined.how, joined.record.node_id) == (JoinedAs.NEW, 3)


def test_the_leader_is_asked_when_another_node_names_it(make_config_node: MakeNode) -> None:
    follower, leader = make_config_node(), make_config_node()
    point = TEndPoint(leader.address.host, leader.address.port)
    follower.answers = [TSStatus(400, "", None, point)]
    nodes = ConfigNodes([follower.address])
    assert nodes.register(_registration()) == 2
    assert leader.ainodes.keys() == {2}
    assert follower.ainodes == {}
    assert nodes.known[0] == leader.address, "the leader is remembered"


def test_a_node_that_knows_no_leader_is_asked_again_later(config_node: ConfigNode) -> None:
    point = TEndPoint(config_node.address.host, config_node.address.port)
    config_node.answers = [TSStatus(400, ""), TSStatus(400, "", None, point)]
    nodes = ConfigNodes([config_node.address])
    for _ in range(2):
        with pytest.raises(NotReadyError, match="knows of no leader"):
            nodes.register(_registration())
    assert nodes.register(_registration()) == 2


def test_nodes_that_name_one_another_are_not_followed_for_ever(make_config_node: MakeNode) -> None:
    first, second = make_config_node(), make_config_node()
    first.answers = [TSStatus(400, "", None, TEndPoint("127.0.0.1", second.address.port))] * 20
    second.answers = [TSStatus(400, "", None, TEndPoint("127.0.0.1", first.address.port))] * 20
    with pytest.raises(NotReadyError, match="one another"):
        ConfigNodes([first.address]).register(_registration())


def test_a_dead_node_is_passed_over(config_node: ConfigNode) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        dead = Address("127.0.0.1", taken.getsockname()[1])
    nodes = ConfigNodes([dead, config_node.address])
    assert nodes.register(_registration()) == 2
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


def test_a_config_node_is_asked_over_tls(make_config_node: MakeNode, tmp_path: Path) -> None:
    make_authority(tmp_path, "plant")
    make_certificate(tmp_path, "node", "plant")
    certificate, key, authority = (str(tmp_path / name) for name in ("node.pem", "node.key", "plant.pem"))
    contexts = tls_contexts(ServerParameters(certificate=certificate, key=key, authority=authority))
    secure, plain = make_config_node(contexts.listening), make_config_node()
    assert ConfigNodes([secure.address], contexts.connecting).register(_registration()) == 2
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
    ],
)
def test_refusals_say_what_to_do(config_node: ConfigNode, status: TSStatus, sentence: str, remedy: str) -> None:
    config_node.answers = [status]
    with pytest.raises(NodeRefusedError, match=sentence) as caught:
        ConfigNodes([config_node.address]).register(_registration())
    assert remedy in caught.value.remedy
    config_node.answers = [TSStatus(305, "Boom")]
    with pytest.raises(QuarterdeckError, match="answers showAINodes with 305: Boom"):
        ConfigNodes([config_node.address]).ainodes()


def test_another_cluster_is_refused(config_node: ConfigNode) -> None:
    identity = ConfigNodes([config_node.address]).identity()
    check_cluster(identity, "", None)
    check_cluster(identity, "plant", None)
    with pytest.raises(RefusedError, match="'plant', not to 'office'") as caught:
        check_cluster(identity, "office", None)
    assert "--cluster-name plant" in caught.value.remedy
    foreign = NodeRecord(2, "plant", "another-id", _HERE, ())
    with pytest.raises(RefusedError, match="node of another cluster") as caught:
        check_cluster(identity, "", foreign)
    assert "--data" in caught.value.remedy


def test_a_lost_answer_does_not_keep_the_node_out(config_node: ConfigNode, member: "Member") -> None:
    config_node.lose_answers = 1
    member.membership.start()
    _until(lambda: member.state in (MemberState.MEMBER, MemberState.SILENT))
    assert member.membership.standing.node_id == 2
    assert config_node.calls == ["register", "register", "restart 2 id-of-plant"]


def test_an_entry_that_was_left_behind_is_not_taken_over(config_node: ConfigNode) -> None:
    """It may be under removal, and its removal would end whoever had taken it over."""
    nodes = ConfigNodes([config_node.address])
    _join(nodes)
    with pytest.raises(NodeRefusedError, match="has an AINode already"):
        _join(nodes)
    with pytest.raises(NodeRefusedError):
        _join(nodes, address=Address("127.0.0.1", 1), unsure=True)
    assert _join(nodes, unsure=True).how is JoinedAs.FOUND


class Member:
    """A membership whose heartbeats the test gives."""

    def __init__(self, config_node: ConfigNode, folder: NodeFolder) -> None:
        self.beat: float | None = None
        self.standings: list[Standing] = []
        nodes = ConfigNodes([config_node.address])
        self.membership = Membership(
            nodes, nodes.identity(), folder, _registration(), lambda: self.beat, self.standings.append, Random(1)
        )

    @property
    def state(self) -> MemberState:
        return self.membership.standing.state


@pytest.fixture
def member(config_node: ConfigNode, folder: NodeFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Member]:
    monkeypatch.setattr(membership, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(membership, "WATCH_SECONDS", 0.05)
    monkeypatch.setattr(membership, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(membership, "REFUSED_PAUSE", 0.05)
    found = Member(config_node, folder)
    yield found
    found.membership.close()


def test_a_cluster_that_warms_up_is_waited_for(config_node: ConfigNode, member: Member, folder: NodeFolder) -> None:
    config_node.answers = [TSStatus(1014, "warming up")] * 3
    member.membership.start()
    _until(lambda: member.state is MemberState.MEMBER)
    assert member.standings[0].state is MemberState.JOINING
    assert "not ready yet (warming up)" in member.standings[0].reason
    record = folder.read()
    assert record is not None
    assert record.node_id == 2


def test_a_refused_node_joins_once_the_other_is_gone(config_node: ConfigNode, member: Member) -> None:
    other = Address("10.0.0.9", 10810)
    config_node.ainodes[7] = TAINodeInfo(7, "Running", other.host, other.port)
    member.membership.start()
    _until(lambda: member.state is MemberState.REFUSED)
    assert "IoTDB allows one" in member.membership.standing.reason
    del config_node.ainodes[7]
    _until(lambda: member.state is MemberState.MEMBER)


def test_silence_is_told_with_its_reason(config_node: ConfigNode, member: Member) -> None:
    member.membership.start()
    _until(lambda: member.state is MemberState.SILENT)
    assert "cannot be reached there from the ConfigNode" in member.membership.standing.reason
    config_node.ainodes[2].internalPort = 999
    _until(lambda: "at 127.0.0.1:999, which is not here" in member.membership.standing.reason)
    member.beat = monotonic() + 3600
    _until(lambda: member.state is MemberState.MEMBER)
    config_node.close()
    member.beat = monotonic() - 3600
    _until(lambda: "and the cluster does not answer" in member.membership.standing.reason)


def test_a_removal_in_absence_is_noticed(config_node: ConfigNode, member: Member, folder: NodeFolder) -> None:
    member.membership.start()
    _until(lambda: member.state in (MemberState.MEMBER, MemberState.SILENT))
    config_node.ainodes.clear()
    _until(lambda: member.state is MemberState.REMOVED)
    _until(lambda: folder.read() is None)
    assert "it was removed" in member.membership.standing.reason


def test_whether_the_cluster_forgot_the_node_is_asked(
    config_node: ConfigNode, member: Member, folder: NodeFolder
) -> None:
    member.membership.start()
    _until(lambda: member.state in (MemberState.MEMBER, MemberState.SILENT))
    member.membership.close()
    assert member.membership.forgotten(0.0) is False
    assert folder.read() is not None
    config_node.ainodes.clear()
    assert member.membership.forgotten(_PATIENCE) is True
    assert folder.read() is None


def test_a_folder_is_one_nodes_only(tmp_path: Path) -> None:
    first = NodeFolder(tmp_path / "deep" / "node")
    with pytest.raises(RefusedError, match="another AINode runs with the data folder"):
        NodeFolder(first.path)
    record = NodeRecord(5, "plant", "id", Address("::1", 10810), (Address("a", 1), Address("b", 2)))
    first.write(record)
    first.close()
    second = NodeFolder(first.path)
    assert second.read() == record
    second.forget()
    second.forget()
    assert second.read() is None
    (second.path / "node.json").write_text('{"node_id": "five"}', "utf-8")
    with pytest.raises(QuarterdeckError, match=r"node\.json cannot be read"):
        second.read()
    second.close()
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(QuarterdeckError, match="cannot be used"):
        NodeFolder(tmp_path / "file")


def test_deregistering(config_node: ConfigNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = ServerParameters(config_node=str(config_node.address), data=str(tmp_path))
    with pytest.raises(UsageError, match="no node that has joined"):
        deregister(parameters)
    folder = NodeFolder(tmp_path)
    folder.write(_join(ConfigNodes([config_node.address])).record)
    config_node.remove_works = False
    monkeypatch.setattr(deregistering, "_PATIENCE", 0.3)
    with pytest.raises(UnknownOutcomeError, match="has not forgotten node 2"):
        deregister(parameters)
    config_node.remove_works = True
    assert deregister(parameters) == "node 2 is removed from the cluster plant"
    assert config_node.ainodes == {}
    assert read_record(tmp_path) is None
    folder.write(NodeRecord(9, "plant", "id-of-plant", _HERE, ()))
    assert "does not have node 9 any more" in deregister(parameters)
    folder.close()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("plant.example", Address("plant.example", 10710)),
        (" 10.0.0.1:9 ", Address("10.0.0.1", 9)),
        ("[::1]:9", Address("::1", 9)),
        ("[::1]", Address("::1", 10710)),
        ("fe80::1", Address("fe80::1", 10710)),
    ],
)
def test_addresses_are_read(text: str, address: Address) -> None:
    assert parse_address(text, 10710) == address
    assert parse_address(str(address), 1) == address


@pytest.mark.parametrize("text", ["", ":1", "a:0", "a:65536", "a:b", "a b:1", "[::1]:x", "a:-1", "a:²"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_address(text, 10710)


def test_what_the_cluster_is_told_can_be_reached() -> None:
    nodes = (Address("127.0.0.1", 10710),)
    assert advertised(ServerParameters(host="10.1.1.1"), nodes) == "10.1.1.1"
    assert advertised(ServerParameters(host="0.0.0.0", advertise="plant-ai"), nodes) == "plant-ai"
    assert advertised(ServerParameters(host="0.0.0.0"), nodes) == "127.0.0.1"


def test_each_cluster_has_a_folder_of_its_own(tmp_path: Path) -> None:
    node = Address("::1", 10710)
    assert default_data_folder(node, {"QUARTERDECK_HOME": str(tmp_path)}) == tmp_path / "ainode" / "--1-10710"
    shared = default_data_folder(Address("10.0.0.5", 10710), {"XDG_DATA_HOME": str(tmp_path)})
    assert shared == tmp_path / "quarterdeck-ainode" / "10.0.0.5-10710"
    relative = default_data_folder(node, {"XDG_DATA_HOME": "relative"})
    assert relative.is_relative_to(Path.home() / ".local" / "share")
