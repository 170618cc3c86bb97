"""Every statement that an operator of a cluster and its AINode may make, in IoTDB's Python client and in its command line client, and what the console has for it.

What is shown and what is refused stands in tables: `statement_tables.py`.
"""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import console_views as view
from console_program import Console
from iotdb_clients import CLIENTS, Clients, cell
from iotdb_cluster import Cluster
from own_ainode import Rows, Sql
from statement_tables import (
    AHEAD,
    ALONE,
    BOTH,
    COUNT,
    CREATE,
    HOUR,
    IN_TABLE,
    IN_TREE,
    INFER,
    LABEL,
    LOOKS,
    NAIVE,
    REFUSED,
    SEASON,
    START,
    VALUES,
    Look,
    Refused,
    call,
    classify,
    forecast,
    function,
)

pytest.importorskip("sktime")

Until = Callable[[Callable[[], bool]], None]


@pytest.fixture(scope="module")
def cluster(make_iotdb: Callable[..., Cluster]) -> Cluster:
    """A cluster of this module's own: there can be one AINode in it."""
    found = make_iotdb()
    tree, table = Sql(found), Sql(found, "table")
    rows = ", ".join(f"({START + i * HOUR}, {VALUES[i]}, {i})" for i in range(COUNT))
    tree.do(f"INSERT INTO root.stated.d(time, s, i) VALUES {rows}")
    rows = ", ".join(f"({START + i * HOUR}, '{dev}', {VALUES[i]}, {i})" for dev in ("a", "b") for i in range(COUNT))
    table.do(
        "CREATE DATABASE stated",
        "CREATE TABLE stated.t(dev STRING TAG, v DOUBLE FIELD, n INT32 FIELD)",
        f"INSERT INTO stated.t(time, dev, v, n) VALUES {rows}",
    )
    tree.close()
    table.close()
    return found


@pytest.fixture(scope="module")
def specification(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's model."""
    folder = tmp_path_factory.mktemp("mine")
    (folder / "model.toml").write_text('base = "naive_forecaster"\n[parameters]\nstrategy = "drift"\n', "utf-8")
    return folder


@pytest.fixture(scope="module")
def instance(cluster: Cluster, make_instance: Callable[..., Any]) -> Any:
    nodes = f'type = "ainode.iotdb"\nnodes = ["{cluster.client_url}"]\n'
    found = make_instance(f"[backends.plant]\n{nodes}refresh = 0.5\nrefresh_background = 1\n", ())
    found.client()
    return found


@pytest.fixture(scope="module")
def console(instance: Any) -> Console:
    return Console(instance.environment, "plant")


@pytest.fixture(scope="module")
def clients(cluster: Cluster) -> Iterator[Clients]:
    found = Clients(cluster)
    yield found
    found.close()


@pytest.fixture(scope="module")
def ainode(console: Console, specification: Path) -> None:
    """Our AINode, started by the console, with a model loaded."""
    start(console, specification)
    console.do("model.load", "model/arima", "--devices", "cpu")


def start(console: Console, specification: Path) -> None:
    console.do("node.start-ainode", "node/ainode", "--workers", "1", "--trust", str(specification))


@pytest.mark.parametrize("each", ALONE, ids=lambda each: each.statement[:50])
def test_what_is_refused_without_an_ainode(each: Refused, clients: Clients, console: Console) -> None:
    each.agree(clients, console)


def test_without_an_ainode_nobody_lists_one(clients: Clients, console: Console) -> None:
    for dialect in BOTH:
        assert clients.agreed(dialect, "SHOW AINODES").cells == []
    assert console.get("node")["ainode"]["state"] == "absent"
    assert console.get("model") == console.get("ai-device") == {}


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look.statement}: {look.columns}")
def test_what_is_shown(look: Look, clients: Clients, console: Console, ainode: None) -> None:
    def chosen(found: Rows) -> list[tuple[str, ...]]:
        places = [found.titles.index(column) for column in look.columns.split()]
        return sorted(tuple(str(row[place]) for place in places) for row in found.cells)

    for dialect in look.dialects:
        python, cli = (clients.answer(client, dialect, look.statement) for client in CLIENTS)
        assert cli.titles == python.titles
        assert chosen(cli) == chosen(python)
        if not isinstance(look.console, str):
            shown = sorted(tuple("" if each is None else str(each) for each in row) for row in look.console(console))
            assert [tuple(map(str.lower, row)) for row in shown] == [
                tuple(map(str.lower, row)) for row in chosen(python)
            ]


