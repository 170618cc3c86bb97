"""A look at a cluster as resources, greyed actions and findings: what the server's words mean to its operator."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from quarterdeck_ainode.iotdb.cluster_actions import cluster_actions
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
from quarterdeck_ainode.iotdb.mirrored.reachability import PortState, Reachability, try_ports
from quarterdeck_ainode.iotdb.mirrored.twins import Twins
from quarterdeck_ainode.local.actions import FORECAST
from quarterdeck_api.errors import ErrorReport
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
    assert "again are the same cluster" in codes(look(), ("again",))["iotdb.same-cluster"].sentence
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


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_ports_are_tried(listening: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        closed = gone.getsockname()[1]
    targets = [("127.0.0.1", listening), ("127.0.0.1", closed), ("no.such.host.invalid", 1)]
    assert list(try_ports(targets, 10.0).values()) == [PortState.OPEN, PortState.CLOSED, PortState.UNRESOLVED]


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
