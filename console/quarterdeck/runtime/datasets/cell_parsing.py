"""Cells of a column as times and numbers: a whole chunk at once where all of it is plain, else cell by cell so that each wrong one is named."""

import math
from collections.abc import Callable, Sequence

import pyarrow as pa

from quarterdeck.runtime.datasets.arrow_compute import pc
from quarterdeck.runtime.datasets.frequency import to_moment
from quarterdeck.runtime.datasets.import_plan import Problems
from quarterdeck.runtime.datasets.time_parsing import ParsedTime, TimeForm, parse_time, time_form, to_utc, zone

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-"})
_MISSING_CELLS = pa.array(sorted(_MISSING))
_FIRST_TIME, _LAST_TIME = -62_135_596_800_000_000, 253_402_300_799_999_999

#: Stands for a time that is wrong; it is outside the calendar.
NO_TIME = -(2**63)

Cells = Sequence[str]


class NumberColumn:
    """Turns the cells of one column into float64, null where a value is missing; counts those."""

    def __init__(self, name: str, problems: Problems) -> None:
        self.name = name
        self.missing = 0
        self._problems = problems

    def take(self, cells: Cells, lines: Sequence[int]) -> pa.Array:
        """The numbers of one chunk; wrong cells are noted with their lines, and are null here."""
        numbers = _plain_numbers(cells)
        if numbers is None:
            numbers = pa.array([self._read(text, line) for text, line in zip(cells, lines, strict=True)], pa.float64())
        self.missing += numbers.null_count
        return numbers

    def _read(self, text: str, line: int) -> float | None:
        text = text.strip()
        if is_missing(text):
            return None
        value = number(text)
        if value is None:
            self._problems.add(line, self.name, text, _number_remedy(text))
        return value


class TimeColumn:
    """Turns the cells of the time column into microseconds since 1970; `utc` is None until the first time was read.

    With a `place` (an IANA name) clock readings become moments.
    """

    def __init__(self, name: str, place: str, form: TimeForm | None, problems: Problems) -> None:
        self.name = name
        self.utc: bool | None = None
        self._zone = zone(place) if place else None
        self._form = form
        self._problems = problems
        self._last: int | None = None

    def take(self, cells: Cells, lines: Sequence[int]) -> pa.Array:
        """The times of one chunk; a wrong one is noted with its line, and is NO_TIME here."""
        times = self._plain_times(cells)
        if times is None:
            times = pa.array([self._read(text.strip(), line) for text, line in zip(cells, lines, strict=True)])
        if len(times):
            self._last = times[-1].as_py()
        return times

    def _plain_times(self, cells: Cells) -> pa.Array | None:
        if self._form is None:
            self._form = time_form(next(iter(cells), "").strip())
        convert = _CONVERSIONS.get(self._form) if self._form else None
        if convert is None:
            return None
        found = convert(pa.array(cells, pa.string()))
        if found is None:
            return None
        times, utc = found
        if self._zone is not None and not utc:
            return None  # The hour that is there twice is decided row by row.
        if self._zone is None and self.utc not in (None, utc):
            return None
        self.utc = utc
        return times

    def _read(self, text: str, line: int) -> int:
        try:
            time = self._utc_or_reading(text)
            to_moment(time)
        except (ValueError, OverflowError) as error:
            form = self._form.value if self._form else "a time: write it as 2024-01-31 or 2024-01-31T12:00:00+01:00"
            wrong = str(error) if str(error).startswith(("does not", "has ")) else f"is not {form}"
            self._problems.add(line, self.name, text, wrong)
            return NO_TIME
        self._last = time
        return time

    def _utc_or_reading(self, text: str) -> int:
        self._form = self._form or time_form(text)
        if self._form is None:
            raise ValueError(text)
        parsed: ParsedTime = parse_time(text, self._form)
        if self._zone is not None:
            self.utc = True
            return parsed.time if parsed.utc else to_utc(parsed.time, self._zone, self._last)
        if self.utc is None:
            self.utc = parsed.utc
        if parsed.utc != self.utc:
            raise ValueError(
                "has an offset, but earlier rows have none; write all of them alike"
                if parsed.utc
                else "has no offset, but earlier rows have one; write all of them alike"
            )
        return parsed.time


