"""The job `ainode.ingest`: writes a dataset to the series of a device or to a table, tablet by tablet.

Each tablet that the server has acknowledged is in the checkpoint, and a later attempt goes on after it. A tablet whose answer was lost is
written again: points are told apart by series and time, so writing the same ones twice gives what writing them once gives.
`JobValue.data` has these stable names::

    dataset, database, into         what was written, and where
    rows, points, columns           all that the dataset has; points are values that are not missing
    rows_there                      rows of the target in the dataset's time range afterwards
    write_seconds, points_per_second    of this attempt
    statements                      what was made first
    notices
"""

import time
from collections.abc import Callable
from typing import Any

from msgspec import Struct, convert, structs, to_builtins

from quarterdeck_ainode.iotdb.backend import IotdbBackend
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.tablet import Tablet
from quarterdeck_ainode.iotdb.data.dataset_rows import DatasetRows
from quarterdeck_ainode.iotdb.data.ingest_plan import IngestPlan, chosen_columns, plan_ingest
from quarterdeck_ainode.iotdb.data.parameters import IngestParameters
from quarterdeck_ainode.iotdb.data.reading import NumberBatch
from quarterdeck_ainode.iotdb.data.spans import dataset_span
from quarterdeck_ainode.iotdb.data.statements import Span
from quarterdeck_ainode.iotdb.data.tablets import NARROW, check_values, rows_at_once, tablet_of
from quarterdeck_ainode.iotdb.data.time_precision import from_microseconds
from quarterdeck_ainode.job_request import asked_parameters
from quarterdeck_ainode.value_types import TimePrecision
from quarterdeck_api.documents import Document, Fact, FactsBlock, TextBlock
from quarterdeck_api.errors import ProtocolError, RefusedError, UnknownOutcomeError, UnreachableError
from quarterdeck_api.jobs import DatasetLocation, JobContext, JobValue


class IngestState(Struct, frozen=True):
    """How far an ingest has come: what is made first, rows of this dataset that are acknowledged, and their points."""

    sha256: str
    statements: tuple[str, ...] = ()
    rows: int = 0
    points: int = 0


def run(context: JobContext, clock: Callable[[], float] = time.perf_counter) -> JobValue:
    """Writes as the job's parameters say; raises QuarterdeckError with a remedy."""
    wanted = asked_parameters(context.spec, IngestParameters)
    backend = context.open()
    if not isinstance(backend, IotdbBackend):
        raise ProtocolError(f"{context.spec.backend} is no cluster of IoTDB", "name a database of a cluster")
    location = context.dataset(wanted.dataset)
    rows = DatasetRows(location, chosen_columns(wanted, location.value_columns))
    try:
        return _ingest(context, backend.client, wanted, location, rows, clock)
    finally:
        rows.close()


def _ingest(
    context: JobContext,
    client: IotdbClient,
    wanted: IngestParameters,
    location: DatasetLocation,
    rows: DatasetRows,
    clock: Callable[[], float],
) -> JobValue:
    context.step("check")
    plan = plan_ingest(client, context.spec.address, wanted, rows.columns)
    precision = client.precision()
    span = dataset_span(rows, precision)
    state = _state(context, location)
    if state is None:
        check_dataset(plan, rows, precision, context.raise_if_cancelled)
        require_no_points(client, plan, span, wanted.overwrite)
        state = IngestState(location.sha256, plan.statements)
        # From here on points in the target may be our own.
        context.checkpoint(to_builtins(state))
    notices = [*plan.notices]
    if not location.time_zone:
        notices.append(f"the times of {location.address} have no time zone and were taken for UTC")
    for statement in plan.statements:
        context.log(statement)
        client.execute(statement, dialect=plan.dialect)
    context.step("write")
    first, started = state, clock()
    for batch in rows.times_and_numbers(state.rows, rows_at_once(len(rows.columns))):
        context.raise_if_cancelled()
        tablet = tablet_of(plan, batch, precision)
        if tablet is not None:
            _insert(context, client, tablet)
        added = 0 if tablet is None else tablet.points
        state = structs.replace(state, rows=state.rows + len(batch.times), points=state.points + added)
        context.checkpoint(to_builtins(state))
        context.progress(state.rows / rows.rows, f"{state.rows:,} of {rows.rows:,} rows, {state.points:,} points")
    seconds = clock() - started
    context.step("count")
    there = structs.replace(plan, existing=plan.columns).points_there(client, span)
    data: dict[str, Any] = {
        "dataset": location.address,
        "database": context.spec.address,
        "into": plan.sql,
        "rows": state.rows,
        "points": state.points,
        "columns": [column.name for column in plan.columns],
        "rows_there": there,
        "write_seconds": seconds,
        "points_per_second": (state.points - first.points) / seconds if seconds > 0 else 0.0,
        "statements": list(state.statements),
        "notices": notices,
    }
    return JobValue(data, _document(data, plan, notices))


def check_dataset(plan: IngestPlan, rows: DatasetRows, precision: TimePrecision, check: Callable[[], None]) -> None:
    """Raises UsageError for a time or number that the target cannot hold, before anything is written."""
    if precision is not TimePrecision.ms and not any(column.type in NARROW for column in plan.columns):
        return
    for batch in rows.times_and_numbers():
        check()
        from_microseconds(batch.times, precision)
        check_values(plan, NumberBatch(batch.times, batch.columns))


def require_no_points(client: IotdbClient, plan: IngestPlan, span: Span, overwrite: bool) -> None:
    """Raises RefusedError when points would be replaced and nobody said that they may be."""
    there = plan.points_there(client, span)
    if there and not overwrite:
        raise RefusedError(
            f"{plan.sql} has {there:,} rows in the dataset's time range already",
            "replace them with --overwrite true, or write into another device or table",
        )


def _state(context: JobContext, location: DatasetLocation) -> IngestState | None:
    """Where an attempt before has stopped, when it was at the same rows."""
    if context.spec.checkpoint is None:
        return None
    state = convert(context.spec.checkpoint, IngestState)
    if state.sha256 != location.sha256:
        return None
    context.log(f"going on after {state.rows:,} rows")
    return state


def _insert(context: JobContext, client: IotdbClient, tablet: Tablet) -> None:
    try:
        client.insert(tablet)
    except UnknownOutcomeError as error:
        context.log(
            f"{error.message}; the next attempt writes these rows again, which changes nothing if they are there"
        )
        raise UnreachableError(error.message, "the job goes on by itself; see that the DataNode runs") from error


def _document(data: dict[str, Any], plan: IngestPlan, notices: list[str]) -> Document:
    facts = FactsBlock(
        (
            Fact("Dataset", data["dataset"]),
            Fact("Into", plan.sql),
            Fact("Tags", ", ".join(f"{name}={value}" for name, value in plan.tags) or "none"),
            Fact("Rows", data["rows"]),
            Fact("Points", data["points"]),
            Fact("Rows there now", data["rows_there"]),
            Fact("Written in", f"{data['write_seconds']:.1f} s"),
        )
    )
    blocks = [facts]
    texts = [TextBlock("\n".join(data["statements"]), "sql", "Made first")] if data["statements"] else []
    texts += [TextBlock("\n".join(notices), title="Notices")] if notices else []
    return Document(f"{data['dataset']} in {plan.sql}", (*blocks, *texts))
