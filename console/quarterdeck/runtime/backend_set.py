"""Which backends and plugins are in use, changed while the runtime runs: only what differs is closed and opened."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from quarterdeck.config.paths import InstancePaths
from quarterdeck.config.settings import Settings
from quarterdeck.runtime.backend_opening import BackendOpening
from quarterdeck.runtime.environment import configured_backends
from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck.runtime.registry import ConfiguredBackend, Registry
from quarterdeck.runtime.store import Store
from quarterdeck_api.catalogue import PluginStatus
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.protocol import BackendState

_log = logging.getLogger("quarterdeck.runtime")


class BackendSet:
    """Makes registry, store and hosts follow the settings. `start_host` starts the host of a plugin with all of its backends."""

    def __init__(
        self,
        paths: InstancePaths,
        registry: Registry,
        store: Store,
        hosts: HostSupervisor,
        opening: BackendOpening,
        start_host: Callable[[PluginStatus], Awaitable[None]],
    ) -> None:
        self._paths = paths
        self._registry = registry
        self._store = store
        self._hosts = hosts
        self._opening = opening
        self._start_host = start_host

    async def load_plugins(self, settings: Settings) -> tuple[PluginStatus, ...]:
        """Finds every plugin and has the registry know them; what a plugin's fault costs is told in the log."""
        from quarterdeck.loading.plugins import load_plugins  # Imported here: the socket is up before it is needed.

        disabled = frozenset(settings.plugins.disabled)
        statuses = await asyncio.to_thread(load_plugins, self._paths, disabled=disabled, try_timeouts_again=False)
        self._registry.set_plugins(statuses)
        for status in statuses:
            if status.catalogue is None:
                _log.warning("plugin %s: %s: %s. %s", status.id, status.phase.value, status.reason, status.remedy)
        return statuses

    def make_known(self, settings: Settings) -> list[ConfiguredBackend]:
        """Has registry and store know every backend of the settings that they do not know as it is; gives those that can be opened."""
        backends, broken = configured_backends(settings, self._registry)
        for state in broken:
            self._registry.add_broken(state)
            self._store.set_backend(state)
        known = {backend.name: backend for backend in self._registry.backends()}
        fresh = [backend for backend in backends if known.get(backend.name) != backend]
        for backend in fresh:
            self._registry.add_backend(backend)
            self._store.set_backend(_connecting(backend))
        return fresh

    async def follow(self, settings: Settings, before: Settings) -> None:
        """Closes what the settings no longer have or have otherwise, and opens what is new. A part that fails is told in the log or in its state."""
        if settings.plugins != before.plugins:
            for plugin in settings.plugins.disabled:
                await self._hosts.stop_plugin(plugin, f"plugin {plugin} was disabled")
            await self.load_plugins(settings)
        wanted = {backend.name: backend for backend in configured_backends(settings, self._registry)[0]}
        for backend in self._registry.backends():
            if wanted.get(backend.name) != backend:
                await self._close(backend.name)
        for name in self._registry.broken():
            self._registry.forget_backend(name)
            self._store.remove_backend(name)
        fresh = self.make_known(settings)
        for status in self._registry.ready_plugins():
            if not self._hosts.runs(status.id):
                await self._start_host(status)
                fresh = [backend for backend in fresh if backend.plugin != status.id]
        for backend in fresh:
            try:
                await self._opening.open_new(backend)
            except QuarterdeckError as error:
                _log.warning("backend %s: %s. %s", backend.name, error.message, error.remedy)

    async def _close(self, name: str) -> None:
        try:
            await self._opening.close(name)
        except QuarterdeckError as error:  # Its host ends what it did not close, or is gone already.
            _log.warning("backend %s was not closed in an orderly way: %s", name, error.message)
        self._registry.forget_backend(name)
        self._store.remove_backend(name)


def _connecting(backend: ConfiguredBackend) -> BackendState:
    return BackendState(
        backend.name,
        backend.type.id,
        backend.plugin,
        backend.type.title,
        "connecting",
        since=time.time(),
        read_only=backend.read_only,
        embedded=backend.type.embedded,
    )
