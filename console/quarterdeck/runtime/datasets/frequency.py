"""Frequencies of time series: pandas aliases and their grids of times.

Times are naive, in whole microseconds since 1970. Aliases: https://pandas.pydata.org/docs/user_guide/timeseries.html#offset-aliases
"""

import re
from calendar import monthrange
from datetime import datetime, timedelta
from enum import Enum

from msgspec import Struct

from quarterdeck_api.errors import UsageError

EPOCH = datetime(1970, 1, 1)
_SECOND = 1_000_000
DAY = 86_400 * _SECOND
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_FIXED = {"D": DAY, "h": 3600 * _SECOND, "min": 60 * _SECOND, "s": _SECOND, "ms": 1000, "us": 1}
#: Spellings that pandas has given up.
_OLD_SPELLINGS = {
    "M": "ME",
    "Q": "QE",
    "Y": "YE",
    "A": "YE",
    "AS": "YS",
    "H": "h",
    "T": "min",
    "S": "s",
    "L": "ms",
    "U": "us",
}
_ALIAS = re.compile(r"(\d*)([A-Za-z]+)(?:-([A-Z]{3}))?")


class Unit(Enum):
    """How the grid is counted."""

    MONTH_START = "month start"
    MONTH_END = "month end"
    BUSINESS_DAY = "business day"
    FIXED = "fixed"


class Frequency(Struct, frozen=True):
    """A grid: `count` months, business days or microseconds apart. `anchor` is a month (0 to 11) or a weekday (Monday 0), -1 for none."""

    unit: Unit
    count: int
    anchor: int = -1

    @property
    def sub_daily(self) -> bool:
        """Whether times lie closer than a day, so that they count elapsed time and not a calendar."""
        return self.unit is Unit.FIXED and self.count < DAY


def to_moment(time: int) -> datetime:
    """A time as a naive datetime; raises OverflowError outside the years 1 to 9999."""
    return EPOCH + timedelta(microseconds=time)


def to_time(moment: datetime) -> int:
    """A naive datetime as a time."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def parse_frequency(text: str) -> Frequency:
    """A pandas alias as a grid; raises UsageError that says what is understood."""
    found = _ALIAS.fullmatch(text)
    if found is None:
        raise _unknown(text)
    count = int(found[1] or 1)
    word = found[2] if found[2] in _FIXED else _OLD_SPELLINGS.get(found[2], found[2])
    suffix = found[3] or ""
    if count == 0:
        raise _unknown(text)
    if word == "W" and (not suffix or suffix in _WEEKDAYS):
        return Frequency(Unit.FIXED, count * 7 * DAY, _WEEKDAYS.index(suffix or "SUN"))
    if word in ("QS", "YS", "QE", "YE") and (not suffix or suffix in _MONTHS):
        months = 3 if word[0] == "Q" else 12
        unit = Unit.MONTH_START if word[1] == "S" else Unit.MONTH_END
        default = "JAN" if unit is Unit.MONTH_START else "DEC"
        return Frequency(unit, count * months, _MONTHS.index(suffix or default) % months)
    if suffix:
        raise _unknown(text)
    if word in ("MS", "ME"):
        return Frequency(Unit.MONTH_START if word == "MS" else Unit.MONTH_END, count)
    if word == "B":
        return Frequency(Unit.BUSINESS_DAY, count)
    if word in _FIXED:
        return Frequency(Unit.FIXED, count * _FIXED[word])
    raise _unknown(text)


def alias(frequency: Frequency, origin: int) -> str:
    """The pandas alias of a grid whose first time is `origin`."""
    first = to_moment(origin)
    if frequency.unit is Unit.BUSINESS_DAY:
        return _counted(frequency.count, "B")
    if frequency.unit is Unit.FIXED:
        return _fixed_alias(frequency.count, first)
    start = frequency.unit is Unit.MONTH_START
    letter, month = ("S" if start else "E"), first.month - 1
    if frequency.count % 12 == 0:
        suffix = "" if month == (0 if start else 11) else f"-{_MONTHS[month]}"
        return _counted(frequency.count // 12, f"Y{letter}{suffix}")
    if frequency.count == 3:
        suffix = "" if month % 3 == (0 if start else 2) else f"-{_MONTHS[month % 3]}"
        return f"Q{letter}{suffix}"
    return _counted(frequency.count, f"M{letter}")


def grid_position(frequency: Frequency, origin: int, time: int) -> int | None:
    """How many steps after `origin` a time lies, or None when it is not on the grid."""
    if frequency.unit is Unit.FIXED:
        steps, rest = divmod(time - origin, frequency.count)
        return None if rest else steps
    first, moment = to_moment(origin), to_moment(time)
    if moment.time() != first.time():
        return None
    if frequency.unit is Unit.BUSINESS_DAY:
        if moment.weekday() > 4:
            return None
        steps, rest = divmod(business_days(moment) - business_days(first), frequency.count)
        return None if rest else steps
    if moment.day != _month_day(frequency.unit, moment):
        return None
    steps, rest = divmod(_month_number(moment) - _month_number(first), frequency.count)
    return None if rest else steps


def grid_time(frequency: Frequency, origin: int, position: int) -> int:
    """The time so many steps after `origin`, which must itself be on the grid; the inverse of `grid_position`."""
    if frequency.unit is Unit.FIXED:
        return origin + position * frequency.count
    first = to_moment(origin)
    if frequency.unit is Unit.BUSINESS_DAY:
        weeks, weekday = divmod(business_days(first) + position * frequency.count, 5)
        days = weeks * 7 + weekday
        return to_time(datetime.combine(datetime.fromordinal(days + 1), first.time()))
    year, month = divmod(_month_number(first) + position * frequency.count, 12)
    moment = first.replace(year=year, month=month + 1, day=1)
    return to_time(moment.replace(day=_month_day(frequency.unit, moment)))


def fits_anchor(frequency: Frequency, origin: int) -> bool:
    """Whether a time can be on the grid: a month's first or last day, the right month of a quarter or year, the right weekday."""
    first = to_moment(origin)
    if frequency.unit is Unit.BUSINESS_DAY:
        return first.weekday() < 5
    if frequency.unit is Unit.FIXED:
        return frequency.anchor < 0 or first.weekday() == frequency.anchor
    period = 12 if frequency.count % 12 == 0 else 3
    right_month = frequency.anchor < 0 or (first.month - 1) % period == frequency.anchor % period
    return right_month and first.day == _month_day(frequency.unit, first)


def _fixed_alias(count: int, first: datetime) -> str:
    if count % (7 * DAY) == 0:
        return _counted(count // (7 * DAY), f"W-{_WEEKDAYS[first.weekday()]}")
    word = next(word for word, length in _FIXED.items() if count % length == 0)
    return _counted(count // _FIXED[word], word)


def _counted(count: int, word: str) -> str:
    return word if count == 1 else f"{count}{word}"


def business_days(moment: datetime) -> int:
    """Working days before a day, counted from the year 1."""
    weeks, weekday = divmod(moment.toordinal() - 1, 7)  # The first of January of year 1 was a Monday.
    return weeks * 5 + weekday


def _month_number(moment: datetime) -> int:
    return moment.year * 12 + moment.month - 1


def _month_day(unit: Unit, moment: datetime) -> int:
    return 1 if unit is Unit.MONTH_START else monthrange(moment.year, moment.month)[1]


def _unknown(text: str) -> UsageError:
    return UsageError(
        f"{text!r} is not a frequency that is understood here",
        "write a pandas alias: YS, QS, MS, ME, W-SUN, D, B, h, 30min, s",
    )
