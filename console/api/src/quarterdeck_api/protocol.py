"""The methods between clients and the runtime, as types: the whole of what a client can ask."""

from typing import Any

from msgspec import Struct

from quarterdeck_api.backend import Choice, RunInTerminal
from quarterdeck_api.catalogue import Danger, JsonSchema, PluginStatus
from quarterdeck_api.documents import Document
from quarterdeck_api.errors import ErrorReport
from quarterdeck_api.jobs import ArtefactFile, JobState, JobStep
from quarterdeck_api.resources import Cell, Resource
from quarterdeck_api.wire import Method, Nothing


class HelloParams(Struct, frozen=True):
    """Who a client is. `environment` offers values for exactly the names that `hello` answered with before."""

    protocol: str
    version: str
    client: str
    pid: int
    environment: dict[str, str] = {}


class HelloResult(Struct, frozen=True):
    """Who the runtime is; `wanted_environment` are names that the configuration mentions and the runtime lacks."""

    protocol: str
    version: str
    pid: int
    instance: str
    started: float
    wanted_environment: tuple[str, ...] = ()


class EnvironmentWanted(Struct, frozen=True):
    """Environment names that the configuration has come to mention and the runtime lacks: a client that has them says hello once more."""

    names: tuple[str, ...]


class BackendState(Struct, frozen=True):
    """A configured backend as clients see it; `state` is connecting, ready, unreachable or failed, `synced` once all is known."""

    name: str
    type: str
    plugin: str
    title: str
    state: str
    reason: str = ""
    remedy: str = ""
    since: float = 0.0
    synced: bool = False
    read_only: bool = False
    embedded: bool = False


class CatalogueResult(Struct, frozen=True):
    """Every plugin with its catalogue, and every backend. The core's own kinds and actions are the plugin `core`."""

    plugins: tuple[PluginStatus, ...]
    backends: tuple[BackendState, ...]


class GetParams(Struct, frozen=True, omit_defaults=True):
    """Which resources. Waits at most `wait` seconds for backends that have not said everything yet."""

    kind: str
    backend: str = ""
    filter: str = ""
    wait: float = 5.0


class GetResult(Struct, frozen=True):
    """Resources in address order; `columns` by backend name; `pending` backends that have not said everything, with the reason."""

    revision: int
    resources: tuple[Resource, ...]
    columns: dict[str, tuple[str, ...]]
    pending: dict[str, str] = {}

    def cell(self, resource: Resource, column: str) -> Cell:
        """A resource's cell by the id of its column; None when its backend has no such column."""
        columns = self.columns.get(resource.backend, ())
        return resource.cells[columns.index(column)] if column in columns else None


class AddressParams(Struct, frozen=True):
    """One address."""

    address: str


class DescribeResult(Struct, frozen=True):
    """One resource with its document."""

    resource: Resource
    columns: tuple[str, ...]
    document: Document


class WatchParams(Struct, frozen=True, omit_defaults=True):
    """What to watch, under a number that the client chooses. An empty kind means every kind; `address` narrows to one resource."""

    watch: int
    kind: str = ""
    backend: str = ""
    filter: str = ""
    address: str = ""


class WatchNumber(Struct, frozen=True):
    """A watch of this connection."""

    watch: int


class SnapshotChunk(Struct, frozen=True):
    """A part of a watch's snapshot. With `first`, everything known of the watch before is void; `total` rows will come in all."""

    watch: int
    revision: int
    resources: tuple[Resource, ...]
    total: int
    first: bool
    last: bool


class Delta(Struct, frozen=True):
    """The latest state of what changed in a watch since the last message; several changes of one resource are one."""

    watch: int
    revision: int
    upserts: tuple[Resource, ...]
    removes: tuple[str, ...]


class BackendsChanged(Struct, frozen=True):
    """The states of all backends, sent to every client when one changes."""

    backends: tuple[BackendState, ...]


class DoParams(Struct, frozen=True, omit_defaults=True):
    """One action on some resources.

    `parameters` follow the action's schema, `settings` the resource's own. `confirmed` answers danger `confirm`, `typed_name` danger
    `type-name`; for several resources `typed_names` has the name of each. `key` allows at most one live job. `dry_run` only validates and previews.
    """

    action: str
    addresses: tuple[str, ...] = ()
    parameters: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    dry_run: bool = False
    confirmed: bool = False
    typed_name: str = ""
    priority: int = 0
    key: str = ""
    typed_names: tuple[str, ...] = ()


class Outcome(Struct, frozen=True, omit_defaults=True):
    """What came of the action on one address: done, accepted (see `job`), preview, refused, failed or unknown."""

    address: str
    status: str
    message: str = ""
    job: str = ""
    statement: str = ""
    document: Document | None = None
    error: ErrorReport | None = None
    run: RunInTerminal | None = None


class DoResult(Struct, frozen=True):
    """One outcome for each address, in their order; `command` is the same request as a command line to copy.

    `danger` is what a user has to do before the request is carried out: the action's own, or more when a guardrail asks for it.
    """

    outcomes: tuple[Outcome, ...]
    command: str = ""
    danger: Danger = Danger.NONE


class ParametersParams(Struct, frozen=True):
    """An action and, where resources have parameters of their own, the resource; for something new `parameters` are what is said of it so far."""

    action: str
    address: str = ""
    parameters: dict[str, Any] = {}


