"""Jobs: what one is told, what it gives back, and the context that it runs in."""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from quarterdeck_api.documents import Document
from quarterdeck_api.errors import ErrorReport
from quarterdeck_api.process_requests import ProcessReadiness
from quarterdeck_api.processes import ControlAnswer, ControlMessage

T = TypeVar("T")
R = TypeVar("R")


class JobState(Enum):
    """The life of a job; the last four are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DEAD = "dead"

    @property
    def final(self) -> bool:
        """Whether nothing more happens to the job by itself."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


class DatasetLocation(Struct, frozen=True):
    """Where a dataset's rows lie and what they mean: a Parquet file with one UTC-or-naive time column, sorted.

    `frequency` is a pandas alias (`MS`, `h`, `YS`), empty when the spacing is not regular. `value_columns` are the numeric ones.
    """

    address: str
    path: str
    time_column: str
    frequency: str
    time_zone: str
    value_columns: tuple[str, ...]
    target: str
    rows: int
    sha256: str


class JobSpec(Struct, frozen=True):
    """One attempt at a job, as host and worker get it.

    `token` is the fencing token: results of an older one are not recorded. `lease_path` is held as a file lock as long as the attempt's
    process lives; the result is spooled below `spool_folder`, output goes to `log_path`. `wall_clock_limit` in seconds, 0 is none. `done` are the steps that attempts before
    have finished, with what each gave. `map_processes` work on a map at most; with `dask`, the address of a scheduler,
    it goes to that cluster instead.
    """

    job: int
    token: int
    attempt: int
    job_type: str
    implementation: str
    backend: str
    backend_factory: str
    backend_settings: dict[str, Any]
    address: str
    parameters: dict[str, Any]
    settings: dict[str, Any]
    datasets: dict[str, DatasetLocation]
    lease_path: str
    log_path: str
    spool_folder: str
    checkpoint: Any = None
    wall_clock_limit: float = 0.0
    grace: float = 5.0
    done: dict[str, Any] = {}
    map_processes: int = 1
    dask: str = ""


class ArtefactFile(Struct, frozen=True):
    """A file that an attempt wrote in its spool folder; `name` is the bare file name."""

    name: str
    media_type: str
    title: str
    bytes: int


class JobValue(Struct, frozen=True):
    """What a job's implementation returns: `data` for programs (stable names), `document` for people."""

    data: dict[str, Any]
    document: Document | None = None


class JobOutcome(Struct, frozen=True):
    """How another job ended."""

    address: str
    state: JobState
    data: dict[str, Any] | None = None
    error: ErrorReport | None = None


class JobStep(Struct, frozen=True, omit_defaults=True):
    """A named step; `ended` 0 while it runs; `log_offset` in bytes of the log of `attempt`, which is an earlier one for a step that is kept."""

    name: str
    started: float
    ended: float = 0.0
    log_offset: int = 0
    state: JobState = JobState.RUNNING
    attempt: int = 0


class JobResult(Struct, frozen=True):
    """What the process spools as `result.json` when an attempt ends by itself. `retry` says whether trying again may help.

    `steps`, `checkpoint` and `done` are what the attempt has reported of itself: the runtime may have been dead meanwhile.
    """

    job: int
    token: int
    state: JobState
    value: JobValue | None = None
    error: ErrorReport | None = None
    retry: bool = False
    artefacts: tuple[ArtefactFile, ...] = ()
    steps: tuple[JobStep, ...] = ()
    checkpoint: Any = None
    done: dict[str, Any] = {}


class StepBlock(Protocol):
    """A step that was begun; as a `with` block it also ends, well or by the exception that leaves it. Else the next step ends it."""

    def __enter__(self) -> "StepBlock":
        """The step itself."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The step has ended."""
        ...


class JobProcesses(Protocol):
    """What a job in a worker may do with managed processes of its backend."""

    def ensure(self, process_type: str, name: str, parameters: Mapping[str, Any] | None = None, count: int = 1) -> str:
        """Has a process of that name exist and run with these parameters; gives its address. Doing it again changes nothing."""
        ...

    def remove(self, name: str) -> None:
        """Stops a process and forgets it; nothing happens when there is none."""
        ...

    def control(self, instance: str, message: ControlMessage, timeout: float = 5.0) -> ControlAnswer:
        """Sends a control message and waits for the answer; raises UnknownOutcomeError when it is lost."""
        ...

    def readiness(self, name: str) -> ProcessReadiness:
        """Whether every instance runs and is well now, and what is waited for; raises NotFoundError."""
        ...

    def wait_ready(self, name: str, timeout: float) -> None:
        """Returns once every instance runs and is well; raises CallTimeoutError with what it waits for."""
        ...


class JobSubmitter(Protocol):
    """How a job in a worker starts others and waits for them."""

    def submit(
        self,
        action: str,
        address: str = "",
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        key: str = "",
    ) -> str:
        """Requests an action that is a job, in this job's name; gives the new job's address.

        Asked again with the same `key`, by this attempt or a later one, it gives the same job, unless that has ended without success during
        an earlier attempt: then there is a new one. Raises what policy and validation raise.
        """
        ...

    def wait(self, job: str) -> JobOutcome:
        """Returns when the job has ended; raises JobCancelledError when this one is cancelled first. A job that waits takes no worker's place."""
        ...


