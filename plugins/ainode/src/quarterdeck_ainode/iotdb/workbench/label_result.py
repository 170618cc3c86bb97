"""A labelled series: as data for programs and as a document for people."""

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.iotdb.workbench.forecast_result import history_name
from quarterdeck_ainode.iotdb.workbench.horizon_times import pandas_times
from quarterdeck_ainode.iotdb.workbench.window import SeriesWindow
from quarterdeck_ainode.local.detection_result import chart_places
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

#: Rows of the document's table of anomalies; labels.csv has all.
_TABLE_ROWS = 100

#: Models whose label says whether a point is an anomaly; those of others number states.
_MARKS_ANOMALIES = frozenset({"stray"})


class LabelledSeries(Struct, frozen=True):
    """A window with a label for each row; `anomalies` is whether 1 marks one, else labels are the numbers of states."""

    window: SeriesWindow
    model: str
    anomalies: bool
    labels: NDArray[np.int64]
    seconds: float
    options: dict[str, str]
    statement: str
    notices: tuple[str, ...]

    @property
    def places(self) -> list[int]:
        """Where the anomalies are."""
        return [int(place) for place in np.flatnonzero(self.labels)]

    @property
    def changes(self) -> int:
        """How often the label differs from the one before."""
        return int(np.count_nonzero(np.diff(self.labels)))

    @property
    def index(self) -> Any:
        """The rows' times as a DatetimeIndex in UTC."""
        return pandas_times(self.window.times, self.window.unit)


class StateFacts(Struct, frozen=True):
    """The rows that bear one label."""

    label: int
    observations: int
    share: float
    mean: float
    standard_deviation: float


def marks_anomalies(model: str, labels: NDArray[np.int64]) -> bool:
    """Whether 1 is an anomaly: so for stray, and for a model that nobody knows and that gives rare ones among zeros."""
    if model in _MARKS_ANOMALIES:
        return True
    return not model.endswith("hmm") and set(np.unique(labels).tolist()) <= {0, 1} and float(np.mean(labels)) < 0.2


def states(made: LabelledSeries) -> tuple[StateFacts, ...]:
    """The labels that occur, with what was observed under each."""
    found: list[StateFacts] = []
    for label in np.unique(made.labels).tolist():
        own = made.window.values[made.labels == label]
        found.append(StateFacts(label, len(own), len(own) / len(made.labels), float(own.mean()), float(own.std())))
    return tuple(found)


def label_data(made: LabelledSeries) -> dict[str, Any]:
    """The data of the job's value, as documented in `classifying`."""
    window, times = made.window, iso_times(made.index)
    return {
        "series": window.series.name,
        "model": made.model,
        "observations": len(window.times),
        "times": times,
        "moments": window.times.tolist(),
        "values": window.values.tolist(),
        "labels": made.labels.tolist(),
        "anomalies": [{"time": times[place], "value": float(window.values[place])} for place in made.places]
        if made.anomalies
        else None,
        "states": None
        if made.anomalies
        else [
            {
                "state": each.label,
                "observations": each.observations,
                "share": each.share,
                "mean": each.mean,
                "standard_deviation": each.standard_deviation,
            }
            for each in states(made)
        ],
        "changes": None if made.anomalies else made.changes,
        "options": made.options,
        "seconds": made.seconds,
        "statement": made.statement,
        "notices": list(made.notices),
    }


def label_columns(made: LabelledSeries) -> dict[str, Any]:
    """The table of the result's files and of its dataset."""
    name = history_name(made.window.label)
    return {"time": made.index, name: made.window.values.tolist(), "label": made.labels.tolist()}


def label_document(made: LabelledSeries) -> Document:
    """Chart, table of anomalies or states, notices, statements, facts."""
    window = made.window
    blocks: list[Block] = [ChartBlock(_chart(made), f"{window.label} of {window.series.name}"), _table(made)]
    if made.notices:
        blocks.append(TextBlock("\n".join(made.notices), title="Notices"))
    blocks.append(TextBlock(f"{window.statement.text};\n{made.statement}", "sql", "Statements"))
    first, last = read_times(made.index[[0, -1]])
    facts = [
        Fact("Series", window.series.name),
        Fact("Model", made.model),
        Fact("Rows", len(window.times)),
        Fact("From", first),
        Fact("To", last),
        Fact("Anomalies", len(made.places)) if made.anomalies else Fact("Changes of state", made.changes),
        Fact("Seconds", round(made.seconds, 3)),
    ]
    blocks.append(FactsBlock(tuple(facts)))
    return Document(f"{made.model} on {window.series.name}", tuple(blocks))


def _table(made: LabelledSeries) -> TableBlock:
    if not made.anomalies:
        rows = tuple(
            (each.label, each.observations, f"{each.share:.1%}", each.mean, each.standard_deviation)
            for each in states(made)
        )
        return TableBlock(("state", "observations", "share", "mean", "standard deviation"), rows, "States")
    shown = made.places[:_TABLE_ROWS]
    words = read_times(made.index[shown]) if shown else []
    rows = tuple((when, float(made.window.values[place])) for when, place in zip(words, shown, strict=True))
    title = "Anomalies" if shown else "No anomalies"
    if len(made.places) > _TABLE_ROWS:
        title = f"Anomalies, the first {_TABLE_ROWS} of {len(made.places)} (all are in labels.csv)"
    return TableBlock(("time", "value"), rows, title)


def _chart(made: LabelledSeries) -> tuple[ChartSeries, ...]:
    window = made.window
    places = chart_places(window.observed, _CHART_POINTS)
    times = unix_seconds(made.index[places])
    history = ChartSeries(window.label, SeriesRole.HISTORY, times, tuple(window.values[places].tolist()))
    if not made.anomalies:
        means = {each.label: each.mean for each in states(made)}
        levels = tuple(means[int(label)] for label in made.labels[places])
        return (history, ChartSeries("mean of the state", SeriesRole.BASELINE, times, levels))
    found = made.places
    marked = ChartSeries(
        "anomaly", SeriesRole.ANOMALY, unix_seconds(made.index[found]), tuple(window.values[found].tolist())
    )
    return (history, marked)
