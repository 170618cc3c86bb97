"""Every statement that an operator of a cluster and its AINode may make, in IoTDB's Python client and in its command line client, and what the console has for it.

The tables are to be read: a statement, the dialects that know it, what the server says, and what the console shows, does or says for the same; where it
has nothing, why.
"""

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import console_views as view
from console_program import Console
from iotdb_clients import CLIENTS, DIALECTS, Clients, cell
from iotdb_cluster import Cluster
from own_ainode import Rows, Sql

pytest.importorskip("sktime")

Until = Callable[[Callable[[], bool]], None]

HOUR = 3_600_000
START = 1_700_000_000_000 // HOUR * HOUR
COUNT = 120
VALUES = [round(10 + 5 * math.sin(math.pi * step / 12) + 0.01 * step, 6) for step in range(COUNT)]
#: What comes next when the last day is repeated.
SEASON = VALUES[-24:][:5]
AHEAD = [START + (COUNT + step) * HOUR for step in range(5)]

TREE = ("tree",)
TABLE = ("table",)
BOTH = DIALECTS

NAIVE = "naive_forecaster"
SERIES = "series/root.stated.d.s"
COLUMN = 'series/stated.t.v[dev="a"]'
ROWS = "(SELECT time, v FROM stated.t WHERE dev='a') ORDER BY time"


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


def do(action: str, name: str, *more: str) -> tuple[str, ...]:
    return ("do", action, f"plant/{name}", *more)


def describe(name: str) -> tuple[str, ...]:
    return ("describe", f"plant/{name}")


def call(model: str = NAIVE, columns: str = "s", **options: object) -> str:
    more = "".join(f", {name}={value}" for name, value in options.items())
    return f'CALL INFERENCE({model}, "SELECT {columns} FROM root.stated.d"{more})'


def function(model: str = NAIVE, columns: str = "s", more: str = "") -> str:
    return f"SELECT FORECAST({columns}, 'MODEL_ID'='{model}'{more}) FROM root.stated.d"


def forecast(more: str = "", model: str = NAIVE, source: str = f"targets => {ROWS}") -> str:
    return f"SELECT * FROM FORECAST(model_id => '{model}', {source}{more})"


def classify(model: str = "stray", argument: str = "input", more: str = "") -> str:
    return f"SELECT * FROM CLASSIFY(model_id => '{model}', {argument} => {ROWS}{more})"


@dataclass(frozen=True)
class Refused:
    """A statement that the server refuses with a code, and what the console says (`told`) when its command for the same is typed."""

    statement: str
    dialects: tuple[str, ...]
    code: int
    told: str
    command: tuple[str, ...] = ()
    """Empty where nothing that can be typed means this; `told` says why then."""

    def agree(self, clients: Clients, console: Console) -> None:
        for dialect in self.dialects:
            for client in CLIENTS:
                said = clients.error(client, dialect, self.statement)
                assert said.startswith(f"{self.code}: "), f"{client}, {dialect}: {said}"
        if self.command:
            said = console.refusal(*self.command)
            assert self.told in said, said


CREATE = ("model.create", "node/ainode", "--model")
INFER = ("series.infer", SERIES, "--model")
IN_TREE = ("series.forecast", SERIES, "--models")
IN_TABLE = ("series.forecast", COLUMN, "--models")
LABEL = ("series.classify", COLUMN, "--model")

ALONE = (
    Refused("SHOW MODELS", BOTH, 1011, "there is no plant/model/arima", describe("model/arima")),
    Refused("SHOW LOADED MODELS", BOTH, 1011, "there is no plant/ai-device/cpu", describe("ai-device/cpu")),
    Refused("SHOW AI_DEVICES", BOTH, 1011, "there is no plant/ai-device/cpu", describe("ai-device/cpu")),
    Refused("REMOVE AINODE", BOTH, 1500, "no AINode", do("node.remove-ainode", "node/ainode", "--confirm", "ainode")),
    Refused("CREATE MODEL mine USING URI 'file:///x'", BOTH, 1011, "start one", do(*CREATE, "mine", "--uri", "file:///x")),
    Refused(call("arima"), TREE, 301, "AINode", do(*INFER, "arima")),
    Refused(forecast(model="arima"), TABLE, 1011, "AINode", do(*IN_TABLE, "arima")),
)  # fmt: skip


