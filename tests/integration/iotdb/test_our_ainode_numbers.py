"""Numbers that travel: a series from a real cluster through our AINode and back, bit for bit what the local engine computes of it."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from iotdb_cluster import Cluster
from own_ainode import OwnAinode, Sql
from quarterdeck_ainode.models.catalogue import MODELS, ModelInfo, Task, detector_parameters, forecaster_parameters
from quarterdeck_ainode.models.estimators import plan
from quarterdeck_ainode.models.fitting import fit_and_predict, recorded_warnings
from quarterdeck_ainode.models.labelling import label
from quarterdeck_ainode.models.observations import Observations
from quarterdeck_ainode.models.time_axis import time_axis

HOUR = 3_600_000
START = 1_700_000_000_000 // HOUR * HOUR
COUNT, STEPS = 96, 24
PLACES = np.arange(COUNT)
VALUES = 20 + 3 * np.sin(PLACES * np.pi / 12) + PLACES / 30 + np.cos(PLACES * 2.3) / 7
TIMES = START + PLACES * HOUR

FORECASTERS = [model for model in MODELS if model.task is Task.FORECAST]

#: Settings that differ from the defaults, as the local engine takes them and as statements write them.
CHANGED = {
    "arima": ({"order": [2, 1, 1]}, "order=2;1;1"),
    "holtwinters": ({"damped_trend": True, "sp": 12}, "damped_trend=true,sp=12"),
    "mstl": ({"season_length": [12, 24]}, "season_length=12;24"),
    "naive_forecaster": ({"strategy": "drift"}, "strategy=drift"),
    "stl_forecaster": ({"sp": 24, "robust": True}, "sp=24,robust=true"),
}


@pytest.fixture(scope="module")
def cluster(make_iotdb: Callable[..., Cluster]) -> Cluster:
    found = make_iotdb()
    rows = [(int(time), repr(float(value))) for time, value in zip(TIMES, VALUES, strict=True)]
    tree = Sql(found)
    tree.do(
        "CREATE TIMESERIES root.numbers.d.s DOUBLE",
        "INSERT INTO root.numbers.d(time, s) VALUES " + ", ".join(f"({time}, {value})" for time, value in rows),
    )
    tree.close()
    table = Sql(found, "table")
    table.do("CREATE DATABASE numbers", "USE numbers", "CREATE TABLE t(v DOUBLE FIELD)")
    table.do("INSERT INTO t(time, v) VALUES " + ", ".join(f"({time}, {value})" for time, value in rows))
    table.close()
    return found


@pytest.fixture(scope="module")
def ainode(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnAinode]:
    with OwnAinode(
        cluster, tmp_path_factory.mktemp("numbers") / "node", "--port", "0", "--workers", "2"
    ).member() as node:
        yield node


@pytest.fixture
def tree(cluster: Cluster, ainode: OwnAinode) -> Iterator[Sql]:
    with Sql(cluster) as found:
        yield found


@pytest.fixture
def table(cluster: Cluster, ainode: OwnAinode) -> Iterator[Sql]:
    with Sql(cluster, "table", "numbers") as found:
        yield found


def observed() -> Observations:
    axis = time_axis(TIMES.astype("datetime64[ms]"), "", "", "the series")
    return Observations("numbers", "s", VALUES, axis)


def local_forecast(model: ModelInfo, settings: dict[str, object]) -> list[float]:
    with recorded_warnings():
        forecaster = plan(forecaster_parameters(model, settings), observed()).forecaster
        return fit_and_predict(model, forecaster, observed(), STEPS, 0.9).values.tolist()


def through_every_surface(tree: Sql, table: Sql, model: str, options: str) -> dict[str, list[float]]:
    """What each of the three kinds of statement gives for the same series, model and options."""
    keys = "".join(f", {name}='{value}'" for name, value in (pair.split("=") for pair in options.split(",") if pair))
    return {
        "CALL INFERENCE": tree.query(
            f'CALL INFERENCE({model}, "SELECT s FROM root.numbers.d", outputLength={STEPS}{keys})'
        ).numbers(),
        "tree FORECAST": tree.query(
            f"SELECT FORECAST(s, 'MODEL_ID'='{model}', 'OUTPUT_LENGTH'='{STEPS}', 'MODEL_OPTIONS'='{options}') "
            "FROM root.numbers.d"
        ).numbers(1),
        "table FORECAST": table.query(
            f"SELECT * FROM FORECAST(model_id => '{model}', targets => (SELECT time, v FROM t) ORDER BY time, "
            f"output_length => {STEPS}, model_options => '{options}')"
        ).numbers(1),
    }


@pytest.mark.parametrize("model", FORECASTERS, ids=lambda model: model.id)
def test_forecasts_are_the_local_engines_to_the_last_bit(tree: Sql, table: Sql, model: ModelInfo) -> None:
    expected = local_forecast(model, {})
    for surface, found in through_every_surface(tree, table, model.id, "").items():
        assert found == expected, surface


@pytest.mark.parametrize("model", [model for model in FORECASTERS if model.id in CHANGED], ids=lambda model: model.id)
def test_so_are_those_with_parameters(tree: Sql, table: Sql, model: ModelInfo) -> None:
    settings, options = CHANGED[model.id]
    expected = local_forecast(model, settings)
    assert expected != local_forecast(model, {})
    for surface, found in through_every_surface(tree, table, model.id, options).items():
        assert found == expected, surface


def test_labels_are_the_local_engines(tree: Sql, table: Sql) -> None:
    for model in (each for each in MODELS if each.task is Task.DETECTION):
        seeded = {} if model.id == "stray" else {"n_components": 2, "random_state": 7}
        with recorded_warnings():
            expected: NDArray[np.int64] = label(model, detector_parameters(model, seeded), observed()).values
        keys = "".join(f", {name}={value}" for name, value in seeded.items())
        found = tree.query(f'CALL INFERENCE({model.id}, "SELECT s FROM root.numbers.d"{keys})').numbers()
        assert found == expected.tolist(), model.id
    classified = table.query(
        "SELECT * FROM CLASSIFY(model_id => 'stray', input => (SELECT time, v FROM t) ORDER BY time)"
    )
    assert len(classified.cells) == COUNT and set(classified.numbers(1)) <= {0.0, 1.0}


def test_a_model_that_labels_does_not_forecast_and_the_reverse(table: Sql) -> None:
    source = "(SELECT time, v FROM t) ORDER BY time"
    told = table.error(f"SELECT * FROM FORECAST(model_id => 'stray', targets => {source}, output_length => 3)")
    assert told.startswith("1512: ") and "stray labels rows and forecasts nothing; use CLASSIFY(" in told
    told = table.error(f"SELECT * FROM CLASSIFY(model_id => 'arima', input => {source})")
    assert told.startswith("1512: ") and "arima forecasts and labels nothing; use FORECAST" in told


def test_workers_that_die_cost_no_statement_and_stay_loaded(cluster: Cluster, ainode: OwnAinode, tree: Sql) -> None:
    tree.do("LOAD MODEL arima TO DEVICES 'cpu'")
    expected = local_forecast(next(model for model in MODELS if model.id == "arima"), {})
    statement = f'CALL INFERENCE(arima, "SELECT s FROM root.numbers.d", outputLength={STEPS})'
    for _ in range(3):
        for worker in ainode.children():
            worker.kill()
        assert tree.query(statement).numbers() == expected
    loaded = tree.query("SHOW LOADED MODELS").cells
    assert [row[:2] for row in loaded] == [["cpu", "arima"]]
    tree.do("UNLOAD MODEL arima FROM DEVICES 'cpu'")
