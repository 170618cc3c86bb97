"""A labelled series: as data for programs and as a document for people."""

from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.iotdb.workbench.forecast_result import history_name
from quarterdeck_ainode.iotdb.workbench.horizon_times import pandas_times
from quarterdeck_ainode.iotdb.workbench.window import SeriesWindow
from quarterdeck_ainode.label_blocks import (
    StateSummary,
    anomalies_table,
    changes_of,
    label_chart,
    marked_places,
    states_table,
    summarised,
)
from quarterdeck_ainode.result_files import iso_times, read_times
from quarterdeck_api.documents import (
    Block,
    ChartBlock,
    ChartSeries,
    Document,
    Fact,
    FactsBlock,
    TableBlock,
    TextBlock,
)

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
        return marked_places(self.labels)

    @property
    def changes(self) -> int:
        """How often the label differs from the one before."""
        return changes_of(self.labels)

    @property
    def states(self) -> tuple[StateSummary, ...] | None:
        """The states that occur, None where labels mark anomalies."""
        if self.anomalies:
            return None
        return summarised(self.window.values, self.labels, np.unique(self.labels).tolist())

    @property
    def index(self) -> Any:
        """The rows' times as a DatetimeIndex in UTC."""
        return pandas_times(self.window.times, self.window.unit)


def marks_anomalies(model: str, labels: NDArray[np.int64]) -> bool:
    """Whether 1 is an anomaly: so for stray, and for a model that nobody knows and that gives rare ones among zeros."""
    if model in _MARKS_ANOMALIES:
        return True
    return not model.endswith("hmm") and set(np.unique(labels).tolist()) <= {0, 1} and float(np.mean(labels)) < 0.2


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
        "states": msgspec.to_builtins(made.states),
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
    if made.states is not None:
        return states_table(made.states)
    return anomalies_table(made.index, made.window.values, made.places, "labels.csv")


def _chart(made: LabelledSeries) -> tuple[ChartSeries, ...]:
    return label_chart(made.window.label, made.index, made.window.values, made.labels, made.states)
