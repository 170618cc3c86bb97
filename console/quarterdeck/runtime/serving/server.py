"""The server: listens on the instance's socket, greets clients, and gives their requests to handlers."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from quarterdeck.config.paths import InstancePaths, make_private
from quarterdeck.config.peer_identity import require_same_user
from quarterdeck.runtime.instance import InstanceLock
from quarterdeck.runtime.serving.log_streams import LogChunk, LogSource
from quarterdeck.runtime.serving.lookup import CatalogueProvider, Lookup
from quarterdeck.runtime.serving.reading import Reading
from quarterdeck.runtime.serving.session import ClientSession
from quarterdeck.runtime.store import Store
from quarterdeck_api.backend import Interest
from quarterdeck_api.errors import ProtocolError, QuarterdeckError, UsageError
from quarterdeck_api.peer import Peer
from quarterdeck_api.protocol import (
    CATALOGUE,
    GET,
    HELLO,
    LOGS_CLOSE,
    LOGS_OPEN,
    WATCH_CLOSE,
    WATCH_OPEN,
    CatalogueResult,
    GetParams,
    GetResult,
    HelloParams,
    HelloResult,
    LogsParams,
    StreamNumber,
    WatchNumber,
    WatchParams,
)
from quarterdeck_api.runtime_requests import STATUS, STOP, ClientStatus
from quarterdeck_api.wire import Method, Nothing, check_protocol

P = TypeVar("P")
R = TypeVar("R")
ClientHandler = Callable[[ClientSession, Any], Awaitable[Any]]

#: Methods that are answered before the catalogues are known.
_AT_ONCE = frozenset(method.name for method in (HELLO, STATUS, STOP, LOGS_OPEN, LOGS_CLOSE, WATCH_CLOSE))

#: Seconds that a connection may take to say hello.
_GREETING_SECONDS = 10.0

#: Seconds that the last answers may take to reach clients when the server closes.
_FAREWELL_SECONDS = 1.0


class Server:
    """Serves clients of one instance.

    `hello` answers who the runtime is, `log_source` gives the log of an address (raising NotFoundError) unless `log_lines` has it as lines, `on_environment` gets the values
    that clients offer for wanted names, `on_fault` what went wrong inside a handler. `on_clients` is called when clients or what they
    watch change. Until `ready` is set, whatever needs catalogues waits; greeting, status, logs and stop are answered at once. `clock` is
    monotonic seconds.
    """

    def __init__(
        self,
        paths: InstancePaths,
        store: Store,
        catalogue: CatalogueProvider,
        *,
        hello: Callable[[], HelloResult],
        log_source: Callable[[str], LogSource],
        log_lines: Callable[[LogsParams], AsyncGenerator[LogChunk, None] | None] = lambda _: None,
        on_environment: Callable[[dict[str, str]], None],
        on_fault: Callable[[str, BaseException], None],
        on_clients: Callable[[], None] = lambda: None,
        ready: asyncio.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._paths = paths
        self._store = store
        self._lookup = Lookup(store, catalogue)
        self._reading = Reading(store, catalogue, self._lookup)
        self._hello = hello
        self._log_source = log_source
        self._log_lines = log_lines
        self._on_environment = on_environment
        self._on_fault = on_fault
        self._on_clients = on_clients
        self._ready = ready
        self._clock = clock
        self._handlers: dict[str, tuple[Method[Any, Any], ClientHandler]] = {}
        self._sessions: set[ClientSession] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Server | None = None
        self._idle_since = clock()
        store.subscribe_backends(self._backends_changed)
        self._answer_own_methods()

    def on(self, method: Method[P, R], handler: Callable[[ClientSession, P], Awaitable[R]]) -> None:
        """Answers a method's requests of every client that has said hello; registered before `start`."""
        self._handlers[method.name] = (method, handler)

    async def start(self, lock: InstanceLock) -> None:
        """Listens. The lock must be held: only under it may a socket that is left over be removed."""
        if not lock.held or lock.paths != self._paths:
            raise UsageError("the instance's lock is not held", "take it before listening")
        make_private(self._paths.socket_folder)
        self._paths.socket.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(os.fspath(self._paths.socket))
        self._paths.socket.chmod(0o600)
        self._listening = await asyncio.start_unix_server(self._connected, sock=listener, backlog=128)

    async def close(self) -> None:
        """Stops listening, removes the socket and ends every connection; answers under way are still sent."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
            self._paths.socket.unlink(missing_ok=True)
        for session in tuple(self._sessions):
            session.close()
        if self._connections:
            _, late = await asyncio.wait(tuple(self._connections), timeout=_FAREWELL_SECONDS)
            for task in late:
                task.cancel()

    def clients(self) -> tuple[ClientStatus, ...]:
        """Every client that has said hello."""
        return tuple(session.status() for session in self._sessions if session.greeted)

    @property
    def idle_since(self) -> float | None:
        """The clock's time at which the last client left; None while there are clients."""
        return None if self._sessions else self._idle_since

    def interest(self, backend: str) -> Interest:
        """Who looks at a backend: foreground when a client shows something of it, background when somebody is connected."""
        if any(session.looks_at(backend) for session in self._sessions):
            return Interest.FOREGROUND
        return Interest.BACKGROUND if any(session.greeted for session in self._sessions) else Interest.NONE

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            require_same_user(writer.get_extra_info("socket"), "the client")
            await self._serve(reader, writer)
        except (QuarterdeckError, OSError) as error:
            self._on_fault("connection", error)
        finally:
            writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_FAREWELL_SECONDS):
                    await writer.wait_closed()
            writer.transport.abort()
            self._connections.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, "the client", self._on_fault)
        session = ClientSession(peer, writer, self._store, self._lookup, self._clock, self._on_fault)
        for method, handler in self._handlers.values():
            ready = None if method.name in _AT_ONCE else self._ready
            peer.on_request(method, session.guarded(handler, before_hello=method is HELLO, ready=ready))
        self._sessions.add(session)
        deadline = asyncio.get_running_loop().call_later(_GREETING_SECONDS, session.close_unless_greeted)
        try:
            await peer.run()
        finally:
            deadline.cancel()
            session.close()
            self._sessions.discard(session)
            if not self._sessions:
                self._idle_since = self._clock()
            self._on_clients()

    def _answer_own_methods(self) -> None:
        self.on(HELLO, self._greet)
        self.on(CATALOGUE, self._give_catalogue)
        self.on(GET, self._get)
        self.on(WATCH_OPEN, self._open_watch)
        self.on(WATCH_CLOSE, self._close_watch)
        self.on(LOGS_OPEN, self._open_logs)
        self.on(LOGS_CLOSE, self._close_logs)

    async def _greet(self, session: ClientSession, params: HelloParams) -> HelloResult:
        try:
            check_protocol(params.protocol, f"the client {params.client} {params.version}")
        except ProtocolError:
            asyncio.get_running_loop().call_soon(session.close)  # After the answer, which the client must still see.
            raise
        wanted = self._hello().wanted_environment
        offered = {name: value for name, value in params.environment.items() if name in wanted}
        if offered:
            self._on_environment(offered)
        first = not session.greeted
        session.greet(params)
        if first:
            self._on_clients()
        return self._hello()

    async def _give_catalogue(self, _session: ClientSession, _params: Nothing) -> CatalogueResult:
        return self._reading.catalogue()

    async def get(self, params: GetParams) -> GetResult:
        """Resources as they are now, for whoever asks inside the runtime."""
        return await self._reading.get(params)

    async def _get(self, _session: ClientSession, params: GetParams) -> Any:
        return await self._reading.get(params)

    async def _open_watch(self, session: ClientSession, params: WatchParams) -> Nothing:
        session.watches.open(params)
        self._on_clients()
        return Nothing()

    async def _close_watch(self, session: ClientSession, params: WatchNumber) -> Nothing:
        session.watches.close(params.watch)
        self._on_clients()
        return Nothing()

    async def _open_logs(self, session: ClientSession, params: LogsParams) -> Nothing:
        session.logs.open(params, self._log_lines(params) or self._log_source(params.address))
        self._on_clients()
        return Nothing()

    async def _close_logs(self, session: ClientSession, params: StreamNumber) -> Nothing:
        session.logs.close(params.stream)
        self._on_clients()
        return Nothing()

    def catalogue_changed(self) -> None:
        """Tells every client that other plugins are there, or declare other things."""
        for session in self._sessions:
            session.catalogue_changed()

    def want_environment(self, names: tuple[str, ...]) -> None:
        """Asks every client for values of environment names; those that have them say hello once more."""
        for session in self._sessions:
            session.want_environment(names)

    def _backends_changed(self) -> None:
        for session in self._sessions:
            session.backends_changed()
