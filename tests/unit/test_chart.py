"""Charts as text: sizes, marks without colour, gaps, round ticks."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.drawing.chart import chart_text, draw_chart, nice_ticks
from quarterdeck_api.documents import ChartBlock, ChartSeries, SeriesRole

MONTHS = tuple(2_629_800.0 * number for number in range(36))


def forecast_chart() -> ChartBlock:
    values = tuple(100 + number + 10 * math.sin(number) for number in range(36))
    future = MONTHS[24:]
    return ChartBlock(
        (
            ChartSeries("airline", SeriesRole.HISTORY, MONTHS[:24], values[:24]),
            ChartSeries("seasonal naive", SeriesRole.BASELINE, future, (110.0,) * 12),
            ChartSeries("arima", SeriesRole.FORECAST, future, values[24:], (90.0,) * 12, (150.0,) * 12),
        )
    )


@pytest.mark.parametrize(("width", "height"), [(40, 10), (100, 20), (300, 60)])
def test_it_fills_its_size_and_no_more(width: int, height: int) -> None:
    lines = draw_chart(forecast_chart(), width, height)
    assert len(lines) == height
    assert all(sum(len(span.text) for span in line) <= width for line in lines)


def test_every_line_is_there_with_its_role_and_name() -> None:
    lines = draw_chart(forecast_chart(), 100, 20)
    roles = {span.role for line in lines for span in line}
    assert {"history", "forecast", "baseline", "interval", "axis"} <= roles
    text = chart_text(forecast_chart(), 100, 20)
    for name in ("airline", "arima", "seasonal naive", "interval", "┊", "1970-01-01"):
        assert name in text


def test_a_gap_is_not_bridged() -> None:
    whole = ChartBlock((ChartSeries("a", SeriesRole.HISTORY, MONTHS[:9], (5.0,) * 4 + (5.0,) + (5.0,) * 4),))
    gap = ChartBlock((ChartSeries("a", SeriesRole.HISTORY, MONTHS[:9], (5.0,) * 4 + (None,) + (5.0,) * 4),))

    def dots(chart: ChartBlock) -> int:
        return sum(len(span.text) for line in draw_chart(chart, 60, 8)[1:-1] for span in line if span.role == "history")

    assert dots(gap) < dots(whole)


def test_nothing_and_too_small_are_said() -> None:
    assert "nothing to draw" in chart_text(ChartBlock(()), 80, 20)
    assert "too small" in chart_text(forecast_chart(), 10, 3)


@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9), st.integers(2, 12))
def test_ticks_are_round_and_inside(low: float, span: float, count: int) -> None:
    high = low + span
    ticks = nice_ticks(low, high, count)
    steps = {round(after - before, 6) for before, after in itertools.pairwise(ticks)}
    assert len(ticks) <= count + 1
    assert all(low - span * 1e-6 <= tick <= high + span * 1e-6 for tick in ticks)
    assert len(steps) <= 1 or max(steps) - min(steps) <= 1e-6 * max(abs(low), abs(high), 1)


@given(st.lists(st.one_of(st.none(), st.floats(-1e300, 1e300)), min_size=1, max_size=30))
def test_any_values_can_be_drawn(values: list[float | None]) -> None:
    times = tuple(float(number) for number in range(len(values)))
    lines = draw_chart(ChartBlock((ChartSeries("a", SeriesRole.HISTORY, times, tuple(values)),)), 60, 12)
    assert lines
