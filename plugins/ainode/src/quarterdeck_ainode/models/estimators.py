"""From a model's parameters to a forecaster, and what it needs of the data."""

from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from quarterdeck_ainode.models.forecaster_parameters import (
    ArimaParameters,
    ForecasterParameters,
    NaiveParameters,
    SmoothingParameters,
    StlParameters,
)
from quarterdeck_ainode.models.observations import Observations, check_count, check_size
from quarterdeck_ainode.models.statsforecast_models import make_forecaster
from quarterdeck_ainode.models.statsforecast_parameters import StatsforecastParameters
from quarterdeck_api.errors import QuarterdeckError, UsageError

#: Measures by AINode's names, as pmdarima finds them in scikit-learn; smape is pmdarima's own.
_MEASURES = {
    "mse": "mse",
    "mae": "mae",
    "rmse": "root_mean_squared_error",
    "mape": "mean_absolute_percentage_error",
    "rmsle": "root_mean_squared_log_error",
    "r2": "r2_score",
}


class Plan(Struct, frozen=True):
    """An unfitted forecaster, the settings that it was made of with nothing left open, and what was decided on the way."""

    forecaster: Any
    settings: dict[str, Any]
    notices: tuple[str, ...] = ()


def plan(parameters: ForecasterParameters, observed: Observations) -> Plan:
    """Makes the forecaster for these observations.

    A seasonal period that is left open comes from the frequency. Raises UsageError or QuarterdeckError when the data does not fit the
    parameters.
    """
    if not isinstance(parameters, NaiveParameters):
        check_size(observed)
    match parameters:
        case NaiveParameters():
            return _plan_naive(parameters, observed)
        case SmoothingParameters():
            return _plan_smoothing(parameters, observed)
        case ArimaParameters():
            return _plan_arima(parameters, observed)
        case StlParameters():
            return _plan_stl(parameters, observed)
        case _:
            return _plan_statsforecast(parameters, observed)


def seasonal_naive(observed: Observations) -> tuple[Any, str]:
    """The baseline: the last season repeated, or the last value when the frequency has no season or the series none complete."""
    from sktime.forecasting.naive import NaiveForecaster

    season = observed.axis.season if observed.axis.season <= len(observed.values) else 1
    return NaiveForecaster(strategy="last", sp=season), f"seasonal naive ({season})" if season > 1 else "naive"


def _plan_naive(parameters: NaiveParameters, observed: Observations) -> Plan:
    from sktime.forecasting.naive import NaiveForecaster

    drift = parameters.strategy == "drift"
    check_count(observed, 2 if drift else parameters.sp, "strategy drift" if drift else f"a season of {parameters.sp}")
    if parameters.window_length is not None:
        check_count(observed, parameters.window_length, f"window_length {parameters.window_length}")
    settings = msgspec.to_builtins(parameters)
    return Plan(NaiveForecaster(**settings), settings)


def _plan_smoothing(parameters: SmoothingParameters, observed: Observations) -> Plan:
    from sktime.forecasting.exp_smoothing import ExponentialSmoothing

    count, notices = len(observed.values), []
    seasonal = parameters.seasonal
    season = parameters.sp or (observed.axis.season if observed.axis.season > 1 else None)
    if seasonal == "auto":
        seasonal = "add" if season is not None and count >= 2 * season else "none"
        if season is not None and seasonal == "none":
            notices.append(f"{count} observations are fewer than two seasons of {season}, so no season is modelled")
    if seasonal == "none":
        season = parameters.sp
    elif season is None:
        raise UsageError(
            f"seasonal={seasonal} needs a seasonal period, and the frequency {observed.axis.frequency} has none",
            "set sp, or seasonal=none",
        )
    _check_smoothing(parameters, seasonal, season or 0, observed)
    settings = {**msgspec.to_builtins(parameters), "seasonal": seasonal, "sp": season}
    components = {name: None if settings[name] == "none" else settings[name] for name in ("trend", "seasonal")}
    if settings["initial_seasonal"] is not None:
        components["initial_seasonal"] = list(settings["initial_seasonal"])
    return Plan(ExponentialSmoothing(**{**settings, **components}), settings, tuple(notices))


