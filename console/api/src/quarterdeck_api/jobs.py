"""Jobs: what one is told, what it gives back, and the context that it runs in."""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from quarterdeck_api.documents import Document
from quarterdeck_api.errors import ErrorReport
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
    process lives; the result is spooled below `spool_folder`, output goes to `log_path`. `wall_clock_limit` in seconds, 0 is none.
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


class JobResult(Struct, frozen=True):
    """What the process spools as `result.json` when an attempt ends by itself. `retry` says whether trying again may help."""

    job: int
    token: int
    state: JobState
    value: JobValue | None = None
    error: ErrorReport | None = None
    retry: bool = False
    artefacts: tuple[ArtefactFile, ...] = ()


class JobProcesses(Protocol):
    """What a job may do with managed processes of its backend."""

    def ensure(self, process_type: str, name: str, parameters: Mapping[str, Any] | None = None, count: int = 1) -> str:
        """Has a process of that name exist and run with these parameters; gives its address. Doing it again changes nothing."""
        ...

    def remove(self, name: str) -> None:
        """Stops a process and forgets it; nothing happens when there is none."""
        ...

    def control(self, instance: str, message: ControlMessage, timeout: float = 5.0) -> ControlAnswer:
        """Sends a control message and waits for the answer."""
        ...

    def wait_ready(self, name: str, timeout: float) -> None:
        """Returns once every instance runs and is well; raises CallTimeoutError with what it waits for."""
        ...


class JobSubmitter(Protocol):
    """How a job starts others and waits for them."""

    def submit(
        self,
        action: str,
        address: str = "",
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        key: str = "",
    ) -> str:
        """Requests an action that is a job; gives the job's address. Asked again by a later attempt with the same `key`, it gives the same job."""
        ...

    def wait(self, job: str) -> JobOutcome:
        """Returns when the job has ended; raises JobCancelledError when this one is cancelled first."""
        ...


class JobContext(Protocol):
    """What a job's implementation is given. Methods never block for long and may be called from any thread."""

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

    def step(self, name: str) -> None:
        """Begins a named step."""
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

    def artefact(self, name: str, media_type: str, title: str = "") -> Path:
        """Where to write an artefact's file; it is kept when the attempt's result is recorded."""
        ...

    def dataset(self, address: str) -> DatasetLocation:
        """Where a dataset named in the parameters lies."""
        ...

    def open(self) -> object:
        """The backend that the job belongs to, opened in this process and closed when the job ends."""
        ...

    @property
    def processes(self) -> "JobProcesses":
        """Managed processes, wanted by this job."""
        ...

    @property
    def jobs(self) -> "JobSubmitter":
        """Other jobs, started by this one."""
        ...

    def done(self, step: str) -> Any:
        """What `finish_step` kept for a step of an attempt before, None when the step has to be done."""
        ...

    def finish_step(self, step: str, value: object = True) -> None:
        """Keeps that a step is done, with a JSON value; the next attempt, or a retry from a later step, does not do it again."""
        ...

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Applies a function to items on the local pool of processes (in a worker), and gives the results in order; stops when cancelled.

        `function` must be importable by name, and items and results picklable; in a host it runs in the pool of threads.
        """
        ...
