"""The job `ainode.tune`: what it tries, that its scores are a backtest's, and that its command line can be run."""

import csv
import shlex
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quarterdeck_ainode.local import backtesting, tuning
from quarterdeck_ainode.local.search_space import combinations, read_space, usual_space
from quarterdeck_ainode.models.catalogue import MODELS, Task, model_named, parameters_schema, read_parameters
from quarterdeck_api.documents import TableBlock, TextBlock
from quarterdeck_api.errors import JobCancelledError, UnsupportedError, UsageError
from quarterdeck_api.jobs import JobValue
from quarterdeck_api.parameter_values import parse_settings

pytest.importorskip("sktime")

NAIVE = model_named("naive_forecaster")
SMOOTHING = model_named("exponential_smoothing")
FORECASTERS = [model for model in MODELS if model.task is Task.FORECAST]

MakeContext = Callable[..., Any]
Tune = Callable[..., JobValue]


@pytest.fixture
def tune(make_context: MakeContext) -> Tune:
    def run(*arguments: Any, **named: Any) -> JobValue:
        return tuning.run(make_context(*arguments, **named))

    return run


@pytest.fixture(scope="module")
def airline() -> np.ndarray:
    from sktime.datasets import load_airline

    series: Any = load_airline()
    return series.to_numpy(dtype=float)


def test_a_space_is_read_with_the_models_own_types() -> None:
    space = read_space(model_named("arima"), "order=1,0,0|2,1,1; with_intercept=true|no ;trend=none|ct;")
    assert space == {
        "order": ([1, 0, 0], [2, 1, 1]),
        "with_intercept": (True, False),
        "trend": (None, "ct"),
    }
    assert read_space(NAIVE, "") == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("sp", "'sp' is not NAME=VALUE"),
        ("spp=1", "no parameter 'spp'"),
        ("sp=1|x", "sp is a whole number"),
        ("sp=0|1", "sp cannot be 0"),
        ("sp=1; sp=2", "sp is varied twice"),
        ("strategy=last|", "strategy cannot be ''"),
    ],
)
def test_a_space_that_is_wrong_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        read_space(NAIVE, text)
    assert caught.value.remedy


def test_a_grid_has_every_combination_that_makes_sense_in_order() -> None:
    space = read_space(SMOOTHING, "trend=add|none; damped_trend=false|true")
    assert combinations(SMOOTHING, space, {"sp": 4}, grid=True, trials=4, seed=0) == [
        {"sp": 4, "trend": "add", "damped_trend": False},
        {"sp": 4, "trend": "add", "damped_trend": True},
        {"sp": 4, "trend": "none", "damped_trend": False},
    ]


def test_a_random_search_repeats_nothing_and_is_the_same_for_the_same_seed() -> None:
    space = read_space(NAIVE, f"sp={'|'.join(map(str, range(1, 41)))}; strategy=last|mean")
    first = combinations(NAIVE, space, {}, grid=False, trials=30, seed=5)
    assert first == combinations(NAIVE, space, {}, grid=False, trials=30, seed=5)
    assert first != combinations(NAIVE, space, {}, grid=False, trials=30, seed=6)
    assert len(first) == len({(each["sp"], each["strategy"]) for each in first}) == 30
    everything = combinations(NAIVE, space, {}, grid=False, trials=500, seed=1)
    assert len(everything) == 80


