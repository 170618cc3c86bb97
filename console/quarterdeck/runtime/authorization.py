"""Plugins that may refuse requests: each is asked before anything is done, and no answer means no."""

import asyncio
import time
from collections.abc import Callable, Sequence

from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck_api.authorization import Authorization, AuthorizationRequest
from quarterdeck_api.catalogue import PluginStatus
from quarterdeck_api.errors import QuarterdeckError, RefusedError
from quarterdeck_api.host_protocol import AUTHORIZE

#: Seconds that a plugin has for its answer.
ANSWER_SECONDS = 2.0
#: Seconds that a host which has not been ready yet, because the runtime has just started, is waited for.
START_SECONDS = 15.0

_PAUSE = 0.05


class Authorizer:
    """Asks every plugin that declares `quarterdeck_authorize`, all at once; `plugins` gives the plugins that are ready.

    Dry runs are not asked about: they change nothing, and they show what a plugin would be asked. `clock` is monotonic.
    """

    def __init__(
        self,
        hosts: HostSupervisor,
        plugins: Callable[[], Sequence[PluginStatus]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hosts = hosts
        self._plugins = plugins
        self._clock = clock

    async def check(self, request: AuthorizationRequest) -> None:
        """Raises RefusedError that names the plugin when one says no, or does not say yes; secrets must be out of the request."""
        asked = [each.id for each in self._plugins() if each.catalogue is not None and each.catalogue.authorizes]
        if not asked:
            return
        answers = await asyncio.gather(*(self._ask(plugin, request) for plugin in asked))
        for plugin, (answer, remedy) in zip(asked, answers, strict=True):
            if not answer.allowed:
                reason = answer.reason or "it gives no reason"
                where = ", ".join(request.addresses) or "no resource"
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
