"""A finished detection: as data for programs and as a document for people."""

from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from quarterdeck_ainode.models.labelling import Labels
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

#: Observations in the document's chart; of more, the least and the greatest of each stretch are shown.
_CHART_POINTS = 2000

#: Rows of the document's table of anomalies; detection.csv has all.
_TABLE_ROWS = 100


class Detection(Struct, frozen=True):
    """Everything that a detection gave."""

    model: str
    observed: Observations
    window: int
    labels: Labels
    settings: dict[str, Any]
    fit_seconds: float
    notices: tuple[str, ...]


class StateSummary(Struct, frozen=True):
    """The observations that bear one state's number; mean and standard deviation are None when there are none."""

    state: int
    observations: int
    share: float
    mean: float | None
    standard_deviation: float | None


def state_summaries(detection: Detection) -> tuple[StateSummary, ...]:
    """Every state that the model was asked for, in the order of its numbers."""
    values, labels = detection.observed.values, detection.labels.values
    summaries: list[StateSummary] = []
    for state in range(detection.settings["n_components"]):
        own = values[labels == state]
        mean, deviation = (float(own.mean()), float(own.std())) if len(own) else (None, None)
        summaries.append(StateSummary(state, len(own), len(own) / len(values), mean, deviation))
    return tuple(summaries)


def detection_data(detection: Detection) -> dict[str, Any]:
    """The data of the job's value, as documented in `detecting`."""
    observed, labels = detection.observed, detection.labels
    times = iso_times(observed.axis.index)
    data: dict[str, Any] = {
        "model": detection.model,
        "dataset": observed.dataset,
        "column": observed.column,
        "frequency": observed.axis.frequency,
        "observations": len(observed.values),
        "window": detection.window,
        "times": times,
        "values": observed.values.tolist(),
        "labels": labels.values.tolist(),
        "scores": None,
        "anomalies": None,
        "states": None,
        "changes": None,
        "fit": None,
        "settings": detection.settings,
        "fit_seconds": detection.fit_seconds,
        "notices": list(detection.notices),
    }
    if labels.scores is not None:
        data["scores"] = labels.scores.tolist()
        data["anomalies"] = [
            {"time": times[place], "value": float(observed.values[place]), "score": float(labels.scores[place])}
            for place in _anomalies(detection)
        ]
    else:
        data["states"] = msgspec.to_builtins(state_summaries(detection))
        data["changes"] = _changes(detection)
        data["fit"] = msgspec.to_builtins(labels.fit)
    return data


def detection_columns(detection: Detection) -> dict[str, Any]:
    """The table of the result's files: time, value, label, and stray's score."""
    labels = detection.labels
    columns = {
        "time": detection.observed.axis.index,
        "value": detection.observed.values.tolist(),
        "label": labels.values.tolist(),
    }
    return columns if labels.scores is None else {**columns, "score": labels.scores.tolist()}


def detection_document(detection: Detection) -> Document:
    """Chart, table of anomalies or states, notices and facts: what was asked for comes first."""
    observed = detection.observed
    chart = ChartBlock(_chart(detection), f"{observed.column} of {observed.dataset}")
    blocks: list[Block] = [chart, _table(detection)]
    if detection.notices:
        blocks.append(TextBlock("\n".join(detection.notices), title="Notices"))
    blocks.append(_facts(detection))
    return Document(f"{detection.model} on {observed.dataset}", tuple(blocks))


def _anomalies(detection: Detection) -> list[int]:
    return [int(place) for place in np.flatnonzero(detection.labels.values)]


def _changes(detection: Detection) -> int:
    return int(np.count_nonzero(np.diff(detection.labels.values)))


def _facts(detection: Detection) -> FactsBlock:
    observed, labels = detection.observed, detection.labels
    first, last = read_times(observed.axis.index[[0, -1]])
    facts = [
        Fact("Model", detection.model),
        Fact("Dataset", observed.dataset),
        Fact("Column", observed.column),
        Fact("Observations", len(observed.values)),
        Fact("First", first),
        Fact("Last", last),
    ]
    if labels.fit is None:
        facts.append(Fact("Anomalies", len(_anomalies(detection))))
    else:
        facts += [
            Fact("Changes of state", _changes(detection)),
            Fact("Log likelihood", labels.fit.log_likelihood),
            Fact("Converged", f"{'yes' if labels.fit.converged else 'no'}, {labels.fit.iterations} iterations"),
        ]
    return FactsBlock((*facts, Fact("Fit, seconds", round(detection.fit_seconds, 3))))


def _table(detection: Detection) -> TableBlock:
    observed, scores = detection.observed, detection.labels.scores
    if scores is None:
        rows = tuple(
            (each.state, each.observations, f"{each.share:.1%}", each.mean, each.standard_deviation)
            for each in state_summaries(detection)
        )
        return TableBlock(("state", "observations", "share", "mean", "standard deviation"), rows, "States")
    places = _anomalies(detection)
    shown = places[:_TABLE_ROWS]
    words = read_times(observed.axis.index[shown])
    rows = tuple(
        (when, float(observed.values[place]), float(scores[place])) for when, place in zip(words, shown, strict=True)
    )
    title = "Anomalies" if places else "No anomalies"
    if len(places) > _TABLE_ROWS:
        title = f"Anomalies, the first {_TABLE_ROWS} of {len(places)} (all are in detection.csv)"
    return TableBlock(("time", "value", "score"), rows, title)


def _chart(detection: Detection) -> tuple[ChartSeries, ...]:
    observed = detection.observed
    places = chart_places(observed, _CHART_POINTS)
    times = unix_seconds(observed.axis.index[places])
    history = ChartSeries(observed.column, SeriesRole.HISTORY, times, tuple(observed.values[places].tolist()))
    if detection.labels.scores is None:
        means = {each.state: each.mean for each in state_summaries(detection)}
        levels = tuple(means[int(state)] for state in detection.labels.values[places])
        return (history, ChartSeries("mean of the state", SeriesRole.BASELINE, times, levels))
    found = _anomalies(detection)
    anomalies = ChartSeries(
        "anomaly", SeriesRole.ANOMALY, unix_seconds(observed.axis.index[found]), tuple(observed.values[found].tolist())
    )
    return (history, anomalies)


def chart_places(observed: Observations, most: int) -> list[int]:
    """Positions of at most `most` observations in order: all, or the least and the greatest of equal stretches."""
    count = len(observed.values)
    if count <= most:
        return list(range(count))
    edges = np.linspace(0, count, most // 2 + 1, dtype=int)
    places: set[int] = set()
    for start, stop in pairwise(edges.tolist()):
        stretch = observed.values[start:stop]
        places |= {start + int(np.argmin(stretch)), start + int(np.argmax(stretch))}
    return sorted(places)
