"""Measures of accuracy and the folds of a backtest, against numbers worked out by hand and against sktime's own."""

from typing import Any

import numpy as np
import pytest

from quarterdeck_ainode.models.accuracy import accuracy, naive_scale
from quarterdeck_ainode.models.folds import make_folds
from quarterdeck_api.errors import UsageError

ACTUAL = np.array([10.0, 12.0, 8.0, 20.0])
FORECAST = np.array([12.0, 12.0, 4.0, 10.0])


def test_measures_are_those_worked_out_by_hand() -> None:
    found = accuracy(ACTUAL, FORECAST, 2.0, FORECAST - 3, FORECAST + 3)
    assert found.mae == (2 + 0 + 4 + 10) / 4
    assert found.rmse == pytest.approx(((4 + 0 + 16 + 100) / 4) ** 0.5)
    assert found.mase == 4.0 / 2.0
    assert found.smape == pytest.approx((4 / 22 + 0 + 8 / 12 + 20 / 30) / 4)
    assert found.coverage == 2 / 4


def test_an_edge_of_the_interval_is_inside_it() -> None:
    assert accuracy(ACTUAL, ACTUAL, 1.0, ACTUAL, ACTUAL).coverage == 1.0


def test_zero_forecast_as_zero_is_no_error() -> None:
    found = accuracy(np.array([0.0, 1.0]), np.array([0.0, -1.0]), None)
    assert found.smape == 1.0
    assert (found.mase, found.coverage) == (None, None)


def test_the_scale_is_the_mean_error_of_the_seasonal_naive_forecast() -> None:
    training = np.array([1.0, 4.0, 2.0, 8.0, 3.0, 9.0])
    assert naive_scale(training, 1) == (3 + 2 + 6 + 5 + 6) / 5
    assert naive_scale(training, 2) == (1 + 4 + 1 + 1) / 4
    assert naive_scale(training, 6) == naive_scale(training, 1)


@pytest.mark.parametrize("training", [[5.0, 5.0, 5.0], [5.0]])
def test_there_is_no_scale_where_nothing_changes(training: list[float]) -> None:
    assert naive_scale(np.array(training), 1) is None


@pytest.mark.parametrize("season", [1, 4, 12])
def test_measures_are_sktimes(season: int) -> None:
    pytest.importorskip("sktime")
    from sktime.performance_metrics import forecasting as theirs

    generator = np.random.default_rng(season)
    training, actual = generator.normal(20, 5, 60), generator.normal(20, 5, 12)
    forecast = actual + generator.normal(0, 2, 12)
    found = accuracy(actual, forecast, naive_scale(training, season))
    assert found.mae == pytest.approx(theirs.mean_absolute_error(actual, forecast))
    assert found.rmse == pytest.approx(theirs.mean_squared_error(actual, forecast, square_root=True))
    assert found.smape == pytest.approx(theirs.mean_absolute_percentage_error(actual, forecast, symmetric=True))
    mase: Any = theirs.mean_absolute_scaled_error(actual, forecast, y_train=training, sp=season)
    assert found.mase == pytest.approx(mase)


def test_folds_end_with_the_last_observation() -> None:
    folds = make_folds(100, 10, 3)
    assert [(fold.number, fold.start, fold.cutoff, fold.stop) for fold in folds] == [
        (1, 0, 70, 80),
        (2, 0, 80, 90),
        (3, 0, 90, 100),
    ]


def test_sliding_windows_are_equally_long() -> None:
    folds = make_folds(100, 10, 3, 5, sliding=True)
    assert [(fold.start, fold.cutoff, fold.stop) for fold in folds] == [(0, 80, 90), (5, 85, 95), (10, 90, 100)]
    folds = make_folds(100, 10, 3, 5, sliding=True, length=30)
    assert [(fold.start, fold.cutoff) for fold in folds] == [(50, 80), (55, 85), (60, 90)]


@pytest.mark.parametrize("sliding", [False, True])
@pytest.mark.parametrize(("horizon", "number", "step"), [(12, 5, 12), (3, 7, 1), (4, 3, 10)])
def test_folds_are_sktimes(sliding: bool, horizon: int, number: int, step: int) -> None:
    splits = pytest.importorskip("sktime.split")
    folds = make_folds(144, horizon, number, step, sliding=sliding)
    steps = list(range(1, horizon + 1))
    if sliding:
        splitter = splits.SlidingWindowSplitter(fh=steps, window_length=folds[0].cutoff, step_length=step)
    else:
        splitter = splits.ExpandingWindowSplitter(fh=steps, initial_window=folds[0].cutoff, step_length=step)
    theirs = [(train[0], train[-1] + 1, test[-1] + 1) for train, test in splitter.split(np.arange(144.0))]
    assert [(fold.start, fold.cutoff, fold.stop) for fold in folds] == theirs


@pytest.mark.parametrize(
    ("arguments", "named", "remedy"),
    [
        ((100, 10, 10), {}, "--folds 9 or less"),
        ((100, 10, 3), {"sliding": True, "length": 75}, "--folds 2 or less"),
        ((11, 10, 1), {}, "a shorter horizon"),
        ((50, 5, 20, 3), {}, "--folds 15 or less"),
    ],
)
def test_too_short_a_series_is_refused_with_what_is_possible(
    arguments: tuple[int, ...], named: dict[str, Any], remedy: str
) -> None:
    with pytest.raises(UsageError, match=f"there are {arguments[0]}") as caught:
        make_folds(*arguments, **named)
    assert remedy in caught.value.remedy


def test_as_many_folds_as_the_remedy_says_are_possible() -> None:
    assert len(make_folds(50, 5, 15, 3)) == 15
    assert len(make_folds(100, 10, 2, sliding=True, length=75)) == 2


def test_a_length_without_sliding_windows_is_refused() -> None:
    with pytest.raises(UsageError, match="sliding"):
        make_folds(100, 10, 3, length=20)
