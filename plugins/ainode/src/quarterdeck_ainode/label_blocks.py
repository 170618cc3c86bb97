"""Labels of a series' observations as tables and charts: anomalies that are marked, or the hidden states that models number."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.excerpts import TABLE_ROWS, chart_places, excerpt_title
from quarterdeck_ainode.result_files import read_times, unix_seconds
from quarterdeck_api.documents import ChartSeries, SeriesRole, TableBlock


class StateSummary(Struct, frozen=True):
    """The observations that bear one state's number; mean and standard deviation are None when there are none."""

    state: int
    observations: int
    share: float
    mean: float | None
    standard_deviation: float | None


def summarised(
    values: NDArray[np.float64], labels: NDArray[np.int64], states: Iterable[int]
) -> tuple[StateSummary, ...]:
    """What was observed in some states, in their order."""
    found: list[StateSummary] = []
    for state in states:
        own = values[labels == state]
        mean, deviation = (float(own.mean()), float(own.std())) if len(own) else (None, None)
        found.append(StateSummary(state, len(own), len(own) / len(values), mean, deviation))
    return tuple(found)


def marked_places(labels: NDArray[np.int64]) -> list[int]:
    """Where anomalies are."""
    return [int(place) for place in np.flatnonzero(labels)]


def changes_of(labels: NDArray[np.int64]) -> int:
    """How often a label differs from the one before."""
    return int(np.count_nonzero(np.diff(labels)))


def states_table(states: Sequence[StateSummary]) -> TableBlock:
    """The states, a row for each."""
    rows = tuple(
        (each.state, each.observations, f"{each.share:.1%}", each.mean, each.standard_deviation) for each in states
    )
    return TableBlock(("state", "observations", "share", "mean", "standard deviation"), rows, "States")


def anomalies_table(
    index: Any,
    values: NDArray[np.float64],
    places: Sequence[int],
    file: str,
    scores: NDArray[np.float64] | None = None,
) -> TableBlock:
    """The first anomalies, with their scores where there are some; `file` has all."""
    shown = list(places[:TABLE_ROWS])
    columns: list[tuple[str, list[Any]]] = [
        ("time", read_times(index[shown]) if shown else []),
        ("value", [float(values[place]) for place in shown]),
    ]
    if scores is not None:
        columns.append(("score", [float(scores[place]) for place in shown]))
    rows = tuple(zip(*(cells for _, cells in columns), strict=True))
    title = excerpt_title("Anomalies" if places else "No anomalies", len(places), file)
    return TableBlock(tuple(name for name, _ in columns), rows, title)


def label_chart(
    name: str, index: Any, values: NDArray[np.float64], labels: NDArray[np.int64], states: Sequence[StateSummary] | None
) -> tuple[ChartSeries, ...]:
    """The observations with what was marked among them, or with the mean of the state that each is in."""
    places = chart_places(values)
    times = unix_seconds(index[places])
    history = ChartSeries(name, SeriesRole.HISTORY, times, tuple(values[places].tolist()))
    if states is not None:
        means = {each.state: each.mean for each in states}
        levels = tuple(means[int(label)] for label in labels[places])
        return (history, ChartSeries("mean of the state", SeriesRole.BASELINE, times, levels))
    found = marked_places(labels)
    marked = ChartSeries("anomaly", SeriesRole.ANOMALY, unix_seconds(index[found]), tuple(values[found].tolist()))
    return (history, marked)
