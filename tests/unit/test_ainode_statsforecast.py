"""The models of statsforecast: numbers are the library's, and what it cannot do is refused with a sentence."""

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from quarterdeck_ainode.local import backtesting, forecasting
from quarterdeck_ainode.models.catalogue import MODELS, model_named, parameters_schema, read_parameters
from quarterdeck_api.errors import QuarterdeckError, UsageError
from quarterdeck_api.jobs import JobValue
from quarterdeck_api.parameters import fields

pytest.importorskip("sktime")

OURS = [model.id for model in MODELS if model.library == "statsforecast"]

#: Left out because they cannot work, change nothing in one forecast, or are no plain value.
LEFT_OUT = {
    "trace", "method", "truncate", "test_kwargs", "seasonal_test_kwargs", "blambda", "biasadj", "distribution",
    "alias", "prediction_intervals", "trend_forecaster", "stl_kwargs",
}  # fmt: skip

Forecast = Callable[..., JobValue]


@pytest.fixture
def forecast(make_context: Callable[..., Any]) -> Forecast:
    def run(*arguments: Any, **named: Any) -> JobValue:
        return forecasting.run(make_context(*arguments, **named))

    return run


@pytest.fixture(scope="module")
def airline() -> np.ndarray:
    from sktime.datasets import load_airline

    series: Any = load_airline()
    return series.to_numpy(dtype=float)


def library_class(model_id: str) -> Any:
    return getattr(import_module("statsforecast.models"), model_named(model_id).class_name)


@pytest.mark.parametrize(
    ("model", "settings", "arguments"),
    [
        ("auto_arima", {}, {"season_length": 12}),
        ("auto_arima", {"d": 1, "max_P": 0, "max_Q": 0, "ic": "bic"}, {"season_length": 12, "d": 1, "max_P": 0, "max_Q": 0, "ic": "bic"}),
        ("auto_arima", {"season_length": 1}, {}),
        ("auto_ets", {}, {"season_length": 12}),
        ("auto_ets", {"model": "MAM", "damped": True, "phi": 0.9}, {"season_length": 12, "model": "MAM", "damped": True, "phi": 0.9}),
        ("auto_theta", {}, {"season_length": 12}),
        ("auto_theta", {"model": "DSTM", "decomposition_type": "additive"}, {"season_length": 12, "model": "DSTM", "decomposition_type": "additive"}),
        ("mstl", {}, {"season_length": [12]}),
        ("mstl", {"season_length": [6, 12]}, {"season_length": [6, 12]}),
        ("seasonal_naive", {}, {"season_length": 12}),
        ("seasonal_naive", {"season_length": 3}, {"season_length": 3}),
    ],
)  # fmt: skip
def test_values_and_intervals_are_exactly_the_librarys(
    forecast: Forecast, airline: np.ndarray, model: str, settings: dict[str, Any], arguments: dict[str, Any]
) -> None:
    data = forecast(model, airline, settings, horizon=18, level=0.8).data
    theirs = library_class(model)(**arguments).forecast(y=airline, h=18, level=[80.0])
    assert np.array_equal(data["values"], theirs["mean"])
    assert np.array_equal(data["lower"], np.asarray(theirs["lo-80.0"], dtype=float))
    assert np.array_equal(data["upper"], np.asarray(theirs["hi-80.0"], dtype=float))
    assert data["settings"]["season_length"] == arguments.get("season_length", 1)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.29, 0.999])
def test_every_level_has_its_interval(forecast: Forecast, airline: np.ndarray, level: float) -> None:
    data = forecast("seasonal_naive", airline, level=level).data
    assert all(
        low < value < high for low, value, high in zip(data["lower"], data["values"], data["upper"], strict=True)
    )


@pytest.mark.parametrize("model_id", OURS)
def test_names_and_defaults_are_the_librarys(model_id: str) -> None:
    signature = inspect.signature(library_class(model_id).__init__).parameters
    theirs = {name: each.default for name, each in signature.items() if name != "self"}
    ours = {field.name: field.default for field in fields(parameters_schema(model_named(model_id)))}
    assert set(theirs) - LEFT_OUT == set(ours)
    assert {name: value for name, value in ours.items() if name != "season_length"} == {
        name: value for name, value in theirs.items() if name in ours and name != "season_length"
    }


@pytest.mark.parametrize("model_id", OURS)
def test_a_constant_series_is_answered_with_the_constant(forecast: Forecast, model_id: str) -> None:
    assert forecast(model_id, [5.0] * 48).data["values"] == pytest.approx([5.0] * 12)


@pytest.mark.parametrize("model_id", OURS)
def test_the_least_number_of_observations_works_and_one_fewer_is_refused(
    forecast: Forecast, airline: np.ndarray, model_id: str
) -> None:
    settings: dict[str, Any] = {"season_length": [4]} if model_id == "mstl" else {"season_length": 1}
    least = {"auto_arima": 3, "auto_ets": 8, "auto_theta": 4, "mstl": 8, "seasonal_naive": 2}[model_id]
    assert np.all(np.isfinite(forecast(model_id, airline[:least], settings, horizon=2).data["values"]))
    with pytest.raises(QuarterdeckError, match=f"needs at least {least}"):
        forecast(model_id, airline[: least - 1], settings, horizon=2)


def test_they_are_backtested_with_the_others(make_context: Callable[..., Any], airline: np.ndarray) -> None:
    data = backtesting.run(make_context("auto_ets", airline, models=["seasonal_naive"], folds=3)).data
    scores = {each["model"]: each for each in data["ranking"]}
    assert data["best"] == "auto_ets"
    assert scores["seasonal_naive"]["mase"] == scores["baseline: seasonal naive (12)"]["mase"]
    assert scores["auto_ets"]["coverage"] is not None


@pytest.mark.parametrize(
    ("model_id", "settings", "sentence"),
    [
        ("auto_ets", {"model": "XYZ"}, "model cannot be 'XYZ'"),
        ("auto_ets", {"model": "AMA"}, "not stable"),
        ("auto_ets", {"phi": 0.9}, "phi is the damping"),
        ("auto_ets", {"model": "ZNZ", "damped": True}, "needs a trend"),
        ("auto_theta", {"model": "TTT"}, "model cannot be 'TTT'"),
        ("auto_arima", {"seasonal_test": "hegy"}, "seasonal_test cannot be 'hegy'"),
        ("auto_arima", {"max_p": -1}, "max_p cannot be -1"),
        ("mstl", {"season_length": [1]}, "season_length cannot be 1"),
        ("mstl", {"season_length": [12, 12]}, "different periods"),
        ("seasonal_naive", {"season_length": 0}, "season_length cannot be 0"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(model_id: str, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        read_parameters(model_named(model_id), settings)
    assert caught.value.remedy


def test_mstl_needs_a_season(make_context: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match="no season to decompose"):
        forecasting.run(make_context("mstl", np.arange(30), frequency="YS"))
