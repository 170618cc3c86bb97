"""The core's export job: a dataset's rows into a CSV or Parquet file of the user's, which is whole or not there."""

import contextlib
import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from quarterdeck.runtime.datasets.arrow_compute import pc
from quarterdeck.runtime.datasets.browsing import time_text
from quarterdeck.runtime.datasets.export_terms import ExportFormat, ExportParameters, export_format
from quarterdeck.runtime.datasets.series_import import GROUP_ROWS, parquet_writer
from quarterdeck.runtime.datasets.time_parsing import zone
from quarterdeck_api.documents import Document, Fact, FactsBlock
from quarterdeck_api.errors import QuarterdeckError, RefusedError, UsageError
from quarterdeck_api.jobs import DatasetLocation, JobContext, JobValue

_BATCH_ROWS = 65_536


def export_dataset(context: JobContext) -> JobValue:
    """Writes the file; raises RefusedError when it is there already and `force` is not set, QuarterdeckError when the disk refuses."""
    try:
        asked = msgspec.convert(context.spec.parameters, ExportParameters)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"the export's parameters are wrong: {error}", "see `quarterdeck dataset export --help`"
        ) from error
    location = context.dataset(asked.dataset)
    target = Path(asked.file)
    form = export_format(asked)
    part = target.with_name(f".{target.name}.{context.spec.job}.{context.spec.token}.part")
    context.step("write")
    try:
        write = _write_csv if form is ExportFormat.CSV else _write_parquet
        rows = write(location, part, context)
        with part.open("rb") as file:
            os.fsync(file.fileno())
            size = os.fstat(file.fileno()).st_size
        _put_in_place(part, target, asked.force)
    except (OSError, pa.ArrowException) as error:
        raise QuarterdeckError(
            f"{location.address} cannot be written to {target}: {error}",
            "check the folder, its permissions and the disk",
        ) from error
    finally:
        part.unlink(missing_ok=True)
    context.progress(1.0, f"{rows:,} rows written")
    facts = (
        Fact("Dataset", location.address),
        Fact("File", str(target)),
        Fact("Format", form.value),
        Fact("Rows", rows),
        Fact("Bytes", size),
        Fact("Time zone", location.time_zone or "none given"),
    )
    data = {"dataset": location.address, "file": str(target), "format": form.value, "rows": rows, "bytes": size}
    return JobValue(data, Document(f"Export of {location.address}", (FactsBlock(facts),)))


def _put_in_place(part: Path, target: Path, force: bool) -> None:
    """Gives the finished file its name, in one step; without `force` only when nothing bears it."""
    if force:
        part.replace(target)
        return
    try:
        os.link(part, target)
        return
    except FileExistsError as error:
        raise RefusedError(f"there is {target} already", "name another file, or --force") from error
    except OSError:
        pass  # Some file systems have no second names for a file.
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError as error:
        raise RefusedError(f"there is {target} already", "name another file, or --force") from error
    part.replace(target)


def _batches(location: DatasetLocation, context: JobContext) -> Iterator[pa.RecordBatch]:
    """The dataset's rows: the time column as microseconds, then the columns of numbers."""
    columns = [location.time_column, *location.value_columns]
    written = 0
    with pq.ParquetFile(location.path, pre_buffer=False) as file:
        for batch in file.iter_batches(_BATCH_ROWS, columns=columns):
            yield batch
            written += batch.num_rows
            context.raise_if_cancelled()
            context.progress(written / max(location.rows, 1), f"{written:,} rows written")


def _write_parquet(location: DatasetLocation, path: Path, context: JobContext) -> int:
    kind = pa.timestamp("us", tz=location.time_zone or None)
    fields = [pa.field(location.time_column, kind, nullable=False)]
    fields += [pa.field(name, pa.float64()) for name in location.value_columns]
    schema, rows = pa.schema(fields), 0
    with parquet_writer(path, schema) as writer:
        for batch in _batches(location, context):
            rows += batch.num_rows
            table = pa.Table.from_arrays([batch.column(0).cast(kind), *batch.columns[1:]], schema=schema)
            writer.write_table(table, row_group_size=GROUP_ROWS)
    return rows


def _write_csv(location: DatasetLocation, path: Path, context: JobContext) -> int:
    place = zone(location.time_zone) if location.time_zone else None
    schema = pa.schema(
        [(location.time_column, pa.string()), *((name, pa.float64()) for name in location.value_columns)]
    )
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    header = io.StringIO(newline="")
    csv.writer(header, lineterminator="\n").writerow(schema.names)
    rows = 0
    with path.open("wb") as file:
        file.write(header.getvalue().encode())
        with pyarrow.csv.CSVWriter(file, schema, write_options=options) as writer:
            for batch in _batches(location, context):
                rows += batch.num_rows
                times = _iso_texts(batch.column(0), place)
                writer.write_batch(pa.RecordBatch.from_arrays([times, *batch.columns[1:]], schema=schema))
    return rows


def _iso_texts(times: Any, place: ZoneInfo | None) -> pa.Array:
    """Times as ISO texts: with the offset of their zone, or without any."""
    if place is not None and place.key != "UTC":
        return pa.array([time_text(time, place) for time in times.cast(pa.int64()).to_pylist()], pa.string())
    plain = times.cast(pa.timestamp("us", tz=times.type.tz)).cast(pa.timestamp("us"))
    with contextlib.suppress(pa.ArrowInvalid):  # Some have fractions of a second.
        plain = plain.cast(pa.timestamp("s"))
    texts = pc.strftime(plain, format="%Y-%m-%dT%H:%M:%S")
    return texts if place is None else pc.binary_join_element_wise(texts, "+00:00", "")
