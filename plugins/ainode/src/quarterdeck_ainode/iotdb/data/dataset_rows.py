"""Rows of a dataset on their way into a cluster: looked at first, then read in batches from any row on."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from quarterdeck_ainode.iotdb.data.reading import NumberBatch
from quarterdeck_ainode.iotdb.data.time_precision import Times
from quarterdeck_api.errors import NotFoundError, UsageError
from quarterdeck_api.jobs import DatasetLocation

#: Rows that are decoded at a time.
_ROWS = 65_536


class DatasetRows:
    """The rows of a dataset: times in microseconds and some columns. Raises NotFoundError when the file is gone."""

    def __init__(self, location: DatasetLocation, columns: tuple[str, ...]) -> None:
        if not Path(location.path).is_file():
            raise NotFoundError(f"the file of {location.address} is gone", "import the dataset again", location.address)
        self._file = pq.ParquetFile(location.path, pre_buffer=False)
        self._time = location.time_column
        self._address = location.address
        self.columns = columns
        self.rows = int(self._file.metadata.num_rows)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def span(self) -> tuple[int, int]:
        """The first and the last time."""
        if not self.rows:
            raise UsageError(f"{self._address} has no rows", "name another dataset", self._address)
        groups = [group for group in range(self._file.num_row_groups) if self._file.metadata.row_group(group).num_rows]
        first = self._file.read_row_group(groups[0], columns=[self._time])
        last = self._file.read_row_group(groups[-1], columns=[self._time])
        return int(_microseconds(first.column(0).combine_chunks())[0]), int(
            _microseconds(last.column(0).combine_chunks())[-1]
        )

    def times_and_numbers(self, first_row: int = 0, at_once: int = _ROWS) -> Iterator[NumberBatch]:
        """The rows from one on (0 is the first), `at_once` at a time but for the last ones of a group; NaN is a missing value."""
        skip = first_row
        groups: list[int] = []
        for group in range(self._file.num_row_groups):
            size = self._file.metadata.row_group(group).num_rows
            if not groups and skip >= size:
                skip -= size
            else:
                groups.append(group)
        names = [self._time, *self.columns]
        for batch in self._file.iter_batches(at_once, row_groups=groups, columns=names) if groups else ():
            if skip >= batch.num_rows:
                skip -= batch.num_rows
                continue
            rows = batch.slice(skip)
            skip = 0
            times = _microseconds(rows.column(rows.schema.get_field_index(self._time)))
            numbers = (_numbers(rows.column(rows.schema.get_field_index(name))) for name in self.columns)
            yield NumberBatch(times, tuple(numbers))


def _microseconds(times: pa.Array) -> Times:
    return times.cast(pa.timestamp("us", tz=times.type.tz)).cast(pa.int64()).to_numpy(zero_copy_only=False)


def _numbers(values: pa.Array) -> NDArray[np.float64]:
    return values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
