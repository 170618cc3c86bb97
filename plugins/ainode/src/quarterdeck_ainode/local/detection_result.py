"""A finished detection: as data for programs and as a document for people."""

from typing import Any

import msgspec
from msgspec import Struct

from quarterdeck_ainode.label_blocks import (
    StateSummary,
    anomalies_table,
    changes_of,
    label_chart,
    marked_places,
    states_table,
    summarised,
)
from quarterdeck_ainode.models.labelling import Labels
from quarterdeck_ainode.models.observations import Observations
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


class Detection(Struct, frozen=True):
    """Everything that a detection gave."""

    model: str
    observed: Observations
    window: int
    labels: Labels
    settings: dict[str, Any]
    fit_seconds: float
    notices: tuple[str, ...]


def state_summaries(detection: Detection) -> tuple[StateSummary, ...]:
    """Every state that the model was asked for, in the order of its numbers."""
    return summarised(detection.observed.values, detection.labels.values, range(detection.settings["n_components"]))


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
            for place in marked_places(labels.values)
        ]
    else:
        data["states"] = msgspec.to_builtins(state_summaries(detection))
        data["changes"] = changes_of(labels.values)
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
        facts.append(Fact("Anomalies", len(marked_places(labels.values))))
    else:
        facts += [
            Fact("Changes of state", changes_of(labels.values)),
            Fact("Log likelihood", labels.fit.log_likelihood),
            Fact("Converged", f"{'yes' if labels.fit.converged else 'no'}, {labels.fit.iterations} iterations"),
        ]
    return FactsBlock((*facts, Fact("Fit, seconds", round(detection.fit_seconds, 3))))


def _table(detection: Detection) -> TableBlock:
    observed, labels = detection.observed, detection.labels
    if labels.scores is None:
        return states_table(state_summaries(detection))
    places = marked_places(labels.values)
    return anomalies_table(observed.axis.index, observed.values, places, "detection.csv", labels.scores)


def _chart(detection: Detection) -> tuple[ChartSeries, ...]:
    observed, labels = detection.observed, detection.labels
    states = state_summaries(detection) if labels.scores is None else None
    return label_chart(observed.column, observed.axis.index, observed.values, labels.values, states)
