"""The catalogue of models against the libraries: names, defaults, ranges, and every parameter really reaching its estimator."""

import inspect
from importlib import import_module
from typing import Any

import msgspec
import numpy as np
import pytest

from quarterdeck_ainode.models.catalogue import MODELS, Task, model_named, parameters_schema, read_parameters
from quarterdeck_ainode.models.detector_parameters import DetectorParameters
from quarterdeck_ainode.models.estimators import component_forecaster, plan
from quarterdeck_ainode.models.fitting import fit_and_predict, recorded_warnings
from quarterdeck_ainode.models.observations import Observations
from quarterdeck_ainode.models.time_axis import time_axis
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, UsageError
from quarterdeck_api.parameter_values import parse_settings
from quarterdeck_api.parameters import fields

ORIGIN = [model.id for model in MODELS if model.library == "sktime"]
FORECASTERS = [model.id for model in MODELS if model.id in ORIGIN and model.task is Task.FORECAST]
DETECTORS = [model.id for model in MODELS if model.task is Task.DETECTION]

#: Parameters of the libraries that are left out or differ on purpose; docs/models.md says why.
LEFT_OUT = {
    "arima": {"scoring_args", "simple_differencing"},
    "exponential_smoothing": {"use_boxcox", "start_params", "method", "minimize_kwargs", "random_state"},
    "holtwinters": {"use_boxcox", "start_params", "method", "minimize_kwargs", "random_state"},
}
OTHER_DEFAULTS = {
    "exponential_smoothing": {"trend": "none", "seasonal": "none", "use_brute": False},
    "holtwinters": {"trend": "add", "seasonal": "auto", "use_brute": False},
}

#: AINode's names of measures that its own code does not find, and where they lead.
MEASURES = {
    "rmse": "root_mean_squared_error",
    "mape": "mean_absolute_percentage_error",
    "rmsle": "root_mean_squared_log_error",
    "r2": "r2_score",
}

