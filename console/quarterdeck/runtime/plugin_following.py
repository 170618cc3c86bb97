"""The runtime follows what is installed: it looks at the places of plugins, and lets those go over that waited for their jobs."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Collection, Iterable
from pathlib import Path

from quarterdeck.config.paths import InstancePaths
from quarterdeck_api.catalogue import PluginStatus

_log = logging.getLogger("quarterdeck.runtime")

#: Seconds between looks. Something is taken over once it has been the same for two looks: installing takes several steps.
LOOK_SECONDS = 1.0
#: Looks between two at environments that are no longer in use; one must be found abandoned twice.
_LOOKS_BETWEEN_SWEEPS = 5


class PluginFollowing:
    """Keeps the runtime's plugins those that are installed.

    `take_over` loads them and has hosts follow; `waits` says whether a plugin waits for its jobs, `changing` whether a client is at work on
    plugins, `plugins` are those in use.
    """

    def __init__(
        self,
        paths: InstancePaths,
        take_over: Callable[[Collection[str]], Awaitable[None]],
        waits: Callable[[], bool],
        changing: Callable[[], bool],
        plugins: Callable[[], Iterable[PluginStatus]],
    ) -> None:
        from quarterdeck.loading.own_environments import OwnEnvironments

        self._environments = OwnEnvironments(paths.environments)
        self._take_over = take_over
        self._waits = waits
        self._changing = changing
        self._plugins = plugins
        self._read_marks: tuple[str, ...] = ()
        self._abandoned: frozenset[Path] = frozenset()

    def remember(self) -> None:
        """What is there now is what has been taken over; call it before plugins are loaded."""
        self._read_marks = self._marks()

    async def follow(self) -> None:
        """Looks for ever."""
        seen, looks = self._read_marks, 0
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            looks += 1
            now = self._marks()
            settled = now == seen and now != self._read_marks and not self._changing()
            seen = now
            if settled or self._waits():
                await self.reload()
            if looks % _LOOKS_BETWEEN_SWEEPS == 0:
                await self._sweep()

    async def reload(self, renewed: Collection[str] = ()) -> None:
        """Takes over what is installed now; `renewed` start again although they look as before."""
        self.remember()
        await self._take_over(renewed)

    def _marks(self) -> tuple[str, ...]:
        from quarterdeck.loading.discovery import place_marks, plugin_path

        return place_marks(plugin_path(os.environ), self._environments)

    async def _sweep(self) -> None:
        """Removes environments that nobody has used for two sweeps: what starts in one is seen by then."""
        used = [Path(status.interpreter) for status in self._plugins() if status.interpreter]
        found = await asyncio.to_thread(self._environments.abandoned)
        mine = frozenset(each for each in found if not any(each in program.parents for program in used))
        gone = mine & self._abandoned
        self._abandoned = mine - gone
        if gone:
            _log.info("environments that are no longer in use are removed: %s", ", ".join(sorted(map(str, gone))))
            await asyncio.to_thread(self._environments.remove, gone)
