"""What an export is asked for: parameters, formats, and what can be refused before anything is queued."""

from enum import Enum
from pathlib import Path

import msgspec

from quarterdeck_api.errors import RefusedError, UsageError


class ExportFormat(Enum):
    """A format of exported files."""

    CSV = "csv"
    PARQUET = "parquet"


_BY_SUFFIX = {".csv": ExportFormat.CSV, ".parquet": ExportFormat.PARQUET, ".pq": ExportFormat.PARQUET}


class ExportParameters(msgspec.Struct, frozen=True):
    """Parameters of `dataset.export`; see the action's schema."""

    file: str
    dataset: str
    format: str = ""
    force: bool = False


def export_format(asked: ExportParameters) -> ExportFormat:
    """The format that is meant, by name or by the file's suffix; raises UsageError."""
    if asked.format:
        return ExportFormat(asked.format)
    found = _BY_SUFFIX.get(Path(asked.file).suffix.lower())
    if found is None:
        raise UsageError(f"{asked.file} does not say its format", "end its name in .csv or .parquet, or give --format")
    return found


def check_export(asked: ExportParameters) -> None:
    """Raises UsageError for a file that cannot be written, RefusedError for one that is there and is not to be replaced."""
    export_format(asked)
    file = Path(asked.file)
    if not file.is_absolute():
        raise UsageError(f"{file} is not an absolute path", "write the whole path")
    if not file.parent.is_dir():
        raise UsageError(f"there is no folder {file.parent}", "make it first")
    if file.is_dir():
        raise UsageError(f"{file} is a folder", "name a file in it")
    if file.exists() and not asked.force:
        raise RefusedError(f"there is {file} already", "name another file, or --force")