#: A value other than the default for each parameter, with what else it needs.
TRIALS: dict[str, dict[str, list[dict[str, Any]]]] = {
    "naive_forecaster": {
        "strategy": [{"strategy": "mean"}, {"strategy": "drift"}],
        "window_length": [{"window_length": 24, "strategy": "mean"}],
        "sp": [{"sp": 12}],
    },
    "arima": {
        "order": [{"order": [2, 1, 1]}],
        "seasonal_order": [{"seasonal_order": [0, 1, 0, 12]}],
        "start_params": [{"start_params": [10.0, 0.5, 100.0]}],
        "method": [{"method": name} for name in ("bfgs", "nm", "cg", "powell")],
        "maxiter": [{"maxiter": 3}],
        "suppress_warnings": [{"suppress_warnings": True}],
        "out_of_sample_size": [{"out_of_sample_size": 12}],
        "scoring": [
            {"scoring": name, "out_of_sample_size": 6} for name in ("mae", "rmse", "mape", "smape", "rmsle", "r2")
        ],
        "trend": [{"trend": value} for value in ("n", "c", "t", "ct", [1, 0, 1])],
        "with_intercept": [{"with_intercept": False}],
        "time_varying_regression": [{"time_varying_regression": True, "mle_regression": False}],
        "enforce_stationarity": [{"enforce_stationarity": False}],
        "enforce_invertibility": [{"enforce_invertibility": False}],
        "measurement_error": [{"measurement_error": True}],
        "mle_regression": [{"mle_regression": False}],
        "hamilton_representation": [{"hamilton_representation": True}],
        "concentrate_scale": [{"concentrate_scale": True}],
    },
    "stl_forecaster": {
        "sp": [{"sp": 12}, {"sp": None}],
        "seasonal": [{"seasonal": 3}],
        "trend": [{"trend": 15, "sp": 12}],
        "low_pass": [{"low_pass": 13, "sp": 12}],
        "seasonal_deg": [{"seasonal_deg": 0}],
        "trend_deg": [{"trend_deg": 0}],
        "low_pass_deg": [{"low_pass_deg": 0}],
        "robust": [{"robust": True}],
        "seasonal_jump": [{"seasonal_jump": 2}],
        "trend_jump": [{"trend_jump": 5}],
        "low_pass_jump": [{"low_pass_jump": 5}],
        "inner_iter": [{"inner_iter": 1}],
        "outer_iter": [{"outer_iter": 2}],
        "forecaster_trend": [{"forecaster_trend": "holt"}, {"forecaster_trend": "exponential-smoothing"}],
        "forecaster_seasonal": [{"forecaster_seasonal": "seasonal-mean"}, {"forecaster_seasonal": "arima"}],
        "forecaster_resid": [{"forecaster_resid": "mean"}, {"forecaster_resid": "naive"}],
    },
}
_SMOOTHING: dict[str, list[dict[str, Any]]] = {
    "damped_trend": [{"damped_trend": True, "trend": "add"}],
    "sp": [{"sp": 6, "seasonal": "add"}],
    "initialization_method": [{"initialization_method": "heuristic"}, {"initialization_method": "legacy-heuristic"}],
    "initial_level": [{"initialization_method": "known", "trend": "none", "seasonal": "none", "initial_level": 112.0}],
    "initial_trend": [
        {
            "initialization_method": "known",
            "trend": "add",
            "seasonal": "none",
            "initial_level": 112.0,
            "initial_trend": 1.0,
        }
    ],
    "initial_seasonal": [
        {
            "initialization_method": "known",
            "trend": "none",
            "seasonal": "add",
            "sp": 12,
            "initial_level": 112.0,
            "initial_seasonal": [float(step) for step in range(12)],
        }
    ],
    "optimized": [{"optimized": False, "trend": "none", "seasonal": "none", "smoothing_level": 0.4}],
    "smoothing_level": [{"smoothing_level": 0.3}],
    "smoothing_trend": [{"smoothing_trend": 0.1, "trend": "add"}],
    "smoothing_seasonal": [{"smoothing_seasonal": 0.1, "seasonal": "add"}],
    "damping_trend": [{"damping_trend": 0.9, "damped_trend": True, "trend": "add"}],
    "remove_bias": [{"remove_bias": True}],
    "use_brute": [{"use_brute": True}],
}
TRIALS["exponential_smoothing"] = {
    "trend": [{"trend": "add"}, {"trend": "mul"}],
    "seasonal": [{"seasonal": "add"}, {"seasonal": "mul"}],
    **_SMOOTHING,
}
TRIALS["holtwinters"] = {
    "trend": [{"trend": "none"}, {"trend": "mul"}],
    "seasonal": [{"seasonal": "mul"}, {"seasonal": "none"}],
    **_SMOOTHING,
}
DETECTOR_TRIALS: dict[str, dict[str, list[Any]]] = {
    "gaussian_hmm": {
        "covars_prior": [0.0, 1.0],
        "covars_weight": [0.0, 2.0],
        "params": ["", "s", "stm"],
        "init_params": ["", "c", "mt"],
    },
    "gmm_hmm": {
        "n_mix": [2],
        "weights_prior": [0.5],
        "covars_prior": [1.0],
        "covars_weight": [1.0],
        "params": ["", "stmcw"[:3], "w"],
        "init_params": ["", "cw"],
    },
    "stray": {
        "alpha": [1e-9, 0.5],
        "k": [1, 3, 5000],
        "knn_algorithm": ["kd_tree", "ball_tree", "auto"],
        "p": [0.0, 1.0],
        "size_threshold": [1, 5000],
        "outlier_tail": ["min"],
    },
}
_HMM: dict[str, list[Any]] = {
    "n_components": [3],
    "covariance_type": ["spherical", "full", "tied"],
    "min_covar": [0.0, 1.0],
    "startprob_prior": [0.5, 5.0],
    "transmat_prior": [0.5, 5.0],
    "means_prior": [-5.0, 5.0],
    "means_weight": [1.0],
    "algorithm": ["map"],
    "random_state": [0, 2**32 - 1],
    "n_iter": [1, 30],
    "tol": [-1.0, 1.0],
    "verbose": [True],
    "implementation": ["scaling"],
}
DETECTOR_TRIALS["gaussian_hmm"] |= _HMM
DETECTOR_TRIALS["gmm_hmm"] |= _HMM


