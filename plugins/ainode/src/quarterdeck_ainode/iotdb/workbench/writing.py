"""The job `ainode.forecast-write`: writes the forecast of a finished job to a series or table.

`JobValue.data` has these stable names::

    job, model, target
    points      how many there are to write
    replaced    how many the target had already at these times
    made        whether the target had to be made
    written     false for a preview
    statements  what was sent, or would be
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec import Struct

from quarterdeck_ainode.iotdb.series import Series, parse_series
from quarterdeck_ainode.iotdb.workbench.forecasting import opened
from quarterdeck_ainode.iotdb.workbench.horizon_times import Times
from quarterdeck_ainode.iotdb.workbench.parameters import BEST, WriteForecastParameters
from quarterdeck_ainode.iotdb.workbench.targets import (
    begin,
    begun,
    plan_target,
    require_overwrite,
    target_blocks,
    write,
    write_statements,
)
from quarterdeck_ainode.iotdb.workbench.window import time_unit
from quarterdeck_ainode.job_request import asked_parameters
from quarterdeck_ainode.serving.engine_settings import TimeUnit
from quarterdeck_api.documents import Document
from quarterdeck_api.errors import QuarterdeckError, UsageError
from quarterdeck_api.jobs import JobContext, JobState, JobValue
from quarterdeck_api.resources import Address


class KeptForecast(Struct, frozen=True):
    """A model's forecast out of the data of a finished job."""

    series: Series
    model: str
    times: Times
    values: list[float]
    unit: TimeUnit


def run(context: JobContext) -> JobValue:
    """Writes as the job's parameters say, or shows what it would write; raises QuarterdeckError with a remedy."""
    spec = context.spec
    wanted = asked_parameters(spec, WriteForecastParameters)
    client = opened(context).client
    context.step("read")
    job = str(Address.parse(wanted.job, "job"))
    outcome = context.jobs.wait(job)
    if outcome.state is not JobState.SUCCEEDED or outcome.data is None:
        raise UsageError(
            f"{job} is {outcome.state.value} and gave no forecast", "name a job of series.forecast that succeeded"
        )
    kept = forecast_of(job, outcome.data, wanted.model)
    own = parse_series(Address.parse(spec.address).name)
    require_of(kept, own, time_unit(client), job, spec.backend)
    target = plan_target(client, wanted.target, own, kept.times)
    statements = [*target.making, *write_statements(target, kept.values)]
    data = {
        "job": job,
        "model": kept.model,
        "target": target.series.name,
        "points": len(kept.values),
        "replaced": target.existing,
        "made": target.new,
        "written": not wanted.preview,
        "statements": [each.text for each in statements],
    }
    if not wanted.preview:
        require_overwrite(target, wanted.overwrite or begun(context, wanted.target))
        context.raise_if_cancelled()
        context.step("write")
        begin(context, wanted.target)
        write(client, target, kept.values, context.log)
    title = (
        f"Would be written: the forecast of {kept.model}"
        if wanted.preview
        else f"Written: the forecast of {kept.model}"
    )
    context.progress(1.0, "done")
    return JobValue(data, Document(title, target_blocks(target, kept.values, kept.unit, title)))


def require_of(kept: KeptForecast, series: Series, unit: TimeUnit, job: str, backend: str) -> None:
    """Raises UsageError unless the forecast is one of this series, by a cluster that counts time as this one does."""
    if kept.series != series:
        raise UsageError(
            f"{job} forecast {kept.series.name}, not {series.name}",
            f"run it on {backend}/series/{kept.series.name}",
            f"{backend}/series/{series.name}",
        )
    if kept.unit is not unit:
        raise UsageError(
            f"{job} forecast a series of a cluster that counts {kept.unit.value}, and {backend} counts {unit.value}",
            "name a job that forecast the series of this cluster",
            f"{backend}/series/{series.name}",
        )


def forecast_of(job: str, data: Mapping[str, Any], model: str) -> KeptForecast:
    """The forecast of a model in the data of `ainode.series-forecast`; raises UsageError for data of another kind, and for an unknown model."""
    forecasts = data.get("forecasts")
    if not isinstance(forecasts, list) or "moments" not in data or "precision" not in data:
        raise UsageError(f"{job} is no forecast of a series", "name a job of series.forecast")
    values = {
        each["model"]: each["values"] for each in forecasts if each["values"] is not None and not each["baseline"]
    }
    name = model
    if model == BEST:
        name = data.get("best") or ""
        if not name:
            raise UsageError(f"nothing ranks the models of {job}", f"name one: {', '.join(values)}")
    if name not in values:
        raise UsageError(f"{job} has no forecast of {name!r}", f"it has those of: {', '.join(values)}")
    if len(values[name]) != len(data["moments"]):
        raise QuarterdeckError(f"the forecast of {job} is damaged: values and times differ in number", "forecast again")
    return KeptForecast(
        parse_series(str(data["series"])),
        name,
        np.array(data["moments"], dtype=np.int64),
        [float(each) for each in values[name]],
        TimeUnit(data["precision"]),
    )
