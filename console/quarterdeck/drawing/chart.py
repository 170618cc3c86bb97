"""A chart over time drawn in braille dots: lines, interval, axes and legend, as spans of text with a role.

Lines can be told apart without colour: history and forecast are solid, the baseline is dotted, the interval is a sparse field, and a bar marks where
the forecast begins.
"""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from rich.cells import cell_len, set_cell_size

from quarterdeck.drawing.spans import Line, Span
from quarterdeck_api.documents import ChartBlock, ChartSeries, SeriesRole
from quarterdeck_api.visible import visible

#: Dots of a braille cell by (column, row): bit values of Unicode's block 2800.
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BLANK = 0x2800

#: Later roles paint over earlier ones.
_ORDER = ("interval", "baseline", "history", "actual", "forecast", "anomaly")
_SAMPLES = {
    "history": "⠒⠒",
    "actual": "⠒⠒",
    "forecast": "⠤⠤",
    "baseline": "⠂⠂",
    "interval": "⢕⢕",
    "anomaly": "●",
}

_Scale = Callable[[float], int]


class _Canvas:
    """A grid of braille cells with a role each."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._bits = [[0] * width for _ in range(height)]
        self._roles = [[""] * width for _ in range(height)]

    def dot(self, x: int, y: int, role: str) -> None:
        """Sets one dot; x grows to the right, y downwards; dots outside are left out."""
        if 0 <= x < self.width * 2 and 0 <= y < self.height * 4:
            row, column = y // 4, x // 2
            if self._roles[row][column] == "interval" and role != "interval":
                self._bits[row][column] = 0  # A line stands clear of the field behind it.
            self._bits[row][column] |= _DOTS[x % 2][y % 4]
            self._roles[row][column] = role

    def line(self, start: tuple[int, int], end: tuple[int, int], role: str, every: int = 1) -> None:
        """Sets the dots between two points, each `every`th."""
        (x0, y0), (x1, y1) = start, end
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for step in range(0, steps + 1, every):
            self.dot(x0 + round((x1 - x0) * step / steps), y0 + round((y1 - y0) * step / steps), role)

    def bar(self, column: int) -> None:
        """Marks a column of cells that is still empty."""
        for row in range(self.height):
            if 0 <= column < self.width and not self._roles[row][column]:
                self._roles[row][column] = "bar"

    def rows(self) -> list[Line]:
        """The cells as spans, neighbours of one role joined."""
        lines: list[Line] = []
        for bits, roles in zip(self._bits, self._roles, strict=True):
            spans: list[Span] = []
            for bit, role in zip(bits, roles, strict=True):
                text = "┊" if role == "bar" else chr(_BLANK | bit) if bit else " "
                shown = "axis" if role == "bar" else role
                if spans and spans[-1].role == shown:
                    spans[-1] = Span(spans[-1].text + text, shown)
                else:
                    spans.append(Span(text, shown))
            lines.append(spans)
        return lines


def nice_ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round numbers from `low` to `high`: steps of 1, 2 or 5 times a power of ten (Heckbert, Graphics Gems, 1990)."""
    if not high > low:
        return [low]
    raw = (high - low) / max(count - 1, 1)
    power = 10 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def number_text(value: float) -> str:
    """A number as short as an axis needs it."""
    return f"{value:.6g}"


