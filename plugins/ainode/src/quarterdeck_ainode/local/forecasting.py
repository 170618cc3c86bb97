"""The job `ainode.forecast`: reads a dataset, fits the model, and keeps the forecast beside its baseline.

`JobValue.data` has these stable names::

    model, dataset, column, horizon, frequency, seasonal_period, observations, window
    times       horizon times in ISO 8601, the first one step after the last observation
    values      horizon numbers, exactly as sktime gives them
    lower, upper    horizon numbers each, or null; then no_interval says why
    level       coverage of the interval
    baseline    {name, values}: the seasonal naive forecast
    settings    every parameter of the model, with defaults and what was taken from the frequency
    fit_seconds
    out_of_sample_score     {measure, value, observations} or null (arima with out_of_sample_size)
    notices     sentences: what the libraries warned of, what was decided on the way
"""

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from quarterdeck_ainode.job_request import asked_model, asked_parameters
from quarterdeck_ainode.local.forecast_parameters import ForecastParameters
from quarterdeck_ainode.local.forecast_result import Forecast, forecast_columns, forecast_data, forecast_document
from quarterdeck_ainode.models.catalogue import ModelInfo, Task, forecaster_parameters, model_named
from quarterdeck_ainode.models.estimators import Plan, plan, seasonal_naive
from quarterdeck_ainode.models.fitting import fit_and_predict, notices_of, recorded_warnings, spread_notice
from quarterdeck_ainode.models.forecaster_parameters import ForecasterParameters
from quarterdeck_ainode.models.observations import Observations, read_observations
from quarterdeck_ainode.result_files import write_files
from quarterdeck_api.jobs import JobContext, JobValue


def run(context: JobContext, clock: Callable[[], float] = time.perf_counter) -> JobValue:
    """Forecasts as the job's parameters and settings say; raises QuarterdeckError with a remedy."""
    spec = context.spec
    model = asked_model(spec, Task.FORECAST)
    wanted = asked_parameters(spec, ForecastParameters)
    parameters = forecaster_parameters(model, spec.settings)
    context.step("read")
    observed = read_observations(context.dataset(wanted.dataset), wanted.column, wanted.window)
    context.log(f"read {len(observed.values)} observations of {observed.column} from {observed.dataset}")
    with recorded_warnings() as raised:
        forecast = _forecast(context, model, parameters, observed, wanted, raised, clock)
    context.log(f"fitted {model.id} in {forecast.fit_seconds:.3f} s, forecast {wanted.horizon} steps")
    for notice in forecast.notices:
        context.log(f"notice: {notice}")
    context.step("write")
    data = forecast_data(forecast)
    document = forecast_document(forecast)
    write_files(context, "forecast", "Forecast", forecast_columns(forecast), data, document)
    context.progress(1.0, "done")
    return JobValue(data, document)


def _forecast(
    context: JobContext,
    model: ModelInfo,
    parameters: ForecasterParameters,
    observed: Observations,
    wanted: ForecastParameters,
    raised: list[warnings.WarningMessage],
    clock: Callable[[], float],
) -> Forecast:
    made = plan(parameters, observed)
    context.raise_if_cancelled()
    context.step("fit")
    context.progress(0.1, f"fitting {model.id} to {len(observed.values)} observations")
    started = clock()
    predicted = fit_and_predict(model, made.forecaster, observed, wanted.horizon, wanted.level)
    seconds = clock() - started
    warned = notices_of(raised)
    context.raise_if_cancelled()
    context.step("baseline")
    context.progress(0.8, "baseline")
    baseline, baseline_name = seasonal_naive(observed)
    reference = fit_and_predict(model_named("naive_forecaster"), baseline, observed, wanted.horizon, wanted.level)
    return Forecast(
        model=model.id,
        observed=observed,
        window=wanted.window,
        times=observed.axis.future(wanted.horizon),
        predicted=predicted,
        level=wanted.level,
        baseline_name=baseline_name,
        baseline=reference.values,
        settings=made.settings,
        fit_seconds=seconds,
        out_of_sample_score=_out_of_sample_score(made),
        notices=_notices(made, observed, warned, predicted.no_interval),
    )


def _notices(made: Plan, observed: Observations, warned: tuple[str, ...], no_interval: str) -> tuple[str, ...]:
    notices = (*made.notices, *warned, *spread_notice(observed))
    return (*notices, no_interval) if no_interval else notices


def _out_of_sample_score(made: Plan) -> dict[str, Any] | None:
    size = made.settings.get("out_of_sample_size", 0)
    if not size:
        return None
    value = float(made.forecaster._forecaster.oob_)  # pmdarima's score: sktime has no name for it.
    return {"measure": made.settings["scoring"], "value": value if np.isfinite(value) else None, "observations": size}
