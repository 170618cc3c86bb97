"""Stretches of time that are asked for, and those of datasets, in a server's precision."""

from typing import TYPE_CHECKING

import numpy as np

from quarterdeck_ainode.iotdb.data.statements import Span
from quarterdeck_ainode.iotdb.data.time_precision import from_microseconds, moment
from quarterdeck_ainode.value_types import TimePrecision
from quarterdeck_api.errors import UsageError

if TYPE_CHECKING:
    from quarterdeck_ainode.iotdb.data.dataset_rows import DatasetRows


def asked_span(start: str, end: str, precision: TimePrecision) -> Span:
    """The stretch of time that is asked for, as a user wrote its ends; raises UsageError."""
    span = Span(moment(start, precision, "--start"), moment(end, precision, "--end"))
    if span.first is not None and span.last is not None and span.first > span.last:
        raise UsageError(f"--start {start} is after --end {end}", "exchange them")
    return span


def dataset_span(rows: "DatasetRows", precision: TimePrecision) -> Span:
    """A dataset's stretch of time; raises UsageError for times that the server cannot count."""
    first, last = from_microseconds(np.array(rows.span(), dtype=np.int64), precision)
    return Span(int(first), int(last))
