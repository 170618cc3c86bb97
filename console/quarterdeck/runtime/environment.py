"""What jobs and hosts need to be opened: backends with resolved secrets, datasets by address, job types."""

import os
from collections.abc import Callable, Iterable

from quarterdeck.config.secrets import resolve_references, wanted_environment
from quarterdeck.config.settings import Settings
from quarterdeck.runtime.borders import BackendTarget
from quarterdeck.runtime.datasets.catalogue import DatasetCatalogue
from quarterdeck.runtime.datasets.needs import dataset_fields
from quarterdeck.runtime.hosts.supervisor import HostedBackend
from quarterdeck.runtime.registry import ConfiguredBackend, Registry
from quarterdeck_api.catalogue import JobTypeInfo, PluginStatus
from quarterdeck_api.errors import QuarterdeckError, UnreachableError
from quarterdeck_api.jobs import DatasetLocation
from quarterdeck_api.nearest import nearest
from quarterdeck_api.protocol import BackendState, JobRecord
from quarterdeck_api.resources import CORE


class OfferedEnvironment:
    """Values for the environment names that the configuration mentions: the runtime's own, then what clients offer; in memory only."""

    def __init__(self, settings: Settings) -> None:
        self._wanted = wanted_environment(settings)
        self._offered: dict[str, str] = {}

    def follow(self, settings: Settings) -> None:
        """Other settings hold: what is wanted are the names that they mention."""
        self._wanted = wanted_environment(settings)

    def offer(self, values: dict[str, str]) -> None:
        """Takes what a client offers for names that are wanted."""
        self._offered.update({name: value for name, value in values.items() if name in self._wanted})

    def lookup(self, name: str) -> str | None:
        """The value of a name, or None."""
        return os.environ.get(name, self._offered.get(name))

    def missing(self) -> tuple[str, ...]:
        """Names that nobody has a value for yet."""
        return tuple(name for name in self._wanted if self.lookup(name) is None)


class JobSurroundings:
    """Turns what a job's record names into what its process needs; implements JobEnvironment."""

    def __init__(self, registry: Registry, datasets: DatasetCatalogue, lookup: Callable[[str], str | None]) -> None:
        self._registry = registry
        self._datasets = datasets
        self._lookup = lookup

    def job_type(self, plugin: str, job_type: str) -> JobTypeInfo:
        """The job type; raises UsageError when the plugin no longer has it."""
        return self._registry.job_type(plugin, job_type)

    def plugin(self, plugin: str) -> PluginStatus:
        """The plugin; raises UsageError when it is gone, UnreachableError while none of its jobs may begin."""
        found = self._registry.plugin(plugin)
        if reason := self._registry.held(plugin):
            raise UnreachableError(f"plugin {plugin} {reason}", "nothing: the job begins by itself")
        return found

    def backend_target(self, address: str) -> BackendTarget:
        """The backend of an address, with resolved settings; the core's is empty."""
        name = address.split("/", 1)[0]
        if name in ("", CORE):
            return BackendTarget(CORE, "", {})
        backend = self._registry.backend(name)
        return BackendTarget(name, backend.type.factory, resolve_references(backend.settings, self._lookup))

    def secret(self, name: str) -> str | None:
        """The value of an environment variable that a job refers to, or None."""
        return self._lookup(name)

    def dataset_locations(self, record: JobRecord) -> dict[str, DatasetLocation]:
        """Locations of the datasets that the record's parameters name, by the text used there."""
        return {text: self._datasets.location(text) for text in self.named_datasets(record)}

    def named_datasets(self, record: JobRecord) -> list[str]:
        """The datasets that the record's parameters name, as they were written; none when the plugin lost the action, or is not known yet."""
        action = self._registry.action_named(record.plugin, record.action)
        fields = dataset_fields(action) if action else []
        return [str(record.parameters[name]) for name in fields if record.parameters.get(name)]


def configured_backends(settings: Settings, registry: Registry) -> tuple[list[ConfiguredBackend], list[BackendState]]:
    """The backends that should be open, and the states of those that cannot be because their type is unknown.

    An embedded type gives every plugin one backend that bears the plugin's id, unless the configuration names one so.
    """
    types = {
        kind.id: (status.id, kind)
        for status in registry.ready_plugins()
        if status.catalogue
        for kind in status.catalogue.backend_types
    }
    wanted: dict[str, ConfiguredBackend] = {}
    broken: list[BackendState] = []
    for plugin, kind in types.values():
        if kind.embedded:
            wanted[plugin] = ConfiguredBackend(plugin, plugin, kind, {}, False)
    for name, backend in settings.backends.items():
        found = types.get(backend.type)
        if found is None:
            reason, remedy = _why_unknown(backend.type, types, settings)
            wanted.pop(name, None)  # What bears its name is not what was asked for.
            broken.append(BackendState(name, backend.type, "", backend.type, "failed", reason, remedy))
            continue
        plugin, kind = found
        wanted[name] = ConfiguredBackend(name, plugin, kind, backend.settings, backend.read_only)
    return list(wanted.values()), broken


def _why_unknown(backend_type: str, types: Iterable[str], settings: Settings) -> tuple[str, str]:
    """Why nobody can open a backend of this type, and what to do."""
    plugin = backend_type.split(".")[0]
    if plugin in settings.plugins.disabled:
        return f"plugin {plugin} is disabled", f"run `quarterdeck plugin enable {plugin}`"
    remedy = nearest(backend_type, types, "install a plugin that has it")
    return f"no plugin has the backend type {backend_type!r}", remedy


def hosted(backend: ConfiguredBackend, lookup: Callable[[str], str | None]) -> HostedBackend:
    """A backend as a host opens it; raises UnreachableError when a secret is missing."""
    return HostedBackend(
        backend.name,
        backend.type.id,
        resolve_references(backend.settings, lookup),
        title=backend.type.title,
        read_only=backend.read_only,
        embedded=backend.type.embedded,
    )


def unopened(backend: ConfiguredBackend, error: QuarterdeckError, now: float) -> BackendState:
    """The state of a backend that could not even be tried."""
    return BackendState(
        backend.name,
        backend.type.id,
        backend.plugin,
        backend.type.title,
        "unreachable",
        error.message,
        error.remedy,
        since=now,
        read_only=backend.read_only,
        embedded=backend.type.embedded,
    )
