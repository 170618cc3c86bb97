"""The supervisor of plugin hosts: one process per plugin, started one at a time and started again when it ends."""

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from quarterdeck.runtime.borders import JobEvents, ResourceSink
from quarterdeck.runtime.hosts.link import HostLink
from quarterdeck.runtime.hosts.terms import HostedBackend, HostLimits, HostRoutes, LinkTools, host_log_path
from quarterdeck_api.backend import Interest
from quarterdeck_api.catalogue import JobTypeInfo, PluginStatus
from quarterdeck_api.errors import NotFoundError, UnreachableError, UsageError
from quarterdeck_api.jobs import JobSpec
from quarterdeck_api.runtime_requests import HostStatus
from quarterdeck_api.wire import Method

__all__ = ["HostedBackend", "HostLimits", "HostSupervisor"]

P = TypeVar("P")
R = TypeVar("R")


class HostSupervisor:
    """Runs the hosts of all plugins, and host jobs in them (it is a JobRunner).

    Changes and states of backends go to `sink`, what happens to jobs to `events`. `clock` is monotonic, in seconds. `routes` takes what
    other parts of the runtime answer to hosts; `on_status` is told a plugin's id whenever the state of its host changes.
    """

    def __init__(
        self,
        sink: ResourceSink,
        events: JobEvents,
        log_folder: Path,
        clock: Callable[[], float] = time.monotonic,
        rng: Random | None = None,
        limits: HostLimits | None = None,
        on_status: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.routes = HostRoutes()
        self._tools = LinkTools(
            sink, events, log_folder, clock, rng or Random(), limits or HostLimits(), self.routes, on_status
        )
        self._links: dict[str, HostLink] = {}
        self._starting = asyncio.Lock()

    async def start_plugin(self, plugin: PluginStatus, backends: Iterable[HostedBackend]) -> None:
        """Starts a plugin's host and returns when it is ready or its first start has failed; one host starts at a time.

        Raises UsageError when the plugin cannot be used, or runs already.
        """
        if plugin.catalogue is None:
            raise UsageError(f"plugin {plugin.id} cannot be used: {plugin.reason}", plugin.remedy)
        if plugin.id in self._links:
            raise UsageError(f"the host of plugin {plugin.id} runs already", "stop it first")
        link = self._links[plugin.id] = HostLink(plugin, list(backends), self._tools)
        async with self._starting:
            if self._links.get(plugin.id) is link:  # It may have been stopped while it waited for its turn.
                await link.start()

    async def stop_plugin(self, plugin: str, reason: str = "the plugin was stopped") -> None:
        """Ends a plugin's host; nothing happens when it has none."""
        link = self._links.pop(plugin, None)
        if link is not None:
            await link.stop(reason)

    def runs(self, plugin: str) -> bool:
        """Whether the plugin has a host, be it one that waits to be started again."""
        return plugin in self._links

    async def add_backend(self, plugin: str, backend: HostedBackend) -> None:
        """Opens another backend in a running host."""
        await self._link(plugin).add(backend)

    async def remove_backend(self, backend: str) -> None:
        """Closes a backend for good."""
        await self._link_of(backend).remove(backend)

    async def retry(self, backend: str) -> None:
        """Opens a backend anew, and starts its host at once when that waits."""
        await self._link_of(backend).retry(backend)

    def set_interest(self, backend: str, interest: Interest) -> None:
        """Says who looks at a backend now; unknown backends are ignored."""
        for link in self._links.values():
            if backend in link.backends:
                link.set_interest(backend, interest)

    async def call(
        self, backend: str, method: Method[P, R], params: P, timeout: float, changes_something: bool = False
    ) -> R:
        """Asks a backend something through its host, at most `timeout` seconds; errors name the backend.

        Raises what the backend answers, NotFoundError, UnreachableError, or UnknownOutcomeError when `changes_something` and the answer is lost.
        """
        return await self._link_of(backend).call(backend, method, params, timeout, changes_something=changes_something)

    def is_ready(self, plugin: str) -> bool:
        """Whether the plugin's host can be asked now."""
        link = self._links.get(plugin)
        return link is not None and link.ready

    def is_coming(self, plugin: str) -> bool:
        """Whether the plugin's host has not had its first start yet, or is just at it."""
        link = self._links.get(plugin)
        return link is None or link.coming

    async def call_plugin(
        self, plugin: str, method: Method[P, R], params: P, timeout: float, *, changes_something: bool = False
    ) -> R:
        """Asks a plugin's host something that concerns no single backend; raises what it answers, UsageError or UnreachableError."""
        return await self._link(plugin).call("", method, params, timeout, changes_something=changes_something)

    def notify_plugin(self, plugin: str, method: Method[P, Any], params: P) -> bool:
        """Tells a plugin's host something; False, and nothing is sent, when it cannot be told now."""
        link = self._links.get(plugin)
        return link is not None and link.notify(method, params)

    def status(self) -> tuple[HostStatus, ...]:
        """Every host, by plugin."""
        return tuple(self._links[plugin].status() for plugin in sorted(self._links))

    def log_path(self, plugin: str) -> Path:
        """Where the output of a plugin's host goes."""
        return host_log_path(self._tools.log_folder, plugin)

    def free(self, plugin: str) -> bool:
        """Whether an attempt of this plugin could start at once: hosts take many jobs."""
        link = self._links.get(plugin)
        return link is not None and link.ready

    async def start(self, plugin: PluginStatus, job_type: JobTypeInfo, spec: JobSpec) -> None:
        """Starts an attempt in the plugin's host; raises UnreachableError when it could not be started."""
        link = self._links.get(plugin.id)
        if link is None:
            raise UnreachableError(f"plugin {plugin.id} has no host to run {job_type.id}", f"enable plugin {plugin.id}")
        await link.start_job(spec)

    async def cancel(self, job: int, token: int, grace: float) -> None:
        """Asks an attempt to end; its host records it as cancelled after the grace of its JobSpec, whatever it does."""
        for link in self._links.values():
            if link.cancel_job(job, token):
                return

    async def close(self) -> None:
        """Ends every host, all at once."""
        links, self._links = list(self._links.values()), {}
        await asyncio.gather(*(link.stop("the runtime ends") for link in links))

    def _link(self, plugin: str) -> HostLink:
        link = self._links.get(plugin)
        if link is None:
            raise UsageError(f"plugin {plugin} has no host", f"enable plugin {plugin}")
        return link

    def _link_of(self, backend: str) -> HostLink:
        for link in self._links.values():
            if backend in link.backends:
                return link
        known = sorted(name for link in self._links.values() for name in link.backends)
        raise NotFoundError(f"no host has a backend {backend!r}", f"open are: {', '.join(known) or 'none'}")
