"""Typed cells as text: numbers, bytes, durations, times and fractions, in the few letters that a table has room for."""

import math
from datetime import datetime

from rich.cells import cell_len, set_cell_size

from quarterdeck.drawing.quantities import format_bytes, format_duration
from quarterdeck_api.catalogue import ColumnType
from quarterdeck_api.resources import Cell
from quarterdeck_api.visible import visible


def format_cell(value: Cell, kind: ColumnType, now: float) -> str:
    """A cell as text. `now` (Unix seconds) decides how much of a time's date is shown; a value of another type is shown as it is."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return visible(value)
    if not math.isfinite(value):
        return str(value)
    match kind:
        case ColumnType.INTEGER:
            return f"{value:,.0f}"
        case ColumnType.NUMBER:
            return format_number(value)
        case ColumnType.BYTES:
            return format_bytes(value)
        case ColumnType.DURATION:
            return format_duration(value)
        case ColumnType.TIMESTAMP:
            return format_time(value, now)
        case ColumnType.FRACTION:
            return f"{value:.1%}" if 0 < abs(value) < 0.1 else f"{value:.0%}"
        case _:
            return str(value)


def format_number(value: float) -> str:
    """A number with at most five significant digits."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 10000 else f"{value:.5g}"


def format_time(seconds: float, now: float) -> str:
    """A local time: only the clock today, no clock in another year. It stays the same while nothing changes, so an idle table is silent."""
    try:
        moment, today = datetime.fromtimestamp(seconds), datetime.fromtimestamp(now)
    except (OverflowError, OSError, ValueError):
        return str(seconds)
    if moment.date() == today.date():
        return moment.strftime("%H:%M:%S")
    return moment.strftime("%m-%d %H:%M") if moment.year == today.year else moment.strftime("%Y-%m-%d")


def fit(text: str, width: int, right: bool = False) -> str:
    """The text in exactly `width` terminal cells: padded, or cut with an ellipsis."""
    if text.isascii():
        length = len(text)
        if length <= width:
            return text.rjust(width) if right else text.ljust(width)
        return text[: width - 1] + "…" if width > 0 else ""
    length = cell_len(text)
    if length <= width:
        return " " * (width - length) + text if right else text + " " * (width - length)
    return set_cell_size(text, width - 1) + "…" if width > 0 else ""
