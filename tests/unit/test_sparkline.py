"""Numbers over time in one line."""

import math

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.drawing.sparkline import metric_text, sparkline


def test_bars_reach_from_the_least_to_the_greatest() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([7, None, 0], 8) == "█ ▁"
    assert sparkline([1, 1], 8) == "▄▄" and sparkline([0, 0], 8) == "▁▁"


def test_only_the_newest_are_shown() -> None:
    assert sparkline([9, 0, 8], 2) == "▁█"
    assert sparkline([1, 2], 0) == ""


@given(st.lists(st.none() | st.floats(), max_size=40), st.integers(0, 50))
def test_every_value_has_one_column(values: list[float | None], width: int) -> None:
    line = sparkline(values, width)
    assert len(line) == min(len(values), width)
    shown = values[-width:] if width else []
    assert [bar == " " for bar in line] == [value is None or not math.isfinite(value) for value in shown]


def test_units() -> None:
    assert metric_text(12.34, "1/s") == "12.3/s"
    assert metric_text(0.25, "1") == "25 %"
    assert metric_text(187.0, "s") == "3m07s"
    assert metric_text(1536.0, "By") == "1.5KiB"
    assert metric_text(3.0, "frames") == "3 frames"
    assert metric_text(math.nan, "s") == "nan"
    assert metric_text(1234567.0, "") == "1,234,567"
