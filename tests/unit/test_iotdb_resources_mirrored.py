"""A look at a cluster as resources, greyed actions and findings: what the server's words mean to its operator."""

from typing import Any

import pytest

from quarterdeck_ainode.iotdb.client.faults import refused
from quarterdeck_ainode.iotdb.client.rows import Rows
from quarterdeck_ainode.iotdb.cluster_actions import cluster_actions
from quarterdeck_ainode.iotdb.described.model import describe_model
from quarterdeck_ainode.iotdb.described.node import describe_device, describe_node
from quarterdeck_ainode.iotdb.mirrored.attention import LOAD_SECONDS, Attention
from quarterdeck_ainode.iotdb.mirrored.cluster_state import (
    CatalogueModel,
    ClusterNode,
    LoadedInstances,
    NodePort,
    NodeType,
    RunningQuery,
)
from quarterdeck_ainode.iotdb.mirrored.greyed import off_of_model, off_of_node
from quarterdeck_ainode.iotdb.mirrored.looking import ClusterLook, Refusal
from quarterdeck_ainode.iotdb.mirrored.models import device_resources, model_resources, query_resources
from quarterdeck_ainode.iotdb.mirrored.nodes import node_resources
from quarterdeck_ainode.iotdb.mirrored.own_ainode import ManagedAINode, OwnAINode
from quarterdeck_ainode.iotdb.mirrored.reachability import PortState, Reachability
from quarterdeck_ainode.iotdb.mirrored.snapshot import Snapshot
from quarterdeck_ainode.iotdb.mirrored.twins import Twins
from quarterdeck_ainode.local.actions import FORECAST
from quarterdeck_api.errors import CallTimeoutError, ErrorReport
from quarterdeck_api.metrics import MetricSample
from quarterdeck_api.processes import ProcessReport, Telemetry
from quarterdeck_api.resources import Health, Link, Resource


def make(kind: str, name: str, **named: Any) -> Resource:
    return Resource(
        f"plant/{kind}/{name}",
        named.get("uid", name),
        Health(named.get("health", "ok")),
        named.get("state", ""),
        named.get("reason", ""),
        cells=tuple(named["cells"].items()),  # type: ignore[arg-type]
        parent=named.get("parent", ""),
        links=tuple(Link(*each) for each in named.get("links", {}).items()),
        actions_off=named.get("actions_off", {}),
    )


def cells(resource: Resource) -> dict[str, Any]:
    return dict(resource.cells)  # type: ignore[arg-type]


def node(kind: NodeType, number: int, status: str = "Running", reason: str = "", **more: Any) -> ClusterNode:
    port = {NodeType.CONFIG_NODE: 10710, NodeType.DATA_NODE: 10730, NodeType.AINODE: 10810}[kind]
    values = {"version": "2.0.10", "build": "UNKNOWN", "host": "10.0.0.1", **more}
    ports = (NodePort("internal", values["host"], port),)
    return ClusterNode(
        number, kind, status, reason, values["host"], port, "", 0, values["version"], values["build"], ports
    )


CONFIG = node(NodeType.CONFIG_NODE, 0)
DATA = node(NodeType.DATA_NODE, 1)
AI = node(NodeType.AINODE, 2)
ARIMA = CatalogueModel("arima", "sktime", "builtin", "active")
MINE = CatalogueModel("mine", "sktime", "user_defined", "active")
HIDDEN = Refusal("SHOW CLUSTER DETAILS", 803, ErrorReport("iotdb", "803 not permitted: SYSTEM", "ask"))


def look(*nodes: ClusterNode, **more: Any) -> ClusterLook:
    return ClusterLook(nodes or (CONFIG, DATA, AI), **{"told": 1.0, **more})


def rows(seen: ClusterLook, managed: ManagedAINode | None = None, state: PortState = PortState.OPEN) -> dict[str, Any]:
    return {each.name: each for each in node_resources(make, seen, lambda port: state, managed)}


