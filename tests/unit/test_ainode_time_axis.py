"""Equal spacing, seasons of frequencies, and the times of forecasts on real calendars."""

import numpy as np
import pandas as pd
import pytest

from quarterdeck_ainode.models.time_axis import seasonal_period, time_axis
from quarterdeck_api.errors import QuarterdeckError


@pytest.mark.parametrize(
    ("frequency", "season"),
    [
        ("YS", 1), ("YE", 1), ("QS", 4), ("QE-DEC", 4), ("MS", 12), ("ME", 12), ("2MS", 6), ("5MS", 1), ("W", 52),
        ("W-MON", 52), ("D", 7), ("7D", 1), ("2D", 1), ("B", 5), ("h", 24), ("6h", 4), ("12h", 2), ("24h", 1), ("5h", 1),
        ("30min", 48), ("15min", 96), ("10min", 144), ("min", 60), ("5min", 12), ("30s", 120), ("s", 60), ("100ms", 600),
    ],
)  # fmt: skip
def test_seasons_of_frequencies(frequency: str, season: int) -> None:
    assert seasonal_period(frequency) == season


@pytest.mark.parametrize(
    ("start", "frequency", "count", "future"),
    [
        ("1960-01-01", "MS", 12, ["1961-01-01", "1961-02-01", "1961-03-01"]),
        ("2019-10-31", "ME", 4, ["2020-02-29", "2020-03-31", "2020-04-30"]),
        ("2015-01-01", "QS", 4, ["2016-01-01", "2016-04-01", "2016-07-01"]),
        ("1821-01-01", "YS", 100, ["1921-01-01", "1922-01-01", "1923-01-01"]),
        ("2024-02-26", "D", 3, ["2024-02-29", "2024-03-01", "2024-03-02"]),
        ("2024-03-07", "B", 2, ["2024-03-11", "2024-03-12", "2024-03-13"]),
        ("2024-01-07", "W-SUN", 2, ["2024-01-21", "2024-01-28", "2024-02-04"]),
        ("2024-12-31T22:00", "30min", 3, ["2024-12-31T23:30", "2025-01-01T00:00", "2025-01-01T00:30"]),
    ],
)
def test_a_forecast_begins_one_step_after_the_end(start: str, frequency: str, count: int, future: list[str]) -> None:
    times = pd.date_range(start, periods=count, freq=frequency).to_numpy()
    for given in (frequency, ""):
        if given or count > 2:
            axis = time_axis(times, given, "", "d")
            assert list(axis.future(3)) == [pd.Timestamp(moment) for moment in future]


def test_days_keep_their_hour_across_daylight_saving() -> None:
    local = pd.date_range("2024-03-28", periods=3, freq="D", tz="Europe/Berlin")
    axis = time_axis(local.tz_convert("UTC").tz_localize(None).to_numpy(), "D", "Europe/Berlin", "d")
    assert [moment.isoformat() for moment in axis.future(2)] == [
        "2024-03-31T00:00:00+01:00",
        "2024-04-01T00:00:00+02:00",
    ]


def test_hours_go_on_through_daylight_saving() -> None:
    utc = pd.date_range("2024-10-26T22:00", periods=3, freq="h")
    axis = time_axis(utc.to_numpy(), "h", "Europe/Berlin", "d")
    assert [moment.isoformat() for moment in axis.future(2)] == [
        "2024-10-27T02:00:00+01:00",
        "2024-10-27T03:00:00+01:00",
    ]


def test_days_in_utc_are_equally_spaced_in_any_zone() -> None:
    utc = pd.date_range("2024-03-28", periods=5, freq="D")
    axis = time_axis(utc.to_numpy(), "D", "Europe/Berlin", "d")
    assert axis.future(1)[0].isoformat() == "2024-04-02T00:00:00+00:00"


def test_a_gap_is_named_with_its_place_and_the_window_after_it() -> None:
    times = pd.date_range("2020-01-01", periods=24, freq="MS").delete([2, 7]).to_numpy()
    with pytest.raises(
        QuarterdeckError, match=r"after 2020-02-01.* comes 2020-04-01.* expects 2020-03-01.*2 such"
    ) as caught:
        time_axis(times, "MS", "", "core/dataset/x")
    assert "--window 16" in caught.value.remedy
    assert len(time_axis(times[-16:], "MS", "", "x").index) == 16


def test_irregular_times_without_a_frequency_are_refused() -> None:
    times = np.array(["2020-01-01", "2020-01-02", "2020-01-05", "2020-01-06"], "datetime64[ns]")
    with pytest.raises(QuarterdeckError, match="not equally spaced: 2 different distances"):
        time_axis(times, "", "", "x")


def test_two_equal_times_are_a_break() -> None:
    times = np.array(["2020-01-01", "2020-01-02", "2020-01-02", "2020-01-03"], "datetime64[ns]")
    with pytest.raises(QuarterdeckError, match="do not increase"):
        time_axis(times, "D", "", "x")


def test_one_observation_without_a_frequency_has_no_next_time() -> None:
    with pytest.raises(QuarterdeckError, match="no frequency"):
        time_axis(np.array(["2020-01-01"], "datetime64[ns]"), "", "", "x")
