"""One connected client as the runtime sees it."""

import asyncio
import os
import pwd
from collections.abc import Awaitable, Callable
from typing import Any

from quarterdeck.runtime.serving.client_streams import ClientStreams
from quarterdeck.runtime.serving.log_streams import LogStreams
from quarterdeck.runtime.serving.lookup import Lookup
from quarterdeck.runtime.serving.outlet import UNSENT_LIMIT, Outlet
from quarterdeck.runtime.serving.watches import INTERVAL, WatchManager
from quarterdeck.runtime.store import Store
from quarterdeck_api.errors import UnreachableError, UsageError
from quarterdeck_api.peer import Peer
from quarterdeck_api.protocol import (
    BACKENDS_CHANGED,
    CATALOGUE_CHANGED,
    ENVIRONMENT_WANTED,
    BackendsChanged,
    EnvironmentWanted,
    HelloParams,
)
from quarterdeck_api.runtime_requests import ClientStatus
from quarterdeck_api.wire import Nothing

#: Requests of one client that may be under way at once.
_REQUEST_LIMIT = 1_000

#: Seconds after a page of a browsed kind during which a client counts as looking at its backend.
BROWSED_SECONDS = 10.0


class ClientSession:
    """A connection with its watches, log streams and flow control."""

    def __init__(
        self,
        peer: Peer,
        writer: asyncio.StreamWriter,
        store: Store,
        lookup: Lookup,
        clock: Callable[[], float],
        on_fault: Callable[[str, BaseException], None],
    ) -> None:
        self._peer = peer
        self._store = store
        self._under_way = 0
        self._hello: HelloParams | None = None
        self._backends_dirty = asyncio.Event()
        self._backends_task: asyncio.Task[None] | None = None
        writer.transport.set_write_buffer_limits(high=UNSENT_LIMIT, low=UNSENT_LIMIT // 4)
        self._clock = clock
        self._browsed: dict[str, float] = {}
        self.outlet = Outlet(peer, writer.transport.abort, clock)
        self.watches = WatchManager(self.outlet, store, lookup, on_fault)
        self.logs = LogStreams(self.outlet, on_fault)
        self.documents = ClientStreams("live documents", on_fault)
        self.metrics = ClientStreams("metrics", on_fault)

    @property
    def greeted(self) -> bool:
        """Whether the client has said hello."""
        return self._hello is not None

    @property
    def actor(self) -> str:
        """Who asks, for the journal: the user's name and the client's."""
        client = self._hello.client if self._hello else "?"
        return f"{_user_name()} ({client})"

    def greet(self, hello: HelloParams) -> None:
        """The client has said who it is; from now on it is told of backends."""
        self._hello = hello
        if self._backends_task is None:
            self._backends_task = asyncio.create_task(self._tell_backends())

    def status(self) -> ClientStatus:
        """The client as `runtime status` shows it."""
        hello = self._hello
        return ClientStatus(
            hello.client if hello else "", hello.pid if hello else 0, self.watches.count, self._peer.unsent_bytes
        )

    def browsed(self, backend: str) -> None:
        """The client has asked for a page of a backend: it looks at it for a while."""
        self._browsed[backend] = self._clock()

    def looks_at(self, backend: str) -> bool:
        """Whether the client shows something of a backend now."""
        since = self._browsed.get(backend)
        if since is not None and self._clock() - since < BROWSED_SECONDS:
            return True
        shown = (self.watches, self.logs, self.documents, self.metrics)
        return any(each.looks_at(backend) for each in shown)

    def backends_changed(self) -> None:
        """The state of a backend changed: the client will be told, once for several changes."""
        self._backends_dirty.set()

    @property
    def closed(self) -> bool:
        """Whether the connection has ended."""
        return self._peer.closed

    def catalogue_changed(self) -> None:
        """Other plugins are there, or they declare other things: the client reads the catalogue again."""
        if self.greeted:
            self.outlet.notify(CATALOGUE_CHANGED, Nothing())

    def want_environment(self, names: tuple[str, ...]) -> None:
        """The configuration has come to mention names that the runtime lacks: the client is asked for them."""
        if self.greeted:
            self.outlet.notify(ENVIRONMENT_WANTED, EnvironmentWanted(names))

    def guarded(
        self,
        handler: Callable[["ClientSession", Any], Awaitable[Any]],
        *,
        before_hello: bool,
        ready: asyncio.Event | None,
    ) -> Callable[[Any], Awaitable[Any]]:
        """A handler as the peer calls it: after hello, once the runtime is ready for it, and only while the client reads its answers."""

        async def answer(params: Any) -> Any:
            if not before_hello and not self.greeted:
                raise UsageError("the client has not said hello", "send `hello` first")
            if self._under_way >= _REQUEST_LIMIT:
                raise UsageError(f"more than {_REQUEST_LIMIT} requests are under way", "wait for answers")
            self._under_way += 1
            try:
                if ready is not None:
                    await ready.wait()
                await self.outlet.room()
                return await handler(self, params)
            finally:
                self._under_way -= 1

        return answer

    def close_unless_greeted(self) -> None:
        """Ends a connection that says nothing."""
        if not self.greeted:
            self.close()

    def close(self) -> None:
        """Ends watches, log streams and the connection; what is on its way is still sent."""
        self.watches.close_all()
        self.logs.close_all()
        self.documents.close_all()
        self.metrics.close_all()
        if self._backends_task is not None:
            self._backends_task.cancel()
        self._peer.close()

    async def _tell_backends(self) -> None:
        while True:
            await self._backends_dirty.wait()
            try:
                await self.outlet.room()
            except UnreachableError:
                return  # The connection is gone; whoever serves it notices by itself.
            self._backends_dirty.clear()
            self.outlet.notify(BACKENDS_CHANGED, BackendsChanged(self._store.backends()))
            await asyncio.sleep(INTERVAL)


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())  # A container's user often has no name.
