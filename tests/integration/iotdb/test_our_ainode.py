"""Our AINode in a real cluster: every statement that reaches an AINode, through IoTDB's own client, and what the models answer."""

import contextlib
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from random import Random

import numpy as np
import psutil
import pytest

from iotdb_cluster import Cluster
from own_ainode import OwnAinode, Rows, Sql, until
from quarterdeck_ainode.models.catalogue import MODELS

HOUR = 3_600_000
START = 1_700_000_000_000 // HOUR * HOUR
VALUES = [round(10 + 5 * np.sin(2 * np.pi * step / 24) + 0.01 * step, 6) for step in range(200)]


@pytest.fixture(scope="module")
def cluster(make_iotdb: Callable[..., Cluster]) -> Cluster:
    """A cluster of this module's own: there can be one AINode in it."""
    found = make_iotdb()
    tree = Sql(found)
    for begin in range(0, len(VALUES), 100):
        rows = ", ".join(f"({START + i * HOUR}, {VALUES[i]}, {i})" for i in range(begin, begin + 100))
        tree.do(f"INSERT INTO root.ours.d(time, s, i) VALUES {rows}")
    tree.close()
    table = Sql(found, "table")
    table.do("CREATE DATABASE ours", "USE ours", "CREATE TABLE t(dev STRING TAG, v DOUBLE FIELD, n INT32 FIELD)")
    for begin in range(0, len(VALUES), 100):
        rows = ", ".join(
            f"({START + i * HOUR}, '{dev}', {VALUES[i] * scale}, {i})"
            for dev, scale in (("a", 1), ("b", 2))
            for i in range(begin, begin + 100)
        )
        table.do(f"INSERT INTO t(time, dev, v, n) VALUES {rows}")
    table.close()
    return found


@pytest.fixture(scope="module")
def ainode(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnAinode]:
    with OwnAinode(
        cluster, tmp_path_factory.mktemp("ainode") / "node", "--port", "0", "--workers", "2"
    ).member() as node:
        yield node


@pytest.fixture
def tree(cluster: Cluster, ainode: OwnAinode) -> Iterator[Sql]:
    with Sql(cluster) as found:
        yield found


@pytest.fixture
def table(cluster: Cluster, ainode: OwnAinode) -> Iterator[Sql]:
    with Sql(cluster, "table", "ours") as found:
        yield found


def _call(model: str, query: str = "SELECT s FROM root.ours.d", **options: object) -> str:
    words = "".join(f", {name}={value}" for name, value in options.items())
    return f'CALL INFERENCE({model}, "{query}"{words})'


def _forecast(model: str, more: str = "", source: str = "SELECT time, v FROM t WHERE dev='a'") -> str:
    return f"SELECT * FROM FORECAST(model_id => '{model}', targets => ({source}) ORDER BY time{more})"


def _times(shown: Rows) -> list[int]:
    """The first column of a query of the table dialect, in milliseconds."""
    return [round(datetime.fromisoformat(str(text)).timestamp() * 1000) for text in shown.column()]


def test_the_node_is_listed(tree: Sql, ainode: OwnAinode) -> None:
    shown = tree.query("SHOW CLUSTER")
    [row] = [cells for cells in shown.cells if cells[1] == "AINode"]
    assert row[2] == "Running"
    assert row[5] == "2.0.10"
    assert str(row[6]).startswith("quarterdeck")
    assert f"node {row[0]} of the cluster defaultCluster" in ainode.log()


def test_show_models(tree: Sql, table: Sql) -> None:
    for session in (tree, table):
        shown = session.query("SHOW MODELS")
        assert shown.titles == ["ModelId", "ModelType", "Category", "State"]
        assert set(shown.column()) >= {model.id for model in MODELS}
        assert {tuple(row[2:]) for row in shown.cells if row[0] == "arima"} == {("builtin", "active")}
        assert session.query("SHOW MODELS arima").column() == ["arima"]
        assert session.query("SHOW MODELS nosuch").cells == []


def test_show_ai_devices(tree: Sql) -> None:
    shown = tree.query("SHOW AI_DEVICES")
    assert shown == Rows(["DeviceId", "DeviceType"], [["cpu", "cpu"]])


