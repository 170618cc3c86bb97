"""The spool: how the result of an attempt outlives the process that made it, until the runtime commits it."""

import os
from pathlib import Path

import msgspec

from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.jobs import JobResult, JobSpec

RESULT_FILE = "result.json"

_decoder = msgspec.json.Decoder(JobResult)


def work_folder(spec: JobSpec) -> Path:
    """What all attempts at a job share: beside their spool folders, by the job's number."""
    return Path(spec.spool_folder).with_name(str(spec.job))


def write_result(spec: JobSpec, result: JobResult) -> None:
    """Stores the result in the attempt's spool folder: all of it and its artefacts are on the disk afterwards, or none of it is visible.

    Raises QuarterdeckError when the folder cannot be written (disk full, no permission).
    """
    folder = Path(spec.spool_folder)
    temporary = folder / f"{RESULT_FILE}.new"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for artefact in result.artefacts:
            _sync(folder / artefact.name)
        with temporary.open("wb") as file:
            file.write(msgspec.json.encode(result))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / RESULT_FILE)
        _sync(folder)
    except OSError as error:
        raise QuarterdeckError(
            f"the result of job {spec.job} cannot be stored in {folder}: {error.strerror or error}",
            "make room or correct the folder's permissions, then retry the job",
        ) from error


def read_result(folder: Path, token: int) -> JobResult | None:
    """The result that an attempt stored, or None when there is none.

    Raises QuarterdeckError when the file is damaged, cannot be read, or belongs to another attempt.
    """
    path = folder / RESULT_FILE
    remedy = "retry the job; keep the file if you want to report this"
    try:
        result = _decoder.decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise QuarterdeckError(f"the result {path} cannot be read: {error.strerror or error}", remedy) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise QuarterdeckError(f"the result {path} is damaged: {error}", remedy) from error
    if result.token != token:
        raise QuarterdeckError(f"the result {path} belongs to attempt {result.token}, not to {token}", remedy)
    return result


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
