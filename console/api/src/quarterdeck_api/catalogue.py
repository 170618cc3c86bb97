"""The catalogue: what a plugin declares, as plain data that crosses process borders and is cached."""

from enum import Enum
from typing import Any

from msgspec import Struct

JsonSchema = dict[str, Any]

#: The keyword of a property's schema that says beside which words in another parameter it means something (`fields.only_with`).
ONLY_WITH = "onlyWith"


class ColumnType(Enum):
    """How a cell is compared, formatted and aligned."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BYTES = "bytes"
    DURATION = "duration"
    TIMESTAMP = "timestamp"
    BOOLEAN = "boolean"
    FRACTION = "fraction"


class Danger(Enum):
    """What a user has to do before an action is sent."""

    NONE = "none"
    CONFIRM = "confirm"
    TYPE_NAME = "type-name"


class RunsIn(Enum):
    """Where a job's code runs."""

    HOST = "host"
    WORKER = "worker"


class Column(Struct, frozen=True, omit_defaults=True):
    """One typed column of a kind."""

    id: str
    title: str
    type: ColumnType = ColumnType.TEXT
    width: int = 0
    unit: str = ""


class KindInfo(Struct, frozen=True, omit_defaults=True):
    """A kind: mirrored in the store, or browsed page by page.

    Its resources lie below those of `parent_kind`, and below those of `also_below` too. With `backend_types` only backends of these types
    have the kind (empty: all of the plugin).
    """

    id: str
    title: str
    columns: tuple[Column, ...] = ()
    mirrored: bool = True
    parent_kind: str = ""
    also_below: tuple[str, ...] = ()
    backend_types: tuple[str, ...] = ()

    @property
    def parent_kinds(self) -> tuple[str, ...]:
        """Every kind below whose resources it lies."""
        return (self.parent_kind, *self.also_below) if self.parent_kind else self.also_below

    def of_type(self, backend_type: str) -> bool:
        """Whether backends of the type have the kind."""
        return not self.backend_types or backend_type in self.backend_types


class BackendTypeInfo(Struct, frozen=True, omit_defaults=True):
    """Something that the plugin can connect to."""

    id: str
    title: str
    settings: JsonSchema
    factory: str
    embedded: bool = False


class ActionInfo(Struct, frozen=True, omit_defaults=True):
    """Something that can be done to resources of the given kinds.

    `job` names the job type that a long action starts; a short one has none. With `own_parameters` every resource has a schema of its own
    for `--set` (asked of the backend). A `standalone` action needs no address: it makes something new. With `backend_types` only resources
    of backends of these types have the action (empty: of all of the plugin).
    """

    id: str
    title: str
    kinds: tuple[str, ...]
    parameters: JsonSchema
    danger: Danger = Danger.NONE
    bulk: bool = False
    job: str = ""
    dry_run: bool = False
    own_parameters: bool = False
    standalone: bool = False
    read_only: bool = False
    key: str = ""
    summary: str = ""
    backend_types: tuple[str, ...] = ()

    def is_for(self, kind: str, backend_type: str) -> bool:
        """Whether resources of the kind have the action in backends of the type."""
        return kind in self.kinds and (not self.backend_types or backend_type in self.backend_types)


class JobTypeInfo(Struct, frozen=True, omit_defaults=True):
    """A type of job: where it runs and how it is limited.

    `preload` lists modules that a warm worker imports before it says that it is ready. Times in seconds; `wall_clock_limit` 0 means none.
    """

    id: str
    title: str
    implementation: str
    runs_in: RunsIn = RunsIn.WORKER
    preload: tuple[str, ...] = ()
    max_attempts: int = 3
    limit: int = 0
    wall_clock_limit: float = 0.0
    grace: float = 5.0


class OnRuntimeDeath(Enum):
    """What a managed process does when the runtime dies and no other one comes."""

    CONTINUE = "continue"
    STOP = "stop"


class ProcessTypeInfo(Struct, frozen=True, omit_defaults=True):
    """A type of managed process: how it is started, how it is known to be well, and how it is limited.

    Either `implementation` is an import string of `def run(process: ManagedProcess) -> None`, or `command` is a program with its arguments,
    in which `{NAME}` stands for a parameter and `{python}` for the plugin's interpreter. One with an implementation beats; without a beat
    for `heartbeat_timeout` seconds it counts as hung and is started again. `ready_timeout` and `grace` (for draining, when it is stopped) in
    seconds. `memory_limit` in megabytes (0: none) is watched for the process with everything that it has started; `cpu_limit` in cores (0:
    none), rounded up, is to how many processors they are bound, on Linux.
    """

    id: str
    title: str
    parameters: JsonSchema
    implementation: str = ""
    command: tuple[str, ...] = ()
    heartbeat_timeout: float = 10.0
    ready_timeout: float = 30.0
    grace: float = 10.0
    on_runtime_death: OnRuntimeDeath = OnRuntimeDeath.CONTINUE
    memory_limit: int = 0
    cpu_limit: float = 0.0
    summary: str = ""