@pytest.mark.parametrize(
    ("text", "fixed", "grid", "sentence"),
    [
        ("sp=1|2", {"sp": 3}, False, "sp is both set and varied"),
        ("sp=1|2|3; strategy=last|mean|drift", {}, True, "the grid has 9 combinations, and 5 trials"),
        ("window_length=2|3", {"sp": 12}, False, "no combination makes sense; the first: window_length"),
        ("", {}, False, "nothing is usually varied"),
    ],
)
def test_a_search_that_cannot_be_made_is_refused(text: str, fixed: dict[str, Any], grid: bool, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        combinations(NAIVE, read_space(NAIVE, text), fixed, grid=grid, trials=5, seed=0)
    assert caught.value.remedy


@pytest.mark.parametrize("season", [1, 12])
@pytest.mark.parametrize("model", FORECASTERS, ids=lambda model: model.id)
def test_what_is_usually_tried_is_accepted_by_the_model(model: Any, season: int) -> None:
    space = usual_space(model, season)
    if not space:
        return
    found = combinations(model, space, {}, grid=True, trials=prod(map(len, space.values())), seed=0)
    assert found
    for name, values in space.items():
        for value in values:
            assert any(each[name] == value for each in found), f"{name}={value} is in no combination that makes sense"
    for settings in found:
        read_parameters(model, settings)


def test_scores_are_those_of_a_backtest_and_the_best_comes_first(
    tune: Tune, make_context: MakeContext, airline: np.ndarray
) -> None:
    data = tune("exponential_smoothing", airline, search="grid", vary="trend=add|none; seasonal=add|mul|none").data
    assert [each["rank"] for each in data["trials"]] == list(range(1, len(data["trials"]) + 1))
    assert data["best"] == data["trials"][0]["settings"] == {"trend": "add", "seasonal": "add"}
    assert [each["mase"] for each in data["trials"]] == sorted(each["mase"] for each in data["trials"])
    assert data["beats_baseline"] is True
    names = [each["model"] for each in data["trials"]]
    assert "as given" in names
    assert "baseline: seasonal naive (12)" in names
    assert len(names) == 2 + 5  # trend=none; seasonal=none is as given.
    backtest = backtesting.run(make_context("exponential_smoothing", airline, data["best"], folds=3)).data
    expected = next(each for each in backtest["ranking"] if each["model"] == "exponential_smoothing")
    assert data["trials"][0]["mase"] == pytest.approx(expected["mase"], rel=1e-12)


def test_the_command_can_be_read_back(tune: Tune, airline: np.ndarray) -> None:
    data = tune(
        "arima", airline, {"maxiter": 20}, vary="order=1,0,0|2,1,1; trend=none|ct", folds=1, window=100, horizon=6
    ).data
    words = shlex.split(data["command"])
    assert words[:10] == [
        "quarterdeck", "do", "model.forecast", "ainode/model/arima", "--dataset", "x", "--window", "100", "--horizon", "6",
    ]  # fmt: skip
    assert words[10::2] == ["--set"] * len(data["best"])
    assert parse_settings(parameters_schema(model_named("arima")), words[11::2]) == data["best"]
    assert data["best"]["maxiter"] == 20


def test_a_trial_that_fails_is_listed_with_the_reason(tune: Tune, airline: np.ndarray) -> None:
    data = tune("exponential_smoothing", airline - 300, vary="trend=add|mul", folds=1).data
    last = data["trials"][-1]
    assert (last["settings"], last["rank"]) == ({"trend": "mul"}, None)
    assert "need positive values" in last["failures"][0]["reason"]


def test_when_no_settings_get_through_every_fold_it_is_said(tune: Tune, airline: np.ndarray) -> None:
    data = tune("stl_forecaster", airline[:60], {"sp": 12}, vary="seasonal=7|13", folds=4).data
    assert [each["rank"] for each in data["trials"]] == [1, None, None]
    assert data["beats_baseline"] is False
    assert "no settings got through every fold" in data["notices"][0]


def test_without_vary_what_is_usual_is_tried_except_what_is_set(tune: Tune, airline: np.ndarray) -> None:
    data = tune("naive_forecaster", airline, {"strategy": "last"}, trials=4, folds=1).data
    assert set(data["space"]) == {"sp", "window_length"}
    assert all(each["settings"]["strategy"] == "last" for each in data["trials"] if not each["baseline"])
    assert len(data["trials"]) <= 4 + 2


def test_files_and_document_hold_the_trials(make_context: MakeContext, airline: np.ndarray, tmp_path: Path) -> None:
    context = make_context("naive_forecaster", airline, vary="sp=1|6|12", search="grid", folds=2)
    value = tuning.run(context)
    assert set(context.artefacts) == {"tuning.csv", "tuning.json", "tuning.parquet", "chart.svg"}
    with (tmp_path / "tuning.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows] == [each["model"] for each in value.data["trials"]]
    assert {row["settings"] for row in rows} == {"", "sp=6", "sp=12"}
    assert value.document is not None
    command, table = value.document.blocks[:2]
    assert isinstance(command, TextBlock)
    assert command.text == value.data["command"]
    assert isinstance(table, TableBlock)
    assert len(table.rows) == len(rows)
    assert context.steps == ["read", "trials", "write"]


def test_a_search_can_be_cancelled_between_fits(make_context: MakeContext, airline: np.ndarray) -> None:
    context = make_context("naive_forecaster", airline, vary="sp=1|6|12", folds=2)
    context.cancel_at = 0.5
    with pytest.raises(JobCancelledError):
        tuning.run(context)
    assert not context.artefacts


def test_a_detector_is_not_tuned(tune: Tune, airline: np.ndarray) -> None:
    with pytest.raises(UnsupportedError, match="does not forecast"):
        tune("stray", airline)


@pytest.mark.parametrize("parameters", [{"trials": 0}, {"trials": 501}, {"search": "bayes"}, {"seed": -1}])
def test_wrong_parameters_are_refused(tune: Tune, airline: np.ndarray, parameters: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        tune("naive_forecaster", airline, **parameters)
