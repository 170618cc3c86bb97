"""Events for plugins' hooks: what happened is queued for each plugin that wants to know, and told to its host one by one."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from quarterdeck.runtime.findings import Findings
from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck_api.catalogue import PluginStatus
from quarterdeck_api.errors import QuarterdeckError, UnreachableError
from quarterdeck_api.events import Event, FindingChanged, HealthChanged, JobFinished
from quarterdeck_api.findings import Finding
from quarterdeck_api.host_protocol import EVENT, HOOK_TIMEOUT, EventParams
from quarterdeck_api.protocol import JobRecord
from quarterdeck_api.resources import CORE, Resource

_log = logging.getLogger("quarterdeck.runtime")

#: Events that wait for one plugin; when more come, the oldest are dropped and counted.
QUEUE_LIMIT = 1_000
#: Seconds that a host gets beyond the hook's own time.
_MARGIN = 5.0
#: Seconds until a host that cannot be told now is tried again.
_PAUSE = 1.0
#: Ends of jobs that are remembered, because a job's record is published more than once.
_ENDS_REMEMBERED = 256

#: The finding about a hook that fails; plugins are not told of it, since telling could make it come and go for ever.
HOOK_FAILED = "event-hook-failed"

_HOOKS: dict[type[Any], str] = {
    HealthChanged: "quarterdeck_health_changed",
    JobFinished: "quarterdeck_job_finished",
    FindingChanged: "quarterdeck_finding",
}
#: Kinds of the core whose changes are events of their own, or no news.
_OWN_EVENTS = frozenset({"job", "finding", "journal", "dataset", "plugin"})


class _Waiting:
    """What one plugin has not been told yet."""

    def __init__(self) -> None:
        self.events: deque[Event] = deque()
        self.dropped = 0
        self.task: asyncio.Task[None] | None = None


class Events:
    """Tells plugins what happened, in order, each event at most once.

    `plugins` gives the plugins that are ready, `spawn` starts a task that ends with the runtime.
    """

    def __init__(
        self,
        hosts: HostSupervisor,
        plugins: Callable[[], Sequence[PluginStatus]],
        spawn: Callable[[Coroutine[None, None, None]], None],
        limit: int = QUEUE_LIMIT,
    ) -> None:
        self._hosts = hosts
        self._plugins = plugins
        self._spawn = spawn
        self._limit = limit
        self._waiting: dict[str, _Waiting] = {}
        self._telling: set[str] = set()
        self._ended_jobs: deque[tuple[int, float]] = deque(maxlen=_ENDS_REMEMBERED)
        self.findings: Findings | None = None

    def condition(self, time: float, before: Resource | None, after: Resource) -> None:
        """A resource's health, state or reason changed; what is new, or has the health that it had, is no event."""
        if before is None or before.health is after.health:
            return
        backend, kind = after.address.split("/", 2)[:2]
        if backend == CORE and kind in _OWN_EVENTS:
            return
        self.tell(HealthChanged(after.address, before.health, after.health, after.state, after.reason, time))

    def job(self, record: JobRecord) -> None:
        """A job has come to its end; said again for the same end it is no event."""
        end = (record.job, record.ended)
        if end in self._ended_jobs:
            return
        self._ended_jobs.append(end)
        self.tell(
            JobFinished(
                record.address,
                record.job_type,
                record.action,
                record.target,
                record.state,
                record.started,
                record.ended,
                record.error,
            )
        )

    def tell(self, event: Event) -> None:
        """Queues an event for every plugin that has a hook for it."""
        if isinstance(event, FindingChanged) and event.finding.code == HOOK_FAILED:
            return
        hook = _HOOKS[type(event)]
        for status in self._plugins():
            if status.catalogue is None or hook not in status.catalogue.event_hooks:
                continue
            waiting = self._waiting.setdefault(status.id, _Waiting())
            waiting.events.append(event)
            if len(waiting.events) > self._limit:
                waiting.events.popleft()
                waiting.dropped += 1
            if status.id not in self._telling:
                self._telling.add(status.id)
                self._spawn(self._deliver(status.id, waiting))

    async def _deliver(self, plugin: str, waiting: _Waiting) -> None:
        """Tells a plugin everything that waits for it."""
        try:
            while waiting.events:
                if not self._hosts.is_ready(plugin):
                    if not any(status.id == plugin for status in self._plugins()):
                        waiting.events.clear()  # The plugin is gone, or was disabled.
                        return
                    await asyncio.sleep(_PAUSE)
                    continue
                event, dropped = waiting.events.popleft(), waiting.dropped
                waiting.dropped = 0
                if dropped:
                    _log.warning("%d events for plugin %s were dropped: it takes them too slowly", dropped, plugin)
                await self._tell_one(plugin, EventParams(event, dropped))
        finally:
            self._telling.discard(plugin)

    async def _tell_one(self, plugin: str, event: EventParams) -> None:
        try:
            await self._hosts.call_plugin(plugin, EVENT, event, HOOK_TIMEOUT + _MARGIN)
        except UnreachableError as error:
            _log.warning("plugin %s was not told of an event: %s", plugin, error.message)
            self._failed(plugin, error)
        except QuarterdeckError as error:
            _log.warning("a hook of plugin %s failed: %s", plugin, error.message)
            self._failed(plugin, error)
        else:
            if self.findings is not None:
                self.findings.cleared("events", HOOK_FAILED, f"{CORE}/plugin/{plugin}")

    def _failed(self, plugin: str, error: QuarterdeckError) -> None:
        if self.findings is None:
            return
        sentence = f"a hook of plugin {plugin} for events failed: {error.message}"
        remedy = f"see `quarterdeck logs core/host/{plugin}`; the event is not told again"
        self.findings.raised("events", Finding(HOOK_FAILED, sentence, remedy, f"{CORE}/plugin/{plugin}"))
