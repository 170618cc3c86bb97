"""What every model does with every kind of difficult series: an answer that is documented, or a sentence; docs/models.md has the table."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.local import backtesting, detecting, forecasting, tuning
from quarterdeck_ainode.models.catalogue import MODELS, Task
from quarterdeck_api.errors import QuarterdeckError

COUNT = 48
STEPS = np.arange(COUNT)
PLAIN = 10 + 3 * np.sin(STEPS * np.pi / 6) + STEPS / 10
MONTHS = pd.date_range("2000-01-01", periods=COUNT, freq="MS")


class Series(Struct, frozen=True):
    """A series; `refused` says, by operation or for all, what the error has to say, and `spared` the models that answer nevertheless.

    With `like` the answers are those for the plain series, multiplied.
    """

    values: NDArray[np.float64]
    times: pd.DatetimeIndex
    refused: Mapping[str, str] = {}
    spared: Mapping[str, tuple[str, ...]] = {}


def everywhere(sentence: str) -> Mapping[str, str]:
    return dict.fromkeys(("forecast", "backtest", "tune", "detect"), sentence)


NAIVE = {"forecast": ("naive_forecaster",)}
FEW = {"backtest": "need 8 observations", "tune": "need 8 observations", "forecast": "needs at least"}

SERIES = {
    "empty": Series(PLAIN[:0], MONTHS[:0], everywhere("has no rows")),
    "one point": Series(PLAIN[:1], MONTHS[:1], {**FEW, "detect": "needs at least 2 observations"}, NAIVE),
    "two points": Series(
        PLAIN[:2], MONTHS[:2], FEW, {"forecast": ("naive_forecaster", "exponential_smoothing", "holtwinters")}
    ),
    "constant": Series(np.full(COUNT, 7.0), MONTHS),
    "zero": Series(np.zeros(COUNT), MONTHS),
    "all missing": Series(np.full(COUNT, np.nan), MONTHS, everywhere("48 missing values among 48")),
    "some missing": Series(
        np.where(STEPS % 7 == 3, np.nan, PLAIN), MONTHS, everywhere("7 missing values among 48, at 2000-04")
    ),
    "infinite": Series(
        np.where(STEPS == 5, np.inf, PLAIN), MONTHS, everywhere("1 infinite value among 48, at 2000-06")
    ),
    "1e300": Series(PLAIN * 1e300, MONTHS, everywhere("squares of values above 1e.150 overflow"), NAIVE),
    "1e-300": Series(PLAIN * 1e-300, MONTHS, everywhere("squares of values below 1e-150 vanish"), NAIVE),
    "1e149": Series(PLAIN * 1e148, MONTHS),
    "negative": Series(PLAIN - 15, MONTHS),
    "unequal": Series(
        PLAIN,
        MONTHS[:20].append(MONTHS[21:]).append(MONTHS[-1:] + pd.DateOffset(months=1)),
        everywhere("not equally spaced"),
    ),
    "doubled": Series(
        PLAIN, MONTHS[:20].append(MONTHS[19:-1]), everywhere("do not increase: after 2001-08-01.* \\(1 such place\\)")
    ),
}

OPERATIONS: dict[str, tuple[Callable[[Any], Any], Task, dict[str, Any]]] = {
    "forecast": (forecasting.run, Task.FORECAST, {}),
    "backtest": (backtesting.run, Task.FORECAST, {"folds": 2, "horizon": 3}),
    "tune": (tuning.run, Task.FORECAST, {"folds": 2, "horizon": 3, "trials": 1}),
    "detect": (detecting.run, Task.DETECTION, {}),
}
#: Without a season it decomposes nothing; mstl has nothing to tune.
SETTINGS = {"stl_forecaster": {"sp": 12}}
CASES = [
    (operation, model.id)
    for operation, (_, task, _) in OPERATIONS.items()
    for model in MODELS
    if model.task is task and (operation, model.id) not in (("tune", "mstl"), ("tune", "seasonal_naive"))
]

MakeContext = Callable[..., Any]


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize(("operation", "model"), CASES)
def test_every_model_answers_or_says_why_not(make_context: MakeContext, operation: str, model: str, name: str) -> None:
    series = SERIES[name]
    run, _, parameters = OPERATIONS[operation]
    context = make_context(model, series.values, SETTINGS.get(model, {}), times=series.times, **parameters)
    refused = series.refused.get(operation, "")
    if refused and model not in series.spared.get(operation, ()):
        with pytest.raises(QuarterdeckError, match=refused) as caught:
            run(context)
        assert caught.value.remedy and "\n" not in caught.value.message
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # What a library warns of is a notice, and nothing else.
        data = run(context).data
    CHECKS[operation](data, series.values)


def check_forecast(data: dict[str, Any], values: NDArray[np.float64]) -> None:
    found = np.array(data["values"])
    size = np.abs(values).max()
    assert len(found) == 12 and np.isfinite(found).all()
    if np.ptp(values) == 0:
        assert found == pytest.approx(np.full(12, values[0]), abs=1e-3)
        assert any("nothing to learn" in notice for notice in data["notices"])
    else:
        assert np.abs(found).max() > size / 100 and np.abs(found).max() < 5 * size
    for bound in (data["lower"], data["upper"]):
        assert bound is None or np.isfinite(bound).all()
    assert (data["lower"] is None) == bool(data["no_interval"])


def check_backtest(data: dict[str, Any], values: NDArray[np.float64]) -> None:
    assert all(each["failures"] == [] and np.isfinite(each["mae"]) for each in data["ranking"])
    check_ranks(data["ranking"], values)


def check_tune(data: dict[str, Any], values: NDArray[np.float64]) -> None:
    check_ranks([each for each in data["trials"] if each["rank"] is not None], values)


def check_ranks(ranking: list[dict[str, Any]], values: NDArray[np.float64]) -> None:
    if np.ptp(values) == 0:
        assert ranking[0]["baseline"] and ranking[0]["mae"] == 0
    baseline = next(each for each in ranking if each["baseline"])
    assert np.ptp(values) == 0 or baseline["mae"] == pytest.approx(1.2 * np.ptp(values) / np.ptp(PLAIN), rel=1e-6)


def check_detect(data: dict[str, Any], values: NDArray[np.float64]) -> None:
    assert len(data["labels"]) == len(values)
    assert set(data["labels"]) <= ({0, 1} if data["model"] == "stray" and np.ptp(values) else {0})


CHECKS: dict[str, Callable[[dict[str, Any], NDArray[np.float64]], None]] = {
    "forecast": check_forecast,
    "backtest": check_backtest,
    "tune": check_tune,
    "detect": check_detect,
}


@pytest.mark.parametrize("model", [model.id for model in MODELS if model.task is Task.FORECAST])
@pytest.mark.parametrize(("horizon", "answered"), [(0, False), (1, True), (5000, True), (5001, False)])
def test_horizons(make_context: MakeContext, model: str, horizon: int, answered: bool) -> None:
    context = make_context(model, PLAIN, SETTINGS.get(model, {}), times=MONTHS, horizon=horizon)
    if not answered:
        with pytest.raises(QuarterdeckError, match="horizon"):
            forecasting.run(context)
        return
    data = forecasting.run(context).data
    assert len(data["values"]) == len(data["times"]) == horizon
    assert data["times"][-1] == ("2004-01-01T00:00:00" if horizon == 1 else "2420-08-01T00:00:00")
    assert np.isfinite(data["values"]).all()


@pytest.mark.parametrize("time_zone", ["", "Europe/Berlin"])
def test_a_horizon_beyond_the_calendar_is_refused(make_context: MakeContext, time_zone: str) -> None:
    years = pd.date_range("1800-01-01", periods=COUNT, freq="2YS", unit="us")
    context = make_context("naive_forecaster", PLAIN, frequency="2YS", times=years, horizon=5000, time_zone=time_zone)
    with pytest.raises(QuarterdeckError, match="beyond the year 9999"):
        forecasting.run(context)


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ("exponential_smoothing", {"trend": "mul"}),
        ("exponential_smoothing", {"seasonal": "mul"}),
        ("holtwinters", {"trend": "mul"}),
        ("holtwinters", {"seasonal": "mul"}),
        ("auto_ets", {"model": "MAM"}),
        ("auto_theta", {"decomposition_type": "multiplicative"}),
    ],
)
@pytest.mark.parametrize("values", [PLAIN - 15, np.where(STEPS == 7, 0.0, PLAIN)], ids=["negative", "one zero"])
def test_multiplicative_parts_and_values_that_are_not_positive(
    make_context: MakeContext, model: str, settings: dict[str, Any], values: NDArray[np.float64]
) -> None:
    context = make_context(model, values, settings, times=MONTHS)
    if model == "auto_theta":  # The library adds where it cannot multiply.
        check_forecast(forecasting.run(context).data, values)
        return
    with pytest.raises(QuarterdeckError, match=r"positive|could not be fitted") as caught:
        forecasting.run(context)
    assert "add" in caught.value.remedy or "ANN" in caught.value.remedy


def test_a_series_that_hardly_varies_is_told(make_context: MakeContext) -> None:
    data = forecasting.run(make_context("arima", 1 + PLAIN * 1e-9, times=MONTHS)).data
    assert any("less than fits take for converged" in notice for notice in data["notices"])
    with pytest.raises(QuarterdeckError, match="cannot be scaled to 0 to 1"):
        detecting.run(make_context("stray", PLAIN * 1e-17, times=MONTHS))
