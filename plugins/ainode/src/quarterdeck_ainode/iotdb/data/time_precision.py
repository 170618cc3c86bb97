"""Times as integers of a server, which counts milli-, micro- or nanoseconds, and as microseconds, as datasets do; pure."""

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from quarterdeck_ainode.value_types import TimePrecision
from quarterdeck_api.errors import UsageError

Times = NDArray[np.int64]

#: The years 1 to 9999, in microseconds since 1970: what datasets hold.
FIRST_MICROSECOND, LAST_MICROSECOND = -62_135_596_800_000_000, 253_402_300_799_999_999

_PER_SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1)


def to_microseconds(times: Times, precision: TimePrecision, *, rounded: bool = False) -> Times:
    """Times of a server as microseconds, downwards when they may be `rounded`.

    Raises UsageError for those that no dataset can hold: finer than a microsecond, or outside the years 1 to 9999.
    """
    if not len(times):
        return times
    earliest, latest = int(times.min()), int(times.max())
    for time in (earliest, latest):
        if not FIRST_MICROSECOND <= time * _PER_SECOND // precision <= LAST_MICROSECOND:
            raise UsageError(
                f"the time {time} {precision.name} is outside the years 1 to 9999, which datasets hold",
                "leave it out with --start or --end",
            )
    if precision is TimePrecision.ns:
        wrong = np.flatnonzero(times % 1000)
        if len(wrong) and not rounded:
            raise UsageError(
                f"the time {written(int(times[wrong[0]]), precision)} has nanoseconds, and datasets hold microseconds",
                "save with --round-times true, when no two times are within one microsecond",
            )
        return times // 1000
    return times * (_PER_SECOND // precision)


def from_microseconds(times: Times, precision: TimePrecision) -> Times:
    """Microseconds as times of a server; raises UsageError for times that the server cannot tell apart from others or cannot count."""
    if not len(times):
        return times
    if precision is TimePrecision.ms:
        wrong = np.flatnonzero(times % 1000)
        if len(wrong):
            time = written(int(times[wrong[0]]), TimePrecision.us)
            raise UsageError(
                f"the time {time} has microseconds, and the server counts milliseconds",
                "round the dataset's times, or use a cluster with timestamp_precision us or ns",
            )
        return times // 1000
    if precision is TimePrecision.ns:
        for time in (int(times.min()), int(times.max())):
            if not -(2**63) <= time * 1000 < 2**63:
                raise UsageError(
                    f"the server counts nanoseconds, which do not reach to {written(time, TimePrecision.us)}",
                    "leave it out, or use a cluster with timestamp_precision ms or us",
                )
        return times * 1000
    return times


def moment(text: str, precision: TimePrecision, option: str) -> int | None:
    """A time that a user wrote as an integer of the server; None when it is empty. Raises UsageError."""
    if not text.strip():
        return None
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(
            f"{option} {text!r} is no time", "write it as 2024-01-31 or 2024-01-31T08:00:00+01:00"
        ) from error
    aware = read if read.tzinfo is not None else read.replace(tzinfo=UTC)
    since = aware - _EPOCH.replace(tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * _PER_SECOND + since.microseconds) * precision // _PER_SECOND


def written(time: int, precision: TimePrecision) -> str:
    """A time of a server in ISO 8601, with as many decimals as it needs; the bare number outside the calendar."""
    seconds, rest = divmod(time, precision)
    try:
        whole = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return f"{time} {precision.name}"
    digits = len(str(int(precision))) - 1
    fraction = f".{rest:0{digits}d}".rstrip("0").rstrip(".") if rest else ""
    return f"{whole.isoformat(sep='T')}{fraction}Z"