def is_missing(text: str) -> bool:
    """Whether a cell (without blanks around it) says that there is no value."""
    return text.lower() in _MISSING


def number(text: str) -> float | None:
    """A cell as a finite number, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def in_calendar(times: pa.Array) -> bool:
    """Whether all times (microseconds) lie within the years 1 to 9999."""
    if not len(times):
        return True
    bounds = pc.min_max(times)
    return bounds["min"].as_py() >= _FIRST_TIME and bounds["max"].as_py() <= _LAST_TIME


def clock_readings_as_moments(
    times: Sequence[int], lines: Sequence[int], column: str, place: str, problems: Problems
) -> pa.Array:
    """Readings of a clock in a zone as moments; what a clock there never shows is noted, and is NO_TIME here."""
    there = zone(place)
    found: list[int] = []
    last: int | None = None
    for time, line in zip(times, lines, strict=True):
        try:
            last = to_utc(time, there, last)
            found.append(last)
        except (ValueError, OverflowError):
            shown = to_moment(time).isoformat(sep=" ")
            problems.add(line, column, shown, "does not exist there: the clock is put forward over it")
            found.append(NO_TIME)
    return pa.array(found, pa.int64())


def _plain_numbers(cells: Cells) -> pa.Array | None:
    """All cells as numbers when each is one, or is missing; None when one of them has to be looked at."""
    texts = pa.array(cells, pa.string())
    try:
        numbers = texts.cast(pa.float64())
        if pc.all(pc.is_finite(numbers)).as_py() is not False:
            return numbers
    except pa.ArrowInvalid:
        pass  # At least one is no number as it stands: it may be missing, or have blanks around it.
    bare = pc.utf8_trim_whitespace(texts)
    missing = pc.is_in(pc.utf8_lower(bare), value_set=_MISSING_CELLS)
    try:
        numbers = pc.if_else(missing, pa.scalar(None, pa.string()), bare).cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    return numbers if pc.all(pc.is_finite(numbers)).as_py() is not False else None


def _iso_times(texts: pa.Array) -> tuple[pa.Array, bool] | None:
    for utc, kind in ((False, pa.timestamp("us")), (True, pa.timestamp("us", tz="UTC"))):
        try:
            times = texts.cast(kind).cast(pa.int64())
        except pa.ArrowInvalid:
            continue
        return (times, utc) if in_calendar(times) else None
    return None


def _epoch_times(pattern: str, microseconds: int) -> Callable[[pa.Array], tuple[pa.Array, bool] | None]:
    def convert(texts: pa.Array) -> tuple[pa.Array, bool] | None:
        if not pc.all(pc.match_substring_regex(texts, pattern)).as_py():
            return None
        times = pc.multiply(texts.cast(pa.int64()), microseconds)
        return (times, True) if in_calendar(times) else None

    return convert


_CONVERSIONS: dict[TimeForm, Callable[[pa.Array], tuple[pa.Array, bool] | None]] = {
    TimeForm.ISO: _iso_times,
    TimeForm.SECONDS: _epoch_times(r"^-?[0-9]{9,10}$", 1_000_000),
    TimeForm.MILLISECONDS: _epoch_times(r"^-?[0-9]{12,13}$", 1_000),
}


def _number_remedy(text: str) -> str:
    if number(text.replace(",", ".", 1)) is not None or number(text.replace(",", "")) is not None:
        return "is not a number; write it with a point as the decimal sign and without separators"
    if text.lower().lstrip("+-") in ("inf", "infinity"):
        return "is not finite; leave the cell empty when the value is missing"
    return "is not a number; correct it, or leave the cell empty when the value is missing"
