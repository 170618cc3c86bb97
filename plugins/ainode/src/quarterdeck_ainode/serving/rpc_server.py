"""The listening side of an AINode: connections, frames, bounds, TLS, and an end in good order. It knows nothing of models.

One thread runs an asyncio loop that reads and writes; calls run in two pools of threads, so that what computes never holds up a heartbeat.
IoTDB's nodes keep connections open for hours without a word, so there is a time limit only inside a frame, and for writing.
"""

import asyncio
import errno
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic

from msgspec import Struct

from quarterdeck_ainode.serving.complaints import Complaints
from quarterdeck_ainode.serving.rpc_codec import MOST_FRAME_BYTES, method_of
from quarterdeck_api.errors import UsageError

_log = logging.getLogger(__name__)

#: Takes a frame without its length, gives the whole answer, or None when there is nobody to answer and the connection is to end.
Answerer = Callable[[bytes], bytes | None]

#: A silent machine at the other end is noticed after so many seconds without a word, and so many tries.
_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3))
#: Messages up to this size never wait for others: heartbeats are among them.
_SMALL_FRAME = 64 * 1024


class ServerLimits(Struct, frozen=True):
    """Bounds of the listening side: bytes, counts, seconds."""

    frame_bytes: int = MOST_FRAME_BYTES
    bytes_in_flight: int = 8 * MOST_FRAME_BYTES
    connections: int = 500
    slow_calls: int = 64
    frame_seconds: float = 60.0
    write_seconds: float = 60.0


class _Connection:
    def __init__(self, writer: asyncio.StreamWriter, peer: str) -> None:
        self.writer = writer
        self.peer = peer
        self.busy = False
        """A whole message has come and its answer is not sent yet. Half a message is nothing that anybody would miss."""
        self.last_used = monotonic()