def draw_chart(chart: ChartBlock, width: int, height: int) -> list[Line]:
    """Draws a chart into `width` columns and `height` lines: legend, plot with a y axis, x axis. Too small or empty: one line says so."""
    points = [
        value
        for series in chart.series
        for values in (series.values, series.lower, series.upper)
        for value in values
        if value is not None and math.isfinite(value)
    ]
    times = [time for series in chart.series for time in series.times]
    if not points or not times:
        return [[Span("nothing to draw", "axis")]]
    if width < 24 or height < 6:
        return [[Span("too small for a chart", "axis")]]
    low, high = _padded(min(points), max(points))
    plot_height = height - 2
    ticks = nice_ticks(low, high, max(plot_height // 4, 2))
    labels = {_row(tick, low, high, plot_height): number_text(tick) for tick in ticks}
    margin = max((len(label) for label in labels.values()), default=0)
    canvas = _Canvas(width - margin - 2, plot_height)
    begin, end = min(times), max(times)
    _draw_series(canvas, chart.series, (begin, end), (low, high))
    lines = [_legend(chart.series, width)]
    for row, spans in enumerate(canvas.rows()):
        label = labels.get(row, "")
        lines.append([Span(f"{label:>{margin}} {'┤' if label else '│'}", "axis"), *spans])
    lines.append([Span(_time_axis(begin, end, margin + 1, canvas.width), "axis")])
    return lines


def chart_text(chart: ChartBlock, width: int, height: int) -> str:
    """The chart as plain text."""
    return "\n".join("".join(span.text for span in line).rstrip() for line in draw_chart(chart, width, height))


def _padded(low: float, high: float) -> tuple[float, float]:
    margin = (high - low) * 0.04 or abs(high) * 0.1 or 1.0
    return low - margin, high + margin


def _row(value: float, low: float, high: float, rows: int) -> int:
    return min(int((high - value) / (high - low) * (rows * 4 - 1)) // 4, rows - 1)


def _draw_series(
    canvas: _Canvas, all_series: Sequence[ChartSeries], span: tuple[float, float], limits: tuple[float, float]
) -> None:
    begin, end = span
    low, high = limits

    def x_of(time: float) -> int:
        return round((time - begin) / ((end - begin) or 1.0) * (canvas.width * 2 - 1))

    def y_of(value: float) -> int:
        return round((high - value) / (high - low) * (canvas.height * 4 - 1))

    for series in all_series:
        if series.lower and series.upper:
            _draw_interval(canvas, series, x_of, y_of)
    for series in sorted(all_series, key=lambda each: _ORDER.index(each.role.value)):
        every = 3 if series.role is SeriesRole.BASELINE else 1
        before: tuple[int, int] | None = None
        for time, value in zip(series.times, series.values, strict=True):
            if value is None or not math.isfinite(value):
                before = None
                continue
            point = (x_of(time), y_of(value))
            canvas.line(before or point, point, series.role.value, every)
            before = point if series.role is not SeriesRole.ANOMALY else None
    for series in all_series:
        if series.role is SeriesRole.FORECAST and series.times:
            canvas.bar(x_of(series.times[0]) // 2 - 1)


def _draw_interval(canvas: _Canvas, series: ChartSeries, x_of: _Scale, y_of: _Scale) -> None:
    edges = [
        (x_of(time), y_of(upper), y_of(lower))
        for time, lower, upper in zip(series.times, series.lower, series.upper, strict=True)
        if lower is not None and upper is not None and math.isfinite(lower) and math.isfinite(upper)
    ]
    for (x0, top0, bottom0), (x1, top1, bottom1) in zip(edges, edges[1:] or edges, strict=False):
        for x in range(x0, x1 + 1):
            share = (x - x0) / ((x1 - x0) or 1)
            top, bottom = round(top0 + (top1 - top0) * share), round(bottom0 + (bottom1 - bottom0) * share)
            for y in range(top, bottom + 1):
                if (x + y) % 2 == 0:
                    canvas.dot(x, y, "interval")


def _legend(all_series: Sequence[ChartSeries], width: int) -> list[Span]:
    spans: list[Span] = []
    for series in all_series:
        role = series.role.value
        spans += [Span(_SAMPLES[role] + " ", role), Span(visible(series.name) + "  ", "")]
        if series.lower:
            spans += [Span(_SAMPLES["interval"] + " ", "interval"), Span("interval  ", "")]
    kept: list[Span] = []
    left = width
    for span in spans:
        length = cell_len(span.text)
        kept.append(span if length <= left else Span(set_cell_size(span.text, left), span.role))
        left -= length
        if left <= 0:
            break
    return kept


def _time_axis(begin: float, end: float, margin: int, width: int) -> str:
    span = end - begin
    pattern = "%Y-%m-%d" if span > 86400 * 3 else "%m-%d %H:%M" if span > 3600 else "%H:%M:%S"
    count = max(min(width // (len(datetime(2000, 1, 1).strftime(pattern)) + 6), 6), 2)
    line = [" "] * (margin + width)
    for number in range(count):
        share = number / (count - 1)
        label = datetime.fromtimestamp(begin + span * share, UTC).strftime(pattern)
        start = margin + round((width - len(label)) * share)
        line[start : start + len(label)] = label
    return "".join(line)
