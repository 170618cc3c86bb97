"""Loading a dataset's rows: values unchanged, nulls as NaN, errors as sentences."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as arrow
import pytest
from pyarrow import parquet

from quarterdeck_api.dataset_reading import choose_column, read_frame, read_series
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, UsageError
from quarterdeck_api.jobs import DatasetLocation

TIMES = np.array(["2024-01-01", "2024-01-02", "2024-01-03"], "datetime64[us]")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., DatasetLocation]:
    def make(time_zone: str = "", target: str = "a", times: Any = TIMES, **columns: Any) -> DatasetLocation:
        path = tmp_path / "d.parquet"
        stamps = arrow.array(times, arrow.timestamp("us", "UTC" if time_zone else None))
        parquet.write_table(arrow.table({"when": stamps, **columns}), path, row_group_size=2)
        return DatasetLocation(
            "core/dataset/d", str(path), "when", "D", time_zone, tuple(columns), target, len(times), ""
        )

    return make


def test_values_are_as_stored(write: Callable[..., DatasetLocation]) -> None:
    location = write(a=[0.1, 1e300, -0.0], b=[1, 2, 3])
    times, values = read_series(location)
    assert np.array_equal(times, TIMES)
    assert values.dtype == np.float64
    assert np.array_equal(values, [0.1, 1e300, -0.0])
    assert np.array_equal(read_series(location, "b")[1], [1.0, 2.0, 3.0])


def test_a_null_is_nan(write: Callable[..., DatasetLocation]) -> None:
    location = write(a=[1.0, None, 3.0], b=arrow.array([1, None, 3], arrow.int64()))
    assert np.array_equal(np.isnan(read_series(location)[1]), [False, True, False])
    assert np.array_equal(read_series(location, "b")[1], [1.0, np.nan, 3.0], equal_nan=True)


def test_values_can_be_changed_without_touching_the_file(write: Callable[..., DatasetLocation]) -> None:
    location = write(a=[1.0, 2.0, 3.0])
    values = read_series(location)[1]
    values[0] = 9.0
    assert read_series(location)[1][0] == 1.0


def test_times_of_a_zone_are_utc(write: Callable[..., DatasetLocation]) -> None:
    location = write("Europe/Berlin", a=[1.0, 2.0, 3.0])
    assert np.array_equal(read_series(location)[0], TIMES)
    index: Any = read_frame(location).index
    assert str(index.tz) == "UTC"


def test_a_frame_has_the_columns_and_times(write: Callable[..., DatasetLocation]) -> None:
    location = write(a=[1.0, 2.0, 3.0], b=[1, 2, 3])
    frame = read_frame(location)
    assert list(frame.columns) == ["a", "b"]
    assert frame.index.name == "when"
    assert np.array_equal(frame.index.to_numpy(), TIMES)
    assert list(read_frame(location, ("b",)).columns) == ["b"]


def test_the_column_meant_is_the_named_the_target_or_the_only_one(write: Callable[..., DatasetLocation]) -> None:
    location = write(alpha=[1.0, 2.0, 3.0], beta=[1.0, 2.0, 3.0], target="beta")
    assert choose_column(location) == "beta"
    assert choose_column(location, "alpha") == "alpha"
    with pytest.raises(UsageError, match="no numeric column 'alpa'") as caught:
        choose_column(location, "alpa")
    assert "did you mean alpha?" in caught.value.remedy
    with pytest.raises(UsageError, match="several columns and no target"):
        choose_column(msgspec.structs.replace(location, target=""))
    assert choose_column(msgspec.structs.replace(location, target="", value_columns=("alpha",))) == "alpha"
    with pytest.raises(UsageError, match="has no numeric column"):
        choose_column(msgspec.structs.replace(location, target="", value_columns=()))


def test_a_file_that_is_gone_or_broken_is_a_sentence(write: Callable[..., DatasetLocation]) -> None:
    location = write(a=[1.0, 2.0, 3.0])
    Path(location.path).write_bytes(b"not parquet")
    with pytest.raises(QuarterdeckError, match="cannot be read from") as caught:
        read_series(location)
    assert caught.value.remedy
    Path(location.path).unlink()
    with pytest.raises(NotFoundError, match="is gone"):
        read_series(location)
