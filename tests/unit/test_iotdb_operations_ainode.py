"""How our AINode is started for a cluster: where it finds the ConfigNodes, where it listens, and what it refuses."""

import socket

import pytest
from msgspec.structs import replace

from quarterdeck_ainode.iotdb.client.endpoints import Endpoint
from quarterdeck_ainode.iotdb.mirrored.cluster_state import CatalogueModel, ClusterNode, LoadedInstances, NodeType
from quarterdeck_ainode.iotdb.operations.model_jobs import loaded_look, unloaded_look
from quarterdeck_ainode.iotdb.operations.our_ainode import ainode_of, is_ours, on_this_machine, plan_start, process_name
from quarterdeck_ainode.iotdb.operations.parameters import StartAinode
from quarterdeck_ainode.iotdb.operations.plans import is_built_in, node_number, refuse_other
from quarterdeck_api.errors import RefusedError, UsageError

HERE = (Endpoint("127.0.0.1", 6667),)


def node(kind: NodeType, host: str, number: int = 0, status: str = "Running", build: str = "") -> ClusterNode:
    return ClusterNode(number, kind, status, "", host, 10710 + number, "", 0, "2.0.10", build)


LOCAL = (node(NodeType.CONFIG_NODE, "127.0.0.1"), node(NodeType.DATA_NODE, "127.0.0.1", 1))
SPREAD = (
    node(NodeType.CONFIG_NODE, "10.0.0.1"),
    node(NodeType.CONFIG_NODE, "fd00::2", 1),
    node(NodeType.DATA_NODE, "10.0.0.3", 2),
)


def test_a_cluster_on_loopback_is_joined_on_loopback() -> None:
    plan = plan_start("plant", LOCAL, HERE, "defaultCluster", StartAinode())
    assert plan.process == "plant-ainode"
    assert plan.parameters == {
        "config_node": "127.0.0.1:10710",
        "host": "127.0.0.1",
        "port": 0,
        "cluster_name": "defaultCluster",
    }
    assert plan.notices == ()


def test_a_cluster_on_several_machines_is_joined_at_all_addresses_and_ports_are_mentioned() -> None:
    plan = plan_start("plant", SPREAD, (Endpoint("10.0.0.3", 6667),), "", StartAinode())
    assert plan.parameters["config_node"] == "10.0.0.1:10710,[fd00::2]:10711"
    assert plan.parameters["host"] == "0.0.0.0"
    assert any("firewall" in notice for notice in plan.notices)
    known = plan_start(
        "plant", SPREAD, HERE, "", StartAinode(port=10810, advertise="10.0.0.9", workers=2, trust="/srv")
    )
    assert known.notices == ()
    assert {name: known.parameters[name] for name in ("port", "advertise", "workers", "trust")} == {
        "port": 10810,
        "advertise": "10.0.0.9",
        "workers": 2,
        "trust": "/srv",
    }


@pytest.mark.parametrize(
    "wanted", [StartAinode(port=1, listen="127.0.0.1"), StartAinode(port=1, advertise="localhost")]
)
def test_an_address_that_other_machines_take_for_themselves_is_warned_about(wanted: StartAinode) -> None:
    [notice] = plan_start("plant", SPREAD, HERE, "", wanted).notices
    assert "stay Unknown" in notice


def test_a_cluster_on_anothers_loopback_cannot_be_joined_from_here() -> None:
    elsewhere = (Endpoint("192.0.2.7", 6667),)
    with pytest.raises(RefusedError, match="know one another as 127"):
        plan_start("plant", LOCAL, elsewhere, "", StartAinode())
    assert plan_start("plant", LOCAL, elsewhere, "", StartAinode(config_node="192.0.2.7:10710")).parameters


def test_a_cluster_that_names_no_config_node_needs_to_be_told() -> None:
    with pytest.raises(UsageError, match="names no ConfigNode"):
        plan_start("plant", LOCAL[1:], HERE, "", StartAinode())


def test_whose_an_ainode_is_and_in_whose_place_ours_starts() -> None:
    ours = node(NodeType.AINODE, "127.0.0.1", 2, "Unknown", "quarterdeck 0.1.0")
    official = replace(ours, build="abcdef0-dev")
    assert is_ours(ours) and not is_ours(official)
    assert ainode_of((*LOCAL, ours)) == ours and ainode_of(LOCAL) is None
    refuse_other(ours)
    with pytest.raises(RefusedError, match="Unknown and not ours"):
        refuse_other(official)
    with pytest.raises(RefusedError, match="that runs"):
        refuse_other(replace(ours, status="Running"))


def test_names() -> None:
    assert len(process_name("a" * 80)) == 63
    assert (node_number("datanode-12"), node_number("confignode-0")) == (12, 0)
    for name in ("ainode", "datanode-", "other-1"):
        with pytest.raises(UsageError, match="no configuration"):
            node_number(name)
    assert is_built_in(CatalogueModel("a", "", "built_in", "active"))
    assert not is_built_in(CatalogueModel("a", "", "user_defined", "active"))


def test_which_hosts_are_this_machine() -> None:
    assert on_this_machine("localhost") and on_this_machine("127.0.0.1") and on_this_machine("::1")
    assert on_this_machine(socket.gethostbyname("localhost"))
    assert not on_this_machine("192.0.2.7")
    assert not on_this_machine("no-such-host.invalid")


def test_when_a_model_is_loaded_and_unloaded() -> None:
    loaded = (LoadedInstances("cpu", "arima", 2), LoadedInstances("0", "arima", 0), LoadedInstances("1", "other", 1))
    assert loaded_look(loaded, "arima", ("cpu",)).done
    found = loaded_look(loaded, "arima", ("cpu", "0", "1"))
    assert not found.done
    assert found.seen == "arima: 2 instances on cpu, 0 instances on 0, not listed on 1"
    assert unloaded_look(loaded, "arima", ("0", "1")).done
    assert unloaded_look(loaded, "arima", ("0", "1")).seen == "arima: no instance on 0, no instance on 1"
    assert not unloaded_look(loaded, "arima", ("cpu", "0")).done