class HostJobProcesses(Protocol):
    """JobProcesses for a coroutine in a host."""

    async def ensure(
        self, process_type: str, name: str, parameters: Mapping[str, Any] | None = None, count: int = 1
    ) -> str:
        """Has a process of that name exist and run with these parameters; gives its address. Doing it again changes nothing."""
        ...

    async def remove(self, name: str) -> None:
        """Stops a process and forgets it; nothing happens when there is none."""
        ...

    async def control(self, instance: str, message: ControlMessage, timeout: float = 5.0) -> ControlAnswer:
        """Sends a control message and waits for the answer; raises UnknownOutcomeError when it is lost."""
        ...

    async def readiness(self, name: str) -> ProcessReadiness:
        """Whether every instance runs and is well now, and what is waited for; raises NotFoundError."""
        ...

    async def wait_ready(self, name: str, timeout: float) -> None:
        """Returns once every instance runs and is well; raises CallTimeoutError with what it waits for."""
        ...


class HostJobSubmitter(Protocol):
    """JobSubmitter for a coroutine in a host."""

    async def submit(
        self,
        action: str,
        address: str = "",
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        key: str = "",
    ) -> str:
        """Requests an action that is a job, as JobSubmitter.submit does."""
        ...

    async def wait(self, job: str) -> JobOutcome:
        """Returns when the job has ended."""
        ...


class JobReporting(Protocol):
    """What every job's context has, in workers and hosts. No method waits for anything; all may be called from any thread."""

    @property
    def spec(self) -> JobSpec:
        """What is to be done."""
        ...

    @property
    def cancelled(self) -> bool:
        """Whether the job was asked to end."""
        ...

    def raise_if_cancelled(self) -> None:
        """Raises JobCancelledError when the job was asked to end."""
        ...

    def step(self, name: str) -> StepBlock:
        """Begins a named step: shown with its state, its times and where it begins in the log."""
        ...

    def progress(self, fraction: float, message: str = "") -> None:
        """Reports progress, 0 to 1; coalesced."""
        ...

    def log(self, line: str) -> None:
        """Writes a line to the job's log."""
        ...

    def checkpoint(self, value: object) -> None:
        """Keeps a JSON value that the next attempt gets as `spec.checkpoint`."""
        ...

    def done(self, step: str) -> Any:
        """What `finish_step` kept for a step, in this attempt or one before; None when the step has to be done."""
        ...

    def finish_step(self, step: str, value: object = True) -> None:
        """Keeps that a step is done, with a JSON value other than null; later attempts, and retries from a later step, need not do it again."""
        ...

    def artefact(self, name: str, media_type: str, title: str = "") -> Path:
        """Where to write an artefact's file; it is kept when the attempt's result is recorded."""
        ...

    def work_folder(self) -> Path:
        """A folder of the job that all its attempts share, for what a later one need not do again; it is made when it is not there.

        It goes when the job has succeeded, was cancelled or is forgotten. What an attempt was writing when it was killed lies there half
        done, so only what the checkpoint names counts.
        """
        ...

    def dataset(self, address: str) -> DatasetLocation:
        """Where a dataset named in the parameters lies."""
        ...


class JobContext(JobReporting, Protocol):
    """What a job's implementation is given in a worker: a function, which may block."""

    def open(self) -> object:
        """The backend that the job belongs to, opened in this process and closed when the job ends."""
        ...

    @property
    def processes(self) -> JobProcesses:
        """Managed processes, wanted by this job."""
        ...

    @property
    def jobs(self) -> JobSubmitter:
        """Other jobs, started by this one."""
        ...

    def map(
        self,
        function: Callable[[T], R],
        items: Iterable[T],
        on_done: Callable[[int, int], None] | None = None,
    ) -> list[R]:
        """Applies a function to items on the local pool of processes, and gives the results in order; stops when cancelled.

        `function` must be importable by name, and items and results picklable. `on_done(done, all)` is called from any thread. An exception
        of the function is raised with a note that names its item.
        """
        ...


class HostJobContext(JobReporting, Protocol):
    """What a job's implementation is given in a host: a coroutine, which shares its loop with others and must never block it."""

    def open(self) -> object:
        """The host's backend; raises UnreachableError while it is not open. The host closes it, not the job. Its blocking methods go into `call`."""
        ...

    async def call(self, function: Callable[[], R], timeout: float) -> R:
        """Runs a blocking function in the host's pool of threads, at most `timeout` seconds; raises CallTimeoutError after that."""
        ...

    async def commit(self, value: object) -> None:
        """Keeps a checkpoint as `checkpoint` does, and returns once the runtime has committed it; raises when it has not.

        For what must not happen twice: whatever is done after it, the next attempt knows that it may have been done.
        """
        ...

    async def map(
        self,
        function: Callable[[T], R],
        items: Iterable[T],
        timeout: float,
        on_done: Callable[[int, int], None] | None = None,
    ) -> list[R]:
        """Applies a blocking function to items in the host's pool of threads, a few at once, each within `timeout` seconds; results in order."""
        ...

    @property
    def processes(self) -> HostJobProcesses:
        """Managed processes, wanted by this job."""
        ...

    @property
    def jobs(self) -> HostJobSubmitter:
        """Other jobs, started by this one."""
        ...
