"""A number over time in one line of text."""

import math
from collections.abc import Sequence

from quarterdeck.drawing.quantities import format_bytes, format_duration
from quarterdeck.drawing.structure import rate_text

_LEVELS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float | None], width: int) -> str:
    """The last `width` values as bars between their least and their greatest; gaps and what is no number are spaces."""
    shown = values[-width:] if width > 0 else ()
    numbers = [value for value in shown if value is not None and math.isfinite(value)]
    if not numbers:
        return " " * len(shown)
    low, high = min(numbers), max(numbers)
    bars: list[str] = []
    for value in shown:
        if value is None or not math.isfinite(value):
            bars.append(" ")
        elif high == low:
            bars.append(_LEVELS[0] if value == 0 else _LEVELS[3])
        else:
            # Halved first: the difference of two large numbers may be infinite.
            share = (value / 2 - low / 2) / (high / 2 - low / 2)
            bars.append(_LEVELS[min(int(share * len(_LEVELS)), len(_LEVELS) - 1)])
    return "".join(bars)


def metric_text(value: float, unit: str) -> str:
    """A metric's value as people read it, by its unit: `1/s`, `s`, `By`, `1` (a fraction) or any other."""
    if not math.isfinite(value):
        return str(value)
    match unit:
        case "s":
            return format_duration(value)
        case "By":
            return format_bytes(value)
        case "1":
            return f"{value * 100:.3g} %"
        case "":
            return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
        case _:
            return rate_text(value, unit)
