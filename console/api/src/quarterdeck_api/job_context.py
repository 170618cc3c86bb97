"""What a job's implementation runs in: one context for workers and hosts alike."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from quarterdeck_api.backend_factory import make_backend
from quarterdeck_api.errors import JobCancelledError, UsageError
from quarterdeck_api.host_protocol import JOB_CHECKPOINT, JOB_PROGRESS, JobCheckpoint, JobProgress
from quarterdeck_api.jobs import ArtefactFile, DatasetLocation, JobSpec
from quarterdeck_api.spool import RESULT_FILE
from quarterdeck_api.wire import Method, encode_value

P = TypeVar("P")
T = TypeVar("T")
R = TypeVar("R")

#: Seconds between two reports of progress: at most 20 a second.
PROGRESS_INTERVAL = 0.05


class Channel(Protocol):
    """The way to whoever started the job; `send` may be called from any thread and does not wait for an answer."""

    def send(self, method: Method[P, Any], params: P) -> None:
        """Sends one notification."""
        ...


class JobLog(Protocol):
    """Where a job's lines go; may be called from any thread."""

    def write(self, line: str) -> None:
        """Writes one line (without newline), or several."""
        ...

    def offset(self) -> int:
        """How many bytes were written so far; everything written before is flushed."""
        ...


class OutputLog:
    """The log of a worker's job: standard output, which the guard writes to the log file and whose offset it fills in."""

    def write(self, line: str) -> None:
        """Writes one line, or several."""
        sys.stdout.write(f"{line}\n")

    def offset(self) -> int:
        """Flushes; 0, because only the guard knows the file."""
        sys.stdout.flush()
        sys.stderr.flush()
        return 0


class FileLog:
    """The log of a host's job: the file itself."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, line: str) -> None:
        """Writes one line, or several, in one piece."""
        os.write(self._descriptor, f"{line}\n".encode(errors="backslashreplace"))

    def offset(self) -> int:
        """The file's size in bytes."""
        return os.fstat(self._descriptor).st_size

    def close(self) -> None:
        """Closes the file; called once, after the job."""
        os.close(self._descriptor)


def start_timer(seconds: float, action: Callable[[], None]) -> None:
    """Calls the action once after some seconds, in a thread that keeps no process alive."""
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()


