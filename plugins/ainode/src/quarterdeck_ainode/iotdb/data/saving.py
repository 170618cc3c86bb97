"""The job `ainode.save`: reads a series, a device or a table of a cluster into a dataset.

Rows are read page by page in the order of their times; each page is a file of its own before the next one is asked for, so that memory does not
grow with the series, and an attempt goes on where the one before has stopped. What is written while the job runs is left out: it reads to the
last time that there was when it began. `JobValue.data` has these stable names::

    dataset, source, statement      addresses, and the first page's SQL
    rows, columns, start, end       of the dataset
    frequency, gaps, missing        as the import found them
    read_seconds, rows_per_second   of this attempt's reading
    notices
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct, convert, structs, to_builtins

from quarterdeck_ainode.iotdb.backend import IotdbBackend
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.data.asked import asked_save
from quarterdeck_ainode.iotdb.data.parameters import SaveParameters
from quarterdeck_ainode.iotdb.data.parts import PartWriter, part_path, part_schema, whole_file
from quarterdeck_ainode.iotdb.data.reading import PAGE_ROWS, Extent, read_extent, read_page, require_finite
from quarterdeck_ainode.iotdb.data.statements import Source, Span, page_statement
from quarterdeck_ainode.iotdb.data.time_precision import to_microseconds, written
from quarterdeck_ainode.iotdb.dataset_import import import_dataset
from quarterdeck_ainode.job_request import asked_parameters
from quarterdeck_ainode.value_types import TimePrecision
from quarterdeck_api.documents import Document, Fact, FactsBlock, TextBlock
from quarterdeck_api.errors import ProtocolError, UsageError
from quarterdeck_api.jobs import JobContext, JobValue

#: Of the work, how much reading the cluster is.
_READING = 0.85


class SaveState(Struct, frozen=True):
    """How far a save has come: its columns, whole parts, their rows, the time of the last one, and the bounds of all (server times)."""

    columns: tuple[str, ...]
    parts: int
    rows: int
    after: int | None
    last: int
    total: int


def run(context: JobContext, clock: Callable[[], float] = time.perf_counter, page_rows: int = PAGE_ROWS) -> JobValue:
    """Saves as the job's parameters say; raises QuarterdeckError with a remedy."""
    wanted = asked_parameters(context.spec, SaveParameters)
    backend = context.open()
    if not isinstance(backend, IotdbBackend):
        raise ProtocolError(f"{context.spec.backend} is no cluster of IoTDB", "name a series of a cluster")
    saving = _Saving(context, backend.client, wanted, page_rows)
    started = clock()
    read = saving.read()
    seconds = clock() - started
    context.step("import")
    context.progress(_READING, f"making the dataset {wanted.name}")
    found = import_dataset(
        context,
        whole_file(saving.folder, read.parts),
        wanted.name,
        time=saving.schema.names[0],
        target=wanted.target,
        replace=wanted.replace,
        source=context.spec.address,
        title=saving.title,
    )
    context.progress(1.0, f"{read.rows:,} rows")
    return _value(context, saving, found, seconds)


def can_go_on(state: SaveState, columns: tuple[str, ...], folder: Path) -> bool:
    """Whether an attempt may go on where one before has stopped: its parts are there, and the columns are still the same."""
    parts = range(1, state.parts + 1)
    return state.columns == columns and all(part_path(folder, number).is_file() for number in parts)


