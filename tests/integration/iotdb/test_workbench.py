"""The workbench on a real cluster with our AINode: forecasts side by side, written back, labelled, saved, scheduled; the real runtime does it."""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from iotdb_cluster import Cluster
from own_ainode import OwnAinode, Sql
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.data.statements import Span
from quarterdeck_ainode.iotdb.mirrored.cluster_state import CatalogueModel
from quarterdeck_ainode.iotdb.series import TreeSeries
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_ainode.iotdb.workbench.entrants import ClusterEntrant
from quarterdeck_ainode.iotdb.workbench.predicting import forecast_in_cluster
from quarterdeck_ainode.iotdb.workbench.window import read_window
from quarterdeck_api.documents import ChartBlock, SeriesRole, TableBlock, TextBlock
from quarterdeck_api.errors import UsageError
from quarterdeck_api.jobs import JobState

pytest.importorskip("sktime")

HOUR = 3_600_000
START = 1_700_000_000_000 // HOUR * HOUR
COUNT = 200
VALUES = [round(10 + 5 * np.sin(2 * np.pi * step / 24) + 0.01 * step, 6) for step in range(COUNT)]
LAST = START + (COUNT - 1) * HOUR

READER_PASSWORD = "only-reads-series-1"

TREE = "plant/series/root.bench.d.temp"
TABLE = 'plant/series/bench.t.v[dev="a"]'


@pytest.fixture(scope="module")
def cluster(make_iotdb: Callable[..., Cluster]) -> Cluster:
    """A cluster of this module's own: there can be one AINode in it."""
    found = make_iotdb()
    tree = Sql(found)
    tree.do("CREATE ALIGNED TIMESERIES root.bench.al(x DOUBLE)")
    for begin in range(0, COUNT, 100):
        places = range(begin, begin + 100)
        rows = ", ".join(f"({START + i * HOUR}, {VALUES[i]}, {round(VALUES[i])})" for i in places)
        tree.do(f"INSERT INTO root.bench.d(time, temp, n) VALUES {rows}")
    for i in range(60):
        moment = int((np.datetime64("2015-01", "M") + i).astype("datetime64[ms]").astype(np.int64))
        tree.do(f"INSERT INTO root.bench.monthly(time, sales) VALUES ({moment}, {100 + 10 * (i % 12) + i})")
    tree.do(f"CREATE USER reader '{READER_PASSWORD}'", "GRANT READ_DATA, READ_SCHEMA ON root.bench.** TO USER reader")
    tree.close()
    table = Sql(found, "table")
    table.do(
        "CREATE DATABASE bench",
        "USE bench",
        "CREATE TABLE t(dev STRING TAG, v DOUBLE FIELD, n INT32 FIELD, w FLOAT FIELD)",
    )
    for dev, scale in (("a", 1), ("b", 2)):
        rows = ", ".join(
            f"({START + i * HOUR}, '{dev}', {VALUES[i] * scale}, {round(VALUES[i])}, {'null' if i % 10 == 3 else VALUES[i]})"
            for i in range(COUNT)
        )
        table.do(f"INSERT INTO t(time, dev, v, n, w) VALUES {rows}")
    table.do("CREATE TABLE own(moment TIMESTAMP TIME, dev STRING TAG, v DOUBLE FIELD)")
    rows = ", ".join(f"({START + i * HOUR}, 'a', {VALUES[i]})" for i in range(COUNT))
    table.do(f"INSERT INTO own(moment, dev, v) VALUES {rows}")
    table.close()
    return found


@pytest.fixture(scope="module")
def ainode(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnAinode]:
    with OwnAinode(
        cluster, tmp_path_factory.mktemp("ainode") / "node", "--port", "0", "--workers", "1"
    ).member() as node:
        yield node


@pytest.fixture(scope="module")
def client(cluster: Cluster, ainode: OwnAinode, make_instance: Callable[..., Any]) -> Any:
    nodes = f'type = "ainode.iotdb"\nnodes = ["{cluster.client_url}"]\n'
    reader = f'[backends.reader]\n{nodes}user = "reader"\npassword = "env:READER_PASSWORD"\n'
    return make_instance(f"[backends.plant]\n{nodes}{reader}", (), READER_PASSWORD=READER_PASSWORD).client()


