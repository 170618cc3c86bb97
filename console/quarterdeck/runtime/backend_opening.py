"""Giving backends to hosts: at the start, when a secret arrives that was missing, and on *retry*."""

from collections.abc import Callable

from quarterdeck.runtime.borders import ResourceSink
from quarterdeck.runtime.environment import hosted, unopened
from quarterdeck.runtime.hosts.supervisor import HostedBackend, HostSupervisor
from quarterdeck.runtime.registry import ConfiguredBackend, Registry
from quarterdeck_api.errors import QuarterdeckError


class BackendOpening:
    """Resolves the secrets of backends and has them opened. `lookup` gives environment values, `clock` Unix seconds."""

    def __init__(
        self,
        registry: Registry,
        sink: ResourceSink,
        hosts: HostSupervisor,
        lookup: Callable[[str], str | None],
        clock: Callable[[], float],
    ) -> None:
        self._registry = registry
        self._sink = sink
        self._hosts = hosts
        self._lookup = lookup
        self._clock = clock
        self._given: dict[str, HostedBackend] = {}

    def openable(self, plugin: str) -> list[HostedBackend]:
        """The plugin's backends as its host is to open them; one whose secret is missing is unreachable for that reason."""
        found: list[HostedBackend] = []
        for backend in self._registry.backends(plugin):
            try:
                found.append(self._resolved(backend))
            except QuarterdeckError:
                continue  # Its state says why.
        return found

    async def open_what_waited(self) -> None:
        """Opens the backends whose secrets were missing and are there now."""
        for backend in self._registry.backends():
            if backend.name in self._given or not self._hosts.runs(backend.plugin):
                continue  # Whoever starts the host gives it what can be opened then.
            try:
                await self._hosts.add_backend(backend.plugin, self._resolved(backend))
            except QuarterdeckError:
                continue  # Its state says why.

    async def open_new(self, backend: ConfiguredBackend) -> None:
        """Opens a backend that has just become known, when its host runs. Raises UnreachableError that says what is missing."""
        if backend.name not in self._given and self._hosts.runs(backend.plugin):
            await self._hosts.add_backend(backend.plugin, self._resolved(backend))

    async def close(self, name: str) -> None:
        """Closes a backend that is no longer wanted as it was; raises what its host answers."""
        given = self._given.pop(name, None)
        if given is not None and self._hosts.runs(self._registry.backend(name).plugin):
            await self._hosts.remove_backend(name)

    async def retry(self, name: str) -> None:
        """Opens a backend anew, with its secrets as they are now. Raises NotFoundError, or an error that says what is missing."""
        backend = self._registry.backend(name)
        given = self._given.get(name)
        wanted = self._resolved(backend)
        if given == wanted:
            await self._hosts.retry(name)
            return
        if given is not None:
            await self._hosts.remove_backend(name)
        await self._hosts.add_backend(backend.plugin, wanted)

    def _resolved(self, backend: ConfiguredBackend) -> HostedBackend:
        try:
            found = hosted(backend, self._lookup)
        except QuarterdeckError as error:
            self._sink.set_backend(unopened(backend, error, self._clock()))
            raise
        self._given[backend.name] = found
        return found
