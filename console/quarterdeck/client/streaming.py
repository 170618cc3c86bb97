"""The console's connection: asynchronous, and it comes back by itself."""

import asyncio
import os
import random
import socket
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from quarterdeck.client.greeting import CLIENT_LINE_LIMIT, first_hello, second_hello
from quarterdeck.client.launch import connect, connect_or_start
from quarterdeck.config.paths import InstancePaths
from quarterdeck_api.errors import QuarterdeckError, UnreachableError
from quarterdeck_api.peer import Peer
from quarterdeck_api.protocol import ENVIRONMENT_WANTED, HELLO, EnvironmentWanted, HelloParams, HelloResult
from quarterdeck_api.wire import Method

P = TypeVar("P")
R = TypeVar("R")

#: Seconds that the runtime may take for its greeting.
HELLO_TIMEOUT = 10.0

#: Bytes that are read ahead of what was handled.
_READ_AHEAD = 1024 * 1024

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0

#: How often a lost runtime is looked for before it is started again: a restart under way is left alone.
_LOOKS_BEFORE_START = 4


class StreamingConnection:
    """Keeps a connection to the runtime while it is open: `start` returns at once, everything else happens in the background.

    `on_connected` is called after every greeting (open watches again there), `on_disconnected` with the reason when the connection is lost
    and again whenever the reason why it cannot be made changes. All callbacks run on the loop. `rng` spreads the pauses between attempts.
    """

    def __init__(
        self,
        paths: InstancePaths,
        client: str,
        *,
        on_connected: Callable[[HelloResult], None] = lambda _: None,
        on_disconnected: Callable[[QuarterdeckError], None] = lambda _: None,
        on_fault: Callable[[str, BaseException], None],
        rng: random.Random | None = None,
        first_pause: float = _FIRST_PAUSE,
        may_start: bool = True,
    ) -> None:
        self._paths = paths
        self._client = client
        self._on_connected = on_connected
        self._on_disconnected = on_disconnected
        self._on_fault = on_fault
        self._rng = rng or random.Random()
        self._first_pause = first_pause
        self._may_start = may_start
        self._notifications: list[tuple[Method[Any, Any], Callable[[Any], None]]] = []
        self._peer: Peer | None = None
        self._task: asyncio.Task[None] | None = None
        self._reason = ""
        self._offers: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """Whether requests can be sent now."""
        return self._peer is not None and not self._peer.closed

    def on_notification(self, method: Method[P, Any], handler: Callable[[P], None]) -> None:
        """Receives notifications of a method on this and every later connection; registered before `start`."""
        self._notifications.append((method, handler))

    def start(self) -> None:
        """Begins to connect, in the background."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep_connected())

    async def call(
        self, method: Method[P, R], params: P, timeout: float | None = 30.0, *, changes_something: bool = False
    ) -> R:
        """Sends a request and waits for its answer.

        Raises what the runtime reports; UnreachableError when not connected, and the errors of `Peer.call`.
        """
        peer = self._peer
        if peer is None or peer.closed:
            raise UnreachableError("the runtime is not connected", "wait until it is, or see why in the status bar")
        return await peer.call(method, params, timeout, changes_something=changes_something)

    async def close(self) -> None:
        """Ends the connection for good."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _keep_connected(self) -> None:
        failures = 0
        lost_once = False
        while True:
            look_only = not self._may_start or (lost_once and failures < _LOOKS_BEFORE_START)
            try:
                await self._connect_and_serve(look_only)
                error: QuarterdeckError = UnreachableError("the connection to the runtime ended", "it will come back")
                failures, lost_once = 0, True
            except QuarterdeckError as failure:
                error = failure
                failures += 1
            except OSError as failure:
                error = UnreachableError(f"the runtime cannot be reached: {failure}", "see `quarterdeck runtime logs`")
                failures += 1
            self._report(error)
            pause = min(self._first_pause * 2 ** min(failures, 16), _LONGEST_PAUSE)
            await asyncio.sleep(pause * self._rng.uniform(0.5, 1.0))

    async def _connect_and_serve(self, look_only: bool) -> None:
        """One connection from beginning to end; returns when it ended after the greeting."""
        connection = await _connect_in_thread(connect if look_only else connect_or_start, self._paths)
        if connection is None:
            raise UnreachableError("no runtime runs", "it is looked for, and started when it does not come back")
        peer = await self._open(connection)
        reading = asyncio.create_task(peer.run())
        try:
            hello = await self._greet(peer)
            self._peer, self._reason = peer, ""
            self._on_connected(hello)
            await reading
        finally:
            self._peer = None
            peer.close()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _open(self, connection: socket.socket) -> Peer:
        connection.setblocking(False)
        reader, writer = await asyncio.open_unix_connection(sock=connection, limit=_READ_AHEAD)
        peer = Peer(reader, writer, "the runtime", self._on_fault, CLIENT_LINE_LIMIT)
        peer.on_notification(ENVIRONMENT_WANTED, lambda wanted: self._offer(peer, wanted))
        for method, handler in self._notifications:
            peer.on_notification(method, handler)
        return peer

    async def _greet(self, peer: Peer) -> HelloResult:
        mine = first_hello(self._client)
        answer = await peer.call(HELLO, mine, HELLO_TIMEOUT)
        again = second_hello(mine, answer, os.environ)
        return await peer.call(HELLO, again, HELLO_TIMEOUT) if again else answer

    def _offer(self, peer: Peer, wanted: EnvironmentWanted) -> None:
        """Says hello once more with the values that are there, for a configuration that has changed meanwhile."""
        values = {name: os.environ[name] for name in wanted.names if name in os.environ}
        if values:
            task = asyncio.create_task(self._say_again(peer, values))
            self._offers.add(task)
            task.add_done_callback(self._offers.discard)

    async def _say_again(self, peer: Peer, values: dict[str, str]) -> None:
        mine = first_hello(self._client)
        again = HelloParams(mine.protocol, mine.version, mine.client, mine.pid, values)
        try:
            await peer.call(HELLO, again, HELLO_TIMEOUT)
        except QuarterdeckError as error:
            self._on_fault("the offer of environment values", error)

    def _report(self, error: QuarterdeckError) -> None:
        if error.message != self._reason:
            self._reason = error.message
            self._on_disconnected(error)


async def _connect_in_thread(
    function: Callable[[InstancePaths], socket.socket | None], paths: InstancePaths
) -> socket.socket | None:
    """Connects without blocking the loop.

    A daemon thread instead of the loop's pool, because a console that is left while its runtime starts must not wait for the pool to end.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[socket.socket | None] = loop.create_future()

    def deliver(connection: socket.socket | None, error: BaseException | None) -> None:
        if future.cancelled():
            if connection is not None:
                connection.close()
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(connection)

    def work() -> None:
        connection: socket.socket | None = None
        error: BaseException | None = None
        try:
            connection = function(paths)
        except Exception as raised:  # noqa: BLE001 - the boundary between threads: it is raised again in the loop.
            error = raised
        try:
            loop.call_soon_threadsafe(deliver, connection, error)
        except RuntimeError:  # The loop has ended meanwhile, and with it whoever wanted the connection.
            if connection is not None:
                connection.close()

    threading.Thread(target=work, name="connect", daemon=True).start()
    return await future
