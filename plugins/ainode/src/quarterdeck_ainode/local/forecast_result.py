"""A finished forecast: as data for programs and as a document for people."""

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.excerpts import TABLE_ROWS, excerpt_title, history_shown
from quarterdeck_ainode.models.fitting import Prediction
from quarterdeck_ainode.models.observations import Observations
from quarterdeck_ainode.result_files import iso_times, read_times, unix_seconds
from quarterdeck_api.documents import (
    Block,
    ChartBlock,
    ChartSeries,
    Document,
    Fact,
    FactsBlock,
    SeriesRole,
    TableBlock,
    TextBlock,
)


class Forecast(Struct, frozen=True):
    """Everything that a forecast gave. `times` is a DatetimeIndex of the horizon's length."""

    model: str
    observed: Observations
    window: int
    times: Any
    predicted: Prediction
    level: float
    baseline_name: str
    baseline: NDArray[np.float64]
    settings: dict[str, Any]
    fit_seconds: float
    out_of_sample_score: dict[str, Any] | None
    notices: tuple[str, ...]


def forecast_data(forecast: Forecast) -> dict[str, Any]:
    """The data of the job's value, as documented in `forecasting`."""
    predicted, observed = forecast.predicted, forecast.observed
    return {
        "model": forecast.model,
        "dataset": observed.dataset,
        "column": observed.column,
        "horizon": len(forecast.times),
        "frequency": observed.axis.frequency,
        "seasonal_period": observed.axis.season,
        "observations": len(observed.values),
        "window": forecast.window,
        "times": iso_times(forecast.times),
        "values": predicted.values.tolist(),
        "lower": None if predicted.lower is None else predicted.lower.tolist(),
        "upper": None if predicted.upper is None else predicted.upper.tolist(),
        "level": forecast.level,
        "no_interval": predicted.no_interval,
        "baseline": {"name": forecast.baseline_name, "values": forecast.baseline.tolist()},
        "settings": forecast.settings,
        "fit_seconds": forecast.fit_seconds,
        "out_of_sample_score": forecast.out_of_sample_score,
        "notices": list(forecast.notices),
    }


def forecast_columns(forecast: Forecast) -> dict[str, Any]:
    """The table of the result's files: time, value, lower and upper when there is an interval, baseline."""
    predicted = forecast.predicted
    columns = {"time": forecast.times, "value": predicted.values.tolist()}
    if predicted.lower is not None and predicted.upper is not None:
        columns |= {"lower": predicted.lower.tolist(), "upper": predicted.upper.tolist()}
    return {**columns, "baseline": forecast.baseline.tolist()}


def forecast_document(forecast: Forecast) -> Document:
    """Chart, table, notices and facts: what was asked for comes first, so that it is on the screen without scrolling."""
    observed = forecast.observed
    title = f"{forecast.model} on {observed.dataset}"
    blocks: list[Block] = [
        ChartBlock(_chart(forecast), f"{observed.column} of {observed.dataset}"),
        _table(forecast),
    ]
    if forecast.notices:
        blocks.append(TextBlock("\n".join(forecast.notices), title="Notices"))
    blocks.append(_facts(forecast))
    return Document(title, tuple(blocks))


def _facts(forecast: Forecast) -> FactsBlock:
    observed, times = forecast.observed, read_times(forecast.times)
    facts = [
        Fact("Model", forecast.model),
        Fact("Dataset", observed.dataset),
        Fact("Column", observed.column),
        Fact("Observations", len(observed.values)),
        Fact("Frequency", observed.axis.frequency),
        Fact("Horizon", len(times)),
        Fact("First forecast", times[0]),
        Fact("Last forecast", times[-1]),
        Fact("Interval", f"{forecast.level:.0%}" if forecast.predicted.lower is not None else "none"),
        Fact("Baseline", forecast.baseline_name),
        Fact("Fit, seconds", round(forecast.fit_seconds, 3)),
    ]
    score = forecast.out_of_sample_score
    if score is not None:
        facts.append(Fact(f"{score['measure']} of the last {score['observations']}", score["value"]))
    return FactsBlock(tuple(facts))


def _chart(forecast: Forecast) -> tuple[ChartSeries, ...]:
    observed, predicted = forecast.observed, forecast.predicted
    shown = history_shown(len(observed.values), len(forecast.times))
    ahead = unix_seconds(forecast.times)
    return (
        ChartSeries(
            observed.column,
            SeriesRole.HISTORY,
            unix_seconds(observed.axis.index[-shown:]),
            tuple(observed.values[-shown:].tolist()),
        ),
        ChartSeries(forecast.baseline_name, SeriesRole.BASELINE, ahead, tuple(forecast.baseline.tolist())),
        ChartSeries(
            forecast.model,
            SeriesRole.FORECAST,
            ahead,
            tuple(predicted.values.tolist()),
            () if predicted.lower is None else tuple(predicted.lower.tolist()),
            () if predicted.upper is None else tuple(predicted.upper.tolist()),
        ),
    )


def _table(forecast: Forecast) -> TableBlock:
    predicted = forecast.predicted
    columns: list[tuple[str, list[Any]]] = [
        ("time", list(read_times(forecast.times))),
        ("forecast", predicted.values.tolist()),
    ]
    if predicted.lower is not None and predicted.upper is not None:
        columns += [("lower", predicted.lower.tolist()), ("upper", predicted.upper.tolist())]
    columns.append((forecast.baseline_name, forecast.baseline.tolist()))
    rows = tuple(zip(*(values for _, values in columns), strict=True))
    title = excerpt_title("Forecast", len(rows), "forecast.csv", "steps")
    return TableBlock(tuple(name for name, _ in columns), rows[:TABLE_ROWS], title)
