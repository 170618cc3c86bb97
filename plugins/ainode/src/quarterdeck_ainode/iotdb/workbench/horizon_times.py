"""The times of a forecast as integers of the server: what comes after a series, and what the server's functions make up; pure."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quarterdeck_ainode.models.time_axis import TimeAxis
from quarterdeck_ainode.serving.engine_settings import TimeUnit
from quarterdeck_api.errors import UsageError

Times = NDArray[np.int64]

_PER_SECOND = {TimeUnit.MILLISECOND: 10**3, TimeUnit.MICROSECOND: 10**6, TimeUnit.NANOSECOND: 10**9}

#: The end of the year 9999, in seconds since 1970; no calendar of ours goes further.
_LAST_SECOND = 253_402_300_799


def future_times(times: Times, axis: TimeAxis, regular: bool, steps: int, unit: TimeUnit) -> Times:
    """The next times of a series of at least two rows.

    Equal distances go on; times that follow the calendar (months) follow it further; others go on by their middle distance. Raises UsageError
    when they reach beyond the year 9999, or beyond 2262 where nanoseconds are counted.
    """
    distances = np.diff(times)
    last = int(times[-1])
    if len(np.unique(distances)) == 1 or not regular:
        distance = int(distances[0]) if len(np.unique(distances)) == 1 else max(1, int(np.median(distances)))
        return _checked([last + number * distance for number in range(1, steps + 1)], unit)
    ahead = axis.future(steps)
    last_microsecond = int(integer_times(ahead[-1:], TimeUnit.MICROSECOND)[0])
    _require_countable(last_microsecond * _PER_SECOND[unit] // 10**6, unit)
    return integer_times(ahead, unit)


def integer_times(index: Any, unit: TimeUnit) -> Times:
    """A DatetimeIndex as integers of the server; naive times count as UTC."""
    naive = index.tz_convert("UTC").tz_localize(None) if index.tz is not None else index
    return np.asarray(naive.to_numpy(), dtype=f"datetime64[{unit.value}]").astype(np.int64)


def pandas_times(times: Times, unit: TimeUnit) -> Any:
    """Integers of the server as a DatetimeIndex in UTC; what is finer than microseconds is left out."""
    return pd.DatetimeIndex(times.astype(f"datetime64[{unit.value}]").astype("datetime64[us]")).tz_localize("UTC")


def function_times(times: Times, steps: int) -> Times:
    """What FORECAST puts beside its values in 2.0.10: the last time plus whole mean distances of the input."""
    step = (int(times[-1]) - int(times[0])) // (len(times) - 1)
    return int(times[-1]) + step * np.arange(1, steps + 1, dtype=np.int64)


def _checked(times: list[int], unit: TimeUnit) -> Times:
    _require_countable(times[-1], unit)
    return np.array(times, dtype=np.int64)


def _require_countable(last: int, unit: TimeUnit) -> None:
    if last > _LAST_SECOND * _PER_SECOND[unit] or last >= 2**63:
        end = 2262 if unit is TimeUnit.NANOSECOND else 9999
        raise UsageError(f"the forecast reaches beyond the year {end}", "use a shorter horizon, or another time range")
