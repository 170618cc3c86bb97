"""From a Parquet file to batches of times and numbers, with the checks of a CSV file: rows that are wrong are named by their number."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from quarterdeck.runtime.datasets.arrow_compute import pc
from quarterdeck.runtime.datasets.cell_parsing import (
    NO_TIME,
    TimeColumn,
    clock_readings_as_moments,
    in_calendar,
)
from quarterdeck.runtime.datasets.csv_import import Report
from quarterdeck.runtime.datasets.import_plan import ImportPlan, Problems
from quarterdeck.runtime.datasets.sorted_runs import LINE, TIME
from quarterdeck.runtime.datasets.time_parsing import zone
from quarterdeck_api.errors import UsageError
from quarterdeck_api.nearest import nearest

_BATCH_ROWS = 65_536
_MAGIC = b"PAR1"
_READ_AS_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer)


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet, by its first bytes. Raises UsageError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", "check its path and permissions") from error


class ParquetRows:
    """The rows of a Parquet file that a plan asks for; the same borders as CsvRows. Raises UsageError for what cannot be read."""

    def __init__(self, plan: ImportPlan, problems: Problems) -> None:
        self.notices: list[str] = []
        self.utc = False
        self.zone_name = ""
        self._plan = plan
        self._problems = problems
        problems.unit = "Row"
        try:
            self._file = pq.ParquetFile(plan.path, pre_buffer=False)
        except (OSError, pa.ArrowException) as error:
            raise UsageError(
                f"{plan.path} is not a Parquet file that can be read: {error}", "write it again"
            ) from error
        schema: pa.Schema = self._file.schema_arrow
        if plan.time not in schema.names:
            raise UsageError(f"{plan.path} has no column {plan.time!r} (time)", nearest(plan.time, schema.names))
        self._time_type = schema.field(plan.time).type
        self._as_text = any(holds(self._time_type) for holds in _READ_AS_TEXT)
        if not self._as_text and not (pa.types.is_timestamp(self._time_type) or pa.types.is_date(self._time_type)):
            raise UsageError(
                f"column {plan.time!r} of {plan.path} holds {self._time_type}, which is no time",
                "write timestamps, dates, ISO texts, or seconds or milliseconds since 1970",
            )
        self.columns = self._choose(schema)
        self._missing = [0] * len(self.columns)
        self._texts = TimeColumn(plan.time, plan.time_zone, None, problems)

    @property
    def missing(self) -> tuple[int, ...]:
        """How many values each column lacks."""
        return tuple(self._missing)

    def batches(self, report: Report) -> Iterator[pa.RecordBatch]:
        """The rows in the file's order: LINE (the row's number, from 1), TIME, then float64 columns named 0, 1, …"""
        read, total = 0, max(self._file.metadata.num_rows, 1)
        try:
            for batch in self._file.iter_batches(_BATCH_ROWS, columns=[self._plan.time, *self.columns]):
                lines = range(read + 1, read + 1 + batch.num_rows)
                read += batch.num_rows
                yield self._batch(batch, lines)
                report(read / total, read)
        except (OSError, pa.ArrowException) as error:
            raise UsageError(
                f"{self._plan.path} cannot be read after row {read}: {error}", "write the file again"
            ) from error
        finally:
            self._file.close()

    def _choose(self, schema: pa.Schema) -> tuple[str, ...]:
        plan = self._plan
        asked = {*plan.columns, *([plan.original(plan.target)] if plan.target else [])}
        for name in asked:
            if name not in schema.names:
                raise UsageError(f"{plan.path} has no column {name!r}", nearest(name, schema.names))
            if not _holds_numbers(schema.field(name).type):
                raise UsageError(
                    f"column {name!r} of {plan.path} holds {schema.field(name).type}, not numbers",
                    "name another column",
                )
        chosen: list[str] = []
        for field in schema:
            if field.name == plan.time or (plan.columns and field.name not in asked):
                continue
            if _holds_numbers(field.type):
                chosen.append(field.name)
            else:
                self.notices.append(f"column {field.name!r} holds {field.type}, not numbers, and is left out")
        if not chosen:
            raise UsageError(f"{plan.path} has no column of numbers", "write one as integers or floating point")
        return tuple(chosen)

    def _batch(self, batch: pa.RecordBatch, lines: range) -> pa.RecordBatch:
        columns = [self._numbers(place, name, batch.column(name), lines) for place, name in enumerate(self.columns)]
        times = self._times(batch.column(self._plan.time), lines)
        names = [LINE, TIME, *map(str, range(len(columns)))]
        found = pa.RecordBatch.from_arrays([pa.array(lines, pa.int64()), times.cast(pa.int64()), *columns], names=names)
        wrong = pc.equal(times, NO_TIME)
        return found.filter(pc.invert(wrong)) if pc.any(wrong).as_py() else found

    def _numbers(self, place: int, name: str, cells: pa.Array, lines: range) -> pa.Array:
        numbers = cells.cast(pa.float64(), safe=False)
        numbers = pc.if_else(pc.is_nan(numbers), None, numbers)  # Missing, as in a CSV file.
        for wrong in pc.indices_nonzero(pc.fill_null(pc.is_inf(numbers), False)).to_pylist():
            value = str(numbers[wrong].as_py())
            self._problems.add(lines[wrong], name, value, "is not finite; write null when the value is missing")
        self._missing[place] += numbers.null_count
        return numbers

    def _times(self, cells: pa.Array, lines: range) -> pa.Array:
        empty = pc.is_null(cells)
        for place in [] if self._as_text else pc.indices_nonzero(empty).to_pylist():
            self._problems.add_row(lines[place], f"column {self._plan.time!r} is null; give every row a time")
        if self._as_text:
            texts = pc.fill_null(cells.cast(pa.string()), "").to_pylist()
            times = self._texts.take(texts, lines)
            self.utc = bool(self._texts.utc)
        else:
            times = self._clock(cells, lines)
        return pc.if_else(empty, NO_TIME, times.cast(pa.int64()))

    def _clock(self, cells: pa.Array, lines: range) -> pa.Array:
        plan, kind = self._plan, self._time_type
        place = kind.tz if pa.types.is_timestamp(kind) else None
        try:
            times = cells.cast(pa.timestamp("us", tz=place)).cast(pa.int64())
        except pa.ArrowInvalid as error:
            raise UsageError(
                f"column {plan.time!r} of {plan.path} cannot be kept as microseconds: {error}",
                "round the times to microseconds",
            ) from error
        filled = pc.fill_null(times, 0)
        if not in_calendar(filled):
            raise UsageError(
                f"column {plan.time!r} of {plan.path} has times outside the years 1 to 9999", "correct them"
            )
        if place is not None:
            self.utc, self.zone_name = True, _iana(place)
            return filled
        self.utc = bool(plan.time_zone)
        if not plan.time_zone:
            return filled
        return clock_readings_as_moments(filled.to_pylist(), lines, plan.time, plan.time_zone, self._problems)


def _holds_numbers(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def _iana(name: str) -> str:
    """The zone's name when it is one; a mere offset says nothing about a place, so it counts as UTC."""
    if name.startswith(("+", "-")):
        return "UTC"
    try:
        zone(name)
    except UsageError:
        return "UTC"
    return name
