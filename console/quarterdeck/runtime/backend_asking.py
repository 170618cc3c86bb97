"""Asks backends through their hosts; one that is still connecting is waited for, since its host may only just have been started."""

from typing import TypeVar

from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck.runtime.presence import CONNECT_TIMEOUT, Presence
from quarterdeck.runtime.store import Store
from quarterdeck_api.errors import UnreachableError
from quarterdeck_api.wire import Method

P = TypeVar("P")
R = TypeVar("R")


class BackendAsking:
    """The way from any request of a client to a backend."""

    def __init__(self, store: Store, hosts: HostSupervisor, presence: Presence) -> None:
        self._store = store
        self._hosts = hosts
        self._presence = presence

    async def connected(self, backend: str) -> None:
        """Returns once the backend is connected, or is known not to be; raises UnreachableError while it cannot be said."""
        await self._presence.settled(backend)
        state = self._store.backend(backend)
        if state is not None and state.state == "connecting":
            raise UnreachableError(
                f"backend {backend} has not connected within {CONNECT_TIMEOUT:g} s", "see `quarterdeck backend list`"
            )

    async def ask(
        self, backend: str, method: Method[P, R], params: P, timeout: float, *, changes_something: bool = False
    ) -> R:
        """Asks a backend, at most `timeout` seconds; raises what `HostSupervisor.call` raises."""
        await self.connected(backend)
        return await self._hosts.call(backend, method, params, timeout, changes_something=changes_something)
