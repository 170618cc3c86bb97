"""Typed cells as text of the command line: times in UTC, sizes and durations with units."""

import time

from quarterdeck.drawing.quantities import format_bytes, format_duration
from quarterdeck_api.catalogue import ColumnType
from quarterdeck_api.resources import Cell
from quarterdeck_api.visible import visible


def cell_text(value: Cell, kind: ColumnType = ColumnType.TEXT) -> str:
    """A cell as text; empty for None, and a value of another type than the column's is shown as it is."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return visible(value)
    match kind:
        case ColumnType.BYTES:
            return format_bytes(value)
        case ColumnType.DURATION:
            return format_duration(value)
        case ColumnType.TIMESTAMP:
            return time_text(value)
        case ColumnType.FRACTION:
            return f"{value:.0%}"
        case _:
            return f"{value:.6g}" if isinstance(value, float) else str(value)


def time_text(seconds: float) -> str:
    """A Unix time in UTC, as 2024-05-01T12:00:00Z."""
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    except (OverflowError, OSError, ValueError):
        return str(seconds)
