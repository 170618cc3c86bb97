"""The core's import jobs: they run in a worker, read a CSV or Parquet file and leave a Parquet file for the catalogue of datasets."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from quarterdeck.runtime.datasets.catalogue import ImportReport, check_dataset_name
from quarterdeck.runtime.datasets.frequency import to_moment
from quarterdeck.runtime.datasets.import_plan import ImportPlan
from quarterdeck.runtime.datasets.job_types import DATASET_FILE
from quarterdeck.runtime.datasets.series_import import import_series
from quarterdeck_api.catalogue import SampleInfo
from quarterdeck_api.documents import Block, Document, Fact, FactsBlock, TextBlock
from quarterdeck_api.errors import UsageError
from quarterdeck_api.jobs import JobContext, JobValue

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
    source: str = ""
    title: str = ""


def import_file(context: JobContext) -> JobValue:
    """Imports a CSV or Parquet file."""
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
    return _import(context, plan, asked.title or asked.name, source=asked.source or asked.file)


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


def _import(context: JobContext, plan: ImportPlan, title: str, source: str) -> JobValue:
    def report(fraction: float, rows: int) -> None:
        context.raise_if_cancelled()
        context.progress(fraction, f"{rows:,} rows read")

    context.step("read")
    path = context.artefact(DATASET_FILE, "application/vnd.apache.parquet", title)
    series = import_series(plan, path, path.parent, report)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    for notice in series.notices:
        context.log(notice)
    result = ImportReport(
        rows=series.rows,
        frequency=series.spacing.alias,
        start=_iso(series.first, series.utc),
        end=_iso(series.last, series.utc),
        value_columns=series.columns,
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


def _document(title: str, result: ImportReport, notices: Sequence[str]) -> Document:
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
