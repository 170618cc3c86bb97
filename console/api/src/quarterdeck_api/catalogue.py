"""The catalogue: what a plugin declares, as plain data that crosses process borders and is cached."""

from enum import Enum
from typing import Any

from msgspec import Struct

JsonSchema = dict[str, Any]


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
    """A kind: mirrored in the store, or browsed page by page."""

    id: str
    title: str
    columns: tuple[Column, ...] = ()
    mirrored: bool = True
    parent_kind: str = ""


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
    for `--set` (asked of the backend). A `standalone` action needs no address: it makes something new.
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
    """Everything that one plugin declares."""

    plugin: PluginInfo
    backend_types: tuple[BackendTypeInfo, ...] = ()
    kinds: tuple[KindInfo, ...] = ()
    actions: tuple[ActionInfo, ...] = ()
    jobs: tuple[JobTypeInfo, ...] = ()
    samples: tuple[SampleInfo, ...] = ()
    checks: tuple[CheckInfo, ...] = ()
    themes: tuple[ThemeInfo, ...] = ()
    keymaps: tuple[KeymapInfo, ...] = ()

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