@pytest.fixture(scope="module")
def airline() -> Observations:
    from sktime.datasets import load_airline

    series: Any = load_airline()
    times = np.asarray(series.index.to_timestamp())
    return Observations(
        "core/dataset/airline", "Passengers", series.to_numpy(dtype=float), time_axis(times, "MS", "", "x")
    )


def library_class(model_id: str) -> Any:
    module, _, name = model_named(model_id).implementation.rpartition(".")
    return getattr(import_module(module), name)


def test_there_are_the_eight_models_of_the_origin() -> None:
    assert sorted(ORIGIN) == [
        "arima",
        "exponential_smoothing",
        "gaussian_hmm",
        "gmm_hmm",
        "holtwinters",
        "naive_forecaster",
        "stl_forecaster",
        "stray",
    ]
    assert len(FORECASTERS) == 5
    with pytest.raises(NotFoundError, match="no model 'prophet'"):
        model_named("prophet")


@pytest.mark.parametrize("model_id", ORIGIN)
def test_names_and_defaults_are_the_librarys_or_documented(model_id: str) -> None:
    signature = inspect.signature(library_class(model_id).__init__).parameters
    theirs = {name: each.default for name, each in signature.items() if name != "self"}
    ours = {field.name: field.default for field in fields(parameters_schema(model_named(model_id)))}
    assert set(theirs) - set(ours) == LEFT_OUT.get(model_id, set())
    assert set(ours) <= set(theirs)
    for name, default in ours.items():
        wanted = OTHER_DEFAULTS.get(model_id, {}).get(name, theirs[name])
        assert (tuple(default) if isinstance(default, list) else default) == wanted, name


@pytest.mark.parametrize("model_id", [model.id for model in MODELS])
def test_every_parameter_is_described_by_one_sentence(model_id: str) -> None:
    for field in fields(parameters_schema(model_named(model_id))):
        assert field.help.endswith("."), field.name


@pytest.mark.parametrize("model_id", FORECASTERS)
def test_every_parameter_has_a_trial(model_id: str) -> None:
    assert set(TRIALS[model_id]) == {field.name for field in fields(parameters_schema(model_named(model_id)))}


@pytest.mark.parametrize("model_id", FORECASTERS)
def test_every_parameter_reaches_the_estimator_and_works(model_id: str, airline: Observations) -> None:
    model = model_named(model_id)
    for name, trials in TRIALS[model_id].items():
        for settings in trials:
            parameters = read_parameters(model, settings)
            assert not isinstance(parameters, DetectorParameters)
            with recorded_warnings():
                made = plan(parameters, airline)
                predicted = fit_and_predict(model, made.forecaster, airline, 3, 0.9)
                component = component_forecaster(settings[name], 2) if name.startswith("forecaster_") else None
            reached = made.forecaster.get_params(deep=False)[name]
            assert np.all(np.isfinite(predicted.values))
            if component is not None:
                assert repr(reached) == repr(component)
            elif name == "scoring":
                assert getattr(reached, "__name__", reached) == MEASURES.get(settings[name], settings[name])
            elif settings[name] == "none":
                assert reached is None
            elif name == "sp" and settings[name] is None:
                assert reached == 12
            else:
                assert (list(reached) if isinstance(reached, tuple) else reached) == settings[name], name