def test_nodes_bear_the_server_s_word_and_what_it_means() -> None:
    found = rows(
        look(node(NodeType.CONFIG_NODE, 0, "Unknown"), node(NodeType.DATA_NODE, 1, "ReadOnly", "DiskFull"), AI)
    )
    assert list(found) == ["confignode-0", "datanode-1", "ainode"]
    silent, full, running = found.values()
    assert (silent.health, silent.state) == (Health.FAILED, "Unknown")
    assert "no heartbeat" in silent.reason and "something does listen at 10.0.0.1:10710" in silent.reason
    assert (full.health, full.state) == (Health.DEGRADED, "ReadOnly(DiskFull)")
    assert "disk is full" in full.reason
    assert (running.health, running.reason) == (Health.OK, "")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (PortState.CLOSED, "nothing listens"),
        (PortState.SILENT, "does not answer from here"),
        (PortState.UNRESOLVED, "is not known here"),
        (PortState.NOT_CHECKED, "its address is"),
    ],
)
def test_a_silent_node_s_port_tells_more(state: PortState, said: str) -> None:
    assert said in rows(look(DATA, node(NodeType.AINODE, 2, "Unknown")), state=state)["ainode"].reason


def test_a_word_that_is_not_known_is_shown_as_it_is() -> None:
    found = rows(look(node(NodeType.DATA_NODE, 1, "Dreaming", "late")))["datanode-1"]
    assert (found.health, found.state) == (Health.UNKNOWN, "Dreaming(late)")
    assert "Dreaming (late), a word that is not known here" in found.reason


def test_there_is_always_a_row_for_the_ainode() -> None:
    missing = rows(look(CONFIG, DATA))["ainode"]
    assert (missing.health, missing.state) == (Health.STOPPED, "absent")
    assert "start one here" in missing.reason
    assert "node.start-ainode" not in missing.actions_off
    assert "node.remove-ainode" in missing.actions_off
    hidden = rows(ClusterLook(refusals=(HIDDEN,)))["ainode"]
    assert (hidden.health, hidden.state) == (Health.UNKNOWN, "hidden")
    assert "SYSTEM" in hidden.reason


def test_our_own_ainode_tells_how_it_is() -> None:
    ours = ManagedAINode("plant-ainode.1", True, Health.DEGRADED, "no heartbeat for 12 s", "10.0.0.1:10810")
    found = rows(look(), ours)["ainode"]
    assert found.health is Health.DEGRADED
    assert "run by this console: no heartbeat for 12 s" in found.reason
    assert found.links == (Link("process", "core/process/plant-ainode"),)
    joining = rows(look(CONFIG, DATA), ours)["ainode"]
    assert joining.health is Health.BUSY and "is not registered" in joining.reason
    elsewhere = ManagedAINode("plant-ainode.1", True, Health.OK, "", "10.0.0.9:10810")
    assert rows(look(), elsewhere)["ainode"].reason == ""


def test_models_say_what_is_loaded_and_why_they_are_not_well() -> None:
    seen = look(
        models=(ARIMA, MINE, CatalogueModel("sundial", "sundial", "builtin", "inactive")),
        loaded=(
            LoadedInstances("cpu", "arima", 2),
            LoadedInstances("0", "arima", 1),
            LoadedInstances("cpu", "mine", 0),
        ),
        devices=(("cpu", "cpu"), ("0", "cuda")),
    )
    arima, mine, sundial = model_resources(make, seen, "plant")
    assert (cells(arima)["instances"], cells(arima)["devices"], cells(arima)["task"]) == (3, "cpu ×2, 0 ×1", "forecast")
    assert arima.parent == "plant/node/ainode"
    assert mine.health is Health.DEGRADED and mine.reason.startswith("0 instances on cpu")
    assert cells(mine)["task"] is None
    assert sundial.health is Health.STOPPED and "weights" in sundial.reason
    cpu, graphics = device_resources(make, seen, "plant")
    assert (cells(cpu)["instances"], cells(cpu)["models"]) == (2, "arima ×2, mine ×0")
    assert cells(graphics)["type"] == "cuda"


def test_instances_that_are_not_known_are_not_said_to_be_none() -> None:
    error = ErrorReport("iotdb", "803 not permitted: SYSTEM", "ask")
    seen = look(models=(ARIMA,), devices=(("cpu", "cpu"),), refusals=(Refusal("SHOW LOADED MODELS", 803, error),))
    [model] = model_resources(make, seen, "plant")
    [device] = device_resources(make, seen, "plant")
    assert cells(model)["instances"] is None and cells(device)["instances"] is None
    documents = (
        describe_model("plant/model/arima", "arima", seen),
        describe_device("plant/ai-device/cpu", "cpu", seen),
        describe_node("plant/node/ainode", "ainode", seen, None, lambda port: PortState.OPEN, ""),
    )
    for document in documents:
        assert "not to be seen: 803 not permitted" in str(document.blocks)
        assert "loaded nowhere" not in str(document.blocks)


class Context:
    """What a snapshot tells."""

    def __init__(self) -> None:
        self.resource = make
        self.samples: list[MetricSample] = []

    def findings(self, found: list[Any]) -> None:
        pass

    def metric(self, samples: list[MetricSample]) -> None:
        self.samples = samples


