"""A chart as a small SVG document: lines over time, a band for the interval, axes with round numbers."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import floor, log10
from xml.sax.saxutils import escape

from quarterdeck_api.documents import ChartBlock, ChartSeries, SeriesRole

_WIDTH, _HEIGHT = 900, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 20, 50, 50
_COLOURS = {
    SeriesRole.HISTORY: "#4c566a",
    SeriesRole.FORECAST: "#2f6fb3",
    SeriesRole.BASELINE: "#b48a1e",
    SeriesRole.ACTUAL: "#3b7a57",
    SeriesRole.ANOMALY: "#b3382f",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def render_svg(chart: ChartBlock) -> str:
    """The chart as a complete SVG document; a gap in a series is a gap in its line."""
    times = [moment for series in chart.series for moment in series.times]
    values = [
        value
        for series in chart.series
        for value in (*series.values, *series.lower, *series.upper)
        if value is not None
    ]
    frame = _Frame(min(times), max(times), min(values), max(values))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="15">{escape(chart.title)}</text>',
        *_value_axis(frame),
        *_time_axis(frame),
        *(part for series in chart.series for part in _line(series, frame)),
        *_legend(chart.series),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


class _Frame:
    """From times and values to places on the page."""

    def __init__(self, first: float, last: float, lowest: float, highest: float) -> None:
        self.first, self.last = first, last if last > first else first + 1
        margin = abs(highest) * 0.1 or 1.0
        self.lowest, self.highest = (lowest, highest) if highest > lowest else (lowest - margin, highest + margin)

    def x(self, moment: float) -> float:
        return _LEFT + (moment - self.first) / (self.last - self.first) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = value / (self.highest - self.lowest) - self.lowest / (self.highest - self.lowest)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def round_ticks(lowest: float, highest: float, wanted: int = 5) -> list[float]:
    """Round numbers inside a range, about `wanted` of them: multiples of 1, 2 or 5 times a power of ten."""
    raw = (highest / wanted) - (lowest / wanted)
    power = 10.0 ** floor(log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = floor(lowest / step)
    ticks = [(first + number) * step for number in range(2 * wanted + 3)]
    return [tick for tick in ticks if lowest <= tick <= highest]


def _value_axis(frame: _Frame) -> list[str]:
    parts: list[str] = []
    for tick in round_ticks(frame.lowest, frame.highest):
        y = frame.y(tick)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e2e2e2"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    return parts


def _time_axis(frame: _Frame) -> list[str]:
    base = _HEIGHT - _BOTTOM
    parts = [f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{base}" y2="{base}" stroke="#777"/>']
    span = frame.last - frame.first
    pattern = "%Y-%m-%d" if span > 6 * 86_400 else "%m-%d %H:%M" if span > 600 else "%H:%M:%S"
    for number in range(6):
        moment = frame.first + span * number / 5
        words = (_EPOCH + timedelta(seconds=moment)).strftime(pattern)
        parts.append(f'<text x="{frame.x(moment):.1f}" y="{base + 18}" text-anchor="middle">{words}</text>')
    return parts


def _line(series: ChartSeries, frame: _Frame) -> list[str]:
    colour = _COLOURS[series.role]
    parts: list[str] = []
    if series.lower and series.upper and None not in (*series.lower, *series.upper):
        above = _points(series.times, series.upper, frame)
        below = _points(series.times, series.lower, frame)[::-1]
        parts.append(f'<polygon points="{" ".join(above + below)}" fill="{colour}" fill-opacity="0.15"/>')
    if series.role is SeriesRole.ANOMALY:
        marks = (point.split(",") for point in _points(series.times, series.values, frame))
        return [f'<circle cx="{x}" cy="{y}" r="3.5" fill="{colour}"/>' for x, y in marks]
    dashes = ' stroke-dasharray="5 4"' if series.role is SeriesRole.BASELINE else ""
    for times, values in _runs(series):
        points = " ".join(_points(times, values, frame))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"{dashes}/>')
    return parts


def _runs(series: ChartSeries) -> list[tuple[list[float], list[float]]]:
    """The series cut at its gaps."""
    runs: list[tuple[list[float], list[float]]] = [([], [])]
    for moment, value in zip(series.times, series.values, strict=True):
        if value is not None:
            runs[-1][0].append(moment)
            runs[-1][1].append(value)
        elif runs[-1][0]:
            runs.append(([], []))
    return [run for run in runs if run[0]]


def _points(times: Sequence[float], values: Sequence[float | None], frame: _Frame) -> list[str]:
    pairs = zip(times, values, strict=True)
    return [f"{frame.x(moment):.1f},{frame.y(value):.1f}" for moment, value in pairs if value is not None]


def _legend(shown: Sequence[ChartSeries]) -> list[str]:
    parts: list[str] = []
    x = _LEFT
    for series in shown:
        colour = _COLOURS[series.role]
        parts.append(f'<line x1="{x}" x2="{x + 22}" y1="36" y2="36" stroke="{colour}" stroke-width="3"/>')
        parts.append(f'<text x="{x + 28}" y="40">{escape(series.name)}</text>')
        x += 50 + 7 * len(series.name)
    return parts