@pytest.mark.parametrize("each", REFUSED, ids=lambda each: each.statement)
def test_what_is_refused(each: Refused, clients: Clients, console: Console, ainode: None) -> None:
    each.agree(clients, console)


def seen_by_clients(clients: Clients, statement: str, row: list[str]) -> set[bool]:
    """Whether a row is in what each client gives in each dialect: one answer when all agree."""
    return {row in clients.answer(client, dialect, statement).cells for client in CLIENTS for dialect in BOTH}


def test_models_are_loaded_and_unloaded_from_everywhere(
    clients: Clients, console: Console, ainode: None, until: Until
) -> None:
    def seen() -> set[bool]:
        console.forget()
        shown = ("cpu", "holtwinters", 1) in view.loaded(console)
        return {shown, *seen_by_clients(clients, "SHOW LOADED MODELS", ["cpu", "holtwinters", "1"])}

    for load, unload in (("console", "python"), ("cli", "console"), ("python", "cli")):
        if load == "console":
            console.do("model.load", "model/holtwinters")
        else:
            clients.do(load, "LOAD MODEL holtwinters TO DEVICES 'cpu'")
        until(lambda: seen() == {True})
        if unload == "console":
            console.do("model.unload", "model/holtwinters", "--yes")
        else:
            clients.do(unload, "UNLOAD MODEL holtwinters FROM DEVICES 'cpu'")
        until(lambda: seen() == {False})


def test_models_are_created_and_dropped_from_everywhere(
    clients: Clients, console: Console, ainode: None, specification: Path, until: Until
) -> None:
    row = ["mine", "sktime", "user_defined", "active"]

    def seen() -> set[bool]:
        console.forget()
        return {tuple(row) in view.models()(console), *seen_by_clients(clients, "SHOW MODELS", row)}

    uri = f"{specification.as_uri()}/model.toml"
    for create, drop in (("console", "python"), ("cli", "console"), ("python", "cli")):
        if create == "console":
            console.do(*CREATE, "mine", "--uri", uri)
        else:
            clients.do(create, f"CREATE MODEL mine USING URI '{uri}'")
        until(lambda: seen() == {True})
        if drop == "console":
            console.do("model.drop", "model/mine", "--confirm", "mine")
        else:
            clients.do(drop, "DROP MODEL mine")
        until(lambda: seen() == {False})


def test_all_settings_are_shown(clients: Clients, console: Console) -> None:
    shown = {name: (value, default) for name, value, default in view.settings(console)}
    every = clients.agreed("table", "SHOW ALL CONFIGURATION").cells
    assert len(every) > 300
    assert shown == {name: (value or default, default) for name, value, default in every}
    chosen = clients.agreed("table", "SHOW CONFIGURATION").cells
    assert {name: shown[str(name)] for name, _, _ in chosen} == {row[0]: tuple(row[1:]) for row in chosen}
    described = clients.answer("python", "table", "SHOW ALL CONFIGURATION WITH DESC")
    meanings = dict(zip(described.column(), described.column(3), strict=True))
    assert "effectiveMode: hot_reload" in str(meanings["slow_query_threshold"])
    assert console.facts("configuration/slow_query_threshold")["A new value holds"] == "at once"


