"""The job `ainode.backtest`: what each fold forecasts is sktime's, and nothing that fails is lost."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from quarterdeck_ainode.local import backtesting
from quarterdeck_ainode.models.accuracy import accuracy, naive_scale
from quarterdeck_ainode.models.catalogue import MODELS, Task
from quarterdeck_ainode.models.fitting import recorded_warnings
from quarterdeck_api.documents import ChartBlock, SeriesRole, TableBlock, TextBlock
from quarterdeck_api.errors import JobCancelledError, NotFoundError, QuarterdeckError, UnsupportedError, UsageError
from quarterdeck_api.jobs import JobValue
from quarterdeck_api.worker_pool import ProcessPool

pytest.importorskip("sktime")

MakeContext = Callable[..., Any]
Backtest = Callable[..., JobValue]
BASELINE = "baseline: seasonal naive (12)"


@pytest.fixture
def backtest(make_context: MakeContext) -> Backtest:
    def run(*arguments: Any, **named: Any) -> JobValue:
        return backtesting.run(make_context(*arguments, **named))

    return run


@pytest.fixture(scope="module")
def airline() -> np.ndarray:
    from sktime.datasets import load_airline

    series: Any = load_airline()
    return series.to_numpy(dtype=float)


def by_model(data: dict[str, Any]) -> dict[str, Any]:
    return {each["model"]: each for each in data["ranking"]}


@pytest.mark.parametrize(
    ("windows", "first_start"), [({"windows": "expanding"}, 0), ({"windows": "sliding", "length": 60}, 36)]
)
def test_scores_are_those_of_sktimes_forecasts(
    backtest: Backtest, airline: np.ndarray, windows: dict[str, Any], first_start: int
) -> None:
    from sktime.forecasting.naive import NaiveForecaster
    from sktime.forecasting.trend import STLForecaster

    data = backtest("stl_forecaster", airline, {"sp": 12}, horizon=12, folds=4, **windows).data
    makers = {"stl_forecaster": lambda: STLForecaster(sp=12), BASELINE: lambda: NaiveForecaster(sp=12)}
    for name, make in makers.items():
        maes: list[float] = []
        for number, cutoff in enumerate((96, 108, 120, 132)):
            start = first_start + 12 * number if first_start else 0
            training, actual = airline[start:cutoff], airline[cutoff : cutoff + 12]
            with recorded_warnings():
                forecast: Any = make().fit(pd.Series(training)).predict(fh=list(range(1, 13)))
            expected = accuracy(actual, forecast.to_numpy(), naive_scale(training, 12))
            found = next(each for each in data["scores"] if each["model"] == name and each["fold"] == number + 1)
            for measure in ("mae", "rmse", "mase", "smape"):
                assert found[measure] == pytest.approx(getattr(expected, measure), rel=1e-12)
            maes.append(expected.mae)
            assert data["folds"][number]["train_observations"] == len(training)
        assert by_model(data)[name]["mae"] == pytest.approx(fmean(maes))


def test_models_are_ranked_by_mase_and_the_baseline_is_among_them(backtest: Backtest, airline: np.ndarray) -> None:
    data = backtest(
        "holtwinters", airline, {"seasonal": "mul"}, models=["naive_forecaster", "exponential_smoothing"]
    ).data
    assert data["ranked_by"] == "mase"
    assert [each["rank"] for each in data["ranking"]] == [1, 2, 3, 4]
    scores = [each["mase"] for each in data["ranking"]]
    assert scores == sorted(scores)
    assert data["best"] == data["ranking"][0]["model"] == "holtwinters"
    assert data["beats_baseline"] is True
    assert [each["model"] for each in data["ranking"] if each["baseline"]] == [BASELINE]
    assert by_model(data)["holtwinters"]["settings"]["seasonal"] == "mul"
    assert len(data["scores"]) == 4 * 5


def test_settings_are_the_addressed_models_only(backtest: Backtest, airline: np.ndarray) -> None:
    data = backtest("exponential_smoothing", airline, {"trend": "add"}, models=["holtwinters"], folds=1).data
    assert by_model(data)["exponential_smoothing"]["settings"]["trend"] == "add"
    assert by_model(data)["holtwinters"]["settings"]["seasonal"] == "auto"


def test_a_model_is_tested_once_however_often_it_is_named(backtest: Backtest, airline: np.ndarray) -> None:
    data = backtest(
        "naive_forecaster", airline, models=["all", "naive_forecaster", "stl_forecaster"], folds=1, horizon=3
    ).data
    names = [each["model"] for each in data["ranking"]]
    forecasters = [model.id for model in MODELS if model.task is Task.FORECAST]
    assert sorted(names) == sorted([BASELINE, *forecasters])
    assert len(names) >= 6


def test_a_model_that_is_no_better_than_the_baseline_comes_after_it(backtest: Backtest, airline: np.ndarray) -> None:
    data = backtest("naive_forecaster", airline, {"sp": 12}).data
    first, second = data["ranking"]
    assert (first["model"], second["model"]) == (BASELINE, "naive_forecaster")
    assert first["mase"] == second["mase"]
    assert data["beats_baseline"] is False


def test_coverage_is_the_share_inside_the_interval(backtest: Backtest, airline: np.ndarray, tmp_path: Path) -> None:
    data = backtest("arima", airline, {"order": [2, 1, 1]}, folds=3, level=0.8).data
    frame = pd.read_parquet(tmp_path / "forecasts.parquet")
    frame = frame[frame["model"] == "arima"]
    inside = (frame["actual"] >= frame["lower"]) & (frame["actual"] <= frame["upper"])
    assert by_model(data)["arima"]["coverage"] == pytest.approx(inside.mean())
    stl = backtest("stl_forecaster", airline, folds=1).data
    assert by_model(stl)["stl_forecaster"]["coverage"] is None


def test_a_model_that_fails_a_fold_is_reported_and_not_ranked(backtest: Backtest, airline: np.ndarray) -> None:
    value = backtest("stl_forecaster", airline[:60], {"sp": 12}, models=["naive_forecaster"], folds=4, horizon=12)
    *ranked, last = value.data["ranking"]
    assert [each["rank"] for each in ranked] == [1, 2]
    assert (last["model"], last["rank"], last["folds"]) == ("stl_forecaster", None, 3)
    [failure] = last["failures"]
    assert failure["fold"] == 1
    assert "two full seasons of 12 needs at least 24" in failure["reason"]
    assert failure["remedy"]
    own = [each["mae"] for each in value.data["scores"] if each["model"] == "stl_forecaster"]
    assert last["mae"] == pytest.approx(fmean(own))
    assert value.document is not None
    failures = next(block for block in value.document.blocks if isinstance(block, TextBlock))
    assert failures.title == "Failures"
    assert "stl_forecaster, fold 1" in failures.text


def test_a_backtest_in_which_only_the_baseline_works_fails_with_the_reason(
    backtest: Backtest, airline: np.ndarray
) -> None:
    with pytest.raises(QuarterdeckError, match=r"no model got through any fold; .*two full seasons of 12") as caught:
        backtest("stl_forecaster", airline[:24], {"sp": 12}, folds=2, horizon=3)
    assert caught.value.remedy


def test_where_training_is_constant_mae_ranks(backtest: Backtest) -> None:
    data = backtest("exponential_smoothing", [5.0] * 30 + [5.0, 6.0, 7.0, 8.0], folds=2, horizon=2).data
    assert data["ranked_by"] == "mae"
    assert all(each["mase"] is None for each in data["ranking"])
    assert any("MASE is undefined" in notice for notice in data["notices"])


def test_progress_is_told_for_each_fold(make_context: MakeContext, airline: np.ndarray) -> None:
    context = make_context("naive_forecaster", airline, folds=3)
    backtesting.run(context)
    assert context.fractions == pytest.approx([*(0.95 * done / 6 for done in range(7)), 1])
    assert context.messages[3] == "3 of 6 fits, 2 candidates in 3 folds"
    assert context.steps == ["read", "folds", "write"]


def test_a_backtest_can_be_cancelled_between_folds(make_context: MakeContext, airline: np.ndarray) -> None:
    context = make_context("naive_forecaster", airline, folds=3)
    context.cancel_at = 0.5
    with pytest.raises(JobCancelledError):
        backtesting.run(context)
    assert context.messages[-1] == "4 of 6 fits, 2 candidates in 3 folds"
    assert not context.artefacts


def test_several_processes_find_what_one_finds(make_context: MakeContext, airline: np.ndarray) -> None:
    asked = {"folds": 3, "models": ["arima", "auto_ets"]}
    alone, together = (make_context("holtwinters", airline, **asked) for _ in range(2))
    with ProcessPool(2) as pool:
        together.map = lambda function, items, on_done: pool.map(function, items, lambda: False, on_done)
        found = backtesting.run(together).data

    def comparable(data: dict[str, Any]) -> list[Any]:
        return [{**each, "fit_seconds": 0.0} for each in data["scores"]]

    assert comparable(found) == comparable(backtesting.run(alone).data)


def test_files_hold_scores_and_forecasts(make_context: MakeContext, airline: np.ndarray, tmp_path: Path) -> None:
    context = make_context("holtwinters", airline, folds=2, horizon=6)
    data = backtesting.run(context).data
    tables = {f"{name}.{kind}" for name in ("backtest", "forecasts") for kind in ("csv", "parquet")}
    assert set(context.artefacts) == {*tables, "backtest.json", "chart.svg"}
    with (tmp_path / "backtest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["mase"]) for row in rows] == [each["mase"] for each in data["scores"]]
    assert json.loads((tmp_path / "backtest.json").read_text()) == json.loads(msgspec.json.encode(data))
    frame = pd.read_parquet(tmp_path / "forecasts.parquet")
    assert list(frame.columns) == ["model", "fold", "time", "actual", "value", "lower", "upper"]
    assert len(frame) == 2 * 2 * 6
    assert frame["actual"][:6].tolist() == airline[132:138].tolist()
    assert str(frame["time"].iloc[0].isoformat()) == data["folds"][0]["test_first"] == "1960-01-01T00:00:00"
    assert frame["lower"].dtype == float


@pytest.mark.parametrize(("step", "gaps"), [(12, 0), (6, 0), (15, 2)])
def test_the_chart_shows_each_moment_once(backtest: Backtest, airline: np.ndarray, step: int, gaps: int) -> None:
    document = backtest("holtwinters", airline, folds=3, step=step).document
    assert document is not None
    assert isinstance(document.blocks[0], TableBlock)
    chart = next(block for block in document.blocks if isinstance(block, ChartBlock))
    assert [series.role for series in chart.series] == [SeriesRole.HISTORY, SeriesRole.BASELINE, SeriesRole.FORECAST]
    for series in chart.series[1:]:
        assert list(series.times) == sorted(set(series.times))
        assert series.values.count(None) == gaps
        assert series.times[-1] == chart.series[0].times[-1]


@pytest.mark.parametrize(
    ("model", "parameters", "error", "sentence"),
    [
        ("stray", {}, UnsupportedError, "stray labels points and does not forecast"),
        ("arima", {"models": ["stray"]}, UnsupportedError, "stray labels points"),
        ("arima", {"models": ["prophet"]}, NotFoundError, "no model 'prophet'"),
        ("arima", {"folds": 0}, UsageError, "folds"),
        ("arima", {"windows": "rolling"}, UsageError, "windows"),
        ("arima", {"folds": 50}, UsageError, "50 folds of 12 steps"),
        ("arima", {"length": 24}, UsageError, "sliding"),
    ],
)
def test_wrong_requests_are_refused(
    backtest: Backtest,
    airline: np.ndarray,
    model: str,
    parameters: dict[str, Any],
    error: type[Exception],
    sentence: str,
) -> None:
    with pytest.raises(error, match=sentence):
        backtest(model, airline, **parameters)


def test_a_window_is_all_that_is_used(backtest: Backtest, airline: np.ndarray) -> None:
    data = backtest("naive_forecaster", airline, window=48, folds=2, horizon=6).data
    assert data["observations"] == 48
    assert data["folds"][0]["train_first"] == "1957-01-01T00:00:00"
    assert data["folds"][0]["train_observations"] == 36
