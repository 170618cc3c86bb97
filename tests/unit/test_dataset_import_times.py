"""Times of an import: their forms, offsets and zones, the frequency that they follow, and gaps."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imported_series import Read, csv_reader, error, moments, rows
from quarterdeck.runtime.datasets.cell_parsing import TimeColumn
from quarterdeck.runtime.datasets.frequency import (
    alias,
    fits_anchor,
    grid_position,
    grid_time,
    parse_frequency,
    to_time,
)
from quarterdeck.runtime.datasets.import_plan import Problems
from quarterdeck.runtime.datasets.spacing import infer_frequency
from quarterdeck.runtime.datasets.time_parsing import time_form

read = pytest.fixture(csv_reader)


@pytest.mark.parametrize(
    ("times", "first", "frequency"),
    [
        (("1949-01", "1949-02", "1949-03"), datetime(1949, 1, 1), "MS"),
        (("1991 Jul", "1991 Aug"), datetime(1991, 7, 1), "MS"),
        (("Jul 1991", "August 1991"), datetime(1991, 7, 1), "MS"),
        (("1970 Q1", "1970 Q2", "1970 Q3"), datetime(1970, 1, 1), "QS"),
        (("1947", "1948", "1949"), datetime(1947, 1, 1), "YS"),
        (("2024-01-31", "2024-02-29", "2024-03-31"), datetime(2024, 1, 31), "ME"),
        (("2023-03-31", "2023-06-30", "2023-09-30"), datetime(2023, 3, 31), "QE"),
        (("2022-12-31", "2023-12-31"), datetime(2022, 12, 31), "YE"),
        (("2024-01-07", "2024-01-14", "2024-01-21"), datetime(2024, 1, 7), "W-SUN"),
        (("2024-02-27", "2024-02-28", "2024-02-29", "2024-03-01"), datetime(2024, 2, 27), "D"),
        (("2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09"), datetime(2024, 1, 4), "B"),
        (("2024/01/02 10:00", "2024/01/02 11:00"), datetime(2024, 1, 2, 10), "h"),
        (("20240102T1000", "20240102T1030"), datetime(2024, 1, 2, 10), "30min"),
        (("2024-01-02T10:00:00.250", "2024-01-02T10:00:00.500"), datetime(2024, 1, 2, 10, 0, 0, 250_000), "250ms"),
        (("1700000000", "1700000005"), datetime(2023, 11, 14, 22, 13, 20), "5s"),
        (("1700000000000", "1700000060000"), datetime(2023, 11, 14, 22, 13, 20), "min"),
    ],
)
def test_forms_of_times_and_their_frequencies(
    read: Read, times: tuple[str, ...], first: datetime, frequency: str
) -> None:
    series = read(rows(*times))
    assert moments(series)[0] == first
    assert (series.spacing.alias, series.spacing.gaps) == (frequency, 0)


def test_times_with_offsets_are_kept_as_utc(read: Read) -> None:
    series = read(rows("2024-01-01T01:00:00+01:00", "2024-01-01T01:00:00Z", "2024-01-01 02:00:00 UTC"))
    assert moments(series) == [datetime(2024, 1, 1, hour) for hour in (0, 1, 2)]
    assert series.utc and series.time_zone == "UTC"


def test_clock_readings_in_a_zone_pass_both_changes_of_the_clock(read: Read) -> None:
    autumn = read(
        rows("2024-10-27T01:00", "2024-10-27T02:00", "2024-10-27T02:00", "2024-10-27T03:00"), time_zone="Europe/Berlin"
    )
    assert [each.hour for each in moments(autumn)] == [23, 0, 1, 2]
    assert (autumn.spacing.alias, autumn.time_zone) == ("h", "Europe/Berlin")
    daily = read(rows("2024-03-30", "2024-03-31", "2024-04-01"), time_zone="Europe/Berlin")
    assert daily.spacing.alias == "D" and moments(daily)[2] == datetime(2024, 3, 31, 22)
    text = error(read, rows("2024-03-31T01:00", "2024-03-31T02:30"), time_zone="Europe/Berlin")
    assert "Line 3" in text and "does not exist there" in text
    assert "no time zone 'Mars/Base'" in error(read, rows("2024-01-01"), time_zone="Mars/Base")


def test_offsets_must_be_there_on_all_rows_or_none(read: Read) -> None:
    text = error(read, rows("2024-01-01T00:00:00Z", "2024-01-01T01:00:00"))
    assert "Line 3" in text and "no offset" in text


def test_gaps_are_counted_and_shown(read: Read) -> None:
    series = read(rows("2024-01-01", "2024-01-02", "2024-01-05", "2024-01-06", "2024-01-07", "2024-01-08"))
    assert (series.spacing.alias, series.spacing.gaps) == ("D", 2)
    assert series.spacing.first_gaps == ("2 after 2024-01-02 00:00:00",)
    assert any("2 times are missing" in notice for notice in series.notices)


@pytest.mark.parametrize(
    "times",
    [
        ("2024-01-01", "2024-01-02", "2024-01-02T07:13:00"),
        ("2024-01-01T00:00:01", "2024-01-01T00:10:00", "2024-01-01T00:31:07"),
        ("2024-01-01",),
    ],
)
def test_irregular_times_have_no_frequency(read: Read, times: tuple[str, ...]) -> None:
    assert read(rows(*times)).spacing.alias == ""


def test_working_days_need_a_weekend_to_be_told_from_days(read: Read) -> None:
    series = read(rows("2024-01-01", "2024-01-02", "2024-01-04"))
    assert (series.spacing.alias, series.spacing.gaps) == ("D", 1)


def test_a_frequency_that_is_given_is_checked(read: Read) -> None:
    assert read(rows("2024-01", "2024-02", "2024-04"), frequency="MS").spacing.gaps == 1
    text = error(read, rows("2024-01-01", "2024-01-02"), frequency="MS")
    assert "line 3" in text and "the times follow D" in text
    assert "not a frequency" in error(read, rows("2024-01-01"), frequency="fortnight")
    assert "line 2" in error(read, rows("2024-02-01", "2024-05-01"), frequency="QS")


TIMES = st.one_of(
    st.datetimes(timezones=st.one_of(st.none(), st.just(UTC))).map(lambda moment: moment.isoformat()),
    st.datetimes().map(lambda moment: moment.isoformat(sep=" ", timespec="minutes")),
    st.dates().map(lambda day: day.isoformat()),
    st.dates().map(lambda day: day.isoformat().replace("-", "/")),
    st.sampled_from(
        [
            "0000-01-01",
            "2024-02-30",
            "2024-01-01T24:00",
            "2024-01-01 05",
            "2024-01-01T00:00:60",
            "2024-01-01T05:00+14:00",
            " 2024-01-01",
        ]
    ),
    st.integers(-(10**10), 10**10).map(str),
)


@settings(deadline=None)
@given(st.lists(TIMES, min_size=1, max_size=5))
def test_times_read_together_are_what_they_are_alone(cells: list[str]) -> None:
    form = time_form(cells[0].strip())
    together, alone = (TimeColumn("t", "", None, Problems(Path("f"))) for _ in range(2))
    found = together.take(cells, range(len(cells))).to_pylist()
    each = [alone._read(text.strip(), 1) for text in cells]
    assert found == each and (together.utc, form) == (alone.utc, form)


FREQUENCIES = ["YS", "YE", "QS", "QE", "QS-FEB", "MS", "ME", "W-WED", "D", "2D", "B", "h", "6h", "15min", "s", "500ms"]


@settings(deadline=None)
@given(
    text=st.sampled_from(FREQUENCIES),
    start=st.dates(date(1900, 1, 1), date(2100, 1, 1)),
    count=st.integers(12, 40),
)
def test_what_a_calendar_gives_is_inferred_again(text: str, start: date, count: int) -> None:
    frequency = parse_frequency(text)
    origin = first_on_grid(text, start)
    times = [grid_time(frequency, origin, position) for position in range(count)]
    assert times == sorted(set(times))
    assert [grid_position(frequency, origin, time) for time in times] == list(range(count))
    found = infer_frequency(times)
    assert found is not None and alias(found, origin) == text
    thinned = [time for index, time in enumerate(times) if index % 5 != 3]
    again = infer_frequency(thinned)
    assert again is not None and alias(again, origin) == text


def first_on_grid(text: str, start: date) -> int:
    day = datetime(start.year, start.month, start.day)
    while not fits_anchor(parse_frequency(text), to_time(day)):
        day += timedelta(days=1)
    return to_time(day)