def test_the_configuration_is_set_from_everywhere(
    clients: Clients, console: Console, ainode: None, until: Until
) -> None:
    key = "slow_query_threshold"

    def values() -> set[str]:
        console.forget()
        asked = [row[1] for row in clients.agreed("table", "SHOW CONFIGURATION").cells if row[0] == key]
        return {str(each) for each in (console.facts(f"configuration/{key}")["Value"], *asked)}

    console.do("node.set-configuration", "node/datanode-1", "--setting", key, "--value", "21001", "--yes")
    until(lambda: values() == {"21001"})
    for client, value in (("python", "21002"), ("cli", "21003")):
        clients.do(client, f"SET CONFIGURATION \"{key}\"='{value}'")
        until(lambda value=value: values() == {value})


def test_a_query_is_seen_and_killed_from_everywhere(
    cluster: Cluster, clients: Clients, console: Console, instance: Any, ainode: None, until: Until
) -> None:
    statement = call(outputLength=1)
    [node] = [each for each in instance.processes() if "quarterdeck_api.process_program" in each.cmdline()]
    workers = node.children(recursive=True)

    def infer(said: list[str]) -> None:
        session = Sql(cluster)
        try:
            said.append(str(session.query(statement)))
        except Exception as error:
            said.append(str(error))
        finally:
            session.close()

    def running() -> set[str]:
        """The query, as both clients and the console list it."""
        console.forget()
        listed = [clients.answer(client, "tree", "SHOW QUERIES") for client in CLIENTS]
        at_clients = [{row[each.titles.index("queryid")] for row in each.cells if statement in row} for each in listed]
        return {str(each) for each in at_clients[0] & at_clients[1]} & set(console.get("query"))

    for killer in (*CLIENTS, "console", "all"):
        said: list[str] = []
        thread = threading.Thread(target=infer, args=(said,))
        for worker in workers:
            worker.suspend()  # It would answer before anybody has seen the query.
        try:
            thread.start()
            until(lambda: len(running()) == 1)
            [query] = running()
            if killer == "console":
                console.do("query.kill", f"query/{query}", "--yes")
            elif killer == "all":  # In the console several are marked, or named in one command.
                clients.do("cli", "KILL ALL QUERIES")
            else:
                clients.do(killer, f"KILL QUERY '{query}'")
        finally:
            for worker in workers:
                worker.resume()
            thread.join(60)
        assert said and said[0].startswith("715: "), said


def values_of(result: Any, model: str = NAIVE) -> list[float]:
    return next(each["values"] for each in result["forecasts"] if each["model"] == model)


def texts(moments: list[int]) -> list[str]:
    return [str(each) for each in moments]


def test_a_session_changes_its_dialect(clients: Clients) -> None:
    """The console does not need this: it has sessions of both."""
    for client in CLIENTS:
        for dialect in ("table", "tree"):
            clients.do(client, f"SET SQL_DIALECT={dialect}", "tree")
            assert clients.answer(client, "tree", "SHOW CURRENT_SQL_DIALECT").cells == [[dialect.upper()]]


def test_call_inference(clients: Clients, console: Console, ainode: None) -> None:
    found = clients.agreed("tree", call(outputLength=5, sp=24, generateTime="true"))
    plain = clients.agreed("tree", call(outputLength=5, sp=24))
    assert plain.titles == ["output"]
    assert plain.numbers() == found.numbers(1) == SEASON
    assert len(clients.agreed("tree", call(sp=24)).cells) == 96
    done = console.do(*INFER, NAIVE, "--length", "5", "--set", f"{NAIVE}.sp=24")
    assert done["values"] == SEASON
    assert [cell(each) for each in done["server_times"]] == found.column()
    assert [cell(each) for each in done["times"]] == texts(AHEAD)


def test_the_tree_function(clients: Clients, console: Console, ainode: None) -> None:
    found = clients.agreed("tree", function(more=", 'OUTPUT_LENGTH'='5', 'MODEL_OPTIONS'='sp=24'"))
    assert (found.column(), found.numbers(1)) == (texts(AHEAD), SEASON)
    done = console.do(*IN_TREE, NAIVE, "--horizon", "5", "--folds", "0", "--set", f"{NAIVE}.sp=24")
    assert (done["moments"], values_of(done)) == (AHEAD, SEASON)


