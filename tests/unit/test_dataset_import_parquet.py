"""Import of Parquet files: every kind of time that they hold, and how wrong rows are named."""

import math
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imported_series import Series, read_plan
from quarterdeck.runtime.datasets.frequency import to_moment
from quarterdeck.runtime.datasets.import_plan import ImportPlan
from quarterdeck_api.errors import UsageError


def parquet(tmp_path: Path, times: pa.Array, **plan: Any) -> Series:
    path = tmp_path / "file.data"
    values = pa.array([1, 2, None][: len(times)], pa.int32())
    pq.write_table(pa.table({"t": times, "y": values, "label": ["a"] * len(times)}), path)
    return read_plan(ImportPlan(path, time="t", **plan), tmp_path)


DAYS = [datetime(2024, 3, 30, 23), datetime(2024, 3, 31, 22), datetime(2024, 4, 1, 22)]


@pytest.mark.parametrize(
    ("kind", "zone_name", "frequency"),
    [
        (pa.timestamp("ns", "Europe/Berlin"), "Europe/Berlin", "D"),
        (pa.timestamp("s", "UTC"), "UTC", ""),
        (pa.timestamp("ms", "+02:00"), "UTC", ""),
    ],
)
def test_a_parquet_file_keeps_its_zone(tmp_path: Path, kind: pa.DataType, zone_name: str, frequency: str) -> None:
    series = parquet(tmp_path, pa.array([day.replace(tzinfo=UTC) for day in DAYS]).cast(kind))
    assert (series.utc, series.time_zone, series.spacing.alias) == (True, zone_name, frequency)
    assert [to_moment(time) for time in series.times] == DAYS
    assert series.columns == {"y": [1.0, 2.0, None]} and series.missing == {"y": 1}
    assert "column 'label' holds string, not numbers, and is left out" in series.notices


def test_a_parquet_file_of_clock_readings_dates_texts_and_numbers(tmp_path: Path) -> None:
    days = [date(2024, 3, 31), date(2024, 4, 1), date(2024, 4, 2)]
    assert parquet(tmp_path, pa.array(days)).utc is False
    for times in (pa.array(days), pa.array([f"{day}" for day in days])):
        series = parquet(tmp_path, times, time_zone="Europe/Berlin")
        assert ([to_moment(time) for time in series.times], series.spacing.alias) == (DAYS, "D")
    series = parquet(tmp_path, pa.array([1_700_000_000, 1_700_000_060, 1_700_000_120]))
    assert (series.utc, series.spacing.alias) == (True, "min")


def test_wrong_rows_of_a_parquet_file_are_named(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    times = pa.array([datetime(2024, 1, 1), None, datetime(2024, 1, 1)])
    pq.write_table(pa.table({"t": times, "y": [1.0, math.inf, 2.0]}), path)
    with pytest.raises(UsageError) as raised:
        read_plan(ImportPlan(path, time="t"), tmp_path)
    said = raised.value.message
    assert "Row 2, column 't' is null" in said and "Row 2, column 'y': 'inf' is not finite" in said
    assert "Row 3, column 't': '2024-01-01 00:00:00' is there twice (also in row 1)" in said
    for plan, what in ((ImportPlan(path, time="x"), "no column 'x'"), (ImportPlan(path, time="y"), "which is no time")):
        with pytest.raises(UsageError, match=what):
            read_plan(plan, tmp_path)
    path.write_bytes(b"PAR1 and nothing more")
    with pytest.raises(UsageError, match="is not a Parquet file that can be read"):
        read_plan(ImportPlan(path, time="t"), tmp_path)