class Asked:
    """A client that tells its cluster's id when it does, and a look that is always the same."""

    def __init__(self, seen: ClusterLook, *ids: Exception | Rows) -> None:
        self.seen = seen
        self.ids = list(ids)

    def look(self) -> ClusterLook:
        return self.seen

    def rows(self, statement: str) -> Rows:
        assert statement == "SHOW CLUSTERID"
        answer = self.ids.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


ID = Rows(("ClusterId",), ("TEXT",), (("id-1",),))


def snapshot(asked: Any, context: Any, twins: Twins) -> Snapshot:
    return Snapshot("plant", asked, asked, Reachability(local=False), OwnAINode(), twins, context)


@pytest.mark.parametrize(
    ("answers", "known", "left"),
    [
        ([CallTimeoutError("silent"), ID], ["again"], 0),
        ([refused("803: SYSTEM"), ID], [], 1),
        ([Rows(("Other",), ("TEXT",), ()), ID], [], 1),
    ],
)
def test_a_look_stands_when_the_cluster_does_not_tell_its_id(answers: list[Any], known: list[str], left: int) -> None:
    twins = Twins()
    twins.say("again", "id-1")
    asked = Asked(look(), *answers)
    taken = snapshot(asked, Context(), twins)
    for _ in range(3):
        assert len(taken.take()) == 3
    assert twins.of("plant") == known and len(asked.ids) == left


def test_what_is_not_known_is_no_metric() -> None:
    context = Context()
    error = ErrorReport("iotdb", "no", "")
    hidden = look(refusals=(Refusal("SHOW QUERIES", 803, error), Refusal("SHOW LOADED MODELS", 803, error)))
    snapshot(Asked(hidden, ID), context, Twins()).take()
    assert {each.name for each in context.samples} == {"models", "latency"}
    snapshot(Asked(look(), ID), context, Twins()).take()
    assert {each.name for each in context.samples} == {"models", "latency", "queries", "instances"}


def test_models_of_an_ainode_that_is_silent_stay_and_are_unknown() -> None:
    seen = look(DATA, node(NodeType.AINODE, 2, "Unknown"), models=(ARIMA,), devices=(("cpu", "cpu"),))
    [model] = model_resources(make, seen, "plant")
    assert (model.health, model.state) == (Health.UNKNOWN, "active")
    assert "said last" in model.reason
    assert "Unknown" in model.actions_off.get("model.load", "Unknown")
    assert device_resources(make, seen, "plant")[0].health is Health.UNKNOWN


def test_queries_lie_below_their_datanode() -> None:
    seen = look(queries=(RunningQuery("q", "SELECT  1\n FROM t", 2.34, 1, "10.0.0.9", "ops"),))
    [query] = query_resources(make, seen, "plant")
    assert query.parent == "plant/node/datanode-1"
    assert cells(query) == {
        "statement": "SELECT 1 FROM t",
        "elapsed": 2.3,
        "user": "ops",
        "client": "10.0.0.9",
        "data_node": 1,
    }


def test_only_declared_actions_are_greyed_each_with_a_reason() -> None:
    seen = look(models=(ARIMA,))
    for kind, off in (
        ("node", off_of_node(DATA, seen, None)),
        ("node", off_of_node(None, look(CONFIG, DATA), None)),
        ("node", off_of_node(AI, seen, None)),
        ("model", off_of_model(ARIMA, seen)),
    ):
        assert off and all(off.values())
        assert set(off) <= cluster_actions(kind) | {FORECAST, "model.backtest", "model.tune", "model.detect"}
    assert "series.forecast" in off_of_model(ARIMA, seen)[FORECAST]
    assert "model.drop" in off_of_model(ARIMA, seen) and "model.drop" not in off_of_model(MINE, seen)
    assert "model.unload" in off_of_model(ARIMA, seen)
    loaded = look(models=(ARIMA,), loaded=(LoadedInstances("cpu", "arima", 1),), devices=(("cpu", ""),))
    assert "model.unload" not in off_of_model(ARIMA, loaded)
    assert "node.start-ainode" in off_of_node(AI, seen, None)
    assert "node.stop-ainode" in off_of_node(AI, seen, None)
    ours = ManagedAINode("plant-ainode.1", True, Health.OK, "", "10.0.0.1:10810")
    assert "node.stop-ainode" not in off_of_node(AI, seen, ours)


