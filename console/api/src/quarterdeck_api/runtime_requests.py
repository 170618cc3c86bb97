"""What clients ask of the runtime about itself: how it is, its configuration, and its end."""

from msgspec import Struct

from quarterdeck_api.wire import Method, Nothing


class HostStatus(Struct, frozen=True, omit_defaults=True):
    """A plugin host: state is starting, ready, backing-off, stopped or failed. Memory in bytes."""

    plugin: str
    state: str
    pid: int = 0
    restarts: int = 0
    memory: int = 0
    reason: str = ""
    heartbeat_age: float = 0.0
    stuck_calls: int = 0


class WorkerStatus(Struct, frozen=True, omit_defaults=True):
    """A guarded worker. Memory in bytes, of the worker alone; `jobs_done` counts jobs that it has run since it started."""

    plugin: str
    state: str
    pid: int = 0
    guard_pid: int = 0
    memory: int = 0
    job: int = 0
    jobs_done: int = 0


class ClientStatus(Struct, frozen=True):
    """A connected client."""

    client: str
    pid: int
    watches: int
    unsent_bytes: int


class ConfigurationState(Struct, frozen=True):
    """How the runtime stands to its configuration file.

    `read` is when settings were last taken from it. With `applied` false the file has been changed in a way that is wrong, and the settings
    from before hold. `changes` says what the last reading changed, `restart_for` which changed settings wait for a restart.
    """

    file: str = ""
    read: float = 0.0
    applied: bool = True
    problems: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    restart_for: tuple[str, ...] = ()


class RuntimeStatus(Struct, frozen=True):
    """The runtime at a glance. Memory in bytes; `processes` counts those that are wanted `running` or `stopped`, and `instances` that run."""

    pid: int
    version: str
    protocol: str
    instance: str
    socket: str
    started: float
    memory: int
    revision: int
    read_only: bool
    idle_exit: float
    hosts: tuple[HostStatus, ...]
    workers: tuple[WorkerStatus, ...]
    clients: tuple[ClientStatus, ...]
    jobs: dict[str, int]
    processes: dict[str, int] = {}
    configuration: ConfigurationState = ConfigurationState()


class StopParams(Struct, frozen=True):
    """Why the runtime is to stop; with `keep_workers` running worker jobs go on behind their guards for the next runtime."""

    reason: str
    keep_workers: bool = False


CONFIG_RELOAD = Method("config.reload", Nothing, ConfigurationState)
STATUS = Method("runtime.status", Nothing, RuntimeStatus)
STOP = Method("runtime.stop", StopParams, Nothing)
