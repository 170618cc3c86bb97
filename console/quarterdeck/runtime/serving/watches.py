"""Watches of one connection: a snapshot in chunks, then deltas of the latest state, never a queue."""

import asyncio
from collections.abc import Callable

from quarterdeck.runtime.serving.lookup import Lookup
from quarterdeck.runtime.serving.outlet import Outlet
from quarterdeck.runtime.store import Matches, Store, StoreChange
from quarterdeck_api.errors import UnreachableError, UsageError
from quarterdeck_api.protocol import WATCH_DELTA, WATCH_SNAPSHOT, Delta, SnapshotChunk, WatchParams
from quarterdeck_api.resources import Address, Resource

#: Rows of a snapshot's first message, which fills a screen at once, and of every later message.
FIRST_CHUNK = 200
CHUNK = 5_000

#: Seconds between batches of one watch while something changes all the time.
INTERVAL = 0.06
#: Batches that may follow one another at once after a quiet time, so that what begins and ends within milliseconds is seen to end. With the
#: interval they are at most 20 in any second.
BURST = 3
#: Seconds between the batches of a burst: changes that belong together come together.
_BURST_INTERVAL = 0.004

#: Rows that a filter looks at before others get their turn.
_FILTER_SLICE = 1_000

_WATCH_LIMIT = 64


class _Watch:
    """One watch: what it selects, and what of it the client does not know yet.

    `dirty` are addresses that changed since they were last sent. `shown` are the addresses that the client has; kept for filtered watches
    only, because elsewhere the store itself says it.
    """

    def __init__(self, params: WatchParams, kind: str, matches: Matches | None) -> None:
        self.params = params
        self.kind = kind
        self.matches = matches
        self.dirty: set[str] = set()
        self.shown: set[str] | None = None if matches is None else set()
        self.wake = asyncio.Event()

    @property
    def number(self) -> int:
        return self.params.watch

    def note(self, change: StoreChange) -> None:
        """Marks what a revision changed of this watch."""
        if self.params.backend not in ("", change.backend):
            return
        for kind, addresses in change.addresses.items():
            if self.kind not in ("", kind):
                continue
            if not self.params.address:
                self.dirty |= addresses
            elif self.params.address in addresses:
                self.dirty.add(self.params.address)
        if self.dirty:
            self.wake.set()

    def forget_dirty(self) -> set[str]:
        """Takes what is dirty; it counts as known from now on."""
        dirty, self.dirty = self.dirty, set()
        self.wake.clear()
        return dirty


