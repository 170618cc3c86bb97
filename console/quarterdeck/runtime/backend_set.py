"""Which backends and plugins are in use, changed while the runtime runs: only what differs is closed and opened."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection

from quarterdeck.config.paths import InstancePaths
from quarterdeck.config.settings import Settings
from quarterdeck.runtime.backend_opening import BackendOpening
from quarterdeck.runtime.environment import configured_backends
from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck.runtime.plugin_turnover import Turnover, turnover
from quarterdeck.runtime.registry import ConfiguredBackend, Registry
from quarterdeck.runtime.store import Store
from quarterdeck_api.catalogue import PluginStatus
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.protocol import BackendState

_HELD = "has been changed, and waits for the jobs in its host"

_log = logging.getLogger("quarterdeck.runtime")


class BackendSet:
    """Makes registry, store and hosts follow the settings and what is installed.

    `start_host` starts the host of a plugin with all of its backends, `host_jobs` gives the jobs that run in a plugin's host,
    `renew` has workers end once they are idle, and managed processes start again, for the code of their plugins has changed.
    """

    def __init__(
        self,
        paths: InstancePaths,
        registry: Registry,
        store: Store,
        hosts: HostSupervisor,
        opening: BackendOpening,
        start_host: Callable[[PluginStatus], Awaitable[None]],
        host_jobs: Callable[[str], Collection[int]] = lambda _: (),
        renew: Callable[[Collection[str]], None] = lambda _: None,
    ) -> None:
        self._paths = paths
        self._registry = registry
        self._store = store
        self._hosts = hosts
        self._opening = opening
        self._start_host = start_host
        self._host_jobs = host_jobs
        self._renew = renew
        self._one_at_a_time = asyncio.Lock()
        self.waiting: frozenset[str] = frozenset()

    async def load_plugins(self, settings: Settings) -> tuple[PluginStatus, ...]:
        """Finds every plugin and has the registry know them; what a plugin's fault costs is told in the log."""
        statuses = await self._find(settings)
        self._registry.set_plugins(statuses)
        return statuses

    async def _find(self, settings: Settings) -> tuple[PluginStatus, ...]:
        from quarterdeck.loading.plugins import load_plugins  # Imported here: the socket is up before it is needed.

        known = self._registry.plugins()
        disabled = frozenset(settings.plugins.disabled)
        statuses = await asyncio.to_thread(load_plugins, self._paths, disabled=disabled, try_timeouts_again=False)
        for status in statuses:
            if status.catalogue is None and status not in known:
                _log.warning("plugin %s: %s: %s. %s", status.id, status.phase.value, status.reason, status.remedy)
        return statuses

    async def follow_plugins(self, settings: Settings, renewed: Collection[str] = ()) -> bool:
        """Takes over what is installed now: hosts of plugins that are gone or changed end, new ones start. Whether anything differs.

        A plugin whose host runs jobs stays as it is, in `waiting`, until they have ended; meanwhile no attempt of it begins. Jobs in
        workers end with the code that they have loaded. `renewed` are started again although they look as before: what they need has
        been changed.
        """
        async with self._one_at_a_time:
            found = await self._compare(settings, renewed)
            if not found.changed and frozenset(found.waiting) == self.waiting:
                return False
            await self._turn_over(found)
            await self._open_and_close(settings)
            return True

    async def _compare(self, settings: Settings, renewed: Collection[str] = ()) -> Turnover:
        """What differs from what is in use. A plugin that is disabled ends at once: that is what it is disabled for."""
        disabled = settings.plugins.disabled

        def busy(plugin: str) -> bool:
            return plugin not in disabled and bool(self._host_jobs(plugin))

        return turnover(self._registry.plugins(), await self._find(settings), {*renewed, *self.waiting}, busy)

    async def _turn_over(self, found: Turnover) -> None:
        self._registry.hold("turnover", {*found.waiting, *found.changed}, _HELD)  # Also while the hosts are ended.
        self.waiting = frozenset(found.waiting)
        for plugin, why in found.changed.items():
            _log.info("plugin %s: %s", plugin, why)
            await self._hosts.stop_plugin(plugin, why)
            for backend in self._registry.backends(plugin):
                await self._close(backend.name)
        self._registry.set_plugins(found.statuses)
        self._registry.hold("turnover", found.waiting, _HELD)
        self._renew(found.changed)

    async def start_hosts(self) -> None:
        """Starts the hosts of all plugins that are ready, one by one."""
        async with self._one_at_a_time:
            for status in self._registry.ready_plugins():
                if not self._hosts.runs(status.id):
                    await self._start_host(status)

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
        async with self._one_at_a_time:
            if settings.plugins != before.plugins:
                await self._turn_over(await self._compare(settings))
            await self._open_and_close(settings)

    async def _open_and_close(self, settings: Settings) -> None:
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
