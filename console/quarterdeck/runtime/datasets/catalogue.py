"""The catalogue of datasets: what there is, what it means, and where its rows lie. Rows themselves are read in workers only."""

import re
import sqlite3
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from quarterdeck.config.paths import InstancePaths, make_private
from quarterdeck.runtime.database import transaction
from quarterdeck.runtime.datasets.job_types import DATASET_FILE, IMPORT_JOB, SAMPLE_JOB
from quarterdeck.runtime.jobs.artefacts import place
from quarterdeck_api.catalogue import Column, ColumnType, SampleInfo
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, RefusedError, UsageError
from quarterdeck_api.jobs import DatasetLocation, JobResult
from quarterdeck_api.nearest import nearest
from quarterdeck_api.protocol import JobRecord
from quarterdeck_api.resources import CORE, Address, Health, Resource

DATASET_COLUMNS = (
    Column("rows", "Rows", ColumnType.INTEGER),
    Column("frequency", "Frequency"),
    Column("target", "Target"),
    Column("columns", "Columns"),
    Column("start", "Start", ColumnType.TIMESTAMP),
    Column("end", "End", ColumnType.TIMESTAMP),
    Column("time_zone", "Time zone"),
    Column("bytes", "Size", ColumnType.BYTES),
    Column("source", "Source"),
    Column("used_by", "Used by"),
)

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_MOST_USERS_SHOWN = 5


class ImportReport(Struct, frozen=True):
    """What an import job says of the dataset that it wrote: the data of its result.

    `start` and `end` are ISO times; naive ones are taken for UTC where a moment is needed. `gaps` counts times that the frequency expects and
    the file lacks, `missing` counts empty cells by column.
    """

    rows: int
    frequency: str
    start: str
    end: str
    value_columns: tuple[str, ...]
    time_column: str
    time_zone: str
    target: str
    sha256: str
    bytes: int
    gaps: int = 0
    first_gaps: tuple[str, ...] = ()
    missing: dict[str, int] = {}
    source: str = ""
    title: str = ""


class DatasetRecord(Struct, frozen=True):
    """A dataset: `state` is `ready`, or `sample` while a sample has not been imported; `start` and `end` in Unix seconds, None unknown."""

    name: str
    state: str
    title: str
    source: str
    frequency: str
    target: str
    value_columns: tuple[str, ...]
    rows: int
    time_column: str = ""
    time_zone: str = ""
    gaps: int = 0
    start: float | None = None
    end: float | None = None
    bytes: int = 0
    sha256: str = ""
    imported: float = 0.0
    sample: bool = False
    used_by: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """The dataset's address."""
        return dataset_address(self.name)


def dataset_address(name: str) -> str:
    """The address of a dataset."""
    return str(Address(CORE, "dataset", name))


