"""The console's side of its connection to the runtime: what is known, and what is watched across losses of the connection."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from quarterdeck.client.watching import RowChanges, WatchedRows
from quarterdeck.tui.streams import Streams
from quarterdeck_api.errors import QuarterdeckError, UnreachableError
from quarterdeck_api.protocol import (
    BACKENDS_CHANGED,
    CATALOGUE,
    CATALOGUE_CHANGED,
    WATCH_CLOSE,
    WATCH_DELTA,
    WATCH_OPEN,
    WATCH_SNAPSHOT,
    BackendsChanged,
    BackendState,
    CatalogueResult,
    Delta,
    HelloResult,
    SnapshotChunk,
    WatchNumber,
    WatchParams,
)
from quarterdeck_api.resources import Resource
from quarterdeck_api.wire import Method, Nothing

P = TypeVar("P")
R = TypeVar("R")

#: Seconds that ordinary questions may take.
CALL_TIMEOUT = 10.0


class Connection(Protocol):
    """A connection to the runtime that comes back by itself, as `quarterdeck.client.streaming` has it."""

    async def call(
        self, method: Method[P, R], params: P, timeout: float | None = 30.0, *, changes_something: bool = False
    ) -> R:
        """Sends a request and waits for its answer; raises QuarterdeckError."""
        ...

    def on_notification(self, method: Method[P, Any], handler: Callable[[P], None]) -> None:
        """Receives notifications of a method; registered before `start`."""
        ...

    def start(self) -> None:
        """Begins to connect, in the background."""
        ...

    async def close(self) -> None:
        """Ends the connection for good."""
        ...


class Connected(Protocol):
    """Makes a connection that reports to the session; imports what it needs only when it is called."""

    def __call__(
        self,
        *,
        on_connected: Callable[[HelloResult], None],
        on_disconnected: Callable[[QuarterdeckError], None],
        on_fault: Callable[[str, BaseException], None],
    ) -> Connection:
        """The connection, not started yet."""
        ...


class RowsListener(Protocol):
    """Who wants the rows of a watch."""

    def rows_loaded(self, resources: tuple[Resource, ...], *, first: bool, last: bool, total: int) -> None:
        """A part of a snapshot of `total` rows: those of it that are new or different. Rows that are gone come as changes after the last."""
        ...

    def rows_changed(self, upserts: tuple[Resource, ...], removes: tuple[str, ...]) -> None:
        """The latest state of what changed."""
        ...


class SessionView(Protocol):
    """Who is told how the session is."""

    def catalogue_known(self, known: CatalogueResult) -> None:
        """Plugins and backends are known (again)."""
        ...

    def backends_known(self, backends: tuple[BackendState, ...]) -> None:
        """The state of a backend changed."""
        ...

    def connection_said(self, sentence: str) -> None:
        """How the connection is; empty when it is there."""
        ...


class _Watch(Struct):
    params: WatchParams
    listener: RowsListener
    rows: WatchedRows
    changes: RowChanges | None = None


class Session:
    """Keeps the catalogue and every watch up to date over one connection, and opens them again after each loss of it."""

    def __init__(self, connect: Connected, view: SessionView) -> None:
        self.backends: tuple[BackendState, ...] = ()
        self._connect = connect
        self._view = view
        self._connection: Connection | None = None
        self._connected = False
        self._numbers = itertools.count(1)
        self._watches: dict[int, _Watch] = {}
        self.streams = Streams(self, self._numbers, self._spawn)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """Whether the runtime can be asked now."""
        return self._connected

    def start(self) -> None:
        """Begins to connect, in the background."""
        connection = self._connect(on_connected=self._begin, on_disconnected=self._lost, on_fault=self._fault)
        connection.on_notification(WATCH_SNAPSHOT, self._snapshot)
        connection.on_notification(WATCH_DELTA, self._delta)
        connection.on_notification(BACKENDS_CHANGED, self._backends_changed)
        connection.on_notification(CATALOGUE_CHANGED, lambda _: self._spawn(self._read_catalogue_again()))
        self.streams.listen(connection)
        self._connection = connection
        connection.start()

    async def close(self) -> None:
        """Ends the connection."""
        for task in self._tasks:
            task.cancel()
        if self._connection is not None:
            await self._connection.close()

    async def call(
        self,
        method: Method[P, R],
        params: P,
        timeout: float | None = CALL_TIMEOUT,
        *,
        changes_something: bool = False,
    ) -> R:
        """Asks the runtime; raises QuarterdeckError, at once when there is no connection."""
        if self._connection is None:
            raise UnreachableError("the console is not connected to its runtime", "wait until it is, then try again")
        return await self._connection.call(method, params, timeout, changes_something=changes_something)

    async def watch(
        self, listener: RowsListener, kind: str, backend: str = "", address: str = "", *, filter: str = ""
    ) -> None:
        """Watches a kind, now and after every loss of the connection."""
        number = next(self._numbers)
        params = WatchParams(number, kind, backend, filter, address)
        watch = _Watch(params, listener, WatchedRows(number, lambda changes: self._note(number, changes)))
        self._watches[number] = watch
        if self._connected:
            await self.call(WATCH_OPEN, params)

    async def unwatch(self, listener: RowsListener) -> None:
        """Ends every watch of a listener; a runtime that is away has forgotten them anyway."""
        numbers = [number for number, watch in self._watches.items() if watch.listener is listener]
        for number in numbers:
            del self._watches[number]
        for number in numbers:
            if self._connected:
                try:
                    await self.call(WATCH_CLOSE, WatchNumber(number))
                except QuarterdeckError as error:
                    self._view.connection_said(f"a watch was not closed: {error.message}")

    def _begin(self, _: HelloResult) -> None:
        self._connected = True
        self._spawn(self._open_everything())

    def _lost(self, error: QuarterdeckError) -> None:
        before, self._connected = self._connected, False
        self._view.connection_said("connection lost; connecting again" if before else f"not connected: {error.message}")

    def _fault(self, where: str, error: BaseException) -> None:
        self._view.connection_said(f"{where} from the runtime could not be shown: {error}")

    async def _open_everything(self) -> None:
        try:
            await self._read_catalogue()
            self._view.connection_said("")
            for watch in list(self._watches.values()):
                await self.call(WATCH_OPEN, watch.params)
            await self.streams.open_again()
        except QuarterdeckError as error:
            self._view.connection_said(f"connection lost: {error.message}")

    async def _read_catalogue(self) -> None:
        known = await self.call(CATALOGUE, Nothing())
        self.backends = known.backends
        self._view.catalogue_known(known)

    async def _read_catalogue_again(self) -> None:
        try:
            await self._read_catalogue()
        except QuarterdeckError as error:
            self._view.connection_said(f"the catalogue cannot be read: {error.message}")

    def _note(self, number: int, changes: RowChanges) -> None:
        self._watches[number].changes = changes

    def _snapshot(self, chunk: SnapshotChunk) -> None:
        watch = self._watches.get(chunk.watch)
        if watch is None:
            return
        watch.rows.snapshot(chunk)
        changes, watch.changes = watch.changes or RowChanges(), None
        fresh = (*changes.added, *changes.updated)
        watch.listener.rows_loaded(fresh, first=chunk.first, last=chunk.last, total=chunk.total)
        if changes.removed:
            watch.listener.rows_changed((), tuple(changes.removed))

    def _delta(self, delta: Delta) -> None:
        watch = self._watches.get(delta.watch)
        if watch is None:
            return
        watch.rows.delta(delta)
        changes, watch.changes = watch.changes, None
        if changes is not None:
            watch.listener.rows_changed((*changes.added, *changes.updated), tuple(changes.removed))

    def _backends_changed(self, changed: BackendsChanged) -> None:
        names = {backend.name for backend in self.backends}
        self.backends = changed.backends
        if {backend.name for backend in changed.backends} != names:
            self._spawn(self._read_catalogue_again())
        self._view.backends_known(changed.backends)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
