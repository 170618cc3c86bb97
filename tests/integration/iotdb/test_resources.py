"""What a real cluster has, as the console shows it: nodes and models as they come and go, and everything that is browsed and described."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iotdb_cluster import Cluster
from own_ainode import Sql
from quarterdeck_api.browsing import BROWSE, BrowseRequest, BrowseResult
from quarterdeck_api.documents import ChartBlock, Document, FactsBlock, TableBlock, TextBlock
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, UnsupportedError
from quarterdeck_api.protocol import CATALOGUE, BackendState
from quarterdeck_api.resources import Health, Resource
from quarterdeck_api.wire import Nothing
from scripted_ainode import ScriptedAinode

Until = Callable[[Callable[[], bool]], None]

DATABASE = f"root.shown_{uuid.uuid4().hex[:8]}"
TABLES = DATABASE.replace("root.", "")
ODD = f'{DATABASE}.`odd.dev`.`a "b" ``c`'
#: More than a page, so that nothing but pages can show them.
MANY = 450


@pytest.fixture(scope="module")
def cluster(make_iotdb: Callable[..., Cluster]) -> Cluster:
    """A cluster of this module's own: only one AINode can be in it at a time."""
    found = make_iotdb()
    tree, table = Sql(found), Sql(found, "table")
    tree.do(
        f"CREATE DATABASE {DATABASE}",
        f"CREATE TIMESERIES {ODD} WITH DATATYPE=INT32",
        f"CREATE ALIGNED TIMESERIES {DATABASE}.empty(x DOUBLE)",
        f"CREATE ALIGNED TIMESERIES {DATABASE}.wide({', '.join(f's{number} INT32' for number in range(MANY))})",
        f"INSERT INTO {DATABASE}.press(time, t, name) VALUES "
        + ", ".join(f"({1_700_000_000_000 + 3_600_000 * hour}, {hour / 2}, 'x')" for hour in range(30)),
        f"INSERT INTO {DATABASE}.press(time, name) VALUES (1700000000001, 'alone')",
        f'INSERT INTO {DATABASE}.`odd.dev`(time, `a "b" ``c`) VALUES (5000, 7)',
    )
    table.do(
        f"CREATE DATABASE {TABLES}",
        f"CREATE TABLE {TABLES}.telemetry(time TIMESTAMP TIME, site STRING TAG, press STRING TAG, t DOUBLE FIELD, n INT32 FIELD)",
        f"INSERT INTO {TABLES}.telemetry(time, site, press, t, n) VALUES (1000, 'north', '4', 1.5, 1), (2000, 'north', '4', 2.5, null), "
        "(1000, 'south', 'it''s', 3.5, 3)",
        f'CREATE TABLE {TABLES}."odd t""b"(time TIMESTAMP TIME, "a b" DOUBLE FIELD)',
        "CREATE USER poor 'poorpoorpoor1'",
    )
    tree.close()
    table.close()
    return found


def backend(name: str, cluster: Cluster, more: str = "") -> str:
    return (
        f'[backends.{name}]\ntype = "ainode.iotdb"\nnodes = ["{cluster.client_url}"]\n'
        f"refresh = 0.5\nrefresh_background = 1\n{more}"
    )


@pytest.fixture(scope="module")
def instance(cluster: Cluster, make_instance: Callable[..., Any]) -> Any:
    poor = backend("poor", cluster, 'user = "poor"\npassword = "poorpoorpoor1"\n')
    return make_instance(backend("plant", cluster) + poor, ())


@pytest.fixture(scope="module")
def client(instance: Any) -> Any:
    return instance.client()


def rows(client: Any, kind: str, of: str = "plant") -> dict[str, tuple[Resource, dict[str, Any]]]:
    """Mirrored resources by name, with their cells by column."""
    found = client.get(kind, of)
    return {each.name: (each, dict(zip(found.columns[of], each.cells, strict=True))) for each in found.resources}


def page(client: Any, kind: str, parent: str = "", of: str = "plant", **more: Any) -> BrowseResult:
    return client.call(BROWSE, BrowseRequest(of, kind, parent, **more), 30.0)


def browsed(client: Any, kind: str, parent: str = "", **more: Any) -> dict[str, dict[str, Any]]:
    """A page by name, with cells by column."""
    found = page(client, kind, parent, **more)
    return {each.name: dict(zip(found.columns, each.cells, strict=True)) for each in found.page.resources}


def facts(document: Document) -> dict[str, Any]:
    return {
        fact.label: fact.value for block in document.blocks if isinstance(block, FactsBlock) for fact in block.facts
    }


def text(document: Document) -> str:
    return "\n".join(block.text for block in document.blocks if isinstance(block, TextBlock))


