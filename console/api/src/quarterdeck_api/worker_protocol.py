"""The lines between runtime, guard and worker.

The guard listens on a Unix socket of its own, so that a new runtime finds a running worker again. It owns the worker's output, lease and exit
status and passes the worker's lines on. The worker has its end of a socket pair as file descriptor `WORKER_FD_VARIABLE` and speaks the
notifications JOB_START, JOB_CANCEL (to it), WORKER_READY, JOB_PROGRESS, JOB_CHECKPOINT and JOB_ENDED (from it) of JSON-RPC; the guard itself
uses the standard library only and reads just `method` and the fields below.
"""

from msgspec import UNSET, Raw, Struct, UnsetType

from quarterdeck_api.errors import ErrorReport
from quarterdeck_api.wire import Method, Nothing

WORKER_FD_VARIABLE = "QUARTERDECK_WORKER_FD"


class WorkerReady(Struct, frozen=True):
    """The worker has imported what it was told to and waits for a job."""

    pid: int
    import_seconds: float


class GuardIdentity(Struct, frozen=True):
    """Sent by the guard to whoever connects, and kept beside its socket: who guard and child are (pid, creation time, boot id).

    `job` and `token` are 0 while the worker has none. Creation times count seconds from boot on Linux, Unix time elsewhere.
    """

    guard_pid: int
    guard_created: float
    child_pid: int
    child_created: float
    boot_id: str
    job: int = 0
    token: int = 0
    ready: bool = False
    plugin: str = ""
    jobs_done: int = 0


class ChildExited(Struct, frozen=True):
    """The worker is gone; `status` is its exit code, or minus the signal's number. The guard ends after saying so.

    `reason` says why the guard ended it: `wall-clock`, `stop`, `alone` (no runtime, no job), `protocol`; empty when it ended by itself.
    """

    status: int
    job: int = 0
    token: int = 0
    reason: str = ""


class GuardStop(Struct, frozen=True):
    """End the worker's whole process group: politely, after `grace` seconds firmly."""

    grace: float


class JobAsk(Struct, frozen=True):
    """A request of a worker's job to the runtime, passed on by the guard: `method` is one of the clients' methods; `number` is the job's own."""

    job: int
    token: int
    number: int
    method: str
    params: Raw


class JobAnswer(Struct, frozen=True, omit_defaults=True):
    """The answer to a JobAsk: result or error."""

    job: int
    token: int
    number: int
    result: Raw | UnsetType = UNSET  # `Raw | None` would decode nothing but null.
    error: ErrorReport | None = None


JOB_ASK = Method("job.ask", JobAsk, Nothing)  # from the worker
JOB_ANSWER = Method("job.answer", JobAnswer, Nothing)  # to the worker
WORKER_READY = Method("worker.ready", WorkerReady, Nothing)
GUARD_HELLO = Method("guard.hello", GuardIdentity, Nothing)
GUARD_EXIT = Method("guard.exit", ChildExited, Nothing)
GUARD_STOP = Method("guard.stop", GuardStop, Nothing)
GUARD_REPLACED = Method("guard.replaced", Nothing, Nothing)  # To a runtime: another one has taken its place.