@pytest.mark.parametrize("each", ALONE, ids=lambda each: each.statement[:50])
def test_what_is_refused_without_an_ainode(each: Refused, clients: Clients, console: Console) -> None:
    each.agree(clients, console)


def test_without_an_ainode_nobody_lists_one(clients: Clients, console: Console) -> None:
    for dialect in BOTH:
        assert clients.agreed(dialect, "SHOW AINODES").cells == []
    assert console.get("node")["ainode"]["state"] == "absent"
    assert console.get("model") == console.get("ai-device") == {}


@dataclass(frozen=True)
class Look:
    """A statement that shows something, the columns that are compared, and where the console has the same; or why it has not."""

    statement: str
    dialects: tuple[str, ...]
    columns: str
    console: view.View | str


_NODE = "nodetype nodeid status internaladdress internalport version buildinfo"
_NODES = view.nodes("type", "id", "state", "host", "port", "version", "build")
_PORTS = "internalport configconsensusport rpcport mppport schemaconsensusport dataconsensusport"
_AINODES = "nodeid status internaladdress internalport"
_MODEL = "modelid modeltype category state"
_LOADED = "deviceid modelid count(instances)"
_REGION = "regionid type status database datanodeid role seriesslotnum timeslotnum"
_DATABASE = "database schemareplicationfactor datareplicationfactor"
_ROLE = view.fact("node/confignode-0", "Role")
_CLUSTER_ID = view.fact("node/confignode-0", "Cluster id")
_VARIABLES = view.table("node/confignode-0", "The same on every node")
_SERVICES = view.table("node/datanode-1", "Services")
_SESSION = (
    "a property of one session: the console has sessions of both dialects, and shows the data of both side by side"
)
_OTHERS = "each client sees the statement itself; a query that others see is killed from everywhere below"
_FUNCTIONS = "the console looks for those that it needs, and greys what cannot be done without them"
_COSTS = "of all clients' queries together; the console measures its own (`metrics`)"

