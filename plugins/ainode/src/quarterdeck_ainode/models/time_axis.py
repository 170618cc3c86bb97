"""The times of a series: are they equally spaced, what comes next, and how long a season is."""

from typing import Any

import numpy as np
import pandas as pd
from msgspec import Struct
from numpy.typing import NDArray
from pandas.tseries.frequencies import to_offset

from quarterdeck_api.errors import QuarterdeckError, UsageError

_LAST_YEAR = 9999
_DAY = 86_400.0
_HOUR = 3_600.0
_MINUTE = 60.0

#: Observations after the last unusable one that are worth naming a window for.
_LEAST_WINDOW = 3

#: Steps a year of calendar frequencies, by the part of the alias before its anchor. Business days have five a week.
_CALENDAR_SEASONS = {
    "Y": 1,
    "YS": 1,
    "YE": 1,
    "Q": 4,
    "QS": 4,
    "QE": 4,
    "M": 12,
    "MS": 12,
    "ME": 12,
    "W": 52,
    "D": 7,
    "B": 5,
}


class TimeAxis(Struct, frozen=True):
    """Equally spaced times. `index` is a pandas DatetimeIndex in the dataset's time zone, `step` the offset from one time to the next.

    `season` is the number of steps in a season: a year for months, quarters and weeks, a week for days, a day, an hour or a minute below;
    1 when the frequency has none.
    """

    index: Any
    step: Any
    frequency: str
    season: int

    def future(self, steps: int) -> Any:
        """The next times, the first one step after the last observation, as a DatetimeIndex."""
        last = self.index[-1]
        try:
            times: list[Any] = [last + number * self.step for number in range(1, steps + 1)]
        except (OverflowError, ValueError):
            times = []  # pandas has no number for such times.
        if not times or times[-1].year > _LAST_YEAR:
            raise UsageError(
                f"{steps} steps of {self.frequency} after {last.isoformat()} reach beyond the year {_LAST_YEAR}",
                "use a shorter horizon",
            )
        return pd.DatetimeIndex(times, dtype=self.index.dtype)


def time_axis(times: NDArray[np.datetime64], frequency: str, time_zone: str, address: str) -> TimeAxis:
    """The axis of a series.

    `times` are UTC when there is a `time_zone`. An empty frequency is inferred. Raises QuarterdeckError, with the place, when times are
    not equally spaced.
    """
    index: Any = pd.DatetimeIndex(times.astype("datetime64[us]"))  # Nanoseconds end in the year 2262.
    if time_zone:
        index = index.tz_localize("UTC").tz_convert(time_zone)
    offset = to_offset(frequency) if frequency else _inferred(index, address)
    assert offset is not None
    step = _calendar_step(offset)
    breaks = _breaks(index, step)
    if len(breaks) and time_zone and not len(_breaks(index.tz_convert("UTC"), step)):
        index, breaks = index.tz_convert("UTC"), breaks[:0]  # Days that are days in UTC.
    if len(breaks):
        first, last = int(breaks[0]), int(breaks[-1])
        rest = len(index) - last - 1
        if index[first + 1] <= index[first]:
            raise QuarterdeckError(
                f"the times of {address} do not increase: after {index[first].isoformat()} comes {index[first + 1].isoformat()} "
                f"({_places(len(breaks))})",
                f"keep one of the rows of each time and import the series again{window_after_last(rest)}",
                address,
            )
        raise QuarterdeckError(
            f"{address} is not equally spaced: after {index[first].isoformat()} comes {index[first + 1].isoformat()}, where "
            f"{offset.freqstr} expects {(index[first] + step).isoformat()} ({_places(len(breaks))})",
            f"fill the gaps and import the series again{window_after_last(rest)}",
            address,
        )
    return TimeAxis(index, step, offset.freqstr, seasonal_period(offset.freqstr))


def window_after_last(rest: int) -> str:
    """The end of a remedy: the window that begins after the last unusable place, when so many observations make one."""
    return f", or use only what follows the last one: --window {rest}" if rest >= _LEAST_WINDOW else ""


def seasonal_period(frequency: str) -> int:
    """How many steps of a frequency (a pandas alias) make a season; 1 when there is none."""
    offset: Any = to_offset(frequency)
    name = offset.name.partition("-")[0]
    if name in _CALENDAR_SEASONS:
        whole = _CALENDAR_SEASONS[name]
        return whole // offset.n if whole % offset.n == 0 else 1
    try:
        seconds = pd.Timedelta(offset).total_seconds()
    except ValueError:
        return 1  # A calendar of its own, such as business hours: no season is known.
    length = _DAY if seconds >= 10 * _MINUTE else _HOUR if seconds >= 10 else _MINUTE
    steps = length / seconds
    return int(steps) if steps >= 2 and steps.is_integer() else 1


def _inferred(index: Any, address: str) -> Any:
    alias = pd.infer_freq(index) if len(index) >= 3 else None
    if alias is not None:
        return to_offset(alias)
    gaps = np.unique(np.diff(index.asi8))
    if len(gaps) == 1 and gaps[0] > 0:
        try:
            return to_offset(index[1] - index[0])
        except pd.errors.OutOfBoundsTimedelta as error:
            raise QuarterdeckError(
                f"the observations of {address} lie further apart than a frequency can say, which is 292 years",
                "import the series with a frequency",
                address,
            ) from error
    if len(index) < 2:
        raise UsageError(
            f"{address} has {len(index)} observations and no frequency, so the time of a forecast is unknown",
            "import the series with a frequency",
            address,
        )
    raise QuarterdeckError(
        f"{address} is not equally spaced: {len(gaps)} different distances lie between its observations",
        "resample it to a regular frequency before importing it, or use a --window that is regular",
        address,
    )


def _calendar_step(offset: Any) -> Any:
    """Days as calendar days, so that they keep their hour across daylight saving whatever the version of pandas."""
    return pd.DateOffset(days=offset.n) if isinstance(offset, pd.offsets.Day) else offset


def _breaks(index: Any, step: Any) -> NDArray[np.intp]:
    """The positions after which the next time is not one step later."""
    return np.flatnonzero(index[:-1] + step != index[1:])


def _places(count: int) -> str:
    return "1 such place" if count == 1 else f"{count} such places"