class ParametersResult(Struct, frozen=True):
    """The schema of the action's parameters and of the resource's own (None when it has none)."""

    parameters: JsonSchema
    settings: JsonSchema | None = None


class CompleteParams(Struct, frozen=True):
    """A field of an action whose choices are wanted; `parameters` are the action's others, as far as they are known."""

    action: str
    address: str
    field: str
    prefix: str
    parameters: dict[str, Any] = {}


class CompleteResult(Struct, frozen=True):
    """Choices, best first."""

    choices: tuple[Choice, ...]


class JobEvent(Struct, frozen=True, omit_defaults=True):
    """One line of a job's append-only history."""

    time: float
    event: str
    attempt: int
    detail: str = ""


class JobRecord(Struct, frozen=True, omit_defaults=True):
    """A job as recorded. `result` is there once it succeeded; artefacts are named by `core/artefact/JOB/NAME` and have `artefact_paths`."""

    job: int
    address: str
    job_type: str
    plugin: str
    action: str
    target: str
    state: JobState
    created: float
    parameters: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    key: str = ""
    priority: int = 0
    attempt: int = 0
    max_attempts: int = 1
    after: tuple[int, ...] = ()
    not_before: float = 0.0
    started: float = 0.0
    ended: float = 0.0
    progress: float = 0.0
    message: str = ""
    error: ErrorReport | None = None
    result: dict[str, Any] | None = None
    document: Document | None = None
    steps: tuple[JobStep, ...] = ()
    history: tuple[JobEvent, ...] = ()
    artefacts: tuple[ArtefactFile, ...] = ()
    artefact_paths: tuple[str, ...] = ()
    log_paths: tuple[str, ...] = ()


class JobParams(Struct, frozen=True):
    """A job by number."""

    job: int


class LogsParams(Struct, frozen=True, omit_defaults=True):
    """A log stream, under a number that the client chooses. `source` is one of the resource's logs, empty for its first."""

    stream: int
    address: str
    follow: bool = False
    tail: int = 0
    source: str = ""


class LogLines(Struct, frozen=True, omit_defaults=True):
    """Lines of a stream; `skipped` lines were left out before them because the client read too slowly.

    `ended` after the last; with `error` it ended because the log cannot be read.
    """

    stream: int
    lines: tuple[str, ...]
    skipped: int = 0
    ended: bool = False
    error: ErrorReport | None = None


class StreamNumber(Struct, frozen=True):
    """A log stream of this connection."""

    stream: int


class JournalEntry(Struct, frozen=True, omit_defaults=True):
    """One request, by whom, and what came of it. Secrets are never in it.

    `checked` is what was found out later of an unknown outcome: done, not-done or unclear; `check_detail` is the sentence, `check_time` when.
    """

    entry: int
    time: float
    actor: str
    action: str
    address: str
    decision: str
    outcome: str
    detail: str = ""
    job: str = ""
    parameters: dict[str, Any] = {}
    checked: str = ""
    check_detail: str = ""
    check_time: float = 0.0


class JournalParams(Struct, frozen=True, omit_defaults=True):
    """The newest `limit` entries before `before` (0: the end) that pass the filter."""

    limit: int = 100
    before: int = 0
    filter: str = ""


class JournalResult(Struct, frozen=True):
    """Entries, newest first."""

    entries: tuple[JournalEntry, ...]


class BackendTest(Struct, frozen=True):
    """A backend that has answered: what it says of itself, and how long the answer took, in seconds."""

    name: str
    type: str
    plugin: str
    version: str
    latency: float
    capabilities: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


HELLO = Method("hello", HelloParams, HelloResult)
ENVIRONMENT_WANTED = Method("environment.wanted", EnvironmentWanted, Nothing)  # runtime to clients
CATALOGUE = Method("catalogue", Nothing, CatalogueResult)
GET = Method("get", GetParams, GetResult)
DESCRIBE = Method("describe", AddressParams, DescribeResult)
WATCH_OPEN = Method("watch.open", WatchParams, Nothing)
WATCH_CLOSE = Method("watch.close", WatchNumber, Nothing)
WATCH_SNAPSHOT = Method("watch.snapshot", SnapshotChunk, Nothing)
WATCH_DELTA = Method("watch.delta", Delta, Nothing)
BACKENDS_CHANGED = Method("backends.changed", BackendsChanged, Nothing)
BACKEND_RETRY = Method("backend.retry", AddressParams, Nothing)
BACKEND_TEST = Method("backend.test", AddressParams, BackendTest)
CATALOGUE_CHANGED = Method("catalogue.changed", Nothing, Nothing)  # notification to clients
DO = Method("do", DoParams, DoResult)
PARAMETERS = Method("parameters", ParametersParams, ParametersResult)
COMPLETE = Method("complete", CompleteParams, CompleteResult)
JOB_GET = Method("job.get", JobParams, JobRecord)
LOGS_OPEN = Method("logs.open", LogsParams, Nothing)
LOGS_CLOSE = Method("logs.close", StreamNumber, Nothing)
LOGS_LINES = Method("logs.lines", LogLines, Nothing)
JOURNAL = Method("journal", JournalParams, JournalResult)
