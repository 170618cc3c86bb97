"""Controllers as one part of the runtime: its pieces put together, and what the others see of it."""

import sqlite3
from collections.abc import Callable
from random import Random

from quarterdeck.runtime.controllers.actions import ControllerActions
from quarterdeck.runtime.controllers.controller_store import ControllerStore
from quarterdeck.runtime.controllers.service import Controllers, KnownController
from quarterdeck.runtime.controllers.view import controller_blocks
from quarterdeck.runtime.core_rows import CoreRows
from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck.runtime.registry import Registry
from quarterdeck.runtime.store import Store
from quarterdeck_api.controllers import Decision
from quarterdeck_api.documents import Block
from quarterdeck_api.host_protocol import CONTROLLER_LOOK, LOOK_TIMEOUT, ControllerLook
from quarterdeck_api.protocol import DoParams

#: Seconds that a host gets beyond the time of a controller's look.
_LOOK_MARGIN = 5.0


class BackendControllers:
    """All controllers of the backends that are in use.

    `lookup` resolves environment names of secrets; `clock` gives Unix seconds.
    """

    def __init__(
        self,
        database: sqlite3.Connection,
        registry: Registry,
        store: Store,
        hosts: HostSupervisor,
        rows: CoreRows,
        *,
        lookup: Callable[[str], str | None],
        clock: Callable[[], float],
        rng: Random,
    ) -> None:
        self._registry = registry
        self._store = store
        self._hosts = hosts
        self._controllers = Controllers(
            ControllerStore(database, lambda record: self._controllers.published(record)),
            self._known,
            self._why_not_ready,
            self._look,
            lookup,
            rows.controller,
            rows.gone,
            clock,
            rng,
        )
        self.actions = ControllerActions(self._controllers)
        store.subscribe_backends(self._controllers.follow)

    async def run(self) -> None:
        """Lets controllers look when it is their time, until it is cancelled; call it once plugins are known."""
        await self._controllers.run()

    def follow(self) -> None:
        """Plugins have changed: every controller is shown as it is now."""
        self._controllers.follow()

    def live(self) -> int:
        """Controllers that are on: they keep the runtime alive."""
        return self._controllers.live()

    def actor(self, plugin: str, name: str) -> str:
        """The actor of a controller that looks just now; raises RefusedError when none of this plugin does."""
        return self._controllers.actor(plugin, name)

    def request(self, actor: str, asked: DoParams) -> DoParams:
        """A request of plugin code; a controller's carries the confirmation that its user gave, and no other."""
        return self._controllers.request(actor, asked) if actor.startswith("controller ") else asked

    def blocks(self, name: str) -> list[Block]:
        """What describes a controller; raises NotFoundError."""
        return controller_blocks(self._controllers.record(name), self._controllers.known(name).info)

    async def _look(self, plugin: str, asked: ControllerLook) -> Decision:
        limit = LOOK_TIMEOUT + _LOOK_MARGIN
        return await self._hosts.call_plugin(plugin, CONTROLLER_LOOK, asked, limit, changes_something=True)

    def _known(self) -> list[KnownController]:
        return [
            KnownController(status.id, backend.name, info)
            for status in self._registry.ready_plugins()
            if status.catalogue is not None
            for info in status.catalogue.controllers
            for backend in self._registry.backends(status.id)
            if not info.backend_types or backend.type.id in info.backend_types
        ]

    def _why_not_ready(self, backend: str) -> str:
        state = self._store.backend(backend)
        if state is not None and state.state == "ready":
            return ""
        return (
            f"backend {backend} is {state.state}: {state.reason}".rstrip(": ") if state else "its backend is not open"
        )