@pytest.fixture
def tree(cluster: Cluster) -> Iterator[Sql]:
    with Sql(cluster) as found:
        yield found


@pytest.fixture
def table(cluster: Cluster) -> Iterator[Sql]:
    with Sql(cluster, "table", "bench") as found:
        yield found


def forecast(client: Any, address: str, settings: dict[str, Any] | None = None, **parameters: Any) -> Any:
    outcome = client.do_one("series.forecast", address, parameters=parameters, settings=settings or {})
    assert outcome.job, outcome
    return client.finished(outcome.job)


def succeeded(record: Any) -> dict[str, Any]:
    assert record.state is JobState.SUCCEEDED, record.error
    return record.result


def values_of(data: dict[str, Any], model: str) -> list[float]:
    return next(each["values"] for each in data["forecasts"] if each["model"] == model)


def failed(client: Any, action: str, address: str, **parameters: Any) -> str:
    """The sentence of a job that must fail, or of a request that must be refused."""
    outcome = client.do_one(action, address, parameters=parameters, confirmed=True)
    if not outcome.job:
        return outcome.message
    record = client.finished(outcome.job)
    assert record.state is JobState.FAILED
    assert record.attempt == 1
    return str(record.error.message)


@pytest.mark.parametrize("address", [TREE, TABLE])
def test_the_cluster_and_the_local_engine_give_equal_numbers(client: Any, address: str) -> None:
    models = ["arima", "holtwinters", "auto_ets", "local/arima", "local/holtwinters", "local/auto_ets"]
    data = succeeded(forecast(client, address, {"arima.order": [2, 1, 1]}, models=models, horizon=12, folds=2))
    ranks = {each["model"]: each for each in data["ranking"]}
    for name in ("arima", "holtwinters", "auto_ets"):
        assert values_of(data, name) == values_of(data, f"local/{name}")
        assert [ranks[name][key] for key in ("mae", "rmse", "mase")] == [
            ranks[f"local/{name}"][key] for key in ("mae", "rmse", "mase")
        ]
    assert data["moments"] == [LAST + step * HOUR for step in range(1, 13)]
    assert data["ranked_by"] == "mase"
    assert data["folds"] == 2
    assert {each["folds"] for each in data["ranking"]} == {2}
    assert data["best"] == next(each["model"] for each in data["ranking"] if not each["baseline"])
    assert sum(each["baseline"] for each in data["ranking"]) == 1


def test_the_result_is_a_document_with_files(client: Any) -> None:
    record = forecast(client, TREE, models=["naive_forecaster", "local/seasonal_naive"], horizon=6)
    data = succeeded(record)
    document = record.document
    ahead, tail = [block for block in document.blocks if isinstance(block, ChartBlock)]
    assert {line.role for line in ahead.series} == {SeriesRole.HISTORY, SeriesRole.BASELINE, SeriesRole.FORECAST}
    assert SeriesRole.ACTUAL in {line.role for line in tail.series}
    ranking = next(block for block in document.blocks if isinstance(block, TableBlock))
    assert ranking.columns[:2] == ("rank", "model")
    sql = next(block for block in document.blocks if isinstance(block, TextBlock) and block.language == "sql")
    [statement] = [each["statement"] for each in data["forecasts"] if each["statement"]]
    assert statement in sql.text
    assert {each.name for each in record.artefacts} == {
        "chart.svg",
        "forecast.csv",
        "forecast.json",
        "forecast.parquet",
        "history.csv",
        "history.parquet",
    }


def test_a_dry_run_says_the_statements_and_does_nothing(client: Any, tree: Sql) -> None:
    outcome = client.do_one(
        "series.forecast",
        TREE,
        parameters={"models": ["arima"], "horizon": 6, "write_to": "root.bench.d.dry"},
        dry_run=True,
    )
    assert outcome.status == "preview"
    assert not outcome.job
    assert outcome.statement == (
        "SELECT FORECAST(temp, 'MODEL_ID'='arima', 'OUTPUT_LENGTH'='6') FROM root.bench.d "
        f"WHERE time >= {START} AND time <= {LAST}"
    )
    assert tree.query("SHOW TIMESERIES root.bench.d.dry").cells == []