class RunningJob:
    """The JobContext of one attempt.

    `cancel` may be called from any thread; `finish` once, by whoever ran the implementation. `clock` (seconds, monotonic) and `later` decide
    when coalesced progress is sent.
    """

    def __init__(
        self,
        spec: JobSpec,
        channel: Channel,
        log: JobLog,
        clock: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], None] = start_timer,
    ) -> None:
        self._spec = spec
        self._channel = channel
        self._log = log
        self._clock = clock
        self._later = later
        self._lock = threading.RLock()
        self._cancelled = threading.Event()
        self._finished = False
        self._pending: JobProgress | None = None
        self._timer_runs = False
        self._last_sent = float("-inf")
        self._artefacts: dict[str, tuple[str, str]] = {}
        self._backend: object = None

    @property
    def spec(self) -> JobSpec:
        """What is to be done."""
        return self._spec

    @property
    def cancelled(self) -> bool:
        """Whether the job was asked to end."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Asks the job to end."""
        self._cancelled.set()

    def raise_if_cancelled(self) -> None:
        """Raises JobCancelledError when the job was asked to end."""
        if self.cancelled:
            raise JobCancelledError(
                f"job {self._spec.job} was cancelled", "start it again if you still want its result"
            )

    def step(self, name: str) -> None:
        """Begins a named step; what was reported before it is sent before it."""
        with self._lock:
            self._send_pending()
            self._send_progress(JobProgress(self._spec.job, self._spec.token, step=name, log_offset=self._log.offset()))

    def progress(self, fraction: float, message: str = "") -> None:
        """Reports progress, 0 to 1; at most 20 reports a second are sent, and always the last one."""
        with self._lock:
            bounded = min(1.0, max(0.0, fraction))
            self._pending = JobProgress(self._spec.job, self._spec.token, bounded, message)
            wait = self._last_sent + PROGRESS_INTERVAL - self._clock()
            if wait <= 0:
                self._send_pending()
            elif not self._timer_runs:
                self._timer_runs = True
                self._later(wait, self._timer_ended)

    def log(self, line: str) -> None:
        """Writes a line to the job's log."""
        self._log.write(line)

    def checkpoint(self, value: object) -> None:
        """Keeps a JSON value that the next attempt gets; raises UsageError when it is not one."""
        try:
            encode_value(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise UsageError(
                f"this checkpoint is not a JSON value: {error}", "pass numbers, texts, lists, maps"
            ) from error
        with self._lock:
            if not self._finished:
                self._channel.send(JOB_CHECKPOINT, JobCheckpoint(self._spec.job, self._spec.token, value))

    def artefact(self, name: str, media_type: str, title: str = "") -> Path:
        """Where to write an artefact's file; `name` is a bare file name, else UsageError."""
        unusable = name in ("", ".", "..") or "/" in name or "\\" in name or not name.isprintable()
        if unusable or name.startswith(RESULT_FILE):
            raise UsageError(f"{name!r} cannot be an artefact's name", "use a plain file name, as in forecast.parquet")
        folder = Path(self._spec.spool_folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock:
            self._artefacts[name] = (media_type, title or name)
        return folder / name

    def dataset(self, address: str) -> DatasetLocation:
        """Where a dataset named in the parameters lies; UsageError for any other."""
        found = self._spec.datasets.get(address)
        if found is None:
            known = ", ".join(sorted(self._spec.datasets)) or "none"
            raise UsageError(
                f"job {self._spec.job} was not given the dataset {address!r} (it was given: {known})",
                "name the dataset in the action's parameters",
                address,
            )
        return found

    def open(self) -> object:
        """The backend that the job belongs to, opened once in this process and closed when the job ends."""
        with self._lock:
            if self._backend is None:
                if not self._spec.backend_factory:
                    raise UsageError(
                        f"job {self._spec.job} has no backend", "start the action on a resource of a backend"
                    )
                self._backend = make_backend(
                    self._spec.backend, self._spec.backend_factory, self._spec.backend_settings
                )
            return self._backend

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Applies a function to items in order; stops when cancelled."""
        results: list[R] = []
        for item in items:
            self.raise_if_cancelled()
            results.append(function(item))
        self.raise_if_cancelled()
        return results

    def finish(self) -> tuple[ArtefactFile, ...]:
        """Closes the backend, sends the last progress and gives the artefacts that were written, with their sizes in bytes."""
        self._close_backend()
        with self._lock:
            self._send_pending()
            self._finished = True
        folder = Path(self._spec.spool_folder)
        written: list[ArtefactFile] = []
        for name, (media_type, title) in self._artefacts.items():
            path = folder / name
            if path.is_file() and not path.is_symlink():
                written.append(ArtefactFile(name, media_type, title, path.stat().st_size))
            else:
                self._log.write(f"the artefact {name} was announced, but no file was written")
        return tuple(written)

    def _close_backend(self) -> None:
        close = getattr(self._backend, "close", None)
        if close is None:
            return
        try:
            close()
        except Exception as error:  # noqa: BLE001 - the boundary to plugin code: a result is not lost because closing failed.
            self._log.write(f"closing the backend {self._spec.backend} failed: {type(error).__name__}: {error}")

    def _timer_ended(self) -> None:
        with self._lock:
            self._timer_runs = False
            self._send_pending()

    def _send_pending(self) -> None:
        if self._pending is not None:
            self._send_progress(self._pending)
            self._pending = None
            self._last_sent = self._clock()

    def _send_progress(self, progress: JobProgress) -> None:
        if not self._finished:
            self._channel.send(JOB_PROGRESS, progress)
