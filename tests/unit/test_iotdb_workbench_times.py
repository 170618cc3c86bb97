"""Times of forecasts: what comes after a series in the server's unit, and what the server's functions would make of it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_ainode.iotdb.workbench.horizon_times import (
    function_times,
    future_times,
    integer_times,
    pandas_times,
)
from quarterdeck_ainode.serving.engine_settings import TimeUnit
from quarterdeck_ainode.serving.statement_axis import statement_axis
from quarterdeck_api.errors import UsageError

UNITS = st.sampled_from(list(TimeUnit))


@given(
    st.integers(0, 10**12), st.integers(1, 10**7), st.integers(3, 50), st.integers(1, 30), st.just(TimeUnit.MILLISECOND)
)
def test_equal_distances_go_on_exactly(first: int, step: int, count: int, steps: int, unit: TimeUnit) -> None:
    times = first + step * np.arange(count, dtype=np.int64)
    axis, assumed = statement_axis(times, unit)
    found = future_times(times, axis, not assumed, steps, unit)
    assert found.tolist() == [int(times[-1]) + step * number for number in range(1, steps + 1)]
    assert found.tolist() == function_times(times, steps).tolist()


@given(UNITS, st.integers(1, 40))
def test_months_follow_the_calendar_where_the_server_does_not(unit: TimeUnit, steps: int) -> None:
    index = pd.date_range("2020-01-01", periods=30, freq="MS", tz="UTC")
    times = integer_times(index, unit)
    axis, assumed = statement_axis(times, unit)
    found = future_times(times, axis, not assumed, steps, unit)
    expected = pd.date_range("2022-07-01", periods=steps, freq="MS", tz="UTC")
    assert pandas_times(found, unit).tolist() == expected.tolist()
    assert found.tolist() != function_times(times, steps).tolist()


@given(st.lists(st.integers(1, 1000), min_size=3, max_size=40), st.integers(1, 20))
def test_irregular_times_go_on_by_their_middle_distance(distances: list[int], steps: int) -> None:
    times = 1_700_000_000_000 + np.cumsum(np.array([0, *distances], dtype=np.int64) * 1000)
    axis, assumed = statement_axis(times, TimeUnit.MILLISECOND)
    found = future_times(times, axis, not assumed, steps, TimeUnit.MILLISECOND)
    assert len(found) == steps
    assert np.all(np.diff(np.concatenate([times[-1:], found])) > 0)


def test_the_functions_times_are_those_of_the_real_server() -> None:
    # 180 of 200 hourly rows: measured on 2.0.10 with FORECAST of the tree.
    rows = [1_699_999_200_000 + hour * 3_600_000 for hour in range(200) if hour % 10 != 3]
    assert function_times(np.array(rows, dtype=np.int64), 2).tolist() == [1_700_719_602_234, 1_700_723_604_468]


@given(st.integers(0, 4 * 10**18), UNITS)
def test_integers_and_pandas_mean_the_same_moment(number: int, unit: TimeUnit) -> None:
    per_microsecond = {TimeUnit.MILLISECOND: 1000, TimeUnit.MICROSECOND: 1, TimeUnit.NANOSECOND: 1}[unit]
    moment = number // 10**6 // per_microsecond * (1000 if unit is TimeUnit.NANOSECOND else 1)
    times = np.array([moment], dtype=np.int64)
    assert integer_times(pandas_times(times, unit), unit).tolist() == times.tolist()


def test_nothing_lies_beyond_the_year_9999() -> None:
    times = np.array([253_402_300_000_000, 253_402_300_700_000], dtype=np.int64)
    axis, assumed = statement_axis(times, TimeUnit.MILLISECOND)
    with pytest.raises(UsageError, match="9999"):
        future_times(times, axis, not assumed, 3, TimeUnit.MILLISECOND)


def test_months_end_where_nanoseconds_do() -> None:
    times = integer_times(pd.date_range("2258-01-01", periods=36, freq="MS", unit="us", tz="UTC"), TimeUnit.NANOSECOND)
    axis, assumed = statement_axis(times, TimeUnit.NANOSECOND)
    assert np.all(np.diff(future_times(times, axis, not assumed, 12, TimeUnit.NANOSECOND)) > 0)
    with pytest.raises(UsageError, match="beyond the year 2262"):
        future_times(times, axis, not assumed, 48, TimeUnit.NANOSECOND)
