"""What a job's implementation runs in: what the contexts of workers and hosts have in common."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from quarterdeck_api.errors import JobCancelledError, UsageError
from quarterdeck_api.host_protocol import JOB_CHECKPOINT, JOB_PROGRESS, JobCheckpoint, JobProgress
from quarterdeck_api.jobs import ArtefactFile, DatasetLocation, JobResult, JobSpec, JobState, JobStep, StepBlock
from quarterdeck_api.spool import RESULT_FILE, work_folder
from quarterdeck_api.wire import Method, encode_value

P = TypeVar("P")

#: Steps of an attempt that are kept.
MOST_STEPS = 200
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
    """What a job's context can do of itself (JobReporting); workers and hosts add what may wait.

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
        self._done = dict(spec.done)
        self._checkpoint: object = spec.checkpoint
        self._steps: list[JobStep] = []

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

    def step(self, name: str) -> StepBlock:
        """Begins a named step; what was reported before it is sent before it. The next step ends it, or its `with` block does."""
        self._send_step(name)
        return _OpenStep(lambda state: self._send_step(name, state.value))

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
        _require_json(value, "this checkpoint")
        with self._lock:
            self._checkpoint = value
            self._send_checkpoint()

    def done(self, step: str) -> Any:
        """What `finish_step` kept for a step, in this attempt or one before; None when the step has to be done."""
        with self._lock:
            return self._done.get(step)

    def finish_step(self, step: str, value: object = True) -> None:
        """Keeps that a step is done, with a JSON value other than null, else UsageError."""
        _require_json(value, f"what step {step!r} gave")
        if value is None:
            raise UsageError(f"step {step!r} cannot be finished with nothing", "leave the value out, or pass one")
        with self._lock:
            self._done.pop(step, None)  # What is done last stands last.
            self._done[step] = value
            self._send_checkpoint()

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

    def work_folder(self) -> Path:
        """A folder that all attempts at the job share; it is made when it is not there."""
        folder = work_folder(self._spec)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

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

    def finish(self) -> tuple[ArtefactFile, ...]:
        """Sends the last progress and gives the artefacts that were written, with their sizes in bytes."""
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

    def complete(self, result: JobResult) -> JobResult:
        """The result with what was reported on the way, for a runtime that was not there to hear it."""
        with self._lock:
            return replace(result, steps=tuple(self._steps), checkpoint=self._checkpoint, done=dict(self._done))

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

    def _send_step(self, name: str, state: str = "") -> None:
        with self._lock:
            self._send_pending()
            offset = self._log.offset()
            self._note_step(name, offset, JobState(state) if state else JobState.RUNNING)
            self._send_progress(
                JobProgress(self._spec.job, self._spec.token, step=name, log_offset=offset, step_state=state)
            )

    def _note_step(self, name: str, offset: int, state: JobState) -> None:
        now = time.time()
        if state is JobState.RUNNING:
            if self._steps and not self._steps[-1].ended:
                self._steps[-1] = replace(self._steps[-1], ended=now, state=JobState.SUCCEEDED)
            if len(self._steps) < MOST_STEPS:
                self._steps.append(JobStep(name, now, log_offset=offset, attempt=self._spec.token))
        elif self._steps and self._steps[-1].name == name and not self._steps[-1].ended:
            self._steps[-1] = replace(self._steps[-1], ended=now, state=state)

    def _send_checkpoint(self) -> None:
        if not self._finished:
            kept = JobCheckpoint(self._spec.job, self._spec.token, self._checkpoint, dict(self._done))
            self._channel.send(JOB_CHECKPOINT, kept)


class _OpenStep:
    """A step's `with` block."""

    def __init__(self, end: Callable[[JobState], None]) -> None:
        self._end = end

    def __enter__(self) -> StepBlock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._end(JobState.SUCCEEDED)
        elif isinstance(error, JobCancelledError | asyncio.CancelledError):
            self._end(JobState.CANCELLED)
        else:
            self._end(JobState.FAILED)


def _require_json(value: object, what: str) -> None:
    try:
        encode_value(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"{what} is not a JSON value: {error}", "pass numbers, texts, lists, maps") from error
