"""Clients that install, upgrade, remove and switch plugins: policy and journal before it, nothing begins meanwhile, taken over after it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from msgspec import Struct

from quarterdeck.config.settings import Settings
from quarterdeck.runtime.authorization import Authorizer
from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck.runtime.jobs.service import JobService
from quarterdeck.runtime.journal import Journal
from quarterdeck.runtime.plugin_following import PluginFollowing
from quarterdeck.runtime.policy import Standing, Wish, check
from quarterdeck.runtime.processes.part import ManagedProcesses
from quarterdeck.runtime.registry import Registry
from quarterdeck.runtime.serving.session import ClientSession
from quarterdeck_api.authorization import AuthorizationRequest
from quarterdeck_api.catalogue import ActionInfo, Danger
from quarterdeck_api.errors import NotFoundError, RefusedError, UsageError
from quarterdeck_api.plugin_requests import (
    PluginChange,
    PluginChangeEnd,
    PluginChangeNumber,
    PluginChangeState,
    PluginsState,
)
from quarterdeck_api.resources import CORE, Address
from quarterdeck_api.wire import Nothing

_DANGERS = {
    "install": Danger.CONFIRM,
    "upgrade": Danger.CONFIRM,
    "remove": Danger.CONFIRM,
    "enable": Danger.NONE,
    "disable": Danger.NONE,
}
#: Seconds that managed processes get to drain before the client is told that it has to wait on.
_DRAIN_SECONDS = 20.0

_OUTCOMES = ("done", "failed")


class _UnderWay(Struct, frozen=True):
    """A change that a client has begun."""

    number: int
    session: ClientSession
    change: PluginChange

    @property
    def holder(self) -> str:
        """Under which name it holds plugins."""
        return f"change {self.number}"


class PluginChanges:
    """Answers clients that change plugins. A client that leaves before it has said what came of its change leaves it unknown."""

    def __init__(
        self,
        registry: Registry,
        journal: Journal,
        jobs: JobService,
        hosts: HostSupervisor,
        settings: Callable[[], Settings],
        following: PluginFollowing,
        waiting: Callable[[], Collection[str]],
        processes: ManagedProcesses,
        authorizer: Authorizer,
    ) -> None:
        self._registry = registry
        self._journal = journal
        self._jobs = jobs
        self._hosts = hosts
        self._settings = settings
        self._following = following
        self._waiting = waiting
        self._processes = processes
        self._authorizer = authorizer
        self._under_way: dict[int, _UnderWay] = {}

    @property
    def under_way(self) -> bool:
        """Whether a client is at work on plugins."""
        return bool(self._under_way)

    async def begin(self, session: ClientSession, asked: PluginChange) -> PluginChangeState:
        """Asks policy, writes the journal, and holds jobs; raises UsageError or RefusedError."""
        if asked.verb not in _DANGERS:
            raise UsageError(f"{asked.verb!r} is nothing that can be done to a plugin", f"one of {', '.join(_DANGERS)}")
        address = Address(CORE, "plugin", asked.plugin)
        action = f"plugin.{asked.verb}"
        shown = {
            key: value
            for key, value in (
                ("distribution", asked.distribution),
                ("before", asked.before),
                ("after", asked.after),
                ("environment", asked.environment),
            )
            if value
        }
        settings = self._settings()
        standing = Standing(settings.runtime.read_only, False, "", settings.guardrails)
        info = ActionInfo(action, action, ("plugin",), {}, _DANGERS[asked.verb])
        try:
            check(Wish(info, address, 1, asked.confirmed, asked.typed_name), standing)
            if self._is_asked_about(asked):
                await self._authorizer.check(
                    AuthorizationRequest(session.actor, action, (str(address),), shown, {}, info.danger, False)
                )
        except RefusedError as error:
            number = self._journal.begin(session.actor, action, str(address), "refused", shown)
            self._journal.finish(number, "refused", error.message)
            raise
        number = self._journal.begin(session.actor, action, str(address), "allowed", shown)
        change = self._under_way[number] = _UnderWay(number, session, asked)
        self._registry.hold(change.holder, asked.hold, f"is being changed: {asked.verb} {asked.distribution}")
        return self._state(change)

    async def proceed(self, session: ClientSession, asked: PluginChangeNumber) -> PluginChangeState:
        """Whether the files may be changed: once no job of the held plugins runs, or at once with `now`.

        Then their managed processes are drained, and their hosts ended; they start again when the change has ended.
        """
        change = self._of(session, asked.change)
        state = self._state(change)
        if state.running and not asked.now:
            return state
        if not await self._processes.ended(change.change.hold, _DRAIN_SECONDS):
            return PluginChangeState(change.number, False, state.running)
        for plugin in change.change.hold:
            await self._hosts.stop_plugin(plugin, f"plugin {plugin} is being changed: {change.change.verb}")
        return PluginChangeState(change.number, True, state.running)

    async def end(self, session: ClientSession, asked: PluginChangeEnd) -> PluginsState:
        """Writes what came of it, takes over what is installed now, and lets jobs begin again."""
        if asked.outcome not in _OUTCOMES:
            raise UsageError(f"{asked.outcome!r} is no outcome", f"one of {', '.join(_OUTCOMES)}")
        change = self._of(session, asked.change)
        await self._finish(change, asked.outcome, asked.detail, asked.renewed)
        return self.state()

    async def reload(self, _: ClientSession, __: Nothing) -> PluginsState:
        """Takes over what is installed now."""
        await self._following.reload()
        return self.state()

    def state(self) -> PluginsState:
        """Every plugin as it is used now."""
        plugins = tuple(status for status in self._registry.plugins() if status.id != CORE)
        return PluginsState(plugins, tuple(sorted(self._waiting())))

    async def watch_clients(self, pause: float = 1.0, wait: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Ends, for ever, the changes of clients that are gone."""
        while True:
            await wait(pause)
            for change in [each for each in self._under_way.values() if each.session.closed]:
                await self._finish(change, "unknown", "the client left before it said what came of it", ())

    async def _finish(self, change: _UnderWay, outcome: str, detail: str, renewed: Collection[str]) -> None:
        self._journal.finish(change.number, outcome, detail)
        del self._under_way[change.number]
        try:
            await self._following.reload({*change.change.hold, *renewed})
        finally:
            self._registry.hold(change.holder, (), "")
            self._processes.renew(change.change.hold)
            self._jobs.on_free()

    def _is_asked_about(self, asked: PluginChange) -> bool:
        """Whether plugins that may refuse are asked: not about what a user does when one of them is broken."""
        if asked.verb not in ("install", "upgrade"):
            return False
        found = next((each for each in self._registry.plugins() if each.id == asked.plugin), None)
        return found is None or (found.catalogue is not None and not found.catalogue.authorizes)

    def _state(self, change: _UnderWay) -> PluginChangeState:
        running = sorted(job for plugin in change.change.hold for job in self._jobs.running(plugin))
        return PluginChangeState(change.number, not running, tuple(running))

    def _of(self, session: ClientSession, number: int) -> _UnderWay:
        change = self._under_way.get(number)
        if change is None or change.session is not session:
            raise NotFoundError(f"this client has begun no change {number}", "begin it first")
        return change
