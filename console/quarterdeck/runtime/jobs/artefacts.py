"""Artefacts: files of an attempt put where they stay, so that a death at any moment neither loses nor doubles them."""

import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from quarterdeck.config.paths import InstancePaths
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.jobs import ArtefactFile


def spool_folder(paths: InstancePaths, job: int, token: int) -> Path:
    """Where an attempt puts its result and the files of its artefacts."""
    return paths.spool / f"{job}.{token}"


def work_folder(paths: InstancePaths, job: int) -> Path:
    """What all attempts at a job share."""
    return paths.spool / str(job)


def lease_path(paths: InstancePaths, job: int, token: int) -> Path:
    """The file that is locked while the attempt's process lives."""
    return paths.leases / f"{job}.{token}"


def log_path(paths: InstancePaths, job: int, token: int) -> Path:
    """The log of one attempt."""
    return paths.logs / "jobs" / f"{job}.{token}.log"


def attempt_of(name: str) -> tuple[int, int] | None:
    """Job and token that a lease's or a spool folder's name stands for, or None for something else."""
    job, separator, token = name.partition(".")
    return (int(job), int(token)) if separator and job.isdecimal() and token.isdecimal() else None


def artefact_paths(paths: InstancePaths, job: int, artefacts: Sequence[ArtefactFile]) -> tuple[str, ...]:
    """Where the artefacts of a job lie."""
    return tuple(str(paths.artefacts / str(job) / artefact.name) for artefact in artefacts)


def keep_artefacts(paths: InstancePaths, job: int, token: int, artefacts: Sequence[ArtefactFile]) -> None:
    """Puts the artefacts of a successful attempt into the job's folder, in place of those of an earlier one; may be repeated.

    Raises QuarterdeckError for a name that is not a bare file name, for what is not a file, and when the disk refuses.
    """
    remove_artefacts(paths, job)
    if not artefacts:
        return
    source = spool_folder(paths, job, token)
    target = paths.artefacts / str(job)
    try:
        target.mkdir(mode=0o700, parents=True)
        for artefact in artefacts:
            check_file_name(artefact.name)
            place(source / artefact.name, target / artefact.name)
        _sync_folder(target)
    except OSError as error:
        raise QuarterdeckError(
            f"the artefacts of job {job} cannot be kept in {target}: {error.strerror or error}",
            "make room or correct the folder's permissions, then retry the job",
        ) from error


def remove_artefacts(paths: InstancePaths, job: int) -> None:
    """Removes the artefacts of a job."""
    _remove_tree(paths.artefacts / str(job))


def remove_spool(paths: InstancePaths, job: int, token: int) -> None:
    """Removes what an attempt left, its spool folder and its lease; called once its result is committed or outdated."""
    _remove_tree(spool_folder(paths, job, token))
    lease_path(paths, job, token).unlink(missing_ok=True)


def discard_work(paths: InstancePaths, job: int, token: int) -> None:
    """Lets what all attempts shared go with what the last one left, at once for a new attempt that may begin. Raises OSError."""
    shared = work_folder(paths, job)
    if shared.exists():
        left = spool_folder(paths, job, token)
        left.mkdir(mode=0o700, parents=True, exist_ok=True)
        shared.rename(left / "work")


def remove_work(paths: InstancePaths, job: int) -> None:
    """Removes what all attempts at a job shared."""
    _remove_tree(work_folder(paths, job))


def check_file_name(name: str) -> None:
    """Raises QuarterdeckError unless the name is a bare file name; results come from plugin code."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise QuarterdeckError(f"{name!r} cannot be an artefact's name", "use a plain file name, as in forecast.csv")


def place(source: Path, target: Path) -> None:
    """Makes `target` the file `source`, in one step for readers; `source` stays, so that this can be repeated.

    Raises OSError, and QuarterdeckError when `source` is a link or anything else but a file.
    """
    if not stat.S_ISREG(source.lstat().st_mode):
        raise QuarterdeckError(f"{source} is not a plain file, so it is not kept", "let the job write a file")
    new = target.with_name(f".{target.name}.new")
    new.unlink(missing_ok=True)
    try:
        os.link(source, new)
    except OSError:
        shutil.copyfile(source, new)  # Some file systems have no second names for a file.
    new.replace(target)
    new.unlink(missing_ok=True)  # Renaming one name of a file onto another of the same file leaves both.


def _remove_tree(folder: Path) -> None:
    while folder.exists():
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            continue  # Somebody else removes it as well.


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
