"""The methods between the runtime and a plugin host; the host has its end of a socket pair as file descriptor `HOST_FD_VARIABLE`."""

from typing import Any

from msgspec import Raw, Struct

from quarterdeck_api.authorization import Authorization, AuthorizationRequest
from quarterdeck_api.backend import ActionRequest, ActionResult, Interest, ProbeResult, VerifiedOutcome
from quarterdeck_api.browsing import BrowseRequest, Page
from quarterdeck_api.catalogue import Catalogue
from quarterdeck_api.controllers import Decision
from quarterdeck_api.documents import Document
from quarterdeck_api.editing import EditableText, TextChange, TextParams, TextPut
from quarterdeck_api.errors import ErrorReport
from quarterdeck_api.events import Event
from quarterdeck_api.findings import Finding
from quarterdeck_api.jobs import JobSpec
from quarterdeck_api.logs import LogOptions, LogSourcesParams, LogSourcesResult
from quarterdeck_api.metrics import MetricSample, MetricsResult
from quarterdeck_api.protocol import AddressParams, CompleteParams, CompleteResult, ParametersParams
from quarterdeck_api.resources import Change
from quarterdeck_api.wire import Method, Nothing

HOST_FD_VARIABLE = "QUARTERDECK_HOST_FD"

#: Seconds between heartbeats of a host; without one for three times as long it is taken for hung.
HEARTBEAT_SECONDS = 2.0

#: Seconds that a hook for an event, `quarterdeck_authorize`, and a look of a controller may take.
HOOK_TIMEOUT = 10.0
AUTHORIZE_TIMEOUT = 2.0
LOOK_TIMEOUT = 30.0


class HostConfiguration(Struct, frozen=True):
    """What a host is told first; `module` is the plugin's entry-point module, for hooks that are called in the host."""

    protocol: str
    catalogue: Catalogue
    call_timeout: float = 10.0
    pool_threads: int = 16
    module: str = ""


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

    A `step` begins a named step at `log_offset` bytes, at the Unix time `began` (0: now); with `step_state` the named step has ended so,
    at that time.
    """

    job: int
    token: int
    fraction: float = -1.0
    message: str = ""
    step: str = ""
    log_offset: int = 0
    began: float = 0.0
    step_state: str = ""


class JobCheckpoint(Struct, frozen=True, omit_defaults=True):
    """What the next attempt gets: the latest checkpoint, and every finished step with what it gave, in the order in which they were."""

    job: int
    token: int
    value: Any
    done: dict[str, Any] = {}


class JobEnded(Struct, frozen=True):
    """The attempt ended by itself and its `result.json` lies in the spool folder, synced to disk."""

    job: int
    token: int


class MetricsParams(Struct, frozen=True):
    """Samples of one backend; lost ones are no harm."""

    backend: str
    samples: tuple[MetricSample, ...]


class FindingsParams(Struct, frozen=True):
    """Everything that one backend finds to need attention, in place of what it said before."""

    backend: str
    findings: tuple[Finding, ...]


class StreamOpen(Struct, frozen=True, omit_defaults=True):
    """A log or a live document of a resource to follow, under a number that the runtime chooses."""

    stream: int
    address: str
    source: str = ""
    options: LogOptions = LogOptions()


class StreamNumber(Struct, frozen=True):
    """A stream of this host."""

    stream: int


class StreamLines(Struct, frozen=True, omit_defaults=True):
    """Lines of a log; `skipped` were left out before them. Each uses up one credit of the stream."""

    stream: int
    lines: tuple[str, ...]
    skipped: int = 0


class StreamDocument(Struct, frozen=True):
    """The latest state of a live document; uses up one credit of the stream."""

    stream: int
    document: Document


class StreamCredit(Struct, frozen=True):
    """How many more messages of a stream the runtime is ready to take."""

    stream: int
    messages: int


class StreamEnded(Struct, frozen=True, omit_defaults=True):
    """A stream has come to its end, by an error when there is one."""

    stream: int
    error: ErrorReport | None = None


class MetricsAsked(Struct, frozen=True):
    """Metrics that a backend keeps itself."""

    address: str
    names: tuple[str, ...]
    since: float
    until: float


class EventParams(Struct, frozen=True):
    """Something that happened, for the plugin's event hooks; `dropped` events before it were too many."""

    event: Event
    dropped: int = 0


class ControllerLook(Struct, frozen=True):
    """A controller's look at a backend."""

    controller: str
    backend: str
    parameters: dict[str, Any]
    state: Any
    now: float


class Ask(Struct, frozen=True, omit_defaults=True):
    """A request of plugin code to the runtime: `method` is one of the clients' methods, `params` its parameters.

    `controller` (BACKEND/ID) or `job` with `token` says who asks; the runtime lets each do what its user could.
    """

    method: str
    params: Raw
    controller: str = ""
    job: int = 0
    token: int = 0


CONFIGURE = Method("host.configure", HostConfiguration, HostReady)
BACKEND_OPEN = Method("backend.open", OpenBackend, Nothing)
BACKEND_CLOSE = Method("backend.close", BackendName, Nothing)
BACKEND_REOPEN = Method("backend.retry", BackendName, Nothing)
BACKEND_INTEREST = Method("backend.interest", InterestParams, Nothing)
BACKEND_DESCRIBE = Method("backend.describe", AddressParams, Document)
BACKEND_PERFORM = Method("backend.perform", ActionRequest, ActionResult)
BACKEND_VERIFY = Method("backend.verify", ActionRequest, VerifiedOutcome)
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
BACKEND_BROWSE = Method("backend.browse", BrowseRequest, Page)
BACKEND_GET_TEXT = Method("backend.get_text", TextParams, EditableText)
BACKEND_PUT_TEXT = Method("backend.put_text", TextPut, TextChange)
BACKEND_LOG_SOURCES = Method("backend.log_sources", LogSourcesParams, LogSourcesResult)
BACKEND_METRICS = Method("backend.metrics", MetricsAsked, MetricsResult)
LOG_OPEN = Method("log.open", StreamOpen, Nothing)
LIVE_DOCUMENT_OPEN = Method("live_document.open", StreamOpen, Nothing)
STREAM_CLOSE = Method("stream.close", StreamNumber, Nothing)
STREAM_CREDIT = Method("stream.credit", StreamCredit, Nothing)
STREAM_LINES = Method("stream.lines", StreamLines, Nothing)
STREAM_DOCUMENT = Method("stream.document", StreamDocument, Nothing)
STREAM_ENDED = Method("stream.ended", StreamEnded, Nothing)
HOST_METRICS = Method("metrics", MetricsParams, Nothing)
HOST_FINDINGS = Method("findings", FindingsParams, Nothing)
EVENT = Method("event", EventParams, Nothing)
AUTHORIZE = Method("authorize", AuthorizationRequest, Authorization)
CONTROLLER_LOOK = Method("controller.look", ControllerLook, Decision)
ASK = Method("ask", Ask, Raw)
