"""Answers `backend test`: connects anew when a backend is not connected, asks it what it is, and measures how long that takes."""

import time

from quarterdeck.runtime.backend_opening import BackendOpening
from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck.runtime.presence import Presence
from quarterdeck.runtime.registry import Registry
from quarterdeck.runtime.store import Store
from quarterdeck_api.backend import ProbeResult
from quarterdeck_api.errors import UnreachableError, UnsupportedError
from quarterdeck_api.host_protocol import BACKEND_PROBE, BackendName
from quarterdeck_api.protocol import BackendTest


class BackendProbing:
    """Tests one backend at a time for whoever asks."""

    def __init__(
        self, registry: Registry, store: Store, hosts: HostSupervisor, opening: BackendOpening, presence: Presence
    ) -> None:
        self._registry = registry
        self._store = store
        self._hosts = hosts
        self._opening = opening
        self._presence = presence

    async def test(self, name: str, timeout: float) -> BackendTest:
        """What a backend says of itself, asked for at most `timeout` seconds.

        Raises NotFoundError, UsageError for one that is configured wrongly, and UnreachableError with the reason when it does not answer.
        """
        backend = self._registry.backend(name)
        await self._presence.settled(name)
        state = self._store.backend(name)
        if state is None or state.state != "ready":
            await self._opening.retry(name)
            await self._presence.settled(name)
            state = self._store.backend(name)
        if state is not None and state.state != "ready":
            why = state.reason or f"it is still {state.state}"
            raise UnreachableError(f"backend {name} cannot be reached: {why}", state.remedy or "try again", name)
        begun = time.perf_counter()
        try:
            found = await self._hosts.call(name, BACKEND_PROBE, BackendName(name), timeout)
        except UnsupportedError:
            found = ProbeResult("", (), ("it is connected; this type of backend cannot be asked for more",))
        latency = time.perf_counter() - begun
        return BackendTest(
            name, backend.type.id, backend.plugin, found.version, latency, found.capabilities, found.notices
        )
