"""From a CSV file to a checked series: every wrong row is named with its line, column, value and what to do about it."""

import math
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from quarterdeck.runtime.datasets.csv_file import CsvFile
from quarterdeck.runtime.datasets.frequency import (
    Frequency,
    Spacing,
    alias,
    fits_anchor,
    grid_time,
    infer_frequency,
    parse_frequency,
    spacing,
    to_moment,
)
from quarterdeck.runtime.datasets.time_parsing import (
    ParsedTime,
    TimeForm,
    from_utc,
    parse_time,
    time_form,
    to_utc,
    zone,
)
from quarterdeck_api.errors import UsageError
from quarterdeck_api.nearest import nearest

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-"})
#: Rows by which it is decided which columns hold numbers.
_SAMPLED_ROWS = 1000
_REPORT_ROWS = 10_000
_SHOWN_PROBLEMS = 10
_SHOWN_LETTERS = 40
_NO_TIME = -(2**63)


class ImportPlan(Struct, frozen=True):
    """What to read, and how. With `time` empty, times are made from `start` at `frequency`.

    `columns` are kept (empty: every column of numbers), `where` names cells that a row must have, `rename` gives columns other names.
    `time_zone` is the zone of times without offset.
    """

    path: Path
    time: str = ""
    start: str = ""
    frequency: str = ""
    time_zone: str = ""
    target: str = ""
    columns: tuple[str, ...] = ()
    rename: dict[str, str] = {}
    where: dict[str, str] = {}
    fractional_years: bool = False


class Series(Struct):
    """A checked series: `times` are increasing microseconds since 1970, moments with `utc`, else clock readings. NaN is a missing value.

    `notices` are sentences about what was left out or is missing.
    """

    time_column: str
    times: "array[int]"
    utc: bool
    time_zone: str
    spacing: Spacing
    columns: "dict[str, array[float]]"
    target: str
    missing: dict[str, int]
    notices: list[str]