@pytest.mark.parametrize("model_id", DETECTORS)
def test_every_parameter_of_a_detector_is_accepted_by_its_library(model_id: str, airline: Observations) -> None:
    model = model_named(model_id)
    assert set(DETECTOR_TRIALS[model_id]) == {field.name for field in fields(parameters_schema(model))}
    values = airline.values.reshape(-1, 1)
    scaled = (values - values.min()) / (values.max() - values.min())
    base = {} if model_id == "stray" else {"n_components": 2, "random_state": 1}
    for name, trials in DETECTOR_TRIALS[model_id].items():
        for value in trials:
            parameters = read_parameters(model, {**base, name: value})
            with recorded_warnings():
                detector = library_class(model_id)(**msgspec.to_builtins(parameters))
                labels = np.asarray(detector.fit_transform(scaled))
            assert detector.get_params()[name] == value
            assert len(labels) == len(values)


@pytest.mark.parametrize(
    ("model_id", "settings", "sentence"),
    [
        ("naive_forecaster", {"sp": 0}, "sp cannot be 0"),
        ("naive_forecaster", {"strategy": "lst"}, "strategy cannot be 'lst'"),
        ("naive_forecaster", {"window_length": 3, "sp": 12}, "shorter than one season"),
        ("naive_forecaster", {"window_length": 1, "strategy": "drift"}, "at least 2"),
        ("naive_forecaster", {"seasonal": 3}, "no parameter 'seasonal'"),
        ("arima", {"order": [1, 0]}, "order takes 3 values, not 2"),
        ("arima", {"order": [1, -1, 0]}, "order cannot be -1"),
        ("arima", {"seasonal_order": [1, 0, 0, 0]}, "no season length"),
        ("arima", {"seasonal_order": [1, 0, 0, 1]}, "a season of 1 is none"),
        ("arima", {"order": [2, 0, 0], "seasonal_order": [1, 0, 0, 2]}, "lag 2 is both"),
        ("arima", {"order": [0, 0, 3], "seasonal_order": [0, 0, 1, 2]}, "lag 2 is both"),
        ("arima", {"method": "ncg"}, "method cannot be 'ncg'"),
        ("arima", {"simple_differencing": True}, "no parameter 'simple_differencing'"),
        ("arima", {"maxiter": 0}, "maxiter cannot be 0"),
        ("arima", {"time_varying_regression": True}, "needs mle_regression=false"),
        ("arima", {"order": [1, 1, 0], "hamilton_representation": True}, "without differences"),
        ("arima", {"start_params": [0.1]}, "1 numbers and this model 3 parameters"),
        ("arima", {"trend": "ctt"}, "trend"),
        ("arima", {"trend": [0, 0]}, "trend has no term"),
        ("exponential_smoothing", {"damped_trend": True}, "damped_trend needs a trend"),
        ("exponential_smoothing", {"initialization_method": "known"}, "known needs initial_level"),
        ("exponential_smoothing", {"initial_level": 1.0}, "only with initialization_method known"),
        ("exponential_smoothing", {"smoothing_trend": 0.1}, "smoothing_trend needs trend"),
        ("exponential_smoothing", {"optimized": False}, "smoothing_level must be given"),
        ("exponential_smoothing", {"smoothing_level": 1.5}, "smoothing_level cannot be 1.5"),
        ("exponential_smoothing", {"sp": 1}, "sp cannot be 1"),
        ("holtwinters", {"smoothing_level": 0.1, "smoothing_trend": 0.2}, "above smoothing_level"),
        ("holtwinters", {"seasonal": "multiplicative"}, "seasonal cannot be"),
        ("stl_forecaster", {"seasonal": 8}, "seasonal has to be odd, not 8"),
        ("stl_forecaster", {"seasonal": 1}, "seasonal cannot be 1"),
        ("stl_forecaster", {"sp": 12, "trend": 11}, "trend has to be above the seasonal period 12"),
        ("stl_forecaster", {"sp": 12, "low_pass": 9}, "low_pass has to be above"),
        ("stl_forecaster", {"seasonal_deg": 2}, "seasonal_deg cannot be 2"),
        ("stl_forecaster", {"trend_jump": 0}, "trend_jump cannot be 0"),
        ("stl_forecaster", {"sp": 1}, "sp cannot be 1"),
        ("stl_forecaster", {"forecaster_trend": "prophet"}, "forecaster_trend cannot be 'prophet'"),
        ("gaussian_hmm", {"startprob_prior": 0}, "startprob_prior cannot be 0"),
        ("gaussian_hmm", {"params": "stmcx"}, "params cannot be 'stmcx'"),
        ("gaussian_hmm", {"random_state": 1.5}, "random_state is a whole number"),
        ("gaussian_hmm", {"covars_prior": None}, "covars_prior cannot be empty"),
        ("stray", {"alpha": 0}, "alpha cannot be 0"),
        ("stray", {"k": 0}, "k cannot be 0"),
        ("stray", {"p": 1.5}, "p cannot be 1.5"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(model_id: str, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        read_parameters(model_named(model_id), settings)
    assert caught.value.remedy


def test_parameters_can_be_written_on_a_command_line() -> None:
    schema = parameters_schema(model_named("arima"))
    values = parse_settings(schema, ["order=2,1,1", "seasonal_order=0,1,1,12", "trend=none", "method=powell"])
    assert values == {"order": [2, 1, 1], "seasonal_order": [0, 1, 1, 12], "trend": None, "method": "powell"}
    assert parse_settings(schema, ["trend=1,0,1"]) == {"trend": [1, 0, 1]}
    assert parse_settings(parameters_schema(model_named("holtwinters")), ["trend=none", "sp=none"]) == {
        "trend": "none",
        "sp": None,
    }


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"order": [2, 1, 1]},
        {"order": [1, 0, 1], "seasonal_order": [1, 0, 1, 12], "trend": "ct"},
        {"trend": [1, 0, 1], "measurement_error": True},
        {"with_intercept": False, "concentrate_scale": True},
    ],
)
def test_the_number_of_arimas_parameters_is_the_fitted_models(settings: dict[str, Any], airline: Observations) -> None:
    parameters = read_parameters(model_named("arima"), {**settings, "maxiter": 1})
    with recorded_warnings():
        made = plan(parameters, airline)  # type: ignore[arg-type]
        fit_and_predict(model_named("arima"), made.forecaster, airline, 1, 0.9)
    assert parameters.parameter_count == len(made.forecaster._get_fitted_params_arima_res())  # type: ignore[union-attr]


def test_left_out_parameters_still_cannot_work(airline: Observations) -> None:
    """When this fails the library has learnt it: offer the parameter again."""
    arima = library_class("arima")
    for arguments in ({"method": "ncg"}, {"simple_differencing": True}):
        with recorded_warnings(), pytest.raises(QuarterdeckError, match="could not be fitted"):
            fit_and_predict(model_named("arima"), arima(order=(1, 1, 0), **arguments), airline, 3, 0.9)


def test_holt_winters_is_seasonal_by_itself_where_the_frequency_has_a_season(airline: Observations) -> None:
    holt_winters = model_named("holtwinters")
    with recorded_warnings():
        made = plan(read_parameters(holt_winters, {}), airline)  # type: ignore[arg-type]
    assert (made.settings["trend"], made.settings["seasonal"], made.settings["sp"]) == ("add", "add", 12)
    short = Observations("d", "c", airline.values[:20], time_axis(np.asarray(airline.axis.index[:20]), "MS", "", "d"))
    with recorded_warnings():
        made = plan(read_parameters(holt_winters, {}), short)  # type: ignore[arg-type]
    assert made.settings["seasonal"] == "none"
    assert "fewer than two seasons of 12" in made.notices[0]
