"""The core's import jobs: they run in a worker, read a CSV file and leave a Parquet file for the catalogue of datasets."""

import hashlib
import os
from array import array
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from quarterdeck.runtime.datasets.catalogue import ImportReport, check_dataset_name
from quarterdeck.runtime.datasets.csv_import import ImportPlan, Series, read_series
from quarterdeck.runtime.datasets.frequency import to_moment
from quarterdeck.runtime.datasets.job_types import DATASET_FILE
from quarterdeck_api.catalogue import SampleInfo
from quarterdeck_api.documents import Block, Document, Fact, FactsBlock, TextBlock
from quarterdeck_api.errors import UsageError
from quarterdeck_api.jobs import JobContext, JobValue

_ROWS_AT_ONCE = 100_000
_BYTES_AT_ONCE = 1024 * 1024


class ImportParameters(msgspec.Struct, frozen=True):
    """Parameters of `dataset.import`; see the action's schema."""

    file: str
    time: str
    name: str
    target: str = ""
    frequency: str = ""
    time_zone: str = ""
    replace: bool = False


def import_file(context: JobContext) -> JobValue:
    """Imports a CSV file."""
    try:
        asked = msgspec.convert(context.spec.parameters, ImportParameters)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"the import's parameters are wrong: {error}", "see `quarterdeck dataset import --help`"
        ) from error
    check_dataset_name(asked.name)
    plan = ImportPlan(
        Path(asked.file),
        time=asked.time,
        frequency=asked.frequency,
        time_zone=asked.time_zone,
        target=asked.target,
    )
    return _import(context, plan, asked.name, source=asked.file)


def import_sample(context: JobContext) -> JobValue:
    """Imports a series that a package on this machine ships."""
    try:
        sample = msgspec.convert(context.spec.parameters, SampleInfo)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"the sample's description is wrong: {error}", "reinstall the plugin that offers it"
        ) from error
    check_dataset_name(sample.name)
    plan = ImportPlan(
        Path(sample.path),
        time=sample.time_column,
        start=sample.start,
        frequency=sample.frequency,
        target=sample.target,
        columns=sample.columns,
        rename=sample.rename,
        where=sample.where,
        fractional_years=sample.format == "year",
    )
    return _import(context, plan, sample.title, source=sample.source or sample.path)


def write_parquet(series: Series, path: Path) -> None:
    """Writes a series as Parquet, compressed with zstd, synced to disk: the time column, then the columns of numbers (missing: null)."""
    kind = pa.timestamp("us", tz="UTC" if series.utc else None)
    fields = [
        pa.field(series.time_column, kind, nullable=False),
        *(pa.field(name, pa.float64()) for name in series.columns),
    ]
    schema = pa.schema(fields)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for first in range(0, len(series.times), _ROWS_AT_ONCE):
            last = first + _ROWS_AT_ONCE
            columns = [pa.array(series.times[first:last], pa.int64()).cast(kind)]
            columns += [_nullable(numbers[first:last]) for numbers in series.columns.values()]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _nullable(numbers: "array[float]") -> pa.Array:
    return pa.array(memoryview(numbers).tolist(), pa.float64(), from_pandas=True)


def _import(context: JobContext, plan: ImportPlan, title: str, source: str) -> JobValue:
    def report(fraction: float, rows: int) -> None:
        context.raise_if_cancelled()
        context.progress(fraction * 0.9, f"{rows:,} rows read")

    context.step("read")
    series = read_series(plan, report)
    context.raise_if_cancelled()
    context.step("write")
    context.progress(0.9, f"writing {len(series.times):,} rows")
    path = context.artefact(DATASET_FILE, "application/vnd.apache.parquet", title)
    write_parquet(series, path)
    for notice in series.notices:
        context.log(notice)
    result = ImportReport(
        rows=len(series.times),
        frequency=series.spacing.alias,
        start=_iso(series.times[0], series.utc),
        end=_iso(series.times[-1], series.utc),
        value_columns=tuple(series.columns),
        time_column=series.time_column,
        time_zone=series.time_zone,
        target=series.target,
        sha256=_sha256(path),
        bytes=path.stat().st_size,
        gaps=series.spacing.gaps,
        first_gaps=series.spacing.first_gaps,
        missing=series.missing,
        source=source,
        title=title,
    )
    return JobValue(msgspec.to_builtins(result), _document(title, result, series.notices))


def _document(title: str, result: ImportReport, notices: list[str]) -> Document:
    facts = FactsBlock(
        (
            Fact("Rows", result.rows),
            Fact("From", result.start),
            Fact("To", result.end),
            Fact("Frequency", result.frequency or "irregular"),
            Fact("Time zone", result.time_zone or "none given"),
            Fact("Columns", " ".join(result.value_columns)),
            Fact("Target", result.target),
            Fact("Source", result.source),
        )
    )
    blocks: tuple[Block, ...] = (facts, TextBlock("\n".join(notices), title="Notices")) if notices else (facts,)
    return Document(title, blocks)


def _iso(time: int, utc: bool) -> str:
    return to_moment(time).isoformat() + ("+00:00" if utc else "")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_BYTES_AT_ONCE):
            digest.update(part)
    return digest.hexdigest()