def check_dataset_name(name: str) -> None:
    """Raises UsageError unless the name can be a dataset's."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a dataset's name",
            "use lower-case letters, digits, '.', '_' and '-' only, at most 100, beginning with a letter or digit",
        )


class DatasetCatalogue:
    """Datasets that were imported, and samples that plugins offer; takes over what import jobs wrote."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        paths: InstancePaths,
        samples: Callable[[], Iterable[SampleInfo]],
        clock: Callable[[], float],
    ) -> None:
        self._db = connection
        self._paths = paths
        self._samples = samples
        self._clock = clock

    def all(self) -> list[DatasetRecord]:
        """Every dataset and every sample, by name."""
        rows = self._db.execute("SELECT * FROM dataset")
        ready = {row["name"]: self._record(row) for row in rows if self._path(row["name"]).is_file()}
        offered = {sample.name: _offered(sample) for sample in self._samples()}
        return [record for _, record in sorted({**offered, **ready}.items())]

    def get(self, name: str) -> DatasetRecord | None:
        """A dataset or sample by name, or None."""
        row = self._ready_row(name)
        if row is not None:
            return self._record(row)
        sample = self._sample(name)
        return _offered(sample) if sample else None

    def unmade_sample(self, name: str) -> SampleInfo | None:
        """The sample that has to be imported before the dataset can be read, or None."""
        return None if self._ready_row(name) is not None else self._sample(name)

    def location(self, text: str) -> DatasetLocation:
        """Where the rows of a dataset lie, by address or bare name.

        Raises NotFoundError with the nearest name, and UsageError for a sample that is not imported yet.
        """
        name = Address.parse(text, "dataset").name
        row = self._ready_row(name)
        if row is None:
            raise self._absent(name)
        return DatasetLocation(
            address=dataset_address(name),
            path=str(self._path(name)),
            time_column=row["time_column"],
            frequency=row["frequency"],
            time_zone=row["time_zone"],
            value_columns=msgspec.json.decode(row["value_columns"], type=tuple[str, ...]),
            target=row["target"],
            rows=row["rows"],
            sha256=row["sha256"],
        )

    def used_by(self, name: str) -> tuple[str, ...]:
        """Addresses of the jobs that read the dataset, the newest first; at most the newest few."""
        rows = self._db.execute(
            "SELECT job FROM job_dataset WHERE dataset = ? ORDER BY job DESC LIMIT ?",
            (dataset_address(name), _MOST_USERS_SHOWN),
        )
        return tuple(str(Address(CORE, "job", str(row["job"]))) for row in rows)

    def keep(self, record: JobRecord, result: JobResult, folder: Path) -> JobResult:
        """Takes over the file that an import job wrote, within the transaction that records the job's end; may be repeated.

        Raises RefusedError when the name was taken meanwhile, QuarterdeckError when the result is not what such a job gives.
        """
        if record.plugin != CORE or record.job_type not in (IMPORT_JOB, SAMPLE_JOB) or result.value is None:
            return result
        name = str(record.parameters.get("name", ""))
        check_dataset_name(name)
        sample = record.job_type == SAMPLE_JOB
        if not sample and not record.parameters.get("replace"):
            self.refuse_existing(name)
        try:
            report = msgspec.convert(result.value.data, ImportReport)
            make_private(self._paths.datasets)
            place(folder / DATASET_FILE, self._path(name))
        except (msgspec.ValidationError, OSError) as error:
            raise QuarterdeckError(
                f"dataset {name!r} cannot be kept: {error}", "import it again", dataset_address(name)
            ) from error
        self._insert(name, report, sample)
        others = tuple(each for each in result.artefacts if each.name != DATASET_FILE)
        return msgspec.structs.replace(result, artefacts=others)

    def refuse_existing(self, name: str) -> None:
        """Raises RefusedError when there is an imported dataset or a sample of that name."""
        if self.get(name) is not None:
            raise RefusedError(
                f"there is a dataset {name!r} already", "give another name, or replace it", dataset_address(name)
            )

    def remove(self, name: str) -> None:
        """Removes an imported dataset; a sample becomes one that is not imported yet.

        Raises NotFoundError, and RefusedError while a job reads it.
        """
        if self._ready_row(name) is None:
            raise self._absent(name)
        with transaction(self._db):
            reader = self._db.execute(
                "SELECT job FROM job_dataset JOIN job ON job.number = job_dataset.job WHERE dataset = ? AND state = 'running' LIMIT 1",
                (dataset_address(name),),
            ).fetchone()
            if reader is not None:
                raise RefusedError(
                    f"dataset {name} is being read by core/job/{reader['job']}",
                    "wait for it or cancel it",
                    dataset_address(name),
                )
            self._db.execute("DELETE FROM dataset WHERE name = ?", (name,))
        self._path(name).unlink(missing_ok=True)

    def _insert(self, name: str, report: ImportReport, sample: bool) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO dataset (name, title, source, time_column, frequency, time_zone, value_columns, target, rows, gaps, "
            "starts, ends, bytes, sha256, imported, sample) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                name,
                report.title or name,
                report.source,
                report.time_column,
                report.frequency,
                report.time_zone,
                msgspec.json.encode(report.value_columns).decode(),
                report.target,
                report.rows,
                report.gaps,
                _seconds(report.start),
                _seconds(report.end),
                report.bytes,
                report.sha256,
                self._clock(),
                int(sample),
            ),
        )

    def _path(self, name: str) -> Path:
        return self._paths.datasets / f"{name}.parquet"

    def _ready_row(self, name: str) -> sqlite3.Row | None:
        row = self._db.execute("SELECT * FROM dataset WHERE name = ?", (name,)).fetchone()
        return row if row is not None and self._path(name).is_file() else None

    def _sample(self, name: str) -> SampleInfo | None:
        return next((sample for sample in self._samples() if sample.name == name), None)

    def _absent(self, name: str) -> QuarterdeckError:
        address = dataset_address(name)
        if self._sample(name) is not None:
            return UsageError(
                f"the sample {name} is not imported yet", f"name it in an action, as --dataset {name}", address
            )
        known = [record.name for record in self.all()]
        return NotFoundError(f"there is no dataset {name!r}", nearest(name, known, "import one"), address)

    def _record(self, row: sqlite3.Row) -> DatasetRecord:
        return DatasetRecord(
            name=row["name"],
            state="ready",
            title=row["title"],
            source=row["source"],
            frequency=row["frequency"],
            target=row["target"],
            value_columns=msgspec.json.decode(row["value_columns"], type=tuple[str, ...]),
            rows=row["rows"],
            time_column=row["time_column"],
            time_zone=row["time_zone"],
            gaps=row["gaps"],
            start=row["starts"],
            end=row["ends"],
            bytes=row["bytes"],
            sha256=row["sha256"],
            imported=row["imported"],
            sample=bool(row["sample"]),
            used_by=self.used_by(row["name"]),
        )


def missing_times(gaps: int) -> str:
    """How many times are missing, in words."""
    return "1 time is missing" if gaps == 1 else f"{gaps} times are missing"


def dataset_resource(record: DatasetRecord) -> Resource:
    """A dataset as a resource."""
    imported = record.state == "ready"
    reason = missing_times(record.gaps) if record.gaps else ""
    return Resource(
        record.address,
        record.sha256 or record.name,
        Health.DEGRADED if record.gaps else Health.OK,
        record.state,
        reason,
        record.imported,
        (
            record.rows,
            record.frequency,
            record.target,
            " ".join(record.value_columns),
            record.start,
            record.end,
            record.time_zone,
            record.bytes if imported else None,
            record.source,
            " ".join(record.used_by),
        ),
        actions_off={} if imported else {"dataset.remove": "the sample is not imported yet"},
    )


def _offered(sample: SampleInfo) -> DatasetRecord:
    return DatasetRecord(
        name=sample.name,
        state="sample",
        title=sample.title,
        source=sample.source,
        frequency=sample.frequency,
        target=sample.target,
        value_columns=tuple(sample.rename.get(column, column) for column in sample.columns),
        rows=sample.rows,
        sample=True,
    )


def _seconds(text: str) -> float:
    moment: Any = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.timestamp()
