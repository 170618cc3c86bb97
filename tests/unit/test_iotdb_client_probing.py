"""What a cluster is asked to learn what it can do, and when it is asked again."""

import random
import struct
from collections.abc import Iterator

import pytest

from fake_datanode import Answer, FakeDataNode, result, texts
from quarterdeck_ainode.iotdb.capabilities import Feature
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.error_codes import Numbering
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_ainode.iotdb.mirrored.looking import Looking
from quarterdeck_ainode.iotdb.permitting import permitted
from quarterdeck_ainode.iotdb.probing import Prober
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_api.errors import QuarterdeckError, UnreachableError
from quarterdeck_api.resources import Resource


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def about(version: str, build: str = "b") -> object:
    words = [version.encode(), build.encode()]
    head = struct.pack(">i", 2) + b"\5\5" + struct.pack(">i", 1) + b"\2\3\3" + b"\0" + bytes(8)
    block = head + b"".join(b"\0" + struct.pack(">i", len(each)) + each for each in words)
    return result([("Version", "TEXT"), ("BuildInfo", "TEXT")], block)


@pytest.fixture
def node() -> Iterator[FakeDataNode]:
    server = FakeDataNode()
    server.on("SHOW VERSION", about("2.0.10"))
    server.on("SHOW CURRENT_USER", result([("CurrentUser", "TEXT")], texts("e`ve")))
    server.on("SHOW FUNCTIONS", result([("FunctionName", "TEXT")], texts("forecast", "classify")))
    yield server
    server.close()


@pytest.fixture
def client(node: FakeDataNode) -> Iterator[IotdbClient]:
    made = IotdbClient(IotdbSettings(nodes=(node.url,), connect_timeout=2.0), Clock(), random.Random(1))
    yield made
    made.close()


def test_only_questions_are_asked_and_names_are_quoted(node: FakeDataNode, client: IotdbClient) -> None:
    found = Prober(client, Clock()).capabilities()
    assert found.user == "e`ve" and found.facts.version == "2.0.10"
    assert all(each.split()[0] in ("SHOW", "LIST") for each in node.statements)
    assert "LIST PRIVILEGES OF USER `e``ve`" in node.statements
    assert 'LIST PRIVILEGES OF USER "e`ve"' in node.statements


def test_it_is_asked_again_after_a_while_a_reconnect_and_when_somebody_wants(
    node: FakeDataNode, client: IotdbClient
) -> None:
    clock = Clock()
    prober = Prober(client, clock)
    assert prober.known() is None
    first = prober.capabilities()
    asked = len(node.statements)
    assert prober.capabilities() is first and len(node.statements) == asked and prober.known() is first
    clock.now += 301
    prober.capabilities()
    assert len(node.statements) == 2 * asked
    node.drop()
    node.on("SHOW VERSION", about("2.0.7"))
    client.rows("SHOW VERSION")
    assert prober.capabilities().facts.version == "2.0.7"
    node.on("SHOW NOTHING", (1505, "gone"))
    with pytest.raises(IotdbError, match="1505 no such model"):
        client.rows("SHOW NOTHING")
    assert prober.capabilities().facts.numbering is Numbering.BEFORE_2_0_8


def test_a_server_that_does_not_tell_its_version_is_taken_for_an_old_one(
    node: FakeDataNode, client: IotdbClient
) -> None:
    node.on("SHOW VERSION", result([("Version", "TEXT")], None))
    found = Prober(client, Clock()).capabilities()
    assert found.facts.version == "of unknown version" and any("may differ" in each for each in found.notices)


def test_an_ainode_that_hangs_hides_nothing_else(node: FakeDataNode, client: IotdbClient) -> None:
    node.on("SHOW MODELS", Answer.HANG)
    found = Prober(client, Clock()).capabilities()
    assert not found.reason(Feature.MODELS) and not found.reason(Feature.QUERIES)
    assert found.user == "e`ve" and "SHOW AINODES" in node.statements
    assert "SHOW AI_DEVICES" not in node.statements  # It would last as long again.


@pytest.mark.parametrize("answer", [Answer.HANG, (301, "Too many")])
def test_a_table_dialect_that_does_not_answer_now_is_not_taken_for_none(
    node: FakeDataNode, client: IotdbClient, answer: object
) -> None:
    prober = Prober(client, Clock())
    known = prober.capabilities()
    assert not any("only the tree dialect" in each for each in known.notices)
    replies = iter([about("2.0.10"), answer])

    def version() -> object:
        found = next(replies)
        return found() if callable(found) else found

    node.on("SHOW VERSION", version)
    with pytest.raises(QuarterdeckError):
        prober.capabilities(again=True)
    assert prober.while_watched() is known
    replies = iter([about("2.0.10"), (700, "mismatched input")])
    lacking = prober.capabilities(again=True)
    assert any("only the tree dialect" in each for each in lacking.notices)


def test_a_test_of_the_backend_logs_in_even_after_a_refusal(node: FakeDataNode, client: IotdbClient) -> None:
    prober = Prober(client, Clock())
    node.login_status = 801
    for _ in range(3):
        with pytest.raises(IotdbError):
            prober.capabilities()
    assert node.connections == 1
    with pytest.raises(IotdbError):
        prober.probe()
    node.login_status = 200
    answer = prober.probe()
    assert answer.version == "Apache IoTDB 2.0.10" and "running queries" in answer.capabilities
    assert any(each.startswith("fine-tuning: ") for each in answer.notices)


def test_a_login_that_is_refused_in_the_middle_is_said(node: FakeDataNode, client: IotdbClient) -> None:
    node.on("SHOW MODELS", (822, "locked"))
    with pytest.raises(IotdbError, match="822 user is locked"):
        Prober(client, Clock()).capabilities()


def test_what_the_cluster_lacks_is_greyed_on_its_resources(node: FakeDataNode, client: IotdbClient) -> None:
    prober = Prober(client, Clock())

    def make(kind: str, name: str, **off: str) -> Resource:
        return Resource(f"plant/{kind}/{name}", name, state="active", actions_off=off)

    loaded = {"model.load": "it is loaded", "model.tune": "x"}
    assert permitted(make, prober.known())("model", "m", **loaded).actions_off == loaded
    known = prober.while_watched()
    made = permitted(make, known)("model", "m", **loaded)
    assert (made.address, made.state) == ("plant/model/m", "active")
    off = made.actions_off
    assert "lacks the privilege SYSTEM" in off["model.load"] and off["model.tune"] == "x"
    assert "query.kill" not in off
    node.close()
    assert prober.while_watched() is known


def test_a_refused_user_makes_the_whole_cluster_unreachable(node: FakeDataNode, client: IotdbClient) -> None:
    node.login_status = 801
    with pytest.raises(UnreachableError, match="801 wrong user or password") as caught:
        Looking(client, Clock()).look()
    assert "user and password" in caught.value.remedy