def findings(client: Any) -> set[tuple[str, str]]:
    """Code and address of what needs attention in clusters."""
    named = (each.name.partition("/") for each in client.get("finding").resources)
    return {(code, address) for code, _, address in named if code.startswith("iotdb.")}


def backends(client: Any) -> tuple[BackendState, ...]:
    return client.call(CATALOGUE, Nothing(), 30.0).backends


def test_nodes_are_there_with_their_ports_and_a_row_for_the_ainode_that_is_not(
    cluster: Cluster, client: Any, until: Until
) -> None:
    until(lambda: rows(client, "node")["datanode-1"][1]["ports"] == "5 open")
    found = rows(client, "node")
    assert list(found) == ["ainode", "confignode-0", "datanode-1"]
    data_node, cells = found["datanode-1"]
    assert (data_node.health, data_node.state, cells["version"]) == (Health.OK, "Running", "2.0.10")
    assert cells["endpoint"] == f"127.0.0.1:{cluster.ports.data_node}"
    missing, _ = found["ainode"]
    assert (missing.health, missing.state) == (Health.STOPPED, "absent")
    assert "start one here" in missing.reason and "node.start-ainode" not in missing.actions_off
    document = client.describe("plant/node/datanode-1").document
    ports = next(block for block in document.blocks if isinstance(block, TableBlock) and block.title == "Ports")
    assert (cluster.ports.client, "client", "open") in ports.rows


def test_models_come_with_an_ainode_stay_unknown_while_it_is_silent_and_go_with_it(
    cluster: Cluster, client: Any, until: Until, tmp_path: Path
) -> None:
    ainode = ScriptedAinode(cluster, tmp_path / "node")
    until(lambda: set(rows(client, "model")) == {"broken", "lazy"})
    lazy, cells = rows(client, "model")["lazy"]
    assert (lazy.health, lazy.parent, cells["instances"]) == (Health.OK, "plant/node/ainode", 0)
    broken, _ = rows(client, "model")["broken"]
    assert broken.health is Health.STOPPED and "weights" in broken.reason and "model.load" in broken.actions_off
    assert set(rows(client, "ai-device")) == {"cpu", "0"}
    assert facts(client.describe("plant/node/ainode").document)["Loaded instances"] == 0

    ainode.engine.load("lazy", ("cpu",))
    until(lambda: rows(client, "model")["lazy"][0].health is Health.DEGRADED)
    assert "0 instances on cpu" in rows(client, "model")["lazy"][0].reason
    ainode.engine.come_up.set()
    until(lambda: rows(client, "model")["lazy"][1]["devices"] == "cpu ×2")
    assert "It is loaded nowhere" not in text(client.describe("plant/model/lazy").document)
    assert dict(rows(client, "ai-device")["cpu"][1])["models"] == "lazy ×2"

    ainode.server.stop(0.0)
    until(lambda: rows(client, "node")["ainode"][0].state == "Unknown")
    silent = rows(client, "node")["ainode"][0]
    assert silent.health is Health.FAILED and "no heartbeat" in silent.reason
    assert rows(client, "model")["lazy"][0].health is Health.UNKNOWN, "what it said last stays to be seen"
    assert rows(client, "node")["datanode-1"][0].health is Health.OK
    until(lambda: ("iotdb.node-silent", "plant/node/ainode") in findings(client))

    session = Sql(cluster)
    session.do("REMOVE AINODE")
    session.close()
    until(lambda: rows(client, "node")["ainode"][0].state == "absent")
    assert rows(client, "model") == {} and rows(client, "ai-device") == {}
    until(lambda: ("iotdb.node-silent", "plant/node/ainode") not in findings(client))


def test_a_user_without_privileges_sees_why_and_what_is_left(client: Any, until: Until) -> None:
    until(lambda: "poor" in {each.backend for each in client.get("node").resources})
    hidden, _ = rows(client, "node", "poor")["ainode"]
    assert (hidden.health, hidden.state) == (Health.UNKNOWN, "hidden")
    assert "SYSTEM" in hidden.reason
    until(lambda: ("iotdb.privileges", "poor/node/ainode") in findings(client))
    assert page(client, "series", of="poor").page.resources == ()
    assert "SYSTEM" in str(client.describe("poor/node/ainode").document)


def test_two_backends_of_one_cluster_are_said(client: Any, until: Until) -> None:
    until(lambda: ("iotdb.same-cluster", "plant/node/ainode") in findings(client))
    assert ("iotdb.same-cluster", "poor/node/ainode") in findings(client)


