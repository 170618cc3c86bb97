"""Times as they stand in files: which form a column has, and its values as whole microseconds."""

import re
from datetime import UTC, datetime, tzinfo
from enum import Enum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from quarterdeck.runtime.datasets.frequency import to_moment, to_time
from quarterdeck_api.errors import UsageError

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = re.compile(r"(\d{4})[-/](\d{1,2})")
_YEAR_AND_NAME = re.compile(r"(\d{4})[ -]([A-Za-z]{3,9})\.?")
_NAME_AND_YEAR = re.compile(r"([A-Za-z]{3,9})\.?[ -](\d{4})")
_QUARTER = re.compile(r"(\d{4})[ -]?[Qq]([1-4])")


class TimeForm(Enum):
    """A form of times; the value is what a message calls it."""

    ISO = "an ISO date or time"
    MONTH = "a month (YYYY-MM)"
    NAMED_MONTH = "a month (1991 Jul)"
    QUARTER = "a quarter (1970 Q1)"
    YEAR = "a year"
    FRACTIONAL_YEAR = "a year with a fraction (1949.0833)"
    SECONDS = "seconds since 1970"
    MILLISECONDS = "milliseconds since 1970"


_PATTERNS = {
    TimeForm.YEAR: re.compile(r"\d{4}"),
    TimeForm.FRACTIONAL_YEAR: re.compile(r"\d{4}(\.\d+)?"),
    TimeForm.SECONDS: re.compile(r"-?\d{9,10}(\.\d+)?"),
    TimeForm.MILLISECONDS: re.compile(r"-?\d{12,13}"),
    TimeForm.MONTH: _MONTH,
    TimeForm.QUARTER: _QUARTER,
}


class ParsedTime(Struct, frozen=True):
    """A time in microseconds since 1970; with `utc` it is a moment, else a reading of a clock in a zone that the file does not say."""

    time: int
    utc: bool


def time_form(text: str) -> TimeForm | None:
    """The form of a column's first time, or None when it is none that is understood."""
    for form in (TimeForm.YEAR, TimeForm.SECONDS, TimeForm.MILLISECONDS, TimeForm.MONTH, TimeForm.QUARTER):
        if _PATTERNS[form].fullmatch(text):
            return form
    for form in (TimeForm.NAMED_MONTH, TimeForm.ISO):
        try:
            parse_time(text, form)
        except ValueError:
            continue
        return form
    return None


def parse_time(text: str, form: TimeForm) -> ParsedTime:
    """A time of a known form; raises ValueError when it is not one, OverflowError outside the years 1 to 9999."""
    match form:
        case TimeForm.ISO:
            return _iso(text)
        case TimeForm.MONTH:
            found = _matched(_MONTH, text)
            return _month(int(found[1]), int(found[2]))
        case TimeForm.NAMED_MONTH:
            return _named_month(text)
        case TimeForm.QUARTER:
            found = _matched(_QUARTER, text)
            return _month(int(found[1]), int(found[2]) * 3 - 2)
        case TimeForm.YEAR:
            return _month(int(_matched(_PATTERNS[form], text)[0]), 1)
        case TimeForm.FRACTIONAL_YEAR:
            months = round(float(_matched(_PATTERNS[form], text)[0]) * 12)
            return _month(months // 12, months % 12 + 1)
        case TimeForm.SECONDS:
            return _since_epoch(_matched(_PATTERNS[form], text)[0], 1_000_000)
        case TimeForm.MILLISECONDS:
            return _since_epoch(_matched(_PATTERNS[form], text)[0], 1_000)


def zone(name: str) -> ZoneInfo:
    """The IANA time zone of a name; raises UsageError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"there is no time zone {name!r}", "write an IANA name, as in Europe/Berlin or UTC") from error


def to_utc(time: int, place: tzinfo, after: int | None) -> int:
    """A clock reading in a zone as a moment.

    In the hour that an autumn day has twice, the later moment is taken when the earlier would not come after the moment `after`. Raises
    ValueError for a reading that a clock there never shows.
    """
    reading = to_moment(time)
    first = to_time(reading.replace(tzinfo=place, fold=0).astimezone(UTC).replace(tzinfo=None))
    second = to_time(reading.replace(tzinfo=place, fold=1).astimezone(UTC).replace(tzinfo=None))
    if first > second:
        raise ValueError("does not exist there: the clock is put forward over it")
    return second if after is not None and first <= after < second else first


def from_utc(time: int, place: tzinfo) -> int:
    """What a clock in a zone shows at a moment."""
    return to_time(to_moment(time).replace(tzinfo=UTC).astimezone(place).replace(tzinfo=None))


def _iso(text: str) -> ParsedTime:
    moment = datetime.fromisoformat(text.removesuffix(" UTC").replace("/", "-"))
    if text.endswith(" UTC"):
        moment = moment.replace(tzinfo=UTC)
    if moment.tzinfo is None:
        return ParsedTime(to_time(moment), False)
    return ParsedTime(to_time(moment.astimezone(UTC).replace(tzinfo=None)), True)


def _named_month(text: str) -> ParsedTime:
    found = _YEAR_AND_NAME.fullmatch(text)
    year, name = (found[1], found[2]) if found else _matched(_NAME_AND_YEAR, text).group(2, 1)
    return _month(int(year), _MONTH_NAMES.index(name[:3].lower()) + 1)


def _month(year: int, month: int) -> ParsedTime:
    return ParsedTime(to_time(datetime(year, month, 1)), False)


def _since_epoch(text: str, microseconds: int) -> ParsedTime:
    whole, _, fraction = text.partition(".")
    time = int(whole) * microseconds
    if fraction:
        time += round(float(f"0.{fraction}") * microseconds) * (-1 if text.startswith("-") else 1)
    to_moment(time)  # Raises OverflowError when no calendar has it.
    return ParsedTime(time, True)


def _matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return found
