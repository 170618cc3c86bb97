"""The statements that an operator of a cluster and its AINode may make, and what the console has for each.

To be read: a statement, the dialects that know it, what the server says, and what the console shows or says for the same; where it has nothing, why.
What changes something is not here, but in `test_statements.py`, where it is done from everywhere.
"""

import math
from dataclasses import dataclass

import console_views as view
from console_program import Console
from iotdb_clients import CLIENTS, DIALECTS, Clients

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
_OTHERS = "each client sees the statement itself; a query that others see is killed from everywhere in the tests"
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