def test_another_cluster_is_shown_beside_it_and_when_it_is_gone_nothing_else_is(
    make_iotdb: Callable[..., Cluster], cluster: Cluster, make_instance: Callable[..., Any], until: Until
) -> None:
    other = make_iotdb()
    client = make_instance(backend("plant", cluster) + backend("second", other), ()).client()
    until(lambda: all(len(rows(client, "node", name)) == 3 for name in ("plant", "second")))
    assert findings(client) == set()
    session = Sql(other)
    session.do("INSERT INTO root.elsewhere.d(time, s) VALUES (1, 2.0)")
    session.close()
    assert browsed(client, "database", of="second").keys() == {"root.elsewhere"}
    assert "root.elsewhere" not in browsed(client, "database")
    other.stop()
    until(lambda: any(each.name == "second" and each.state == "unreachable" for each in backends(client)))
    assert rows(client, "node")["datanode-1"][0].health is Health.OK
    assert DATABASE in browsed(client, "database")


def test_databases_of_both_data_models_are_browsed(client: Any) -> None:
    found = browsed(client, "database")
    assert (found[DATABASE]["model"], found[TABLES]["model"]) == ("tree", "table")
    assert found[DATABASE]["data_replicas"] == 1 and "information_schema" not in found
    assert browsed(client, "database", filter="model=table").keys() == {TABLES}
    assert browsed(client, "database", f"plant/node/{'datanode-1'}") == found


def test_devices_and_series_of_the_tree_with_how_much_they_have(client: Any) -> None:
    parent = f"plant/database/{DATABASE}"
    devices = browsed(client, "device", parent)
    assert set(devices) == {f"{DATABASE}.{name}" for name in ("press", "empty", "wide", "`odd.dev`")}
    assert devices[f"{DATABASE}.empty"]["aligned"] is True
    assert browsed(client, "device", filter="ODD.dev").keys() == {f"{DATABASE}.`odd.dev`"}
    press = browsed(client, "series", f"plant/device/{DATABASE}.press")
    found = press[f"{DATABASE}.press.t"]
    assert (found["type"], found["points"], found["value"]) == ("DOUBLE", 30, "14.5")
    assert (found["first"], found["last"]) == (1_700_000_000.0, 1_700_000_000.0 + 29 * 3600)
    odd = browsed(client, "series", f"plant/device/{DATABASE}.`odd.dev`")
    assert odd[ODD]["points"] == 1 and odd[ODD]["value"] == "7" and odd[ODD]["last"] == 5.0
    empty = browsed(client, "series", f"plant/device/{DATABASE}.empty")[f"{DATABASE}.empty.x"]
    assert (empty["points"], empty["last"], empty["value"]) == (0, None, None)


def test_many_series_come_page_by_page_in_one_order(client: Any) -> None:
    parent = f"plant/device/{DATABASE}.wide"
    seen: list[str] = []
    first = found = page(client, "series", parent, limit=200)
    while True:
        seen += [each.name for each in found.page.resources]
        if not found.page.next:
            break
        found = page(client, "series", parent, limit=200, cursor=found.page.next)
    assert (first.page.start, first.page.total, len(first.page.resources)) == (0, MANY, 200)
    assert len(seen) == len(set(seen)) == MANY
    last = page(client, "series", parent, limit=200, last=True).page
    assert [each.name for each in last.resources] == seen[-200:] and not last.next
    narrowed = page(client, "series", parent, filter="s44").page
    assert {each.name.rsplit(".", 1)[1] for each in narrowed.resources} == {
        "s44",
        *(f"s44{digit}" for digit in range(10)),
    }
    assert not narrowed.unfiltered and page(client, "series", parent, filter="s44 x").page.unfiltered


def test_tables_their_devices_and_their_columns(client: Any) -> None:
    parent = f"plant/database/{TABLES}"
    assert browsed(client, "table", parent).keys() == {f"{TABLES}.telemetry", f'{TABLES}."odd t""b"'}
    assert browsed(client, "table", filter=f"{TABLES}.tele").keys() == {f"{TABLES}.telemetry"}
    table = f"plant/table/{TABLES}.telemetry"
    columns = browsed(client, "series", table)
    assert columns[f"{TABLES}.telemetry.t"]["points"] == 3 and columns[f"{TABLES}.telemetry.n"]["points"] == 2
    chosen = browsed(client, "series", table, filter="press=4 type=DOUBLE")
    assert chosen.keys() == {f'{TABLES}.telemetry.t[press="4"]'}
    assert chosen[f'{TABLES}.telemetry.t[press="4"]']["value"] == "2.5"
    south = f'{TABLES}.telemetry[site="south",press="it\'s"]'
    assert browsed(client, "device", table).keys() == {f'{TABLES}.telemetry[site="north",press="4"]', south}
    of_device = browsed(client, "series", f"plant/device/{south}")
    assert of_device[f'{TABLES}.telemetry.t[site="south",press="it\'s"]']["points"] == 1
    odd = browsed(client, "series", f'plant/table/{TABLES}."odd t""b"')
    assert odd.keys() == {f'{TABLES}."odd t""b"."a b"'}


