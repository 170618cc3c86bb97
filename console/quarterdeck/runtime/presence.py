"""Whether a resource exists: what the store knows, once the backend has had its time to say everything."""

import asyncio
from collections.abc import Callable

from quarterdeck.runtime.registry import Registry
from quarterdeck.runtime.store import Store
from quarterdeck_api.errors import NotFoundError, UnreachableError
from quarterdeck_api.nearest import nearest
from quarterdeck_api.resources import CORE, Address, Resource

#: Seconds that a backend which is connecting, or has not said everything yet, is waited for.
CONNECT_TIMEOUT = 15.0

#: Among more names than this the nearest one is not looked for: comparing takes too long for the loop that does it.
_MOST_COMPARED = 1_000


class Presence:
    """Finds resources that requests name. `older_job` gives a job that the store does not show any more, or raises NotFoundError."""

    def __init__(self, registry: Registry, store: Store, older_job: Callable[[int], Resource]) -> None:
        self._registry = registry
        self._store = store
        self._older_job = older_job

    async def resource(self, address: Address) -> Resource | None:
        """The resource that bears an address, None when its kind is browsed and so never in the store.

        Raises NotFoundError with the nearest name when there is none, UnreachableError while its backend cannot say.
        """
        if (found := self._store.resource(str(address))) is not None:
            return found
        if not self._registry.mirrored(address.backend, address.kind):
            return None
        await self.settled(address.backend, address.kind)
        found = self._store.resource(str(address))
        if found is not None:
            return found
        if address.backend == CORE and address.kind == "job" and address.name.isdigit():
            return self._older_job(int(address.name))
        if not self._store.is_synced(address.backend, address.kind):
            state = self._store.backend(address.backend)
            why = state.reason if state and state.reason else "it has not said yet what it has"
            remedy = state.remedy if state and state.remedy else "try again"
            raise UnreachableError(
                f"{address.backend} cannot say whether there is {address}: {why}", remedy, str(address)
            )
        raise NotFoundError(f"there is no {address}", self._nearest(address), str(address))

    async def settled(self, backend: str, kind: str = "") -> None:
        """Returns once the backend is connected, and has said everything of a kind when one is given, or cannot now; waits a while at most."""
        changed = asyncio.Event()
        end = self._store.subscribe_backends(changed.set)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                while self._is_coming(backend, kind):
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            return  # The state says that it is still connecting; whoever asks goes by that.
        finally:
            end()

    def _is_coming(self, backend: str, kind: str) -> bool:
        state = self._store.backend(backend)
        if state is None or state.state not in ("connecting", "ready"):
            return False
        return state.state == "connecting" or (bool(kind) and not self._store.is_synced(backend, kind))

    def _nearest(self, address: Address) -> str:
        listing = f"see `quarterdeck get {address.kind}`"
        if self._store.count(address.kind, address.backend) > _MOST_COMPARED:
            return listing
        names = [each.name for each in self._store.get(address.kind, address.backend)]
        return nearest(address.name, names, listing)
