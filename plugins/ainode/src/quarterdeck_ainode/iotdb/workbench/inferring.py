"""The job `ainode.series-infer`: CALL INFERENCE as it is, with the times that the server makes up beside the right ones.

`JobValue.data` has these stable names::

    series, model, statement, seconds
    values          what the model gave
    server_times    ISO 8601, as the server says: the first is the last row's, and their distance is too short
    times           ISO 8601, one step after another from the last row on
    notices         sentences
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct

from quarterdeck_ainode.excerpts import TABLE_ROWS, excerpt_title, history_shown
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.series import TreeSeries, parse_series
from quarterdeck_ainode.iotdb.workbench.asked import asked_window, check_limits
from quarterdeck_ainode.iotdb.workbench.entrants import ClusterFacts, cluster_model, cluster_options, settings_of
from quarterdeck_ainode.iotdb.workbench.facts import cluster_facts
from quarterdeck_ainode.iotdb.workbench.forecasting import opened
from quarterdeck_ainode.iotdb.workbench.horizon_times import future_times, pandas_times
from quarterdeck_ainode.iotdb.workbench.parameters import LOCAL, InferParameters
from quarterdeck_ainode.iotdb.workbench.predicting import answered
from quarterdeck_ainode.iotdb.workbench.statements import Statement, inference_statement
from quarterdeck_ainode.iotdb.workbench.window import SeriesWindow
from quarterdeck_ainode.job_request import asked_parameters
from quarterdeck_ainode.result_files import iso_times, read_times, unix_seconds, write_files
from quarterdeck_api.documents import ChartBlock, ChartSeries, Document, SeriesRole, TableBlock, TextBlock
from quarterdeck_api.errors import QuarterdeckError, UnsupportedError, UsageError
from quarterdeck_api.jobs import JobContext, JobValue
from quarterdeck_api.resources import Address

_WRONG_TIMES = "CALL INFERENCE puts its first value at the last row's time and takes too short a step (2.0.10): the column `time` has the right times"
_SHORT = "the model gave {given} values, and {asked} were asked for: the server does not say so"


class AskedInference(Struct, frozen=True):
    """An inference that can be asked for."""

    window: SeriesWindow
    statement: Statement
    notices: tuple[str, ...]


def asked_inference(
    client: IotdbClient, address: str, wanted: InferParameters, settings: dict[str, Any]
) -> AskedInference:
    """Reads and checks everything but the values; raises QuarterdeckError with a remedy."""
    series = parse_series(Address.parse(address).name)
    if not isinstance(series, TreeSeries):
        raise UnsupportedError(
            "CALL INFERENCE knows series of the tree only, and this one is a table's", "use series.forecast", address
        )
    name = wanted.model.strip()
    if name.startswith(LOCAL):
        raise UsageError(
            f"{name} is the local engine's, and CALL INFERENCE asks the cluster's models",
            "use series.forecast, or a model of the cluster",
            address,
        )
    facts = cluster_facts(client, (name,))
    model = cluster_model(name, facts)
    options = cluster_options(model, settings_of(name, settings), facts)
    check_limits(wanted.window, wanted.length)
    window = asked_window(client, series, wanted.window, wanted.start, wanted.end, "refuse", address)
    statement = inference_statement(series, model.model_id, wanted.length, window.stretch, options, times=True)
    return AskedInference(window, statement, (*window.notices, _WRONG_TIMES, *_late(facts, model.type)))


def run(context: JobContext, clock: Callable[[], float] = time.perf_counter) -> JobValue:
    """Infers as the job's parameters say; raises QuarterdeckError with a remedy."""
    spec = context.spec
    wanted = asked_parameters(spec, InferParameters)
    client = opened(context).client
    context.step("read")
    asked = asked_inference(client, spec.address, wanted, spec.settings)
    context.raise_if_cancelled()
    context.step("infer")
    context.log(asked.statement.text)
    started = clock()
    moments, values = _answer(client, asked.statement)
    seconds = clock() - started
    if not values:
        raise QuarterdeckError(
            f"{wanted.model} gave no values, and the server does not say why", "see the AINode's log", spec.address
        )
    notices = asked.notices
    if len(values) != wanted.length:
        notices = (*notices, _SHORT.format(given=len(values), asked=wanted.length))
    window = asked.window
    times = future_times(window.times, window.observed.axis, window.regular, len(values), window.unit)
    right = pandas_times(times, window.unit)
    made_up = pandas_times(np.array(moments, dtype=np.int64), window.unit)
    data = {
        "series": window.series.name,
        "model": wanted.model,
        "statement": asked.statement.text,
        "seconds": seconds,
        "values": values,
        "server_times": iso_times(made_up),
        "times": iso_times(right),
        "notices": list(notices),
    }
    context.step("write")
    document = _document(asked, wanted.model, right, made_up, values, notices)
    columns = {"time": right, "server_time": made_up, "value": values}
    write_files(context, "inference", "Inference", columns, data, document)
    context.progress(1.0, "done")
    return JobValue(data, document)


def _answer(client: IotdbClient, statement: Statement) -> tuple[list[int], list[float]]:
    answer = answered(client, statement)
    rows = [(row[0], row[1]) for row in answer.values if len(row) > 1]
    kept = [(each, value) for each, value in rows if isinstance(each, int) and isinstance(value, int | float)]
    return [each for each, _ in kept], [float(value) for _, value in kept]


def _late(facts: ClusterFacts, model_type: str) -> tuple[str, ...]:
    if facts.official and model_type == "sktime":
        return (
            "the official AINode's sktime models begin at the last row: each value is one step late at these times",
        )
    return ()


def _document(
    asked: AskedInference, model: str, right: Any, made_up: Any, values: list[float], notices: tuple[str, ...]
) -> Document:
    window = asked.window
    shown = slice(-history_shown(len(window.times), len(values)), None)
    history = pandas_times(window.times[shown], window.unit)
    chart = ChartBlock(
        (
            ChartSeries(window.label, SeriesRole.HISTORY, unix_seconds(history), tuple(window.values[shown].tolist())),
            ChartSeries(model, SeriesRole.FORECAST, unix_seconds(right), tuple(values)),
        ),
        f"{window.label} of {window.series.name}",
    )
    rows = tuple(zip(read_times(right), read_times(made_up), values, strict=True))
    title = excerpt_title("Inference", len(rows), "inference.csv")
    return Document(
        f"{model} on {window.series.name}",
        (
            chart,
            TableBlock(("time", "server's time", "value"), rows[:TABLE_ROWS], title),
            TextBlock("\n".join(notices), title="Notices"),
            TextBlock(asked.statement.text, "sql", "Statement"),
        ),
    )
