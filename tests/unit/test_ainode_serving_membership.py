"""How our AINode joins, comes back, is refused and notices that it was removed, against ConfigNodes that speak the real protocol from a few lines."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from time import monotonic, sleep

import pytest
from iotdb.thrift.common.ttypes import TSStatus
from iotdb.thrift.confignode.ttypes import TAINodeInfo

from fake_config_node import HERE, FakeConfigNode, MakeConfigNode, config_nodes, registration
from quarterdeck_ainode.serving import deregistering, membership
from quarterdeck_ainode.serving.config_node import ConfigNodes, NodeRefusedError
from quarterdeck_ainode.serving.deregistering import deregister
from quarterdeck_ainode.serving.end_point import Address
from quarterdeck_ainode.serving.joining import Joined, JoinedAs, check_cluster, join
from quarterdeck_ainode.serving.membership import Membership, MemberState, Standing
from quarterdeck_ainode.serving.node_folder import NodeFolder, NodeRecord, read_record
from quarterdeck_ainode.serving.server_parameters import ServerParameters
from quarterdeck_api.errors import RefusedError, UnknownOutcomeError, UsageError

_PATIENCE = 30.0


@pytest.fixture
def make_config_node() -> Iterator[MakeConfigNode]:
    with config_nodes() as make:
        yield make


@pytest.fixture
def config_node(make_config_node: MakeConfigNode) -> FakeConfigNode:
    return make_config_node()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[NodeFolder]:
    found = NodeFolder(tmp_path / "node")
    yield found
    found.close()


def _join(
    nodes: ConfigNodes, record: NodeRecord | None = None, address: Address = HERE, unsure: bool = False
) -> Joined:
    return join(nodes, nodes.identity(), record, registration(address), unsure, lambda sentence: None)


def _until(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + _PATIENCE
    while not condition():
        assert monotonic() < deadline
        sleep(0.01)


def test_a_new_node_registers_and_remembers(config_node: FakeConfigNode) -> None:
    nodes = ConfigNodes([config_node.address])
    assert nodes.identity().time_unit == "us"
    assert nodes.identity().version == "2.0.10"
    joined = _join(nodes)
    assert joined.how is JoinedAs.NEW
    assert joined.record == NodeRecord(2, "plant", "id-of-plant", HERE, (config_node.address,))
    assert config_node.versions[0].buildInfo == "quarterdeck"
    assert nodes.ainodes()[2].address == HERE


def test_a_known_node_comes_back_at_another_address(config_node: FakeConfigNode) -> None:
    nodes = ConfigNodes([config_node.address])
    record = _join(nodes).record
    moved = Address("127.0.0.1", 10999)
    joined = _join(nodes, record, moved)
    assert joined.how is JoinedAs.BACK
    assert joined.record.node_id == 2
    assert nodes.ainodes()[2].address == moved
    assert config_node.calls == ["register", "restart 2 id-of-plant"]


def test_a_node_that_was_removed_registers_anew(config_node: FakeConfigNode) -> None:
    nodes = ConfigNodes([config_node.address])
    record = _join(nodes).record
    config_node.ainodes.clear()
    joined = _join(nodes, record)
    assert (joined.how, joined.record.node_id) == (JoinedAs.NEW, 3)


def test_an_entry_that_was_left_behind_is_not_taken_over(config_node: FakeConfigNode) -> None:
    """It may be under removal, and its removal would end whoever had taken it over."""
    nodes = ConfigNodes([config_node.address])
    _join(nodes)
    with pytest.raises(NodeRefusedError, match="has an AINode already"):
        _join(nodes)
    with pytest.raises(NodeRefusedError):
        _join(nodes, address=Address("127.0.0.1", 1), unsure=True)
    assert _join(nodes, unsure=True).how is JoinedAs.FOUND


def test_another_cluster_is_refused(config_node: FakeConfigNode) -> None:
    identity = ConfigNodes([config_node.address]).identity()
    check_cluster(identity, "", None)
    check_cluster(identity, "plant", None)
    with pytest.raises(RefusedError, match="'plant', not to 'office'") as caught:
        check_cluster(identity, "office", None)
    assert "--cluster-name plant" in caught.value.remedy
    foreign = NodeRecord(2, "plant", "another-id", HERE, ())
    with pytest.raises(RefusedError, match="node of another cluster") as caught:
        check_cluster(identity, "", foreign)
    assert "--data" in caught.value.remedy


class Member:
    """A membership whose heartbeats the test gives."""

    def __init__(self, config_node: FakeConfigNode, folder: NodeFolder) -> None:
        self.beat: float | None = None
        self.standings: list[Standing] = []
        nodes = ConfigNodes([config_node.address])
        self.membership = Membership(
            nodes, nodes.identity(), folder, registration(), lambda: self.beat, self.standings.append, Random(1)
        )

    @property
    def state(self) -> MemberState:
        return self.membership.standing.state


@pytest.fixture
def member(config_node: FakeConfigNode, folder: NodeFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Member]:
    monkeypatch.setattr(membership, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(membership, "WATCH_SECONDS", 0.05)
    monkeypatch.setattr(membership, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(membership, "REFUSED_PAUSE", 0.05)
    found = Member(config_node, folder)
    yield found
    found.membership.close()


def test_a_lost_answer_does_not_keep_the_node_out(config_node: FakeConfigNode, member: Member) -> None:
    config_node.lose_answers = 1
    member.membership.start()
    _until(lambda: member.state in (MemberState.MEMBER, MemberState.SILENT))
    assert member.membership.standing.node_id == 2
    assert config_node.calls == ["register", "register", "restart 2 id-of-plant"]


def test_a_cluster_that_warms_up_is_waited_for(config_node: FakeConfigNode, member: Member, folder: NodeFolder) -> None:
    config_node.answers = [TSStatus(1014, "warming up")] * 3
    member.membership.start()
    _until(lambda: member.state is MemberState.MEMBER)
    assert member.standings[0].state is MemberState.JOINING
    assert "not ready yet (warming up)" in member.standings[0].reason
    record = folder.read()
    assert record is not None
    assert record.node_id == 2


def test_a_refused_node_joins_once_the_other_is_gone(config_node: FakeConfigNode, member: Member) -> None:
    other = Address("10.0.0.9", 10810)
    config_node.ainodes[7] = TAINodeInfo(7, "Running", other.host, other.port)
    member.membership.start()
    _until(lambda: member.state is MemberState.REFUSED)
    assert "IoTDB allows one" in member.membership.standing.reason
    del config_node.ainodes[7]
    _until(lambda: member.state is MemberState.MEMBER)


def test_silence_is_told_with_its_reason(config_node: FakeConfigNode, member: Member) -> None:
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


def test_a_removal_in_absence_is_noticed(config_node: FakeConfigNode, member: Member, folder: NodeFolder) -> None:
    member.membership.start()
    _until(lambda: member.state in (MemberState.MEMBER, MemberState.SILENT))
    config_node.ainodes.clear()
    _until(lambda: member.state is MemberState.REMOVED)
    _until(lambda: folder.read() is None)
    assert "it was removed" in member.membership.standing.reason


def test_whether_the_cluster_forgot_the_node_is_asked(
    config_node: FakeConfigNode, member: Member, folder: NodeFolder
) -> None:
    member.membership.start()
    _until(lambda: member.state in (MemberState.MEMBER, MemberState.SILENT))
    member.membership.close()
    assert member.membership.forgotten(0.0) is False
    assert folder.read() is not None
    config_node.ainodes.clear()
    assert member.membership.forgotten(_PATIENCE) is True
    assert folder.read() is None


def test_a_node_whose_id_cannot_be_stored_serves_all_the_same_and_says_so(
    config_node: FakeConfigNode, member: Member, folder: NodeFolder, caplog: pytest.LogCaptureFixture
) -> None:
    (folder.path / "node.new").mkdir()  # Nothing can be written there.
    member.membership.start()
    _until(lambda: member.state in (MemberState.MEMBER, MemberState.SILENT))
    [told] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "node.json cannot be written" in told
    assert "node 2" in told
    assert "REMOVE AINODE" in told


def test_an_id_that_cannot_be_forgotten_does_not_end_the_look_after_the_cluster(
    config_node: FakeConfigNode, member: Member, folder: NodeFolder, caplog: pytest.LogCaptureFixture
) -> None:
    member.membership.start()
    _until(lambda: member.state in (MemberState.MEMBER, MemberState.SILENT))
    folder.forget()
    (folder.path / "node.json").mkdir()
    config_node.ainodes.clear()
    _until(lambda: member.state is MemberState.REMOVED)
    member.membership.close()
    assert "node.json cannot be removed" in caplog.text
    assert member.membership.forgotten(_PATIENCE) is True


def test_a_node_of_another_cluster_is_not_taken_out(config_node: FakeConfigNode, tmp_path: Path) -> None:
    """Both clusters have a node 2, and another one listens now where this node's cluster did."""
    parameters = ServerParameters(config_node=str(config_node.address), data=str(tmp_path))
    folder = NodeFolder(tmp_path)
    record = _join(ConfigNodes([config_node.address])).record
    folder.write(record)
    folder.close()
    config_node.id = "id-of-another"
    with pytest.raises(RefusedError, match="node of another cluster"):
        deregister(parameters)
    assert config_node.ainodes.keys() == {2}
    assert read_record(tmp_path) == record


def test_deregistering(config_node: FakeConfigNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    folder.write(NodeRecord(9, "plant", "id-of-plant", HERE, ()))
    assert "does not have node 9 any more" in deregister(parameters)
    folder.close()