def _check_smoothing(parameters: SmoothingParameters, seasonal: str, season: int, observed: Observations) -> None:
    if "mul" in (parameters.trend, seasonal) and not np.all(observed.values > 0):
        place = int(np.flatnonzero(observed.values <= 0)[0])
        raise QuarterdeckError(
            f"multiplicative components need positive values, and {observed.column} of {observed.dataset} is "
            f"{observed.values[place]:g} at {observed.axis.index[place].isoformat()}",
            "use trend=add and seasonal=add, or shift the series above zero before importing it",
            observed.dataset,
        )
    seasons = f"two full seasons of {season}"
    least, why = (2 * season, seasons) if seasonal != "none" else (2, "exponential smoothing")
    if parameters.initialization_method == "heuristic":
        least, why = max(least, 10 + 2 * (season // 2 if seasonal != "none" else 0)), "initialization_method heuristic"
    check_count(observed, least, why)
    start = parameters.initial_seasonal
    if start is not None and len(start) != season:
        raise UsageError(
            f"initial_seasonal has {len(start)} numbers and the season {season} steps",
            f"give {season} numbers, one for each step of the season",
        )
    if "mul" in (seasonal,) and start is not None and min(start) <= 0:
        raise UsageError("initial_seasonal has to be positive for seasonal=mul", "give positive factors")


def _plan_arima(parameters: ArimaParameters, observed: Observations) -> Plan:
    from sktime.forecasting.arima import ARIMA

    (p, d, q), (seasonal_p, seasonal_d, seasonal_q, season) = parameters.order, parameters.seasonal_order
    lags = max(p + season * seasonal_p, q + season * seasonal_q)
    least = d + season * seasonal_d + lags + parameters.parameter_count + 1 + parameters.out_of_sample_size
    check_count(observed, least, "an ARIMA of this order")
    settings = msgspec.to_builtins(parameters)
    measure: Any = _MEASURES.get(parameters.scoring)
    if measure is None:
        from pmdarima.metrics import smape

        measure = smape
    arguments = {
        **settings,
        "order": parameters.order,
        "seasonal_order": parameters.seasonal_order,
        "scoring": measure,
        "start_params": None if parameters.start_params is None else list(parameters.start_params),
        "trend": list(parameters.trend) if isinstance(parameters.trend, tuple) else parameters.trend,
    }
    return Plan(ARIMA(**arguments), settings)


def _plan_stl(parameters: StlParameters, observed: Observations) -> Plan:
    from sktime.forecasting.trend import STLForecaster

    season = parameters.sp or observed.axis.season
    if season < 2:
        raise UsageError(f"the frequency {observed.axis.frequency} has no season to decompose", "set sp to 2 or more")
    resolved = msgspec.structs.replace(parameters, sp=season)
    resolved.check()
    check_count(observed, 2 * season, f"two full seasons of {season}")
    settings = msgspec.to_builtins(resolved)
    components = {
        name: None if settings[name] is None else component_forecaster(settings[name], season)
        for name in ("forecaster_trend", "forecaster_seasonal", "forecaster_resid")
    }
    return Plan(STLForecaster(**{**settings, **components}), settings)


def _plan_statsforecast(parameters: StatsforecastParameters, observed: Observations) -> Plan:
    forecaster, settings = make_forecaster(parameters, observed)
    return Plan(forecaster, settings)


def component_forecaster(name: str, season: int) -> Any:
    """The sktime forecaster behind a name of `forecaster_trend`, `forecaster_seasonal` and `forecaster_resid`."""
    from sktime.forecasting.arima import ARIMA
    from sktime.forecasting.exp_smoothing import ExponentialSmoothing
    from sktime.forecasting.naive import NaiveForecaster

    made = {
        "naive": lambda: NaiveForecaster(strategy="last"),
        "seasonal-naive": lambda: NaiveForecaster(strategy="last", sp=season),
        "mean": lambda: NaiveForecaster(strategy="mean"),
        "seasonal-mean": lambda: NaiveForecaster(strategy="mean", sp=season),
        "drift": lambda: NaiveForecaster(strategy="drift"),
        "exponential-smoothing": lambda: ExponentialSmoothing(use_brute=False),
        "holt": lambda: ExponentialSmoothing(trend="add", use_brute=False),
        "arima": lambda: ARIMA(order=(1, 0, 0)),
    }
    return made[name]()
