"""The borders inside the runtime: what its parts expect of one another.

Everything runs on the runtime's one asyncio loop; nothing here is called from another thread.
"""

from typing import Any, Protocol

from msgspec import Struct

from quarterdeck_api.catalogue import JobTypeInfo, PluginStatus
from quarterdeck_api.errors import ErrorReport
from quarterdeck_api.host_protocol import JobCheckpoint, JobProgress
from quarterdeck_api.jobs import DatasetLocation, JobSpec
from quarterdeck_api.protocol import BackendState, JobRecord
from quarterdeck_api.resources import Change


class JobParent(Struct, frozen=True):
    """The attempt that starts a job, and the `key` that names the job among all that its job starts; without one it has no name."""

    job: int
    token: int
    key: str = ""


class JobRequest(Struct, frozen=True):
    """A job that policy has let through. `after` are jobs that must have succeeded before this one is claimed."""

    job_type: str
    plugin: str
    action: str
    target: str
    parameters: dict[str, Any]
    settings: dict[str, Any]
    key: str = ""
    priority: int = 0
    after: tuple[int, ...] = ()
    parent: JobParent | None = None
    secrets: tuple[tuple[str | int, ...], ...] = ()


class MapTerms(Struct, frozen=True):
    """What a job's map may use: so many processes of this machine, or the Dask cluster of a scheduler."""

    processes: int = 1
    dask: str = ""


class BackendTarget(Struct, frozen=True):
    """How a process opens a backend: factory as import string, resolved settings."""

    name: str
    factory: str
    settings: dict[str, Any]


class JobEnvironment(Protocol):
    """What the job service must be able to look up to turn a record into a JobSpec."""

    def job_type(self, plugin: str, job_type: str) -> JobTypeInfo:
        """The job type; raises UsageError when the plugin no longer has it."""
        ...

    def plugin(self, plugin: str) -> PluginStatus:
        """The plugin (interpreter, paths); raises UsageError when it is gone."""
        ...

    def backend_target(self, address: str) -> BackendTarget:
        """The backend of an address; raises UsageError or UnreachableError (a secret is missing)."""
        ...

    def secret(self, name: str) -> str | None:
        """The value of an environment variable that a job refers to, or None."""
        ...

    def dataset_locations(self, record: JobRecord) -> dict[str, DatasetLocation]:
        """Locations of every dataset that the record's parameters name, by the text used there."""
        ...


class JobRunner(Protocol):
    """Something that runs attempts: the worker pool, or the supervisor of hosts."""

    def free(self, plugin: str) -> bool:
        """Whether an attempt of this plugin could start at once."""
        ...

    async def start(self, plugin: PluginStatus, job_type: JobTypeInfo, spec: JobSpec) -> None:
        """Starts an attempt. What follows is told to JobEvents. Raises UnreachableError when it could not be started."""
        ...

    async def cancel(self, job: int, token: int, grace: float) -> None:
        """Asks the attempt to end, and ends its process group after `grace` seconds."""
        ...


class JobEvents(Protocol):
    """Where runners report; implemented by the job service. Unknown or outdated tokens are ignored."""

    def on_progress(self, progress: JobProgress) -> None:
        """Progress or a new step."""
        ...

    def on_checkpoint(self, checkpoint: JobCheckpoint) -> None:
        """A checkpoint, to be committed."""
        ...

    def on_ended(self, job: int, token: int) -> None:
        """A result lies in the spool folder: commit it."""
        ...

    def on_lost(self, job: int, token: int, error: ErrorReport) -> None:
        """The attempt's process is gone. A result that was spooled before still counts."""
        ...

    def on_free(self) -> None:
        """A runner can take another attempt."""
        ...


class ResourceSink(Protocol):
    """Where hosts' changes go; implemented by the store."""

    def begin(self, backend: str) -> None:
        """A backend begins to say everything it has; the next Synced removes what it has not said since."""
        ...

    def apply(self, backend: str, changes: tuple[Change, ...]) -> None:
        """Applies one batch as one revision."""
        ...

    def set_backend(self, state: BackendState) -> None:
        """A backend's state changed."""
        ...
