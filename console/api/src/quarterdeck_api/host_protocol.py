"""The methods between the runtime and a plugin host; the host has its end of a socket pair as file descriptor `HOST_FD_VARIABLE`."""

from typing import Any

from msgspec import Struct

from quarterdeck_api.backend import ActionRequest, ActionResult, Interest, ProbeResult
from quarterdeck_api.catalogue import Catalogue
from quarterdeck_api.documents import Document
from quarterdeck_api.jobs import JobSpec
from quarterdeck_api.protocol import AddressParams, CompleteParams, CompleteResult, ParametersParams
from quarterdeck_api.resources import Change
from quarterdeck_api.wire import Method, Nothing

HOST_FD_VARIABLE = "QUARTERDECK_HOST_FD"

#: Seconds between heartbeats of a host; without one for three times as long it is taken for hung.
HEARTBEAT_SECONDS = 2.0


class HostConfiguration(Struct, frozen=True):
    """What a host is told first."""

    protocol: str
    catalogue: Catalogue
    call_timeout: float = 10.0
    pool_threads: int = 16


class HostReady(Struct, frozen=True):
    """The host's answer."""

    protocol: str
    pid: int
    api_version: str


class OpenBackend(Struct, frozen=True):
    """A backend to open and watch; secrets in `settings` are resolved already."""

    name: str
    type: str
    settings: dict[str, Any]


class BackendName(Struct, frozen=True):
    """A backend of this host."""

    name: str


class InterestParams(Struct, frozen=True):
    """Who looks at a backend now."""

    name: str
    interest: Interest


class ChangesParams(Struct, frozen=True):
    """Coalesced changes of one backend; uses up one credit."""

    backend: str
    changes: tuple[Change, ...]


class CreditParams(Struct, frozen=True):
    """How many more batches the runtime is ready to take for a backend."""

    backend: str
    batches: int


class BackendReport(Struct, frozen=True):
    """A backend's own state changed: connecting, ready, unreachable or failed (circuit open: waits for *retry*)."""

    backend: str
    state: str
    reason: str = ""
    remedy: str = ""


class Heartbeat(Struct, frozen=True):
    """The host lives: its loop runs. `stuck_calls` are calls that were abandoned and still hold a thread."""

    stuck_calls: int
    memory: int


class JobNumber(Struct, frozen=True):
    """One attempt at a job."""

    job: int
    token: int


class JobProgress(Struct, frozen=True, omit_defaults=True):
    """Where an attempt is; `fraction` below 0 leaves the last one.

    A `step` begins a named step at `log_offset` bytes, at the Unix time `began` (0: now).
    """

    job: int
    token: int
    fraction: float = -1.0
    message: str = ""
    step: str = ""
    log_offset: int = 0
    began: float = 0.0


class JobCheckpoint(Struct, frozen=True):
    """What the next attempt gets."""

    job: int
    token: int
    value: Any


class JobEnded(Struct, frozen=True):
    """The attempt ended by itself and its `result.json` lies in the spool folder, synced to disk."""

    job: int
    token: int


CONFIGURE = Method("host.configure", HostConfiguration, HostReady)
BACKEND_OPEN = Method("backend.open", OpenBackend, Nothing)
BACKEND_CLOSE = Method("backend.close", BackendName, Nothing)
BACKEND_REOPEN = Method("backend.retry", BackendName, Nothing)
BACKEND_INTEREST = Method("backend.interest", InterestParams, Nothing)
BACKEND_DESCRIBE = Method("backend.describe", AddressParams, Document)
BACKEND_PERFORM = Method("backend.perform", ActionRequest, ActionResult)
BACKEND_PARAMETERS = Method("backend.parameters", ParametersParams, dict[str, Any])
BACKEND_COMPLETE = Method("backend.complete", CompleteParams, CompleteResult)
BACKEND_PROBE = Method("backend.probe", BackendName, ProbeResult)
CHANGES = Method("changes", ChangesParams, Nothing)
CREDIT = Method("credit", CreditParams, Nothing)
BACKEND_REPORT = Method("backend.report", BackendReport, Nothing)
HEARTBEAT = Method("heartbeat", Heartbeat, Nothing)
JOB_START = Method("job.start", JobSpec, Nothing)
JOB_CANCEL = Method("job.cancel", JobNumber, Nothing)
JOB_PROGRESS = Method("job.progress", JobProgress, Nothing)
JOB_CHECKPOINT = Method("job.checkpoint", JobCheckpoint, Nothing)
JOB_ENDED = Method("job.ended", JobEnded, Nothing)
