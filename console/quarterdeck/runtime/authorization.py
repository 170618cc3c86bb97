"""Plugins that may refuse requests: each is asked before anything is done, and no answer means no."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence

from quarterdeck.runtime.database import transaction
from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck_api.authorization import Authorization, AuthorizationRequest
from quarterdeck_api.catalogue import PluginPhase, PluginStatus
from quarterdeck_api.errors import QuarterdeckError, RefusedError
from quarterdeck_api.host_protocol import AUTHORIZE

#: Seconds that a plugin has for its answer.
ANSWER_SECONDS = 2.0
#: Seconds that a host which has not been ready yet, because the runtime has just started, is waited for.
START_SECONDS = 15.0

_PAUSE = 0.05


class KnownAuthorizers:
    """Which plugins have said that they may refuse requests; remembered, so that one that breaks does not let everything pass."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._known = {row["plugin"] for row in connection.execute("SELECT plugin FROM authorizing_plugin")}

    def follow(self, plugins: Sequence[PluginStatus]) -> None:
        """Plugins have changed: those that want to be asked are remembered; those that were removed, disabled or no longer want to are not."""
        wanted = {each.id for each in plugins if each.catalogue is not None and each.catalogue.authorizes}
        kept = {each.id for each in self.broken(plugins)}
        if wanted | kept == self._known:
            return
        self._known = wanted | kept
        with transaction(self._db):
            self._db.execute("DELETE FROM authorizing_plugin")
            self._db.executemany("INSERT INTO authorizing_plugin VALUES (?)", [(each,) for each in sorted(self._known)])

    def broken(self, plugins: Sequence[PluginStatus]) -> list[PluginStatus]:
        """Remembered plugins that are there, are not disabled, and cannot be used now."""
        return [
            each
            for each in plugins
            if each.id in self._known and each.phase not in (PluginPhase.READY, PluginPhase.DISABLED)
        ]


class Authorizer:
    """Asks every plugin that declares `quarterdeck_authorize`, all at once; `plugins` gives every plugin that was found.

    Dry runs are not asked about: they change nothing, and they show what a plugin would be asked. `clock` is monotonic.
    """

    def __init__(
        self,
        hosts: HostSupervisor,
        plugins: Callable[[], Sequence[PluginStatus]],
        known: KnownAuthorizers,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hosts = hosts
        self._plugins = plugins
        self._known = known
        self._clock = clock

    async def check(self, request: AuthorizationRequest) -> None:
        """Raises RefusedError that names the plugin when one says no, or does not say yes; secrets must be out of the request."""
        where = ", ".join(request.addresses) or "no resource"
        for broken in self._known.broken(self._plugins()):
            raise RefusedError(
                f"{request.action} on {where} is refused: plugin {broken.id}, which may refuse requests, cannot be asked: {broken.reason}",
                f"repair it, see `quarterdeck plugin doctor {broken.id}`, or run `quarterdeck plugin disable {broken.id}`",
                request.addresses[0] if request.addresses else "",
            )
        asked = [each.id for each in self._plugins() if each.catalogue is not None and each.catalogue.authorizes]
        if not asked:
            return
        answers = await asyncio.gather(*(self._ask(plugin, request) for plugin in asked))
        for plugin, (answer, remedy) in zip(asked, answers, strict=True):
            if not answer.allowed:
                reason = answer.reason or "it gives no reason"
                raise RefusedError(
                    f"{request.action} on {where} is refused by plugin {plugin}: {reason}",
                    remedy,
                    request.addresses[0] if request.addresses else "",
                )

    async def _ask(self, plugin: str, request: AuthorizationRequest) -> tuple[Authorization, str]:
        """The plugin's answer, and what to do when it is no."""
        await self._started(plugin)
        try:
            answer = await self._hosts.call_plugin(plugin, AUTHORIZE, request, ANSWER_SECONDS)
        except QuarterdeckError as error:
            reason = f"it did not answer, and no answer means no: {error.message}"
            return Authorization(
                False, reason
            ), f"see `quarterdeck logs core/host/{plugin}`, or disable plugin {plugin}"
        return answer, f"ask whoever runs plugin {plugin}"

    async def _started(self, plugin: str) -> None:
        deadline = self._clock() + START_SECONDS
        while self._hosts.is_coming(plugin) and self._clock() < deadline:
            await asyncio.sleep(_PAUSE)