def test_load_and_unload(tree: Sql) -> None:
    tree.do("LOAD MODEL naive_forecaster TO DEVICES 'cpu'")
    until(lambda: ["cpu", "naive_forecaster", "2"] in tree.query("SHOW LOADED MODELS").cells)
    assert ["cpu", "naive_forecaster", "2"] in tree.query("SHOW LOADED MODELS 'cpu'").cells
    tree.do("UNLOAD MODEL naive_forecaster FROM DEVICES 'cpu'")
    until(lambda: "naive_forecaster" not in tree.query("SHOW LOADED MODELS").column(1))


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("LOAD MODEL nosuch TO DEVICES 'cpu'", "1504"),
        ("LOAD MODEL arima TO DEVICES '9'", "1508"),
        ("LOAD MODEL arima TO DEVICES 'cpu,cpu'", "1509"),
        ("UNLOAD MODEL nosuch FROM DEVICES 'cpu'", "1504"),
        ("UNLOAD MODEL arima FROM DEVICES 'cpu,cpu'", "1510"),
        ("SHOW LOADED MODELS '9'", "1508"),
        ("DROP MODEL arima", "1506"),
        ("DROP MODEL nosuch", "1504"),
        ("CREATE MODEL mine USING URI 'repo://x/y'", "701"),
        ("CREATE MODEL mine USING URI 'file:relative'", "1505"),
        ("CREATE MODEL mine USING URI 'file:///etc/passwd'", "1505"),
        ("CREATE MODEL arima USING URI 'file:///tmp/x'", "1503"),
    ],
)
def test_management_errors_keep_their_numbers(tree: Sql, statement: str, code: str) -> None:
    told = tree.error(statement)
    assert told.startswith(f"{code}: "), told


def test_a_users_model(tree: Sql, ainode: OwnAinode) -> None:
    name = f"mine_{uuid.uuid4().hex[:6]}"
    folder = ainode.folder / "specifications"
    (folder / f"{name}.toml").write_text('base = "naive_forecaster"\n[parameters]\nstrategy = "drift"\n', "utf-8")
    tree.do(f"CREATE MODEL {name} USING URI 'file://{folder}/{name}.toml'")
    assert tree.query(f"SHOW MODELS {name}").cells[0][2:] == ["user_defined", "active"]
    assert tree.error(f"CREATE MODEL {name} USING URI 'file://{folder}/{name}.toml'").startswith("1503: ")
    drift = (VALUES[-1] - VALUES[0]) / (len(VALUES) - 1)
    found = tree.query(_call(name, outputLength=2)).numbers()
    assert found == pytest.approx([VALUES[-1] + drift, VALUES[-1] + 2 * drift])
    tree.do(f"DROP MODEL {name}")
    assert tree.query(f"SHOW MODELS {name}").cells == []
    assert tree.error(_call(name)).startswith("301: ")


def test_fine_tuning_cannot_reach_any_ainode(table: Sql) -> None:
    """The server itself cannot send it; if a later one can, the node refuses with a sentence."""
    told = table.error("CREATE MODEL tuned FROM MODEL arima ON DATASET ('SELECT time, v FROM ours.t')")
    assert told.startswith("1011: ") or "does not fine-tune" in told