def test_series_of_both_data_models_are_one_list_at_the_top(client: Any) -> None:
    last = page(client, "series", last=True, limit=5).page
    assert f"{TABLES}.telemetry.t" in {each.name for each in last.resources} and last.previous
    below = browsed(client, "series", f"plant/database/{TABLES}")
    assert below.keys() == {f"{TABLES}.telemetry.t", f"{TABLES}.telemetry.n", f'{TABLES}."odd t""b"."a b"'}
    first = page(client, "series", limit=5).page
    assert all(each.name.startswith("root.") for each in first.resources)
    assert first.total is not None and first.total >= MANY + 6


def test_what_cannot_be_below_says_so(client: Any) -> None:
    for kind, parent in (
        ("table", f"plant/database/{DATABASE}"),
        ("device", f"plant/database/{TABLES}"),
        ("region", "plant/node/ainode"),
        ("device", f'plant/table/{TABLES}."odd t""b"'),
    ):
        with pytest.raises(UnsupportedError) as caught:
            page(client, kind, parent)
        assert caught.value.remedy
    with pytest.raises(NotFoundError):
        page(client, "series", f"plant/table/{TABLES}.nosuch")
    with pytest.raises(QuarterdeckError, match="is no path"):
        page(client, "series", f"plant/device/{DATABASE}.press, root.x")


def test_regions_and_settings(cluster: Cluster, client: Any) -> None:
    regions = browsed(client, "region", "plant/node/datanode-1")
    assert {cells["database"] for cells in regions.values()} >= {DATABASE, TABLES}
    assert {cells["role"] for cells in regions.values()} == {"leader"}
    assert regions == browsed(client, "region", "plant/node/confignode-0")
    below = browsed(client, "region", f"plant/database/{DATABASE}")
    assert {cells["database"] for cells in below.values()} == {DATABASE}
    settings = browsed(client, "configuration")
    assert settings["dn_rpc_port"] == {
        "value": str(cluster.ports.client),
        "default": "6667",
        "changed": True,
        "holds": "after a restart",
        "type": "int",
    }
    changed = [cells["changed"] for cells in settings.values()]
    assert changed == sorted(changed, reverse=True) and len(set(changed)) == 2, "changed ones stand first"
    described = client.describe("plant/configuration/slow_query_threshold").document
    assert facts(described)["A new value holds"] == "at once" and "slow" in text(described)


def test_a_series_is_described_with_what_a_forecast_has_to_know(client: Any) -> None:
    document = client.describe(f"plant/series/{DATABASE}.press.t").document
    known = facts(document)
    assert (known["Type"], known["Points"], known["Distance"]) == ("DOUBLE", 30, "1 h (all alike)")
    assert known["Rows of the device without it"] == 1
    [chart] = [block for block in document.blocks if isinstance(block, ChartBlock)]
    assert chart.series[0].values[-1] == 14.5 and len(chart.series[0].values) == 30
    assert "is no number" in text(client.describe(f"plant/series/{DATABASE}.press.name").document)
    mixed = text(client.describe(f"plant/series/{TABLES}.telemetry.n").document)
    assert "1 of the latest 3 rows are NULL" in mixed and "several devices" in mixed
    assert facts(client.describe(f"plant/series/{ODD}").document)["Last value"] == "7"


def test_everything_else_is_described(client: Any) -> None:
    [region, *_] = browsed(client, "region")
    for address in (
        f"database/{DATABASE}",
        f"database/{TABLES}",
        f"device/{DATABASE}.press",
        f'device/{TABLES}.telemetry[site="north",press="4"]',
        f"table/{TABLES}.telemetry",
        f"region/{region}",
        "configuration/dn_rpc_port",
        "node/confignode-0",
        "node/ainode",
    ):
        assert client.describe(f"plant/{address}").document.blocks, address
    assert facts(client.describe(f"plant/database/{DATABASE}").document)["Devices"] == 4
    for address in (
        "series/root.no.such",
        f"series/{TABLES}.telemetry.nosuch",
        "device/root.no",
        "table/no.such",
        "database/root.nosuch",
        "region/999",
        "configuration/nosuch",
    ):
        with pytest.raises(NotFoundError) as caught:
            client.describe(f"plant/{address}")
        assert caught.value.remedy