LOOKS = (
    Look("SHOW CLUSTER", BOTH, _NODE, _NODES),
    Look("SHOW CLUSTER DETAILS", BOTH, _PORTS, view.ports),
    Look("SHOW AINODES", BOTH, _AINODES, view.nodes("id", "state", "host", "port", of="AINode")),
    Look("SHOW CONFIGNODES", BOTH, "nodeid status internalport", view.nodes("id", "state", "port", of="ConfigNode")),
    Look("SHOW CONFIGNODES", BOTH, "role", _ROLE),
    Look("SHOW DATANODES", BOTH, "nodeid status", view.nodes("id", "state", of="DataNode")),
    Look("SHOW DATANODES", BOTH, "nodeid dataregionnum schemaregionnum", view.region_counts),
    Look("SHOW AI_DEVICES", BOTH, "deviceid devicetype", view.devices),
    Look("SHOW MODELS", BOTH, _MODEL, view.models()),
    Look("SHOW MODELS arima", BOTH, _MODEL, view.models("arima")),
    Look("SHOW MODELS nosuch", BOTH, _MODEL, view.models("nosuch")),
    Look("SHOW LOADED MODELS", BOTH, _LOADED, view.loaded),
    Look("SHOW LOADED MODELS 'cpu'", BOTH, _LOADED, view.loaded),
    Look("SHOW VERSION", BOTH, "version buildinfo", view.nodes("version", "build", of="DataNode")),
    Look("SHOW CLUSTERID", BOTH, "clusterid", _CLUSTER_ID),
    Look("SHOW CLUSTER_ID", TABLE, "clusterid", _CLUSTER_ID),
    Look("SHOW AVAILABLE URLS", BOTH, "rpcaddress rpcport", view.client_addresses),
    Look("SHOW VARIABLES", BOTH, "variable value", _VARIABLES),
    Look("SHOW SERVICES", BOTH, "servicename state", _SERVICES),
    Look("SHOW REGIONS", TREE, _REGION, view.regions("tree")),
    Look("SHOW REGIONS", TABLE, _REGION, view.regions("table")),
    Look("SHOW DATABASES", TREE, _DATABASE, view.databases("tree")),
    Look("SHOW DEVICES", TREE, "device", view.names("device", "plant/database/root.stated")),
    Look("SHOW TIMESERIES", TREE, "timeseries datatype encoding compression", view.series("plant/database/root.stated")),
    Look("SHOW TABLES FROM stated", TABLE, "tablename", view.names("table", "plant/database/stated")),
    Look("SHOW DEVICES FROM stated.t", TABLE, "dev", view.tag_values("plant/table/stated.t")),
    Look("DESC stated.t", TABLE, "columnname category datatype", view.columns("table/stated.t")),
    Look("COUNT DEVICES root.stated.**", TREE, "count(devices)", view.fact("database/root.stated", "Devices")),
    Look("COUNT TIMESERIES root.stated.**", TREE, "count(timeseries)", view.fact("database/root.stated", "Series")),
    Look("SELECT * FROM information_schema.databases WHERE database = 'stated'", TABLE, _DATABASE, view.databases("table")),
    Look("SELECT * FROM information_schema.tables WHERE database = 'stated'", TABLE, "tablename", view.names("table", "plant/database/stated")),
    Look("SELECT * FROM information_schema.columns WHERE database = 'stated'", TABLE, "columnname category datatype", view.columns("table/stated.t")),
    Look("SELECT * FROM information_schema.nodes", TABLE, _NODE, _NODES),
    Look("SELECT * FROM information_schema.config_nodes", TABLE, "role", _ROLE),
    Look("SELECT * FROM information_schema.data_nodes", TABLE, "rpcaddress rpcport", view.client_addresses),
    Look("SELECT * FROM information_schema.services", TABLE, "servicename state", _SERVICES),
    Look("SELECT * FROM information_schema.configurations", TABLE, "variable value", _VARIABLES),
    Look("SELECT * FROM information_schema.regions", TABLE, _REGION, view.regions("table")),
    Look("SELECT DISTINCT user_name, client_ip FROM information_schema.connections", TABLE, "username clientip", view.connected),
    Look("SELECT DISTINCT user FROM information_schema.queries", TABLE, "user", _OTHERS),
    Look("SELECT DISTINCT user FROM information_schema.current_queries", TABLE, "user", _OTHERS),
    Look("SHOW CURRENT_SQL_DIALECT", BOTH, "currentsqldialect", _SESSION),
    Look("SHOW CURRENT_DATABASE", TABLE, "currentdatabase", _SESSION),
    Look("SHOW CURRENT_USER", BOTH, "currentuser", "the user of a backend is in the console's configuration"),
    Look("LIST PRIVILEGES OF USER root", BOTH, "scope privileges", "`backend test` tells what the user may do"),
    Look("SHOW FUNCTIONS", BOTH, "functionname state", _FUNCTIONS),
    Look("SELECT * FROM information_schema.functions", TABLE, "functiontable state", _FUNCTIONS),
    Look("SELECT bin FROM information_schema.queries_costs_histogram", TABLE, "bin", _COSTS),
)  # fmt: skip


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