def test_call_inference(tree: Sql) -> None:
    last = [VALUES[-1]] * 4
    assert tree.query(_call("naive_forecaster", outputLength=4, sp=1)).numbers() == last
    season = tree.query(_call("naive_forecaster", outputLength=24, sp=24)).numbers()
    assert season == pytest.approx(VALUES[-24:])
    assert len(tree.query(_call("naive_forecaster", sp=1)).numbers()) == 96
    timed = tree.query(_call("naive_forecaster", outputLength=4, sp=1, generateTime="true"))
    assert timed.titles == ["Time", "output"]
    whole = tree.query(_call("naive_forecaster", "SELECT i FROM root.ours.d", outputLength=2, sp=1))
    assert whole.numbers() == [199.0, 199.0]
    assert tree.query(_call("naive_forecaster", "SELECT nosuch FROM root.ours.d")).cells == []


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (_call("nosuch"), "SHOW MODELS"),
        (_call("naive_forecaster", sq=24), "no option 'sq'"),
        (_call("naive_forecaster", sp="many"), "sp"),
        (_call("naive_forecaster", outputLength=0), "0"),
        (_call("naive_forecaster", outputLength=100_000), "100000"),
        (_call("naive_forecaster", outputLength="many"), "many"),
        (_call("stl_forecaster", "SELECT s FROM root.ours.d LIMIT 1"), "needs at least 4 observations"),
    ],
)
def test_inference_errors_are_sentences(tree: Sql, statement: str, told: str) -> None:
    found = tree.error(statement)
    assert found.startswith("301: Error occurred while executing inference:["), found
    assert told in found


def test_two_columns_are_refused_by_the_server(tree: Sql) -> None:
    assert tree.error(_call("arima", "SELECT s, i FROM root.ours.d")).startswith("701: ")


def test_the_tree_function_has_the_right_time_axis(tree: Sql) -> None:
    shown = tree.query("SELECT FORECAST(s, 'MODEL_ID'='naive_forecaster', 'OUTPUT_LENGTH'='3') FROM root.ours.d")
    assert shown.column() == [str(START + (200 + step) * HOUR) for step in range(3)]
    own = "SELECT FORECAST(s, 'MODEL_ID'='naive_forecaster', 'OUTPUT_LENGTH'='24', 'MODEL_OPTIONS'='sp=24') "
    assert tree.query(own + "FROM root.ours.d").numbers(1) == pytest.approx(VALUES[-24:])


def test_official_answers_on_request(tree: Sql) -> None:
    """The official node begins at the last observation, in single precision, with its default parameters."""
    shown = tree.query(_call("naive_forecaster", outputLength=3, horizon="'ainode'")).numbers()
    single = np.array(VALUES, np.float32)
    assert shown == [float(single[-2]), float(single[-1]), float(single[-1])]


def test_the_table_function(table: Sql) -> None:
    shown = table.query(_forecast("naive_forecaster", ", output_length => 3"))
    assert shown.titles == ["time", "v"]
    assert _times(shown) == [START + (200 + step) * HOUR for step in range(3)]
    plain = table.query(_forecast("naive_forecaster", ", output_length => 24, model_options => 'sp=24'"))
    assert plain.numbers(1) == pytest.approx(VALUES[-24:])
    assert len(table.query(_forecast("naive_forecaster")).cells) == 96


def test_two_options_and_a_whole_number_column(table: Sql) -> None:
    source = "SELECT time, n FROM t WHERE dev='a'"
    options = ", output_length => 2, model_options => 'strategy=drift,sp=1'"
    assert table.query(_forecast("naive_forecaster", options, source)).numbers(1) == [200.0, 201.0]