class Problems:
    """Wrong rows of one file: the first few in words, and how many there are in all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._shown: list[str] = []
        self.total = 0

    def add(self, line: int, column: str, value: str, what: str) -> None:
        """Notes a wrong cell."""
        cut = value if len(value) <= _SHOWN_LETTERS else f"{value[:_SHOWN_LETTERS]}…"
        self.add_row(line, f"column {column!r}: {cut!r} {what}")

    def add_row(self, line: int, what: str) -> None:
        """Notes a wrong row."""
        self.total += 1
        if len(self._shown) < _SHOWN_PROBLEMS:
            self._shown.append(f"Line {line}, {what}")

    def raise_if_any(self) -> None:
        """Raises UsageError with every problem shown, when there are any."""
        if not self.total:
            return
        shown = "" if self.total <= len(self._shown) else f"; the first {len(self._shown)}"
        count = "1 problem" if self.total == 1 else f"{self.total} problems"
        lines = ". ".join(self._shown)
        raise UsageError(
            f"{self._path} was not imported: {count}{shown}. {lines}", "correct the file and import it again"
        )


def read_series(plan: ImportPlan, report: Callable[[float, int], None]) -> Series:
    """Reads and checks the file; `report(fraction, rows)` is called every now and then and may raise.

    Raises UsageError with everything that is wrong.
    """
    problems = Problems(plan.path)
    with CsvFile(plan.path) as file:
        reader = _RowReader(plan, file.header, problems)
        for number, (line, row) in enumerate(file.rows(), start=1):
            reader.take(line, row)
            if number % _REPORT_ROWS == 0:
                report(file.fraction, number)
        reader.decide_columns()
    problems.raise_if_any()
    return reader.series()


class _RowReader:
    """Turns rows into columns; the first rows are held back until it is known which columns hold numbers."""

    def __init__(self, plan: ImportPlan, header: tuple[str, ...], problems: Problems) -> None:
        self._plan = plan
        self._header = header
        self._problems = problems
        self._notices: list[str] = []
        self._held: list[tuple[int, list[str]]] | None = []
        self._time_index = self._index(plan.time, "time") if plan.time else -1
        self._where = [(self._index(name, "where"), value) for name, value in plan.where.items()]
        self._kept = [self._index(name, "columns") for name in plan.columns]
        self._target_index = self._index(self._original(plan.target), "target") if plan.target else -1
        self._zone = zone(plan.time_zone) if plan.time_zone else None
        self._frequency = parse_frequency(plan.frequency) if plan.frequency else None
        self._form: TimeForm | None = TimeForm.FRACTIONAL_YEAR if plan.fractional_years else None
        self._utc: bool | None = None
        self._times: array[int] = array("q")
        self._lines: array[int] = array("q")
        self._numbers: dict[int, array[float]] = {}
        self._missing: dict[int, int] = {}

    def take(self, line: int, row: list[str]) -> None:
        """Reads one row."""
        if len(row) != len(self._header):
            self._problems.add_row(
                line, f"the row has {len(row)} cells, but the header has {len(self._header)} columns"
            )
            return
        if any(row[index].strip() != value for index, value in self._where):
            return
        if self._held is not None:
            self._held.append((line, row))
            if len(self._held) >= _SAMPLED_ROWS:
                self.decide_columns()
        else:
            self._read(line, row)

    def decide_columns(self) -> None:
        """Decides which columns hold numbers, and reads the rows that were held back; called again it does nothing.

        A column of which at least half of the cells are numbers holds numbers; its other cells are wrong.
        """
        if self._held is None:
            return
        held, self._held = self._held, None
        asked = {*self._kept, self._target_index}
        for index, name in enumerate(self._header):
            if index == self._time_index or (self._kept and index not in asked):
                continue
            cells = [text for _, row in held if (text := row[index].strip()).lower() not in _MISSING]
            numbers = sum(_is_number(text) for text in cells)
            if index in asked or (cells and 2 * numbers >= len(cells)):
                self._numbers[index] = array("d")
                self._missing[index] = 0
            else:
                self._notices.append(f"column {name!r} holds no numbers and is left out")
        for line, row in held:
            self._read(line, row)

    def series(self) -> Series:
        """What was read; called when there were no problems. Raises UsageError when that is not a series."""
        rows = len(self._lines)
        if not rows:
            which = " that match" if self._where else " below its header"
            raise UsageError(f"{self._plan.path} has no rows{which}", "name a file with rows")
        if not self._numbers:
            raise UsageError(
                f"{self._plan.path} has no column of numbers", "check the delimiter and the decimal sign (.)"
            )
        if not self._plan.time:
            self._make_times(rows)
        found = self._spacing()
        names = {index: self._plan.rename.get(self._header[index], self._header[index]) for index in self._numbers}
        if found.gaps:
            self._notices.append(f"{found.gaps} times are missing: {'; '.join(found.first_gaps)}")
        if not found.alias:
            self._notices.append("the times are not regularly spaced, so there is no frequency")
        missing = {names[index]: count for index, count in self._missing.items() if count}
        self._notices += [f"column {name!r} has {count} missing values" for name, count in missing.items()]
        target = names[self._target_index] if self._target_index >= 0 else next(iter(names.values()))
        time_name = self._plan.rename.get(self._plan.time, self._plan.time) or "time"
        while time_name in names.values():
            time_name += "_"
        return Series(
            time_name,
            self._times,
            bool(self._utc),
            self._plan.time_zone or ("UTC" if self._utc else ""),
            found,
            {names[index]: numbers for index, numbers in self._numbers.items()},
            target,
            missing,
            self._notices,
        )

    def _read(self, line: int, row: list[str]) -> None:
        if self._time_index >= 0 and not self._read_time(line, row[self._time_index].strip()):
            return
        self._lines.append(line)
        for index, numbers in self._numbers.items():
            text = row[index].strip()
            if text.lower() in _MISSING:
                self._missing[index] += 1
                numbers.append(math.nan)
                continue
            value = _number(text)
            if value is None:
                self._problems.add(line, self._header[index], text, _number_remedy(text))
            else:
                numbers.append(value)

    def _read_time(self, line: int, text: str) -> bool:
        """Reads a row's time; False when it is wrong."""
        last = self._times[-1] if self._times else None
        wrong = ""
        try:
            time = self._utc_or_reading(text, last)
            to_moment(time)
        except (ValueError, OverflowError) as error:
            form = self._form.value if self._form else "a time: write it as 2024-01-31 or 2024-01-31T12:00:00+01:00"
            wrong = str(error) if str(error).startswith(("does not", "has ")) else f"is not {form}"
            time = _NO_TIME
        if not wrong and last is not None and time == last:
            wrong = "is there twice; keep one of the two rows"
        if not wrong and last is not None and time < last:
            wrong = f"comes before the row above it ({_written(last, bool(self._utc))}); sort the file by this column"
        if wrong:
            self._problems.add(line, self._plan.time, text, wrong)
            return False
        self._times.append(time)
        return True

    def _utc_or_reading(self, text: str, last: int | None) -> int:
        self._form = self._form or time_form(text)
        if self._form is None:
            raise ValueError(text)
        parsed: ParsedTime = parse_time(text, self._form)
        if self._zone is not None:
            self._utc = True
            return parsed.time if parsed.utc else to_utc(parsed.time, self._zone, last)
        if self._utc is None:
            self._utc = parsed.utc
        if parsed.utc != self._utc:
            raise ValueError(
                "has an offset, but earlier rows have none; write all of them alike"
                if parsed.utc
                else "has no offset, but earlier rows have one; write all of them alike"
            )
        return parsed.time

    def _make_times(self, rows: int) -> None:
        form = time_form(self._plan.start)
        if form is None or self._frequency is None:
            raise UsageError(
                f"{self._plan.path} has no column of times, and no start and frequency are given for it",
                "name the column that holds the times",
            )
        origin = parse_time(self._plan.start, form).time
        if not fits_anchor(self._frequency, origin):
            raise UsageError(
                f"{self._plan.start} is not a time of the frequency {self._plan.frequency}", "correct one of the two"
            )
        self._times = array("q", (grid_time(self._frequency, origin, position) for position in range(rows)))

    def _spacing(self) -> Spacing:
        calendar: Sequence[int] = self._times
        if self._zone is not None:
            calendar = array("q", (from_utc(time, self._zone) for time in self._times))
        if self._frequency is None:
            found = infer_frequency(calendar)
            if found is None or found.sub_daily:
                found, calendar = infer_frequency(self._times), self._times
            return spacing(calendar, found) if found else Spacing("")
        times = self._times if self._frequency.sub_daily else calendar
        result = spacing(times, self._frequency)
        if result.off_grid >= 0:
            self._raise_off_grid(times, result.off_grid, self._frequency)
        return result

    def _raise_off_grid(self, times: Sequence[int], index: int, asked: Frequency) -> None:
        found = infer_frequency(times)
        remedy = (
            f"leave the frequency out: the times follow {alias(found, times[0])}"
            if found
            else "leave the frequency out"
        )
        raise UsageError(
            f"{self._plan.path}, line {self._lines[index]}: {to_moment(times[index]).isoformat(sep=' ')} is not a time of the frequency "
            f"{self._plan.frequency}",
            remedy,
        )

    def _index(self, name: str, what: str) -> int:
        if name in self._header:
            return self._header.index(name)
        raise UsageError(f"{self._plan.path} has no column {name!r} ({what})", nearest(name, self._header))

    def _original(self, name: str) -> str:
        """The column that bears a name in the file, for a name that may be its new one."""
        return next((old for old, new in self._plan.rename.items() if new == name), name)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def _is_number(text: str) -> bool:
    return _number(text) is not None


def _number_remedy(text: str) -> str:
    if _is_number(text.replace(",", ".", 1)) or _is_number(text.replace(",", "")):
        return "is not a number; write it with a point as the decimal sign and without separators"
    if text.lower().lstrip("+-") in ("inf", "infinity"):
        return "is not finite; leave the cell empty when the value is missing"
    return "is not a number; correct it, or leave the cell empty when the value is missing"


def _written(time: int, utc: bool) -> str:
    return to_moment(time).isoformat(sep=" ") + ("+00:00" if utc else "")