def test_months_are_months(client: Any) -> None:
    data = succeeded(
        forecast(client, "plant/series/root.bench.monthly.sales", models=["naive_forecaster"], horizon=3, folds=0)
    )
    assert [each[:10] for each in data["times"]] == ["2020-01-01", "2020-02-01", "2020-03-01"]
    assert (data["frequency"], data["seasonal_period"]) == ("MS", 12)
    assert [notice for notice in data["notices"] if "mean distance" in notice]
    assert data["best"] == "naive_forecaster"
    assert data["ranking"] == []


def test_the_best_is_written_back_and_nothing_is_replaced_unasked(client: Any, tree: Sql) -> None:
    target = f"root.bench.d.out_{uuid.uuid4().hex[:8]}"
    wanted = {"models": ["naive_forecaster", "holtwinters"], "horizon": 4, "write_to": target}
    data = succeeded(forecast(client, TREE, **wanted))
    assert data["written"] == {"target": target, "model": data["best"], "points": 4, "replaced": 0}
    found = tree.query(f"SELECT {target.rsplit('.', 1)[1]} FROM root.bench.d")
    assert [int(str(moment)) for moment in found.column()] == data["moments"]
    assert found.numbers(1) == values_of(data, data["best"])
    sentence = failed(client, "series.forecast", TREE, **wanted)
    assert "4 of the 4 points would replace" in sentence
    again = succeeded(forecast(client, TREE, **wanted, overwrite=True, write_model="naive_forecaster"))
    assert again["written"]["replaced"] == 4
    assert tree.query(f"SELECT {target.rsplit('.', 1)[1]} FROM root.bench.d").numbers(1) == values_of(
        again, "naive_forecaster"
    )


def test_a_finished_forecast_is_shown_and_then_written(client: Any, table: Sql, tree: Sql) -> None:
    record = forecast(client, TABLE, models=["naive_forecaster", "holtwinters"], horizon=5)
    data = succeeded(record)
    name = f"f{uuid.uuid4().hex[:8]}"
    parameters = {"job": record.address, "target": f'bench.{name}.v[dev="a"]', "model": "naive_forecaster"}
    shown = client.do_one("forecast.write", TABLE, parameters={**parameters, "preview": True}, confirmed=True)
    preview = succeeded(client.finished(shown.job))
    assert (preview["written"], preview["made"], preview["points"]) == (False, True, 5)
    assert table.query("SHOW TABLES FROM bench").column().count(name) == 0
    done = succeeded(client.finished(client.do_one("forecast.write", TABLE, parameters=parameters, confirmed=True).job))
    assert done["written"]
    assert done["statements"] == preview["statements"]
    found = table.query(f"SELECT CAST(time AS INT64) AS t, v FROM {name} WHERE dev = 'a' ORDER BY time")
    assert [int(str(each)) for each in found.column()] == data["moments"]
    assert found.numbers(1) == values_of(data, "naive_forecaster")
    aligned = {**parameters, "target": "root.bench.al.fc", "model": "best"}
    done = succeeded(client.finished(client.do_one("forecast.write", TABLE, parameters=aligned, confirmed=True).job))
    assert done["statements"][0] == "CREATE ALIGNED TIMESERIES root.bench.al(fc DOUBLE)"
    assert tree.query("SELECT fc FROM root.bench.al").numbers(1) == values_of(data, data["best"])
    assert "forecast bench.t.v" in failed(
        client, "forecast.write", TREE, job=record.address, target="root.bench.d.elsewhere"
    )


def test_a_forecast_beside_its_column_leaves_the_next_one_possible(client: Any, table: Sql) -> None:
    address = 'plant/series/bench.t.v[dev="b"]'
    wanted = {"models": ["naive_forecaster"], "horizon": 3, "write_to": "{series}_forecast", "overwrite": True}
    first = succeeded(forecast(client, address, **wanted))
    second = succeeded(forecast(client, address, **wanted))
    assert first["written"] == {
        "target": 'bench.t.v_forecast[dev="b"]',
        "model": "naive_forecaster",
        "points": 3,
        "replaced": 0,
    }
    assert second["written"]["replaced"] == 3
    assert second["last"] == first["last"]
    assert [notice for notice in second["notices"] if notice.startswith("3 rows after the last value")]
    found = table.query("SELECT v_forecast FROM t WHERE dev = 'b' AND v_forecast IS NOT NULL ORDER BY time")
    assert found.numbers() == values_of(second, "naive_forecaster")


