"""The time axis of a series that came with a statement: as the local engine sees it where times are regular, else the nearest that there is."""

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.tseries.frequencies import to_offset

from quarterdeck_ainode.models.time_axis import TimeAxis, seasonal_period, time_axis
from quarterdeck_ainode.serving.engine_settings import TimeUnit
from quarterdeck_api.errors import QuarterdeckError

_DAY = 86_400.0

#: Frequencies of the calendar by the distance, in days, that lies between their times: what is left of them when days are no whole ones.
_CALENDAR = (
    (0.95, 1.05, "D"),
    (6.9, 7.1, "W"),
    (27.5, 31.5, "MS"),
    (89.0, 93.0, "QS"),
    (364.0, 367.0, "YS"),
)

#: Distances below a day, in seconds, that clocks are set to; measurements come a little early or late.
_ROUND = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 14400, 21600, 28800, 43200)
_LATENESS = 0.01

_UNKNOWN = "unknown"

#: The times that calendars can say, by unit; nanoseconds in 64 bits begin and end between them.
_YEARS = ("0001-01-01", "9999-12-31")
_CALENDAR_EDGES = {
    TimeUnit.MILLISECOND: _YEARS,
    TimeUnit.MICROSECOND: _YEARS,
    TimeUnit.NANOSECOND: ("1678-01-01", "2262-01-01"),
}


def statement_axis(times: NDArray[np.int64], unit: TimeUnit) -> tuple[TimeAxis, tuple[str, ...]]:
    """The axis of times in the database's unit, and what had to be assumed.

    Regular times give the frequency and season that the local engine infers from them. Of others the middle distance decides; a series without
    any distance between its times has no season. The database sends times in UTC, so months and days of a time zone are such others.
    """
    first, last = (int(np.datetime64(edge, unit.value).astype(np.int64)) for edge in _CALENDAR_EDGES[unit])
    shown = np.clip(times, first, last).astype(f"datetime64[{unit.value}]")
    if int(times.min()) >= first and int(times.max()) <= last:
        try:
            return time_axis(shown, "", "", "the statement"), ()
        except QuarterdeckError:
            pass  # Not equally spaced: the next best axis is made, and said.
    return _nearest_axis(times, pd.DatetimeIndex(shown.astype("datetime64[us]")), unit)


def _nearest_axis(times: NDArray[np.int64], index: Any, unit: TimeUnit) -> tuple[TimeAxis, tuple[str, ...]]:
    distances = np.diff(times.astype(np.float64))
    forward = distances[distances > 0]
    if not len(forward):
        said = () if len(times) < 2 else ("all times are the same or go backwards, so no season is assumed",)
        return TimeAxis(index, 1, _UNKNOWN, 1), said
    seconds = float(np.median(forward)) / _per_second(unit)
    frequency = _frequency(seconds)
    season = 1 if frequency == _UNKNOWN else seasonal_period(frequency)
    assumed = f"the times are not equally spaced, so a frequency of {frequency} with a season of {season} is assumed"
    return TimeAxis(index, 1, frequency, season), (assumed,)


def _frequency(seconds: float) -> str:
    days = seconds / _DAY
    for least, most, alias in _CALENDAR:
        if least <= days <= most:
            return alias
    seconds = next((float(each) for each in _ROUND if abs(seconds / each - 1) <= _LATENESS), seconds)
    try:
        offset: Any = to_offset(timedelta(seconds=seconds))
    except (ValueError, OverflowError):
        return _UNKNOWN  # Longer than pandas counts.
    return offset.freqstr if offset.n else _UNKNOWN  # Below a microsecond.


def _per_second(unit: TimeUnit) -> float:
    return {TimeUnit.MILLISECOND: 1e3, TimeUnit.MICROSECOND: 1e6, TimeUnit.NANOSECOND: 1e9}[unit]