class _Budget:
    """So many bytes of requests are held at once; who needs more waits."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._changed = asyncio.Condition()

    async def take(self, size: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._left >= size)
            self._left -= size

    async def give(self, size: int) -> None:
        async with self._changed:
            self._left += size
            self._changed.notify_all()


class RpcServer:
    """Listens at one address; `overloaded` answers a slow call for which no thread is free."""

    def __init__(
        self,
        answer: Answerer,
        overloaded: Answerer,
        limits: ServerLimits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._answer = answer
        self._overloaded = overloaded
        self._limits = limits or ServerLimits()
        self._tls = tls
        self._quick = ThreadPoolExecutor(8, thread_name_prefix="quick call")
        self._slow = ThreadPoolExecutor(self._limits.slow_calls, thread_name_prefix="slow call")
        self._slow_now = 0
        self._connections: dict[asyncio.Task[None], _Connection] = {}
        self._draining = False
        self._complaints = Complaints(_log)
        self.refused_frames = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="connections", daemon=True)
        self._budget: _Budget | None = None
        self._server: asyncio.Server | None = None

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._connections)

    def start(self, host: str, port: int) -> int:
        """Begins to listen; port 0 is any free one. Gives the port; raises UsageError when the address cannot be had."""
        self._thread.start()
        try:
            return asyncio.run_coroutine_threadsafe(self._listen(host, port), self._loop).result()
        except (OSError, UnicodeError) as error:  # The latter for names that no resolver would be asked for.
            self._end_loop()
            no_such_host = isinstance(error, (UnicodeError, socket.gaierror)) or error.errno == errno.EADDRNOTAVAIL
            raise UsageError(
                f"cannot listen at {host}:{port}: {getattr(error, 'strerror', None) or error}",
                "give an address of this machine with --host"
                if no_such_host
                else "give another --port (0 takes any free one), or end the program that listens there",
            ) from error

    def stop(self, seconds: float) -> bool:
        """Takes no more connections, lets calls that are under way be answered within `seconds`, ends; whether all were answered."""
        if not self._thread.is_alive():
            return True
        clean = asyncio.run_coroutine_threadsafe(self._stop(seconds), self._loop).result()
        self._end_loop()
        return clean

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        for pool in (self._quick, self._slow):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _listen(self, host: str, port: int) -> int:
        self._budget = _Budget(self._limits.bytes_in_flight)
        self._server = await asyncio.start_server(
            self._accepted, host, port, ssl=self._tls, backlog=128, reuse_address=True
        )
        return self._server.sockets[0].getsockname()[1]

    async def _stop(self, seconds: float) -> bool:
        assert self._server is not None
        self._draining = True
        self._server.close()
        deadline = monotonic() + seconds
        while (busy := any(each.busy for each in self._connections.values())) and monotonic() < deadline:
            await asyncio.sleep(0.02)
        for task in list(self._connections):
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections, timeout=5.0)
        return not busy

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = writer.get_extra_info("peername")
        connection = _Connection(writer, f"{name[0]}:{name[1]}" if name else "?")
        task = asyncio.current_task()
        assert task is not None
        if self._draining or (len(self._connections) >= self._limits.connections and not self._make_room()):
            self._complaints.tell(f"turned {connection.peer} away: {len(self._connections)} connections are busy")
            writer.transport.abort()
            return
        self._connections[task] = connection
        writer.transport.set_write_buffer_limits(0)  # An answer counts as sent once nothing of it is left here.
        _keep_alive(writer.get_extra_info("socket"))
        try:
            await self._serve(reader, connection)
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # The other side has gone, or stopped in the middle of a frame; it has been told of in _serve.
        except asyncio.CancelledError:
            pass  # The server ends, or the connection made room for another.
        finally:
            del self._connections[task]
            writer.transport.abort() if connection.busy else writer.close()

    def _make_room(self) -> bool:
        """Ends the connection that has been silent longest; whether there was one. Those of a pool are opened again when needed."""
        idle = [(each.last_used, task) for task, each in self._connections.items() if not each.busy]
        if not idle:
            return False
        _used, task = min(idle, key=lambda pair: pair[0])
        self._complaints.tell(f"ended the idle connection of {self._connections[task].peer}, because a new one came")
        self._connections[task].busy = True  # Until it is gone, no other newcomer takes its place.
        task.cancel()
        return True

    async def _serve(self, reader: asyncio.StreamReader, connection: _Connection) -> None:
        assert self._budget is not None
        while not self._draining:
            size = int.from_bytes(await reader.readexactly(4), "big", signed=True)
            connection.last_used = monotonic()
            if not 0 < size <= self._limits.frame_bytes:
                self.refused_frames += 1
                self._complaints.tell(
                    f"ended the connection of {connection.peer}: it announced a message of {size} bytes, and at most "
                    f"{self._limits.frame_bytes} are taken"
                )
                return
            # What was only announced takes nothing from others: a large message is counted once it really comes.
            frame = await self._arrived(reader, min(size, _SMALL_FRAME), connection)
            counted = size if size > _SMALL_FRAME else 0
            await self._budget.take(counted)
            try:
                if counted:
                    frame += await self._arrived(reader, size - len(frame), connection)
                connection.busy = True
                answer = await self._answered(frame)
            finally:
                await self._budget.give(counted)
            if answer is None:
                self.refused_frames += 1
                self._complaints.tell(f"ended the connection of {connection.peer}: what it sent is no call")
                return
            connection.writer.write(answer)
            await asyncio.wait_for(connection.writer.drain(), self._limits.write_seconds)
            connection.busy = False
            connection.last_used = monotonic()

    async def _arrived(self, reader: asyncio.StreamReader, size: int, connection: _Connection) -> bytes:
        """The next bytes of a message that has begun."""
        try:
            return await asyncio.wait_for(reader.readexactly(size), self._limits.frame_seconds)
        except TimeoutError:
            self._complaints.tell(f"ended the connection of {connection.peer}: it stopped in the middle of a message")
            raise

    async def _answered(self, frame: bytes) -> bytes | None:
        method = method_of(frame)
        if method is None or not method.slow:
            return await self._loop.run_in_executor(self._quick, self._answer, frame)
        if self._slow_now >= self._limits.slow_calls:
            return await self._loop.run_in_executor(self._quick, self._overloaded, frame)
        self._slow_now += 1
        try:
            return await self._loop.run_in_executor(self._slow, self._answer, frame)
        finally:
            self._slow_now -= 1


def _keep_alive(connection: socket.socket) -> None:
    with suppress(OSError):  # Its peer may have gone already; reading says so.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            if hasattr(socket, name):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