REFUSED = (
    Refused("LOAD MODEL nosuch TO DEVICES 'cpu'", BOTH, 1504, "there is no plant/model/nosuch", do("model.load", "model/nosuch")),
    Refused("LOAD MODEL stray TO DEVICES '9'", BOTH, 1508, "no device '9'", do("model.load", "model/stray", "--devices", "9")),
    Refused("LOAD MODEL stray TO DEVICES 'cpu,cpu'", BOTH, 1509, "twice", do("model.load", "model/stray", "--devices", "cpu,cpu")),
    Refused("UNLOAD MODEL nosuch FROM DEVICES 'cpu'", BOTH, 1504, "there is no plant/model/nosuch", do("model.unload", "model/nosuch", "--yes")),
    Refused("UNLOAD MODEL arima FROM DEVICES 'cpu,cpu'", BOTH, 1510, "twice", do("model.unload", "model/arima", "--devices", "cpu,cpu", "--yes")),
    Refused("SHOW LOADED MODELS '9'", BOTH, 1508, "there is no plant/ai-device/9", describe("ai-device/9")),
    Refused("DROP MODEL arima", BOTH, 1506, "built in", do("model.drop", "model/arima", "--confirm", "arima")),
    Refused("DROP MODEL nosuch", BOTH, 1504, "there is no plant/model/nosuch", do("model.drop", "model/nosuch", "--confirm", "nosuch")),
    Refused("CREATE MODEL mine USING URI 'repo://x'", BOTH, 701, "file:// URIs only", do(*CREATE, "mine", "--uri", "repo://x")),
    Refused("CREATE MODEL mine USING URI 'file:///etc/passwd'", BOTH, 1505, "/etc/passwd", do(*CREATE, "mine", "--uri", "file:///etc/passwd")),
    Refused("CREATE MODEL arima USING URI 'file:///x'", BOTH, 1503, "there is a model arima already", do(*CREATE, "arima", "--uri", "file:///x")),
    Refused("CREATE MODEL m2 FROM MODEL arima ON DATASET ('SELECT time, v FROM stated.t')", TABLE, 1011, "cannot fine-tune", do("model.fine-tune", "model/arima")),
    Refused("CREATE MODEL m2 FROM MODEL arima ON DATASET (PATH root.stated.d.s)", TREE, 1011, "cannot fine-tune", do("model.fine-tune", "model/arima")),
    Refused("KILL QUERY '20200101_000000_00001_1'", BOTH, 714, "there is no plant/query/", do("query.kill", "query/20200101_000000_00001_1", "--yes")),
    Refused(call("nosuch"), TREE, 301, "no model 'nosuch'", do(*INFER, "nosuch")),
    Refused(call(outputLength=0), TREE, 301, "length cannot be 0", do(*INFER, NAIVE, "--length", "0")),
    Refused(call(outputLength=2881), TREE, 301, "length cannot be 2881", do(*INFER, NAIVE, "--length", "2881")),
    Refused(call(sq=24), TREE, 301, "sq", do(*INFER, NAIVE, "--set", f"{NAIVE}.sq=24")),
    Refused(function("nosuch"), TREE, 301, "no model 'nosuch'", do(*IN_TREE, "nosuch")),
    Refused(forecast(model="nosuch"), TABLE, 1504, "no model 'nosuch'", do(*IN_TABLE, "nosuch")),
    Refused(forecast(", output_length => 0"), TABLE, 701, "horizon cannot be 0", do(*IN_TABLE, NAIVE, "--horizon", "0")),
    Refused(forecast(", output_length => 2881"), TABLE, 1512, "horizon cannot be 2881", do(*IN_TABLE, NAIVE, "--horizon", "2881")),
    Refused(forecast(", model_options => 'sq=24'"), TABLE, 1512, "sq", do(*IN_TABLE, NAIVE, "--set", f"{NAIVE}.sq=24")),
    Refused(classify("nosuch"), TABLE, 1504, "no model 'nosuch'", do(*LABEL, "nosuch")),
    Refused(classify(more=", model_options => 'k=3'"), TABLE, 701, "options", do(*LABEL, "stray", "--set", "stray.k=3")),
    Refused(call(columns="s, i"), TREE, 701, "a series is one column"),
    Refused(function(columns="s, i"), TREE, 301, "a series is one column"),
    Refused(forecast(source="targets => (SELECT time, v, n FROM stated.t) ORDER BY time"), TABLE, 701, "a series is one column"),
    Refused(forecast(source=f"input => {ROWS}"), TABLE, 701, "names of arguments are the console's affair: this one is of 2.0.5 to 2.0.7"),
    Refused(classify(argument="inputs"), TABLE, 701, "this one is TimechoDB's"),
    Refused(forecast(", history_covs => 'SELECT time, n FROM stated.t'"), TABLE, 701, "TimechoDB has covariates, as `backend test` says"),
    Refused(forecast(f", output_start_time => {START}"), TABLE, 701, "a forecast goes on after the last row"),
    Refused(forecast(", timecol => 'nosuch'"), TABLE, 701, "the table's own time column is used"),
    Refused("SELECT * FROM information_schema.models", TABLE, 550, "2.0.8 gave it up"),
    Refused("SHOW CONFIGURATION", TREE, 700, "the console asks in the other dialect"),
    Refused("SHOW CLUSTER_ID", TREE, 700, "the console asks for CLUSTERID, which both know"),
    Refused(call(), TABLE, 700, "the console refuses series of tables, with what to use instead"),
    Refused(function(), TABLE, 701, "the console uses the function of tables for them"),
)  # fmt: skip


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