def test_input_kept_and_interval_given(table: Sql) -> None:
    more = ", output_length => 2, output_interval => 30m, preserve_input => true"
    shown = table.query(_forecast("naive_forecaster", more))
    assert len(shown.cells) == 202
    is_input = shown.titles.index("is_input")
    assert shown.column(is_input)[-3:] == ["True", "False", "False"]
    assert _times(shown)[-2:] == [START + 199 * HOUR + step * HOUR // 2 for step in (1, 2)]


def test_partitions(table: Sql) -> None:
    statement = (
        "SELECT * FROM FORECAST(model_id => 'naive_forecaster', targets => (SELECT time, dev, v FROM t) "
        "PARTITION BY dev ORDER BY time, output_length => 2, model_options => 'sp=1') ORDER BY dev, time"
    )
    shown = table.query(statement)
    dev, value = shown.titles.index("dev"), shown.titles.index("v")
    assert shown.column(dev) == ["a", "a", "b", "b"]
    assert shown.numbers(value) == pytest.approx([VALUES[-1]] * 2 + [2 * VALUES[-1]] * 2)


@pytest.mark.parametrize(
    ("statement", "code", "told"),
    [
        (_forecast("nosuch"), "1504", "nosuch"),
        (_forecast("naive_forecaster", ", model_options => 'sq=24'"), "1599", "no option 'sq'"),
        (_forecast("naive_forecaster", ", output_length => 100000"), "1599", "100000"),
        (_forecast("naive_forecaster", ", output_length => 0"), "701", "OUTPUT_LENGTH"),
    ],
)
def test_forecast_errors(table: Sql, statement: str, code: str, told: str) -> None:
    found = table.error(statement)
    assert told in found, found
    assert found.split(":")[0] in (code, "1512", "1520"), found


def test_classify_labels_every_row(table: Sql) -> None:
    statement = "SELECT * FROM CLASSIFY(model_id => '{}', input => (SELECT time, v FROM t WHERE dev='a') ORDER BY time)"
    shown = table.query(statement.format("stray"))
    assert shown.titles == ["time", "category"]
    assert _times(shown) == [START + step * HOUR for step in range(200)]
    assert set(shown.column(1)) <= {"0", "1"}
    assert len(table.query(statement.format("gaussian_hmm")).cells) == 200


def test_twenty_sessions_at_once(cluster: Cluster, ainode: OwnAinode) -> None:
    failures: list[str] = []
    answers: list[list[float]] = []

    def work() -> None:
        session = Sql(cluster)
        try:
            answers.extend(session.query(_call("naive_forecaster", outputLength=4, sp=1)).numbers() for _ in range(5))
        except Exception as error:
            failures.append(str(error))
        finally:
            session.close()

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert answers == [[VALUES[-1]] * 4] * 100


def test_hostile_bytes_disturb_nobody(tree: Sql, ainode: OwnAinode) -> None:
    """Whoever reaches the port may send anything: the node goes on answering the cluster, and its memory stays what it was."""
    host, port = tree.query("SHOW AINODES").cells[0][2:]
    address = (str(host), int(str(port)))
    assert ainode.process is not None
    before = psutil.Process(ainode.process.pid).memory_info().rss
    random = Random(5)
    held: list[socket.socket] = []

    def hostile(_: int) -> None:
        connection = socket.create_connection(address, 10)
        connection.settimeout(10)
        kind = random.randrange(4)
        head = (random.randrange(2**31) if kind == 0 else 50).to_bytes(4, "big")
        body = random.randbytes(20 if kind == 1 else 50)
        with contextlib.suppress(OSError):  # It may have ended the connection already.
            connection.sendall(head + (b"\x80\x01\0\1" + body if kind == 3 else body))
        if kind == 1:
            held.append(connection)  # In the middle of a message, without ending it.
        else:
            connection.close()

    try:
        for _ in range(20):
            for number in range(20):
                hostile(number)
            assert tree.query(_call("naive_forecaster", outputLength=1, sp=1)).numbers() == [VALUES[-1]]
        assert tree.query("SHOW AINODES").column(1) == ["Running"]
    finally:
        for connection in held:
            connection.close()
    assert psutil.Process(ainode.process.pid).memory_info().rss < before + 100 * 2**20
    assert len(ainode.log()) < 200_000, "nobody can fill the log"


def test_a_worker_that_dies_is_not_noticed(tree: Sql, ainode: OwnAinode) -> None:
    ainode.children()[0].kill()
    assert tree.query(_call("naive_forecaster", outputLength=1, sp=1)).numbers() == [VALUES[-1]]


def test_a_second_ainode_is_refused(cluster: Cluster, ainode: OwnAinode, tmp_path: Path) -> None:
    second = OwnAinode(cluster, tmp_path / "second", "--port", "0", "--workers", "1")
    second.start()
    assert second.process is not None
    assert second.process.wait(120) == 4
    assert "the cluster has an AINode already, and IoTDB allows one" in second.log()
    assert "REMOVE AINODE" in second.log()
    same = OwnAinode(cluster, ainode.folder, "--port", "0")
    same.log_file = tmp_path / "same.log"
    same.start()
    assert same.process is not None
    assert same.process.wait(120) == 4
    assert "another AINode runs with the data folder" in same.log()