def test_several_series_at_once_have_a_job_each(client: Any) -> None:
    wanted = {"models": ["naive_forecaster"], "horizon": 2, "folds": 0, "write_to": "{series}_bulk"}
    with pytest.raises(UsageError, match="for all 2 resources"):
        client.do("series.forecast", TREE, TABLE, parameters=wanted | {"write_to": "root.bench.d.same"}, confirmed=True)
    outcomes = client.do("series.forecast", TREE, TABLE, parameters=wanted, confirmed=True)
    written = [succeeded(client.finished(outcome.job))["written"]["target"] for outcome in outcomes]
    assert written == ["root.bench.d.temp_bulk", 'bench.t.v_bulk[dev="a"]']


def test_a_forecast_ends_when_it_is_told_to(client: Any, tree: Sql) -> None:
    wanted = {"models": ["all"], "horizon": 2, "folds": 20, "write_to": "{series}_never"}
    job = client.do_one("series.forecast", TREE, parameters=wanted).job
    client.running(job)
    assert client.do_one("job.cancel", job, confirmed=True).status == "done"
    assert client.finished(job).state is JobState.CANCELLED
    assert tree.query("SHOW TIMESERIES root.bench.d.temp_never").cells == []


def test_missing_values_are_refused_or_left_out(client: Any) -> None:
    address = 'plant/series/bench.t.w[dev="a"]'
    assert "20 of the 200 rows" in failed(client, "series.forecast", address, models=["naive_forecaster"], horizon=3)
    data = succeeded(forecast(client, address, models=["naive_forecaster"], horizon=3, nulls="drop"))
    assert data["observations"] == 180
    assert not data["regular"]
    assert "20 rows without a value are left out" in data["notices"]
    assert values_of(data, "naive_forecaster") == [pytest.approx(VALUES[-1], abs=1e-5)] * 3


def test_integers_are_forecast_as_doubles(client: Any) -> None:
    data = succeeded(
        forecast(client, 'plant/series/bench.t.n[dev="a"]', models=["auto_ets", "local/auto_ets"], horizon=3)
    )
    assert values_of(data, "auto_ets") == values_of(data, "local/auto_ets")
    assert [value for value in values_of(data, "auto_ets") if value != round(value)]
    assert [notice for notice in data["notices"] if "cast its forecasts back" in notice]


@pytest.mark.parametrize(
    ("address", "parameters", "sentence"),
    [
        (TREE, {"models": ["nosuch"]}, "no model 'nosuch'"),
        (TREE, {"models": ["stray"]}, "labels points"),
        (TREE, {"models": ["arima"], "window": 2881}, "2880 rows"),
        (TREE, {"models": ["arima"], "end": "2001-01-01"}, "has no rows there"),
        (TREE, {"models": ["arima"], "start": "yesterday"}, "is no time"),
        ("plant/series/root.bench.d.nosuch", {"models": ["arima"]}, "there is no series"),
        ("plant/series/bench.t.v", {"models": ["arima"]}, "several rows at the same time"),
        ("plant/series/bench.t.dev", {"models": ["arima"]}, "models take numbers"),
    ],
)
def test_what_cannot_be_forecast_is_said(client: Any, address: str, parameters: dict[str, Any], sentence: str) -> None:
    assert sentence in failed(client, "series.forecast", address, **parameters)


def test_one_models_failure_leaves_the_others(client: Any) -> None:
    wanted = {"models": ["arima", "naive_forecaster"], "horizon": 3, "window": 5, "folds": 0}
    data = succeeded(forecast(client, TREE, {"arima.order": [5, 1, 5]}, **wanted))
    failure = next(each["failure"] for each in data["forecasts"] if each["model"] == "arima")
    assert "needs at least" in failure["message"]
    assert "UDTF" not in failure["message"]
    assert values_of(data, "naive_forecaster") == [pytest.approx(VALUES[-1])] * 3
    assert data["best"] == "naive_forecaster"


