"""From a CSV file to batches of times and numbers: every wrong row is named with its line, column, value and what to do about it."""

from collections.abc import Callable, Iterator, Sequence
from itertools import compress

import pyarrow as pa

from quarterdeck.runtime.datasets.arrow_compute import pc
from quarterdeck.runtime.datasets.cell_parsing import NO_TIME, NumberColumn, TimeColumn, is_missing, number
from quarterdeck.runtime.datasets.csv_file import CsvChunk, CsvFile
from quarterdeck.runtime.datasets.frequency import Frequency, fits_anchor, grid_time, parse_frequency
from quarterdeck.runtime.datasets.import_plan import ImportPlan, Problems
from quarterdeck.runtime.datasets.sorted_runs import LINE, TIME
from quarterdeck.runtime.datasets.time_parsing import TimeForm, parse_time, time_form
from quarterdeck_api.errors import UsageError
from quarterdeck_api.nearest import nearest

#: Rows by which it is decided which columns hold numbers.
_SAMPLED_ROWS = 1000
_CHUNK_ROWS = 65_536

#: Told how much of the file was read, 0 to 1, and how many rows; may raise to end the reading.
Report = Callable[[float, int], None]


class CsvRows:
    """The rows of a CSV file that a plan asks for. What was found is complete once `batches` is exhausted.

    Raises UsageError for a file that cannot be read and for columns that it does not have; wrong cells go to `problems`.
    """

    def __init__(self, plan: ImportPlan, problems: Problems) -> None:
        self.notices: list[str] = []
        self._plan = plan
        self._problems = problems
        self._numbers: dict[int, NumberColumn] = {}
        self._made = 0
        form = TimeForm.FRACTIONAL_YEAR if plan.fractional_years else None
        self._times = TimeColumn(plan.time, plan.time_zone, form, problems) if plan.time else None
        self._calendar = None if plan.time else _calendar(plan)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of numbers, by the names that they have in the file."""
        return tuple(column.name for column in self._numbers.values())

    @property
    def missing(self) -> tuple[int, ...]:
        """How many values each of them lacks."""
        return tuple(column.missing for column in self._numbers.values())

    @property
    def utc(self) -> bool:
        """Whether times are moments; else they are readings of a clock."""
        return bool(self._times and self._times.utc)

    @property
    def zone_name(self) -> str:
        """The time zone that the file itself names: none."""
        return ""

    def batches(self, report: Report) -> Iterator[pa.RecordBatch]:
        """The rows in the file's order: LINE, TIME, then a column of float64 for each of `columns`, named 0, 1, …"""
        plan = self._plan
        with CsvFile(plan.path) as file:
            header = file.header
            time = _index(plan, header, plan.time, "time") if plan.time else -1
            where = [(_index(plan, header, name, "where"), value) for name, value in plan.where.items()]
            kept = {_index(plan, header, name, "columns") for name in plan.columns}
            target = {_index(plan, header, plan.original(plan.target), "target")} if plan.target else set[int]()
            read = 0
            for chunk in file.chunks(_CHUNK_ROWS):
                read += len(chunk.rows)
                usable = self._usable(chunk, len(header), where)
                if not usable.rows:
                    continue
                if not self._numbers:
                    asked = kept | target if kept else target
                    candidates = sorted(asked) if kept else [each for each in range(len(header)) if each != time]
                    self._choose(header, candidates, asked, usable.rows[:_SAMPLED_ROWS])
                yield self._batch(usable, time)
                report(file.fraction, read)

    def _usable(self, chunk: CsvChunk, width: int, where: Sequence[tuple[int, str]]) -> CsvChunk:
        """The rows that have as many cells as the header, and the cells that the plan wants."""
        rows, lines = chunk.rows, chunk.lines
        if set(map(len, rows)) - {width}:
            fits = [len(row) == width for row in rows]
            for row, line in zip(rows, lines, strict=True):
                if len(row) != width:
                    self._problems.add_row(line, f"the row has {len(row)} cells, but the header has {width} columns")
            rows, lines = list(compress(rows, fits)), list(compress(lines, fits))
        if where:
            fits = [all(row[index].strip() == value for index, value in where) for row in rows]
            rows, lines = list(compress(rows, fits)), list(compress(lines, fits))
        return CsvChunk(lines, rows)

    def _choose(
        self, header: Sequence[str], candidates: Sequence[int], asked: set[int], sample: list[list[str]]
    ) -> None:
        """A column of which at least half of the cells are numbers holds numbers; its other cells are wrong."""
        for index in candidates:
            cells = [text for row in sample if not is_missing(text := row[index].strip())]
            numbers = sum(number(text) is not None for text in cells)
            if index in asked or (cells and 2 * numbers >= len(cells)):
                self._numbers[index] = NumberColumn(header[index], self._problems)
            else:
                self.notices.append(f"column {header[index]!r} holds no numbers and is left out")
        if not self._numbers:
            raise UsageError(
                f"{self._plan.path} has no column of numbers", "check the delimiter and the decimal sign (.)"
            )

    def _batch(self, chunk: CsvChunk, time: int) -> pa.RecordBatch:
        rows, lines = chunk.rows, chunk.lines
        if self._times is not None:
            times = self._times.take([row[time] for row in rows], lines)
        else:
            times = self._made_times(len(rows))
        columns = [column.take([row[index] for row in rows], lines) for index, column in self._numbers.items()]
        names = [LINE, TIME, *map(str, range(len(columns)))]
        batch = pa.RecordBatch.from_arrays([pa.array(lines, pa.int64()), times.cast(pa.int64()), *columns], names=names)
        wrong = pc.equal(times, NO_TIME)
        return batch.filter(pc.invert(wrong)) if pc.any(wrong).as_py() else batch

    def _made_times(self, rows: int) -> pa.Array:
        assert self._calendar is not None
        frequency, origin = self._calendar
        first, self._made = self._made, self._made + rows
        return pa.array([grid_time(frequency, origin, first + place) for place in range(rows)], pa.int64())


def _calendar(plan: ImportPlan) -> tuple[Frequency, int]:
    """The grid of times for a file that has none, and its first one."""
    form = time_form(plan.start)
    if form is None or not plan.frequency:
        raise UsageError(
            f"{plan.path} has no column of times, and no start and frequency are given for it",
            "name the column that holds the times",
        )
    frequency, origin = parse_frequency(plan.frequency), parse_time(plan.start, form).time
    if not fits_anchor(frequency, origin):
        raise UsageError(f"{plan.start} is not a time of the frequency {plan.frequency}", "correct one of the two")
    return frequency, origin


def _index(plan: ImportPlan, header: Sequence[str], name: str, what: str) -> int:
    if name in header:
        return header.index(name)
    raise UsageError(f"{plan.path} has no column {name!r} ({what})", nearest(name, header))
