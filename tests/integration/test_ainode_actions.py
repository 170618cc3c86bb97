"""Detection and backtest on the real runtime: what is off, what comes out, and that a running backtest ends when it is told to."""

from collections.abc import Callable
from typing import Any

import pytest

from quarterdeck_api.documents import ChartBlock, SeriesRole, TableBlock
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.jobs import JobState

pytest.importorskip("sktime")

HOLT_WINTERS = "ainode/model/holtwinters"
STRAY = "ainode/model/stray"


@pytest.fixture(scope="module")
def client(make_instance: Callable[..., Any]) -> Any:
    return make_instance("", ()).client()


def test_each_sort_of_model_says_why_it_lacks_the_others_actions(client: Any) -> None:
    off = {each.address: each.actions_off for each in client.get("model", "ainode").resources}
    of_this_engine = {"model.forecast", "model.backtest", "model.tune", "model.detect"}
    assert set(off[HOLT_WINTERS]) & of_this_engine == {"model.detect"}
    assert "labels no points" in off[HOLT_WINTERS]["model.detect"]
    assert "model.detect" not in off[STRAY]
    assert {"model.forecast", "model.backtest"} <= set(off[STRAY])
    assert all("cluster" in off[STRAY][action] for action in set(off[STRAY]) - of_this_engine)


@pytest.mark.parametrize(
    ("action", "address", "reason"),
    [
        ("model.backtest", STRAY, "does not forecast"),
        ("model.detect", HOLT_WINTERS, "labels no points"),
    ],
)
def test_an_action_that_is_off_is_refused_with_the_reason(client: Any, action: str, address: str, reason: str) -> None:
    try:
        outcome = client.do_one(action, address, parameters={"dataset": "airline"})
    except QuarterdeckError as error:
        said = error.message
    else:
        assert not outcome.job
        said = f"{outcome.message} {outcome.error}"
    assert reason in said


def test_a_backtest_ranks_models_beside_the_baseline(client: Any) -> None:
    outcome = client.do_one(
        "model.backtest",
        HOLT_WINTERS,
        parameters={"dataset": "airline", "models": ["naive_forecaster"], "folds": 3},
        settings={"seasonal": "mul"},
    )
    record = client.finished(outcome.job)
    assert record.state is JobState.SUCCEEDED
    assert [step.name for step in record.steps] == ["read", "folds", "write"]
    data = record.result
    assert data["best"] == "holtwinters"
    assert data["beats_baseline"] is True
    assert [each["folds"] for each in data["ranking"]] == [3, 3, 3]
    assert isinstance(record.document.blocks[0], TableBlock)
    names = {each.name for each in record.artefacts}
    assert {"backtest.csv", "backtest.json", "backtest.parquet", "forecasts.parquet", "chart.svg"} <= names


def test_a_detection_marks_anomalies(client: Any) -> None:
    outcome = client.do_one("model.detect", STRAY, parameters={"dataset": "yahoo"}, settings={"k": 5})
    record = client.finished(outcome.job)
    assert record.state is JobState.SUCCEEDED
    data = record.result
    assert data["settings"]["k"] == 5
    assert sum(data["labels"]) == len(data["anomalies"]) > 0
    chart = next(block for block in record.document.blocks if isinstance(block, ChartBlock))
    anomalies = next(series for series in chart.series if series.role is SeriesRole.ANOMALY)
    assert list(anomalies.values) == [each["value"] for each in data["anomalies"]]


def test_a_running_backtest_can_be_cancelled(client: Any) -> None:
    outcome = client.do_one(
        "model.backtest",
        "ainode/model/arima",
        parameters={"dataset": "airline", "folds": 60, "step": 1},
        settings={"order": [2, 1, 2], "seasonal_order": [1, 1, 1, 12]},
    )
    client.running(outcome.job)
    client.do_one("job.cancel", outcome.job)
    assert client.finished(outcome.job).state is JobState.CANCELLED


def test_tuning_gives_a_command_that_runs(client: Any) -> None:
    outcome = client.do_one(
        "model.tune",
        "ainode/model/naive_forecaster",
        parameters={"dataset": "airline", "vary": "sp=1|12; strategy=last|drift", "search": "grid", "folds": 2},
    )
    record = client.finished(outcome.job)
    assert record.state is JobState.SUCCEEDED, record.error
    assert "--set sp=12" in record.result["command"]
    forecast = client.do_one(
        "model.forecast",
        "ainode/model/naive_forecaster",
        parameters={"dataset": "airline"},
        settings=record.result["best"],
    )
    assert client.finished(forecast.job).state is JobState.SUCCEEDED