class WatchManager:
    """Opens, serves and closes the watches of one connection.

    A client that reads slowly costs no memory: a watch remembers which addresses changed, not how often, and sends their latest state once
    there is room; when more than half of what it watches changed meanwhile, a new snapshot is cheaper and is sent instead.
    """

    def __init__(
        self,
        outlet: Outlet,
        store: Store,
        lookup: Lookup,
        on_fault: Callable[[str, BaseException], None],
        interval: float = INTERVAL,
    ) -> None:
        self._outlet = outlet
        self._store = store
        self._lookup = lookup
        self._on_fault = on_fault
        self._interval = interval
        self._watches: dict[int, tuple[_Watch, asyncio.Task[None]]] = {}
        self._unsubscribe = store.subscribe(self._note)

    @property
    def count(self) -> int:
        """How many watches are open."""
        return len(self._watches)

    def looks_at(self, backend: str) -> bool:
        """Whether a watch shows anything of a backend."""
        return any(watch.params.backend in ("", backend) for watch, _ in self._watches.values())

    def open(self, params: WatchParams) -> None:
        """Opens a watch; one of the same number is replaced. Raises UsageError for an unknown kind, backend or a bad filter."""
        if params.watch not in self._watches and len(self._watches) >= _WATCH_LIMIT:
            raise UsageError(f"this connection has {_WATCH_LIMIT} watches already", "close one first")
        kind = params.kind
        if params.address:
            address = Address.parse(params.address)
            kind = address.kind
            params = WatchParams(params.watch, kind, address.backend, params.filter, params.address)
        self._lookup.check(kind, params.backend)
        watch = _Watch(params, kind, self._lookup.matcher(params.filter, kind))
        self.close(params.watch)
        task = asyncio.create_task(self._serve(watch))
        self._watches[params.watch] = (watch, task)
        task.add_done_callback(self._ended)

    def close(self, number: int) -> None:
        """Closes a watch; one that is not open is none."""
        entry = self._watches.pop(number, None)
        if entry is not None:
            entry[1].cancel()

    def close_all(self) -> None:
        """Closes every watch, because the connection ended."""
        self._unsubscribe()
        for number in list(self._watches):
            self.close(number)

    def _note(self, change: StoreChange) -> None:
        for watch, _ in self._watches.values():
            watch.note(change)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, UnreachableError):
            self._on_fault("watch", error)

    async def _serve(self, watch: _Watch) -> None:
        await self._send_snapshot(watch)
        loop = asyncio.get_running_loop()
        credit, counted = BURST - 1.0, loop.time()
        while True:
            await watch.wake.wait()
            slow = await self._outlet.room()
            if slow and len(watch.dirty) * 2 > self._size(watch):
                await self._send_snapshot(watch)
            else:
                await self._send_deltas(watch)
            now = loop.time()
            credit, counted = min(credit + (now - counted) / self._interval, float(BURST)) - 1.0, now
            await asyncio.sleep(
                min(_BURST_INTERVAL, self._interval) if credit >= 1.0 else (1.0 - credit) * self._interval
            )

    async def _send_snapshot(self, watch: _Watch) -> None:
        """Sends everything the watch selects; what changes meanwhile is dirty and follows as deltas."""
        watch.forget_dirty()
        rows = await self._select(watch)
        if watch.shown is not None:
            watch.shown = {resource.address for resource in rows}
        revision, total, start, size = self._store.revision, len(rows), 0, FIRST_CHUNK
        while start == 0 or start < total:
            await self._outlet.room()
            end = start + size
            chunk = SnapshotChunk(watch.number, revision, tuple(rows[start:end]), total, start == 0, end >= total)
            self._outlet.notify(WATCH_SNAPSHOT, chunk)
            start, size = end, CHUNK
            await asyncio.sleep(0)

    async def _send_deltas(self, watch: _Watch) -> None:
        """Sends the latest state of everything dirty, in messages of bounded size."""
        addresses = list(watch.forget_dirty())
        for start in range(0, len(addresses), CHUNK):
            if start:
                await self._outlet.room()
            upserts: list[Resource] = []
            removes: list[str] = []
            for address in addresses[start : start + CHUNK]:
                self._sort_out(watch, address, upserts, removes)
            if upserts or removes:
                delta = Delta(watch.number, self._store.revision, tuple(upserts), tuple(removes))
                self._outlet.notify(WATCH_DELTA, delta)
            await asyncio.sleep(0)

    def _sort_out(self, watch: _Watch, address: str, upserts: list[Resource], removes: list[str]) -> None:
        """Puts an address where its present state belongs: an upsert that the filter does not let pass is a remove."""
        resource = self._store.resource(address)
        if resource is not None and (watch.matches is None or watch.matches(resource)):
            upserts.append(resource)
            if watch.shown is not None:
                watch.shown.add(address)
        elif watch.shown is None:
            removes.append(address)
        elif address in watch.shown:
            watch.shown.discard(address)
            removes.append(address)

    async def _select(self, watch: _Watch) -> list[Resource]:
        if watch.params.address:
            resource = self._store.resource(watch.params.address)
            rows = [resource] if resource is not None else []
        else:
            rows = self._store.get(watch.kind, watch.params.backend)
        matches = watch.matches
        if matches is None:
            return rows
        passed: list[Resource] = []
        for start in range(0, len(rows), _FILTER_SLICE):
            passed.extend(resource for resource in rows[start : start + _FILTER_SLICE] if matches(resource))
            await asyncio.sleep(0)
        return passed

    def _size(self, watch: _Watch) -> int:
        if watch.params.address:
            return 1
        return len(watch.shown) if watch.shown is not None else self._store.count(watch.kind, watch.params.backend)