def test_forecasts_and_rows_become_datasets(client: Any) -> None:
    name = f"w-{uuid.uuid4().hex[:8]}"
    wanted = {"models": ["naive_forecaster", "local/naive_forecaster"], "horizon": 6}
    data = succeeded(forecast(client, TREE, **wanted, save_as=name, save_history=f"{name}-history"))
    assert data["saved"] == [f"core/dataset/{name}", f"core/dataset/{name}-history"]
    rows = {each.address: each for each in client.get("dataset").resources}
    assert rows[f"core/dataset/{name}"].health.value == "ok"
    outcome = client.do_one(
        "model.forecast", "ainode/model/naive_forecaster", parameters={"dataset": f"{name}-history", "horizon": 6}
    )
    local = succeeded(client.finished(outcome.job))
    assert local["values"] == values_of(data, "naive_forecaster")


def test_labels_of_a_table_and_of_the_tree(client: Any) -> None:
    outcome = client.do_one("series.classify", TABLE, parameters={"model": "stray"})
    marked = succeeded(client.finished(outcome.job))
    assert len(marked["labels"]) == COUNT
    assert marked["moments"] == [START + step * HOUR for step in range(COUNT)]
    assert marked["anomalies"] == []
    assert "CLASSIFY(" in marked["statement"]
    outcome = client.do_one(
        "series.classify",
        TREE,
        parameters={"model": "gaussian_hmm"},
        settings={"gaussian_hmm.n_components": 2, "gaussian_hmm.random_state": 1},
    )
    found = succeeded(client.finished(outcome.job))
    assert {each["state"] for each in found["states"]} == {0, 1}
    assert sum(each["observations"] for each in found["states"]) == COUNT
    assert found["changes"] > 0
    assert (
        "CLASSIFY takes no options"
        in client.finished(
            client.do_one("series.classify", TABLE, parameters={"model": "stray"}, settings={"stray.k": 3}).job
        ).error.message
    )
    assert "forecasts and labels no points" in failed(client, "series.classify", TABLE, model="arima")


def test_inference_has_the_servers_times_beside_the_right_ones(client: Any) -> None:
    outcome = client.do_one("series.infer", TREE, parameters={"model": "naive_forecaster", "length": 3})
    data = succeeded(client.finished(outcome.job))
    assert data["values"] == [pytest.approx(VALUES[-1])] * 3
    assert data["times"][0] != data["server_times"][0]
    assert data["server_times"][0] == "2023-11-23T05:00:00+00:00"
    assert data["times"] == [f"2023-11-23T{hour:02}:00:00+00:00" for hour in (6, 7, 8)]
    assert "series of the tree only" in failed(client, "series.infer", TABLE, model="naive_forecaster")


def test_a_schedule_forecasts_and_writes_each_time(client: Any, tree: Sql, until: Callable[..., None]) -> None:
    target = f"root.bench.d.nightly_{uuid.uuid4().hex[:8]}"
    asked = {"models": ["naive_forecaster"], "horizon": 2, "window": 48, "write_to": target, "overwrite": True}
    added = client.do_one(
        "schedule.add",
        parameters={
            "name": "nightly",
            "rule": "0 2 * * *",
            "action": "series.forecast",
            "target": TREE,
            "parameters": asked,
        },
    )
    assert added.status == "done", added
    jobs: list[str] = []
    for moment, value in ((LAST, VALUES[-1]), (LAST + HOUR, 42.0)):
        tree.do(f"INSERT INTO root.bench.d(time, temp) VALUES ({moment}, {value})")
        ran = client.do_one("schedule.run-now", "core/schedule/nightly")
        job = ran.message.rsplit(" ", 1)[1]
        jobs.append(job)
        data = succeeded(client.finished(job))
        assert data["observations"] == 48
        assert data["moments"] == [moment + HOUR, moment + 2 * HOUR]
    tree.do(f"DELETE FROM root.bench.d.temp WHERE time > {LAST}")
    found = tree.query(f"SELECT {target.rsplit('.', 1)[1]} FROM root.bench.d")
    assert dict(zip(map(str, found.column()), found.numbers(1), strict=True)) == {
        str(LAST + HOUR): pytest.approx(VALUES[-1]),
        str(LAST + 2 * HOUR): 42.0,
        str(LAST + 3 * HOUR): 42.0,
    }
    assert len(set(jobs)) == 2


