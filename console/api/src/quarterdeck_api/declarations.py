"""What a plugin's hooks return: descriptors with Python types, turned into the catalogue by `quarterdeck_api.declare`."""

from msgspec import Struct

from quarterdeck_api.catalogue import Column, Danger, OnRuntimeDeath, RunsIn


class NoParameters(Struct):
    """Parameters of an action that has none."""


class BackendType(Struct, frozen=True):
    """Something that the plugin can connect to.

    `factory` is an import string `package.module:callable`; the callable takes `(name: str, settings: S)` and returns a Backend. An
    embedded type needs no configuration: its one backend bears the plugin's id.
    """

    id: str
    title: str
    factory: str
    settings: type[Struct] = NoParameters
    embedded: bool = False


class Kind(Struct, frozen=True):
    """A kind of the plugin's own, or its columns of a shared kind (then `title` may stay empty). Fields: see KindInfo."""

    id: str
    title: str = ""
    columns: tuple[Column, ...] = ()
    mirrored: bool = True
    parent_kind: str = ""
    also_below: tuple[str, ...] = ()
    backend_types: tuple[str, ...] = ()


class Action(Struct, frozen=True):
    """Something that can be done; `parameters` is the one source of form, flags and JSON Schema."""

    id: str
    title: str
    kinds: tuple[str, ...]
    parameters: type[Struct] = NoParameters
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


class JobType(Struct, frozen=True):
    """A type of job. `implementation` is an import string of `def run(context: JobContext) -> JobValue` (worker) or a coroutine (host)."""

    id: str
    title: str
    implementation: str
    runs_in: RunsIn = RunsIn.WORKER
    preload: tuple[str, ...] = ()
    max_attempts: int = 3
    limit: int = 0
    wall_clock_limit: float = 0.0
    grace: float = 5.0


class ProcessType(Struct, frozen=True):
    """A type of managed process. Fields: see ProcessTypeInfo."""

    id: str
    title: str
    parameters: type[Struct] = NoParameters
    implementation: str = ""
    command: tuple[str, ...] = ()
    heartbeat_timeout: float = 10.0
    ready_timeout: float = 30.0
    grace: float = 10.0
    on_runtime_death: OnRuntimeDeath = OnRuntimeDeath.CONTINUE
    memory_limit: int = 0
    cpu_limit: float = 0.0
    summary: str = ""


class Controller(Struct, frozen=True):
    """A loop that watches backends and acts. Fields: see ControllerInfo."""

    id: str
    title: str
    implementation: str
    parameters: type[Struct] = NoParameters
    interval: float = 60.0
    backend_types: tuple[str, ...] = ()
    enabled: bool = False
    summary: str = ""


class Command(Struct, frozen=True):
    """A command of the command line below the plugin's name. Fields: see CommandInfo."""

    name: str
    handler: str
    parameters: type[Struct] = NoParameters
    summary: str = ""


class Sample(Struct, frozen=True):
    """A series that a dependency ships; `package` and `file` are resolved without importing the package. Other fields: see SampleInfo."""

    name: str
    title: str
    package: str
    file: str
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
