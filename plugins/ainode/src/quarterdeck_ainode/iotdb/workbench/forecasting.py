"""The job `ainode.series-forecast`: forecasts a series of a cluster with several models, of the cluster and of the local engine.

`JobValue.data` has these stable names::

    series, type, precision     name, IoTDB's type, unit of the cluster's times (ms, us or ns)
    observations, first, last   rows that were used, and their first and last time
    regular, frequency, seasonal_period
    horizon, level
    times       horizon times in ISO 8601 (UTC); moments are the same as the cluster's integers
    forecasts   [{model, baseline, values, lower, upper, seconds, settings, statement, failure, notices}], the baseline first;
                values is null and failure says why when a model gave none; statement is empty for the local engine's
    folds       how often the tail was held out
    ranked_by   mase or mae, null without folds
    ranking     best first: [{rank, model, baseline, folds, mae, rmse, mase, fit_seconds, failures}]
    best        the best model that is not the baseline, or null; beats_baseline whether it is better than that
    saved       addresses of the datasets that were made
    written     {target, model, points, replaced} or null
    notices     sentences
"""

import time
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from quarterdeck_ainode.iotdb.backend import IotdbBackend
from quarterdeck_ainode.iotdb.workbench.asked import AskedForecast, asked_forecast
from quarterdeck_ainode.iotdb.workbench.forecast_result import (
    SeriesForecast,
    forecast_columns,
    forecast_data,
    forecast_document,
    history_columns,
    history_name,
)
from quarterdeck_ainode.iotdb.workbench.parameters import BEST, SeriesForecastParameters
from quarterdeck_ainode.iotdb.workbench.running import carry_out
from quarterdeck_ainode.iotdb.workbench.saving import keep_dataset
from quarterdeck_ainode.iotdb.workbench.targets import begin, begun, target_blocks, write
from quarterdeck_ainode.job_request import asked_parameters
from quarterdeck_ainode.result_files import write_files, write_table
from quarterdeck_api.documents import Block
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.jobs import JobContext, JobValue


def run(context: JobContext, clock: Callable[[], float] = time.perf_counter) -> JobValue:
    """Forecasts as the job's parameters and settings say; raises QuarterdeckError with a remedy."""
    spec = context.spec
    wanted = asked_parameters(spec, SeriesForecastParameters)
    backend = opened(context)
    context.step("read")
    if wanted.write_to and begun(context, wanted.write_to):
        wanted = replace(wanted, overwrite=True)
    asked = asked_forecast(backend.client, spec.address, wanted, spec.settings)
    window = asked.course.window
    context.log(f"read {len(window.times)} rows of {window.series.name}: {window.statement.text}")
    context.step("forecast")
    forecasts = carry_out(context, backend.client, asked.course, asked.entrants, clock)
    made = SeriesForecast(asked.course, asked.times, forecasts, _notices(asked, forecasts))
    _require_success(made)
    for notice in made.notices:
        context.log(f"notice: {notice}")
    model = _model_to_write(made, wanted) if asked.target is not None else ""
    context.step("write")
    data, document = forecast_data(made), forecast_document(made)
    write_files(context, "forecast", "Forecast", forecast_columns(made), data, document)
    write_table(context, "history", "Rows that were used", history_columns(made))
    data["saved"] = _save(context, made, wanted)
    written, blocks = _write_back(context, backend, asked, made, model, wanted.write_to)
    data["written"] = written
    context.progress(1.0, "done")
    return JobValue(data, forecast_document(made, *blocks))


def opened(context: JobContext) -> IotdbBackend:
    """The cluster that the job belongs to."""
    backend = context.open()
    assert isinstance(backend, IotdbBackend)
    return backend


def _notices(asked: AskedForecast, forecasts: tuple[Any, ...]) -> tuple[str, ...]:
    own = (f"{each.name}: {notice}" for each in forecasts for notice in each.notices)
    said = dict.fromkeys((*asked.notices, *own))
    if asked.course.folds:
        said |= dict.fromkeys(_beaten(asked, forecasts))
    return tuple(said)


def _beaten(asked: AskedForecast, forecasts: tuple[Any, ...]) -> tuple[str, ...]:
    made = SeriesForecast(asked.course, asked.times, forecasts, ())
    if forecast_data(made)["beats_baseline"] is False:
        return ("no model is better on the held-out tail than the seasonal naive baseline",)
    return ()


def _require_success(made: SeriesForecast) -> None:
    """Raises the first reason when no model but the baseline gave a forecast."""
    if made.succeeded:
        return
    failure = next(each.ahead.failure for each in made.forecasts if each.ahead.failure and not each.contender.baseline)
    raise QuarterdeckError(f"no model gave a forecast; the first reason: {failure.message}", failure.remedy)


def _model_to_write(made: SeriesForecast, wanted: SeriesForecastParameters) -> str:
    """Whose forecast is written; raises QuarterdeckError when that one gave none."""
    model = made.best if wanted.write_model == BEST else wanted.write_model
    if model not in {each.name for each in made.succeeded}:
        raise QuarterdeckError(
            f"{model or 'the best model'} gave no forecast on every fold and ahead, so nothing is written to {wanted.write_to}",
            "see the failures in the job's log, or name another model with --write-model",
        )
    return model


def _save(context: JobContext, made: SeriesForecast, wanted: SeriesForecastParameters) -> list[str]:
    """Has the core keep what is asked for as datasets; gives their addresses."""
    saved: list[str] = []
    name = made.course.window.series.name
    if wanted.save_as:
        title = f"Forecast of {name}"
        target = made.best or made.succeeded[0].name
        saved.append(keep_dataset(context, "forecast", wanted.save_as, title, target, replace=wanted.overwrite))
    if wanted.save_history:
        title = f"The last {len(made.course.window.times)} rows of {name}"
        target = history_name(made.course.window.label)
        saved.append(keep_dataset(context, "history", wanted.save_history, title, target, replace=wanted.overwrite))
    return saved


def _write_back(
    context: JobContext, backend: IotdbBackend, asked: AskedForecast, made: SeriesForecast, model: str, name: str
) -> tuple[dict[str, Any] | None, tuple[Block, ...]]:
    """Writes the forecast of a model to the target, when there is one; what was written as data and as blocks."""
    target = asked.target
    if target is None:
        return None, ()
    values = made.values_of(model)
    context.raise_if_cancelled()
    context.step("write back")
    context.log(f"writing {len(values)} points of {model} to {target.series.name}, {target.existing} of them replaced")
    begin(context, name)
    write(backend.client, target, values, context.log)
    written = {
        "target": target.series.name,
        "model": model,
        "points": len(values),
        "replaced": target.existing,
    }
    return written, target_blocks(target, values, made.course.window.unit, f"Written: the forecast of {model}")