def test_the_table_function(clients: Clients, console: Console, ainode: None) -> None:
    found = clients.agreed("table", forecast(", output_length => 5, model_options => 'sp=24'"))
    assert (found.column(), found.numbers(1)) == (texts(AHEAD), SEASON)
    done = console.do(*IN_TABLE, NAIVE, "--horizon", "5", "--folds", "0", "--set", f"{NAIVE}.sp=24")
    assert (done["moments"], values_of(done)) == (AHEAD, SEASON)


def test_lists_among_options_pass_every_client(clients: Clients, ainode: None) -> None:
    """IoTDB's command line would end these statements at a semicolon, and the server tears options apart at commas."""
    options = "order=0 1 0,trend=n"
    table = clients.agreed("table", forecast(f", output_length => 2, model_options => '{options}'", "arima"))
    tree = clients.agreed("tree", function("arima", more=f", 'OUTPUT_LENGTH'='2', 'MODEL_OPTIONS'='{options}'"))
    called = clients.agreed("tree", call("arima", outputLength=2, order="'0 1 0'", trend="n"))
    assert table.numbers(1) == tree.numbers(1) == called.numbers() == [VALUES[-1]] * 2


def test_classify(clients: Clients, console: Console, ainode: None) -> None:
    found = clients.agreed("table", classify())
    done = console.do(*LABEL, "stray")
    assert texts(done["labels"]) == found.column(found.titles.index("category"))
    assert texts(done["moments"]) == found.column()


#: Parameters of FORECAST in tables, and how many rows come with them.
PARAMETERS = (
    ("", 96),  # In the console --horizon, whose default is 12.
    (", output_length => 2", 2),  # --horizon 2
    (", output_length => 2, model_options => 'strategy=drift,sp=1'", 2),  # --set naive_forecaster.strategy=drift
    (f", output_length => 2, output_start_time => {START + 500 * HOUR}", 2),  # Nothing: it goes on after the last row.
    (", output_length => 2, output_interval => 30m", 2),  # Nothing: the step of the rows, as the calendar has it.
    (", output_length => 2, timecol => 'time'", 2),  # Nothing: the table's own time column.
    (", output_length => 2, preserve_input => true", COUNT + 2),  # --save-history
)


@pytest.mark.parametrize(("more", "rows"), PARAMETERS)
def test_parameters_of_the_table_function(more: str, rows: int, clients: Clients, ainode: None) -> None:
    assert len(clients.agreed("table", forecast(more)).cells) == rows


def test_partitions(clients: Clients, ainode: None) -> None:
    """In the console each series of a table is one of its own, and several are forecast in one request."""
    source = "targets => (SELECT time, dev, v FROM stated.t) PARTITION BY dev ORDER BY time"
    found = clients.agreed("table", forecast(", output_length => 2", source=source) + " ORDER BY dev")
    assert found.column(found.titles.index("dev")) == ["a", "a", "b", "b"]


def test_the_ainode_is_removed_from_everywhere(
    clients: Clients, console: Console, ainode: None, specification: Path, until: Until
) -> None:
    def gone() -> bool:
        console.forget()
        asked = [clients.answer(client, dialect, "SHOW AINODES").cells for client in CLIENTS for dialect in BOTH]
        return not any(asked) and console.get("node")["ainode"]["state"] == "absent"

    for remover, statement in (("python", "REMOVE AINODE"), ("cli", "REMOVE AINODE 99"), ("console", "")):
        if remover == "console":
            console.do("node.remove-ainode", "node/ainode", "--confirm", "ainode")
        else:
            clients.do(remover, statement)  # Of a number the server takes no notice: there is one AINode.
        until(gone)
        if remover != "console":
            start(console, specification)