def codes(seen: ClusterLook, twins: tuple[str, ...] = (), managed: ManagedAINode | None = None) -> dict[str, Any]:
    return {each.code: each for each in Attention("plant").findings(seen, managed, twins, 0.0)}


def test_a_cluster_that_is_well_needs_no_attention() -> None:
    assert codes(look()) == {}


@pytest.mark.parametrize(
    ("seen", "code", "address", "said"),
    [
        (look(DATA, node(NodeType.AINODE, 2, "Unknown")), "iotdb.node-silent", "ainode", "no heartbeat"),
        (look(node(NodeType.DATA_NODE, 1, "Unknown")), "iotdb.node-silent", "datanode-1", "DataNode 1"),
        (look(node(NodeType.DATA_NODE, 1, "ReadOnly", "DiskFull")), "iotdb.disk-full", "datanode-1", "takes no writes"),
        (look(node(NodeType.DATA_NODE, 1, "ReadOnly")), "iotdb.read-only", "datanode-1", "takes no writes"),
        (
            look(CONFIG, DATA, node(NodeType.AINODE, 2, version="2.0.8")),
            "iotdb.version-drift",
            "confignode-0",
            "ainode 2.0.8",
        ),
        (
            look(node(NodeType.CONFIG_NODE, 0, build="a1"), node(NodeType.DATA_NODE, 1, build="b2"), AI),
            "iotdb.build-drift",
            "confignode-0",
            "datanode-1 b2",
        ),
        (ClusterLook(refusals=(HIDDEN,)), "iotdb.privileges", "ainode", "SHOW CLUSTER DETAILS"),
        (
            look(
                refusals=(Refusal("SHOW MODELS", 1011, ErrorReport("iotdb", "1011 AINode not reached", "start one")),)
            ),
            "iotdb.ainode-unreachable",
            "ainode",
            "get no answer",
        ),
        (
            look(refusals=(Refusal("SHOW QUERIES", 700, ErrorReport("iotdb", "700 not understood", "old")),)),
            "iotdb.refused",
            "ainode",
            "SHOW QUERIES",
        ),
    ],
)
def test_what_needs_attention_is_found(seen: ClusterLook, code: str, address: str, said: str) -> None:
    found = codes(seen)
    assert set(found) == {code}
    assert found[code].address == f"plant/node/{address}"
    assert said in found[code].sentence and found[code].remedy


def test_the_build_of_an_ainode_of_our_own_is_no_drift() -> None:
    assert codes(look(CONFIG, DATA, node(NodeType.AINODE, 2, build="quarterdeck 0.1.0"))) == {}


def test_two_backends_of_one_cluster_are_found() -> None:
    twins = Twins()
    twins.say("plant", "id-1")
    twins.say("other", "id-2")
    assert twins.of("plant") == []
    twins.say("again", "10.0.0.5:6667")
    assert twins.of("plant") == []
    twins.say("again", "id-1")
    assert twins.of("plant") == ["again"] and twins.of("nobody") == []
    assert "plant and again are the same cluster" in codes(look(), ("again",))["iotdb.same-cluster"].sentence
    assert "plant, a and b are the same cluster" in codes(look(), ("a", "b"))["iotdb.same-cluster"].sentence
    twins.forget("again")
    assert twins.of("plant") == []


def test_a_load_that_never_comes_up_is_found_after_a_while() -> None:
    attention = Attention("plant")
    empty = look(models=(ARIMA,), loaded=(LoadedInstances("cpu", "arima", 0),))
    assert attention.findings(empty, None, (), 100.0) == []
    [found] = attention.findings(empty, None, (), 100.0 + LOAD_SECONDS)
    assert (found.code, found.address) == ("iotdb.load-failed", "plant/model/arima")
    assert attention.findings(look(models=(ARIMA,)), None, (), 200.0) == []
    assert attention.findings(empty, None, (), 201.0) == [], "a new load has its time again"


def test_our_process_is_followed_until_it_is_gone() -> None:
    own = OwnAINode()
    assert own.latest is None
    own.changed(ProcessReport("plant-ainode.1", True, Health.OK, "node 2"))
    own.told("plant-ainode.1", Telemetry({"requests": 3.0}, {}, {"address": "10.0.0.1:10810"}))
    latest = own.latest
    assert latest is not None and latest.is_node(AI) and latest.values == {"requests": 3.0}
    own.changed(ProcessReport("plant-ainode.1", False, Health.STOPPED, "ended"))
    latest = own.latest
    assert latest is not None and not latest.connected and not latest.is_node(AI) and latest.values == {}