class _Saving:
    """One attempt at reading."""

    def __init__(self, context: JobContext, client: IotdbClient, wanted: SaveParameters, page_rows: int) -> None:
        self.context = context
        self.folder: Path = context.work_folder()
        self.rows_read = 0
        self._client = client
        self._wanted = wanted
        self._page_rows = page_rows
        context.step("count")
        asked = asked_save(client, context.spec.address, wanted)
        self.source: Source = asked.source
        self.precision: TimePrecision = asked.precision
        self.span = asked.span
        self.names = asked.names
        self.schema = part_schema(self.names, wanted.time_zone or "UTC")
        self.title = f"{', '.join(self.names[:3])}{' …' if len(self.names) > 3 else ''} of {self.source.sql}"

    def read(self) -> SaveState:
        """Reads what is not read yet."""
        state = self._state()
        self.context.step("read")
        self.context.log(page_statement(self.source, self._bounded(state), state.after, self._page_rows))
        while True:
            page, state = self._page(state)
            if page < self._page_rows:
                return state

    def _state(self) -> SaveState:
        """Where to begin: where an attempt before has stopped, or at the first row."""
        if self.context.spec.checkpoint is not None:
            state = convert(self.context.spec.checkpoint, SaveState)
            if can_go_on(state, self.names, self.folder):
                self.context.log(f"going on after {state.rows:,} rows")
                return state
            self.context.log("beginning anew: the series are others than before, or the rows that were read are gone")
        extent: Extent = read_extent(self._client, self.source, self.span)
        if extent.last is None:
            raise UsageError(
                f"{self.context.spec.address} has no values in this range",
                "see first and last time with `quarterdeck describe`",
                self.context.spec.address,
            )
        return SaveState(self.names, 0, 0, None, extent.last, extent.rows)

    def _page(self, state: SaveState) -> tuple[int, SaveState]:
        """Reads one page into a part; gives its rows and what is there now."""
        part = PartWriter(self.folder, state.parts + 1, self.schema)
        rows, last = 0, state.after
        try:
            for batch in read_page(self._client, self.source, self._bounded(state), state.after, self._page_rows):
                self.context.raise_if_cancelled()
                require_finite(batch, self.names, lambda each: written(each, self.precision))
                part.write(to_microseconds(batch.times, self.precision, rounded=self._wanted.round_times), batch)
                rows += len(batch.times)
                last = int(batch.times[-1])
                self._report(state.rows + rows, state.total)
        except BaseException:
            part.abandon()
            raise
        if not rows and state.parts:
            part.abandon()
            return rows, state
        part.finish()
        self.rows_read += rows
        state = structs.replace(state, parts=state.parts + 1, rows=state.rows + rows, after=last)
        self.context.checkpoint(to_builtins(state))
        return rows, state

    def _bounded(self, state: SaveState) -> Span:
        return Span(self.span.first, state.last)

    def _report(self, rows: int, total: int) -> None:
        self.context.progress(_READING * min(1.0, rows / max(total, 1)), f"{rows:,} of {total:,} rows read")


def _value(context: JobContext, saving: _Saving, found: dict[str, Any], seconds: float) -> JobValue:
    statement = page_statement(saving.source, saving.span, None, PAGE_ROWS)
    missing: dict[str, int] = found.get("missing", {})
    notices = [f"{name} has {count:,} missing values" for name, count in missing.items() if count]
    if found.get("gaps"):
        notices.append(f"{found['gaps']:,} times of the frequency {found['frequency']} are missing")
    data: dict[str, Any] = {
        "dataset": f"core/dataset/{saving.context.spec.parameters['name']}",
        "source": context.spec.address,
        "statement": statement,
        "rows": found["rows"],
        "columns": list(found["value_columns"]),
        "start": found["start"],
        "end": found["end"],
        "frequency": found["frequency"],
        "gaps": found["gaps"],
        "missing": missing,
        "read_seconds": seconds,
        "rows_per_second": saving.rows_read / seconds if seconds > 0 else 0.0,
        "notices": notices,
    }
    facts = FactsBlock(
        (
            Fact("Dataset", data["dataset"]),
            Fact("Rows", data["rows"]),
            Fact("Columns", " ".join(data["columns"])),
            Fact("From", data["start"]),
            Fact("To", data["end"]),
            Fact("Frequency", data["frequency"] or "irregular"),
            Fact("Read in", f"{seconds:.1f} s"),
        )
    )
    blocks = [facts, TextBlock(statement, "sql", "Read with")]
    if notices:
        blocks.append(TextBlock("\n".join(notices), title="Notices"))
    return JobValue(data, Document(f"{saving.title} as {saving.context.spec.parameters['name']}", tuple(blocks)))
