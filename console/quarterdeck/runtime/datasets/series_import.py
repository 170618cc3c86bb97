"""A file becomes the Parquet file of a dataset: read, ordered, checked and written batch by batch, with memory that its length does not change."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from quarterdeck.runtime.datasets.arrow_compute import pc
from quarterdeck.runtime.datasets.catalogue import missing_times
from quarterdeck.runtime.datasets.csv_import import CsvRows, Report
from quarterdeck.runtime.datasets.frequency import Frequency, alias, parse_frequency, to_moment
from quarterdeck.runtime.datasets.import_plan import ImportPlan, Problems
from quarterdeck.runtime.datasets.parquet_import import ParquetRows, is_parquet
from quarterdeck.runtime.datasets.sorted_runs import LINE, TIME, SortedRuns
from quarterdeck.runtime.datasets.spacing import FrequencyFinder, GapFinder, Spacing
from quarterdeck.runtime.datasets.time_parsing import from_utc, zone
from quarterdeck_api.errors import UsageError

#: Rows of a row group, which is what a reader of a few rows has to decode.
GROUP_ROWS = 65_536
#: Clock readings looked at before it is decided whether the rest are needed.
_FIRST_READINGS = 1_000
_DAY = 86_400_000_000
#: Of the work, how much reading the file is.
_READING = 0.8


class RowSource(Protocol):
    """A file's rows; what it says of them is complete once `batches` is exhausted."""

    notices: list[str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of numbers, by their names in the file."""
        ...

    @property
    def missing(self) -> tuple[int, ...]:
        """How many values each of them lacks."""
        ...

    @property
    def utc(self) -> bool:
        """Whether times are moments."""
        ...

    @property
    def zone_name(self) -> str:
        """The time zone that the file itself names, or nothing."""
        ...

    def batches(self, report: Report) -> Iterator[pa.RecordBatch]:
        """The rows in the file's order."""
        ...


class ImportedSeries(Struct, frozen=True):
    """What was written: `first` and `last` in microseconds since 1970, moments with `utc`, else clock readings.

    `missing` counts values by column, `sorted` says whether rows had to be put into order. `notices` are sentences about what was left
    out or is missing.
    """

    rows: int
    first: int
    last: int
    time_column: str
    utc: bool
    time_zone: str
    spacing: Spacing
    columns: tuple[str, ...]
    target: str
    missing: dict[str, int]
    notices: tuple[str, ...]


def import_series(plan: ImportPlan, target: Path, scratch: Path, report: Report) -> ImportedSeries:
    """Writes the file that the plan names as Parquet to `target`; `scratch` is a folder for what is put into order meanwhile.

    `report(fraction, rows)` is called every now and then and may raise. Raises UsageError with everything that is wrong.
    """
    problems = Problems(plan.path)
    source: RowSource = ParquetRows(plan, problems) if is_parquet(plan.path) else CsvRows(plan, problems)
    with TemporaryDirectory(dir=scratch, prefix="import-") as folder:
        runs = SortedRuns(Path(folder))
        rows, unordered, last = 0, 0, None
        for batch in source.batches(lambda fraction, read: report(fraction * _READING, read)):
            unordered += _steps_back(batch, last)
            last = batch.column(TIME)[-1].as_py() if batch.num_rows else last
            rows += batch.num_rows
            runs.add(batch)
        runs.finish()
        if not rows and not problems.total:
            which = " that match" if plan.where else " below its header"
            raise UsageError(f"{plan.path} has no rows{which}", "name a file with rows")
        place = plan.time_zone or source.zone_name
        looked = _Look(plan, problems, zone(place) if place and source.utc else None)
        for batch in runs.read():
            looked.take(batch)
        problems.raise_if_any()
        report(_READING, rows)
        found = _Found(plan, source, place, looked)
        with found.writer(target) as writer:
            written = 0
            for batch in _grouped(runs.read()):
                written += batch.num_rows
                found.write(writer, batch)
                report(_READING + (1 - _READING) * written / rows, rows)
    return found.series(rows, unordered)


def _grouped(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of at least GROUP_ROWS, but for the last."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(each.num_rows for each in held) >= GROUP_ROWS:
            yield from pa.Table.from_batches(held).combine_chunks().to_batches()
            held = []
    if held:
        yield from pa.Table.from_batches(held).combine_chunks().to_batches()


def _steps_back(batch: pa.RecordBatch, last: int | None) -> int:
    """How many rows of a batch come before the row above them."""
    times = batch.column(TIME)
    if not len(times):
        return 0
    inside = pc.sum(pc.less(times[1:], times[:-1])).as_py() or 0
    return inside + (1 if last is not None and times[0].as_py() < last else 0)


class _Look:
    """A first look at the rows in order: times that are there twice, and the frequency."""

    def __init__(self, plan: ImportPlan, problems: Problems, place: ZoneInfo | None) -> None:
        self._plan = plan
        self._problems = problems
        self.place = place
        self._moments = FrequencyFinder()
        self._readings = FrequencyFinder() if place is not None else None
        self._last: tuple[int, int] | None = None
        self.first = self.last = 0

    def take(self, batch: pa.RecordBatch) -> None:
        """The next rows."""
        times = batch.column(TIME)
        if self._last is None:
            self.first = times[0].as_py()
        self._note_doubles(times, batch.column(LINE))
        self._last = (times[-1].as_py(), batch.column(LINE)[-1].as_py())
        self.last = self._last[0]
        self._moments.take(times)
        for start in (0, _FIRST_READINGS):
            if self._readings is not None and self.place is not None:
                part = times[:_FIRST_READINGS] if not start else times[start:]
                self._readings.take(clock_readings(part, self.place))
                if 0 < self._readings.least_distance < _DAY:
                    self._readings = None  # Closer than a day, elapsed time counts and not the calendar.

    def grid(self) -> tuple[Frequency | None, bool]:
        """The frequency, and whether it is one of clock readings."""
        if self._plan.frequency:
            asked = parse_frequency(self._plan.frequency)
            return asked, self.place is not None and not asked.sub_daily
        if self._readings is not None and (found := self._readings.frequency()) is not None and not found.sub_daily:
            return found, True
        return self._moments.frequency(), False

    def inferred(self) -> Frequency | None:
        """The frequency that the times follow, whatever was asked for."""
        readings = self._readings.frequency() if self._readings is not None else None
        return readings or self._moments.frequency()

    def _note_doubles(self, times: pa.Array, lines: pa.Array) -> None:
        if self._last is not None and times[0].as_py() == self._last[0]:
            self._double(times[0].as_py(), self._last[1], lines[0].as_py())
        for place in pc.indices_nonzero(pc.equal(times[1:], times[:-1])).to_pylist():
            self._double(times[place].as_py(), lines[place].as_py(), lines[place + 1].as_py())

    def _double(self, time: int, one: int, other: int) -> None:
        first, second = sorted((one, other))
        what = f"is there twice (also in {self._problems.unit.lower()} {first}); keep one of the two rows"
        self._problems.add(second, self._plan.time, written_time(time, self.place is not None), what)


class _Found:
    """What is known after the first look, and the writing."""

    def __init__(self, plan: ImportPlan, source: RowSource, place: str, looked: _Look) -> None:
        self._plan = plan
        self._source = source
        self._looked = looked
        self._utc = source.utc
        self._zone_name = place if source.utc and place else "UTC" if source.utc else ""
        self._names = tuple(plan.rename.get(name, name) for name in source.columns)
        time = plan.rename.get(plan.time, plan.time) or "time"
        while time in self._names:
            time += "_"
        self._time_column = time
        frequency, self._by_clock = looked.grid()
        self._gaps = GapFinder(frequency) if frequency is not None else None
        kind = pa.timestamp("us", tz="UTC" if self._utc else None)
        self._schema = pa.schema(
            [pa.field(time, kind, nullable=False), *(pa.field(name, pa.float64()) for name in self._names)]
        )

    def writer(self, path: Path) -> pq.ParquetWriter:
        """Opens the file to write."""
        return parquet_writer(path, self._schema)

    def write(self, writer: pq.ParquetWriter, batch: pa.RecordBatch) -> None:
        """Writes some rows, and sees how they lie on the grid. Raises UsageError for one that is not on a grid that was asked for."""
        times = batch.column(TIME)
        if self._gaps is not None:
            place = self._looked.place
            readings = clock_readings(times, place) if self._by_clock and place is not None else times
            known = self._gaps.count
            self._gaps.take(readings)
            off = self._gaps.spacing().off_grid
            if off >= 0:
                self._raise_off_grid(readings[off - known].as_py(), batch.column(LINE)[off - known].as_py())
        columns = [times.cast(self._schema.field(0).type), *batch.columns[2:]]
        writer.write_table(pa.Table.from_arrays(columns, schema=self._schema), row_group_size=GROUP_ROWS)

    def series(self, rows: int, unordered: int) -> ImportedSeries:
        """Everything that is to be said of what was written."""
        found = self._gaps.spacing() if self._gaps is not None else Spacing("")
        missing = {name: count for name, count in zip(self._names, self._source.missing, strict=True) if count}
        notices = list(self._source.notices)
        if unordered:
            what = "1 row came" if unordered == 1 else f"{unordered} rows came"
            notices.append(f"{what} before the row above; the rows were put into the order of their times")
        if found.gaps:
            notices.append(f"{missing_times(found.gaps)}: {'; '.join(found.first_gaps)}")
        if not found.alias:
            notices.append("the times are not regularly spaced, so there is no frequency")
        notices += [f"column {name!r} has {count} missing value{'s' * (count > 1)}" for name, count in missing.items()]
        return ImportedSeries(
            rows,
            self._looked.first,
            self._looked.last,
            self._time_column,
            self._utc,
            self._zone_name,
            found,
            self._names,
            self._plan.target or self._names[0],
            missing,
            tuple(notices),
        )

    def _raise_off_grid(self, time: int, line: int) -> None:
        found = self._looked.inferred()
        remedy = (
            f"leave the frequency out: the times follow {alias(found, self._looked.first)}"
            if found
            else "leave the frequency out"
        )
        unit = "row" if is_parquet(self._plan.path) else "line"
        raise UsageError(
            f"{self._plan.path}, {unit} {line}: {to_moment(time).isoformat(sep=' ')} is not a time of the frequency "
            f"{self._plan.frequency}",
            remedy,
        )


def parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Opens a file for a time column and columns of numbers, in encodings that suit them: small, and fast to write and to read."""
    time, *numbers = schema.names
    encodings = {time: "DELTA_BINARY_PACKED", **dict.fromkeys(numbers, "BYTE_STREAM_SPLIT")}
    return pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=False, column_encoding=encodings)


def clock_readings(times: pa.Array, place: ZoneInfo) -> pa.Array:
    """What a clock in a zone shows at moments, both in microseconds."""
    return pa.array([from_utc(time, place) for time in times.to_pylist()], pa.int64())


def written_time(time: int, utc: bool) -> str:
    """A time as a message shows it."""
    return to_moment(time).isoformat(sep=" ") + ("+00:00" if utc else "")