def test_choices_and_parameters_are_those_of_the_cluster(client: Any) -> None:
    from quarterdeck_api.protocol import COMPLETE, PARAMETERS, CompleteParams, ParametersParams

    def choices(action: str, field: str, prefix: str = "") -> set[str]:
        asked = CompleteParams(action, TREE, field, prefix, {})
        return {each.value for each in client.call(COMPLETE, asked, 30.0).choices}

    models = choices("series.forecast", "models")
    assert {"all", "arima", "local/all", "local/arima"} <= models
    assert "stray" not in models
    assert {"stray", "gaussian_hmm"} <= choices("series.classify", "model")
    assert choices("series.forecast", "write_to", "root") == {"root.bench.d.temp_forecast"}
    own = client.call(PARAMETERS, ParametersParams("series.forecast", TREE), 30.0).settings
    assert "arima.order" in own["properties"]


def test_a_table_whose_times_have_a_name_of_their_own(client: Any, cluster: Cluster) -> None:
    series = 'plant/series/bench.own.v[dev="a"]'
    data = succeeded(forecast(client, series, models=["naive_forecaster"], horizon=2, write_to="{series}_own"))
    assert data["moments"] == [LAST + HOUR, LAST + 2 * HOUR]
    table = Sql(cluster, "table")
    found = table.query("SELECT CAST(moment AS INT64), v_own FROM bench.own WHERE v_own IS NOT NULL ORDER BY moment")
    written = dict(zip(map(int, found.column(0)), found.numbers(1), strict=True))
    table.close()
    assert written == dict.fromkeys(data["moments"], pytest.approx(VALUES[-1]))
    labels = succeeded(
        client.finished(client.do_one("series.classify", series, parameters={"model": "stray"}, confirmed=True).job)
    )
    assert len(labels["labels"]) == COUNT
    again = failed(
        client, "series.forecast", series, models=["naive_forecaster"], horizon=2, write_to='Bench.Own.V[Dev="a"]'
    )
    assert "would be mixed" in again


def test_the_official_nodes_late_step_is_left_out(cluster: Cluster, ainode: OwnAinode) -> None:
    """With `horizon=ainode` our AINode answers as the official one does: the first value is the last row's own, all are float32."""
    client = IotdbClient(IotdbSettings((cluster.client_url,)))
    try:
        window = read_window(client, TreeSeries("root.bench.d.temp"), 100, Span(), drop_nulls=False, address=TREE)
        model = CatalogueModel("holtwinters", "sktime", "builtin", "active")

        def values(options: dict[str, str], *, late: bool, horizon: int) -> list[float]:
            entrant = ClusterEntrant("holtwinters", model, options, late)
            made = forecast_in_cluster(
                client,
                entrant,
                window,
                slice(0, 100),
                horizon,
                time.perf_counter,
                drop_nulls=False,
                targets="targets",
                log=print,
            )
            assert made.failure is None, made.failure
            assert made.prediction is not None
            return made.prediction.values.tolist()

        official = {"horizon": "ainode"}
        raw = values(official, late=False, horizon=7)
        assert values(official, late=True, horizon=6) == raw[1:]
        plain = values({"trend": "none", "seasonal": "none"}, late=False, horizon=6)
        assert raw[1:] == pytest.approx(plain, rel=1e-4)
    finally:
        client.close()


def test_who_may_only_read_series_may_forecast_them(client: Any) -> None:
    data = succeeded(
        forecast(client, "reader/series/root.bench.d.temp", models=["naive_forecaster"], horizon=3, folds=0)
    )
    assert values_of(data, "naive_forecaster") == [pytest.approx(VALUES[-1])] * 3
    assert [notice for notice in data["notices"] if "may not see whose AINode" in notice]
    sentence = failed(
        client,
        "series.forecast",
        "reader/series/root.bench.d.temp",
        models=["naive_forecaster"],
        horizon=3,
        write_to="{series}_reader",
    )
    assert "803" in sentence


def test_without_an_ainode_the_local_engine_still_forecasts(
    client: Any, ainode: OwnAinode, tree: Sql, until: Callable[..., None]
) -> None:
    """Ends the module's AINode, so it stands last."""
    tree.do("REMOVE AINODE")
    until(lambda: not ainode.statuses())
    sentence = failed(client, "series.forecast", TREE, models=["arima"], horizon=3)
    assert "no AINode" in sentence
    data = succeeded(forecast(client, TREE, models=["local/naive_forecaster"], horizon=3))
    assert values_of(data, "local/naive_forecaster") == [pytest.approx(VALUES[-1])] * 3