class ControllerInfo(Struct, frozen=True, omit_defaults=True):
    """A loop that watches each backend of the given types (empty: all of the plugin) and acts.

    `implementation` is an import string of `def look(context: ControllerContext) -> Decision`; it is called every `interval` seconds while
    the controller is on. `enabled` is whether it is on at first.
    """

    id: str
    title: str
    implementation: str
    parameters: JsonSchema
    interval: float = 60.0
    backend_types: tuple[str, ...] = ()
    enabled: bool = False
    summary: str = ""


class CommandInfo(Struct, frozen=True, omit_defaults=True):
    """A command of the command line below the plugin's name: `quarterdeck PLUGIN NAME`.

    `handler` is an import string of `def run(console: Console, parameters: P) -> int | None`; it runs in a process of the plugin's interpreter.
    """

    name: str
    handler: str
    parameters: JsonSchema
    summary: str = ""


class SampleInfo(Struct, frozen=True, omit_defaults=True):
    """A series that a package on this machine ships, offered as a dataset.

    `path` is absolute. With `time_column` empty, observations get times from `start` at `frequency` (a pandas alias); `time_format` is
    `iso`, or `year` for fractional years. `columns` are kept, `target` is what is forecast when nothing is said. A `path` whose `where`
    names a column and value takes only the matching rows.
    """

    name: str
    title: str
    path: str
    format: str
    frequency: str
    target: str
    start: str = ""
    time_column: str = ""
    columns: tuple[str, ...] = ()
    rename: dict[str, str] = {}
    where: dict[str, str] = {}
    source: str = ""
    rows: int = 0


class CheckInfo(Struct, frozen=True, omit_defaults=True):
    """A check that `plugin doctor` runs in the plugin's interpreter: `implementation` returns a CheckResult."""

    id: str
    title: str
    implementation: str


class CheckResult(Struct, frozen=True, omit_defaults=True):
    """What a check found."""

    ok: bool
    sentence: str
    remedy: str = ""


class ThemeInfo(Struct, frozen=True, omit_defaults=True):
    """A colour theme that a plugin brings: colour roles to values."""

    name: str
    colours: dict[str, str]
    dark: bool = True


class KeymapInfo(Struct, frozen=True, omit_defaults=True):
    """A named set of keys: binding id to comma-separated keys."""

    name: str
    keys: dict[str, str]


class PluginInfo(Struct, frozen=True, omit_defaults=True):
    """Who a plugin is. `api` is the contract version that it was written for."""

    id: str
    title: str
    version: str
    api: str
    summary: str = ""


class Catalogue(Struct, frozen=True, omit_defaults=True):
    """Everything that one plugin declares.

    `event_hooks` names the hooks for events that it implements, `authorizes` says whether it wants to be asked about requests.
    """

    plugin: PluginInfo
    backend_types: tuple[BackendTypeInfo, ...] = ()
    kinds: tuple[KindInfo, ...] = ()
    actions: tuple[ActionInfo, ...] = ()
    jobs: tuple[JobTypeInfo, ...] = ()
    samples: tuple[SampleInfo, ...] = ()
    checks: tuple[CheckInfo, ...] = ()
    themes: tuple[ThemeInfo, ...] = ()
    keymaps: tuple[KeymapInfo, ...] = ()
    processes: tuple[ProcessTypeInfo, ...] = ()
    controllers: tuple[ControllerInfo, ...] = ()
    commands: tuple[CommandInfo, ...] = ()
    event_hooks: tuple[str, ...] = ()
    authorizes: bool = False

    def kind(self, kind_id: str) -> KindInfo | None:
        """The kind as this plugin has it, or None."""
        return next((kind for kind in self.kinds if kind.id == kind_id), None)

    def columns(self, kind_id: str) -> tuple[str, ...]:
        """The ids of the columns in which this plugin's cells of a kind stand."""
        kind = self.kind(kind_id)
        return tuple(column.id for column in kind.columns) if kind else ()


class PluginPhase(Enum):
    """How far a plugin came; anything but READY and DISABLED is a fault."""

    FOUND = "found"
    IMPORT = "import"
    DECLARE = "declare"
    COMPATIBILITY = "compatibility"
    VALIDATE = "validate"
    TIMEOUT = "timeout"
    DISABLED = "disabled"
    READY = "ready"


class PluginStatus(Struct, frozen=True, omit_defaults=True):
    """One plugin as `plugin list` shows it: found where, how far it came, and what to do when it did not come far.

    `interpreter` runs its declaration, host and workers; `paths` go in front of `sys.path` there.
    """

    id: str
    distribution: str
    version: str
    phase: PluginPhase
    reason: str = ""
    remedy: str = ""
    module: str = ""
    interpreter: str = ""
    paths: tuple[str, ...] = ()
    declare_seconds: float = 0.0
    cached: bool = False
    catalogue: Catalogue | None = None
