"""Rows on their way into a dataset: pages as Parquet files in the job's work folder, put together into one at the end."""

import os
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from quarterdeck_ainode.iotdb.data.reading import NumberBatch
from quarterdeck_ainode.iotdb.data.time_precision import Times

#: Name of the file that holds all parts.
WHOLE = "rows.parquet"


def part_schema(columns: Sequence[str], time_zone: str) -> pa.Schema:
    """A time in microseconds with a zone, under a name that no column has, and columns of float64 that may be null."""
    time = "time"
    while time in columns:
        time += "_"
    fields = [pa.field(time, pa.timestamp("us", tz=time_zone), nullable=False)]
    return pa.schema([*fields, *(pa.field(name, pa.float64()) for name in columns)])


def part_path(folder: Path, number: int) -> Path:
    """Where a part lies, numbered from 1."""
    return folder / f"part-{number:06d}.parquet"


class PartWriter:
    """Writes one part; it is there under its name only once it is whole."""

    def __init__(self, folder: Path, number: int, schema: pa.Schema) -> None:
        self._path = part_path(folder, number)
        self._new = self._path.with_suffix(".new")
        self._schema = schema
        self._writer = pq.ParquetWriter(self._new, schema, compression="lz4", use_dictionary=False)

    def write(self, microseconds: Times, batch: NumberBatch) -> None:
        """Adds rows; NaN is written as null."""
        times = pa.array(microseconds, pa.int64()).cast(self._schema.types[0])
        columns = [pa.array(values, pa.float64(), from_pandas=True) for values in batch.columns]
        self._writer.write_batch(pa.RecordBatch.from_arrays([times, *columns], schema=self._schema))

    def finish(self) -> None:
        """Lets the part be there, on the disk."""
        self._writer.close()
        with self._new.open("rb") as file:
            os.fsync(file.fileno())
        self._new.replace(self._path)

    def abandon(self) -> None:
        """Removes what was written."""
        self._writer.close()
        self._new.unlink(missing_ok=True)


def whole_file(folder: Path, parts: int) -> Path:
    """One file with the rows of all parts, in their order; a single part is that file itself."""
    if parts == 1:
        return part_path(folder, 1)
    target = folder / WHOLE
    with pq.ParquetFile(part_path(folder, 1)) as first:
        schema = first.schema_arrow
    with pq.ParquetWriter(target, schema, compression="lz4", use_dictionary=False) as writer:
        for number in range(1, parts + 1):
            with pq.ParquetFile(part_path(folder, number), pre_buffer=False) as file:
                for batch in file.iter_batches():
                    writer.write_batch(batch)
    return target
