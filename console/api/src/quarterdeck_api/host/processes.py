"""Managed processes of this host's plugin: a socket that their instances connect to, what they report, and what they are told."""

import asyncio
import contextlib
import hmac
import os
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from quarterdeck_api.errors import (
    NotFoundError,
    ProtocolError,
    QuarterdeckError,
    RefusedError,
    UnknownOutcomeError,
    UnreachableError,
)
from quarterdeck_api.host.faults import log_fault
from quarterdeck_api.host.process_listening import ProcessFollower
from quarterdeck_api.peer import Peer
from quarterdeck_api.processes import (
    PROCESS_BEAT,
    PROCESS_CONTROL,
    PROCESS_DRAIN,
    PROCESS_DRAIN_ONE,
    PROCESS_EXPECT,
    PROCESS_FORGET,
    PROCESS_HELLO,
    PROCESS_MESSAGE,
    PROCESS_REPORT,
    PROCESS_TELEMETRY,
    TELEMETRY_RATE,
    ControlAnswer,
    ControlMessage,
    ProcessBeat,
    ProcessControl,
    ProcessExpected,
    ProcessHello,
    ProcessName,
    ProcessReport,
    Telemetry,
)
from quarterdeck_api.wire import Nothing

#: Seconds that a connection may take to say who it is.
_GREETING_SECONDS = 10.0
#: The longest line of an instance, in bytes: telemetry and answers are small.
_LONGEST_LINE = 4 * 1024 * 1024
#: Seconds that a thread waits beyond an answer's time-out: the loop gives it within.
_THREAD_MARGIN = 5.0


class _Instance:
    """An instance that is expected: its connection while there is one, and what of it the runtime has not been told."""

    def __init__(self, expected: ProcessExpected, follower: ProcessFollower) -> None:
        self.expected = expected
        self.follower = follower
        self.peer: Peer | None = None
        self.latest = ProcessReport(expected.name, False)
        self.unsent = False
        self.timer: asyncio.TimerHandle | None = None
        self.last_sent = float("-inf")


class HostProcesses:
    """Serves the instances of one host; everything but `send_from_thread` is called on the loop.

    `report` tells the runtime. `follower` makes what tells the backend of one instance.
    """

    def __init__(
        self, report: Callable[[ProcessReport], None], follower: Callable[[ProcessExpected], ProcessFollower]
    ) -> None:
        self._report = report
        self._make_follower = follower
        self._instances: dict[str, _Instance] = {}
        self._server: asyncio.Server | None = None
        self._listening = asyncio.Lock()
        self._connections: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def register(self, peer: Peer) -> None:
        """Has the connection to the runtime answer by this."""
        peer.on_request(PROCESS_EXPECT, self._expect)
        peer.on_request(PROCESS_CONTROL, self._control)
        peer.on_notification(PROCESS_FORGET, self._forget)
        peer.on_notification(PROCESS_DRAIN_ONE, self._drain)

    def send_from_thread(self, backend: str, instance: str, message: ControlMessage, timeout: float) -> ControlAnswer:
        """A control message of a backend's `watch` to a process of its own; blocks. Raises UnreachableError or UnknownOutcomeError."""
        loop = self._loop
        if loop is None:
            raise _not_connected(instance, message)
        asked = asyncio.run_coroutine_threadsafe(self._send_own(backend, instance, message, timeout), loop)
        try:
            return asked.result(timeout + _THREAD_MARGIN)
        except TimeoutError:
            asked.cancel()
            raise _unanswered(instance, message, timeout) from None

    async def close(self) -> None:
        """Ends all connections; the instances go on, and connect to the next host."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._connections):
            task.cancel()
        for instance in self._instances.values():
            self._let_go(instance)
        self._instances.clear()

    async def _expect(self, wanted: ProcessExpected) -> Nothing:
        self._loop = asyncio.get_running_loop()
        known = self._instances.get(wanted.name)
        if known is None or known.expected != wanted:
            if known is not None:
                self._let_go(known)
            self._instances[wanted.name] = _Instance(wanted, self._make_follower(wanted))
        async with self._listening:
            if self._server is None:
                self._server = await _listen(wanted.socket, self._accept)
        if known is not None and known.expected == wanted and known.peer is not None:
            self._send_report(known)  # The runtime is another one, or has forgotten.
        return Nothing()

    def _forget(self, wanted: ProcessName) -> None:
        instance = self._instances.pop(wanted.name, None)
        if instance is not None:
            self._let_go(instance)

    def _let_go(self, instance: _Instance) -> None:
        if instance.timer is not None:
            instance.timer.cancel()
        instance.follower.close(replace(instance.latest, connected=False, values={}, units={}))
        if instance.peer is not None:
            instance.peer.close()

    def _drain(self, wanted: ProcessName) -> None:
        instance = self._instances.get(wanted.name)
        if instance is not None and instance.peer is not None:
            instance.peer.notify(PROCESS_DRAIN, Nothing())

    async def _control(self, asked: ProcessControl) -> ControlAnswer:
        return await self._send(asked.instance, asked.message, asked.timeout)

    async def _send_own(self, backend: str, instance: str, message: ControlMessage, timeout: float) -> ControlAnswer:
        known = self._instances.get(instance)
        if known is not None and known.expected.backend != backend:
            raise RefusedError(
                f"{instance} belongs to {known.expected.backend}, not to {backend}", "name a process of this backend"
            )
        return await self._send(instance, message, timeout)

    async def _send(self, name: str, message: ControlMessage, timeout: float) -> ControlAnswer:
        instance = self._instances.get(name)
        if instance is None:
            known = ", ".join(sorted(self._instances)) or "none"
            raise NotFoundError(f"there is no instance {name!r}", f"instances of this plugin: {known}")
        if instance.peer is None or instance.peer.closed:
            raise _not_connected(name, message)
        try:
            return await instance.peer.call(PROCESS_MESSAGE, message, timeout, changes_something=True)
        except UnknownOutcomeError:
            raise _unanswered(name, message, timeout) from None

    # Connections

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from greeting to end."""
        if _peer_user(writer.get_extra_info("socket")) != os.getuid():
            writer.close()
            return
        peer = Peer(reader, writer, "a managed process", _report_fault, _LONGEST_LINE)
        greeted: list[_Instance] = []

        async def greet(hello: ProcessHello) -> Nothing:
            greeted[:] = [self._admit(hello, peer)]
            return Nothing()

        def beat(said: ProcessBeat) -> None:
            for each in greeted:
                self._beat(each, said)

        def telemetry(said: Telemetry) -> None:
            for each in greeted:
                self._telemetry(each, said)

        peer.on_request(PROCESS_HELLO, greet)
        peer.on_notification(PROCESS_BEAT, beat)
        peer.on_notification(PROCESS_TELEMETRY, telemetry)
        limit = asyncio.get_running_loop().call_later(_GREETING_SECONDS, lambda: None if greeted else peer.close())
        try:
            await peer.run()
        except ProtocolError as error:
            log_fault("a managed process", error)
        finally:
            limit.cancel()
            peer.close()
            for instance in greeted:
                if instance.peer is peer:
                    instance.peer = None
                    self._changed(instance, ProcessReport(instance.expected.name, False))

    def _admit(self, hello: ProcessHello, peer: Peer) -> _Instance:
        instance = self._instances.get(hello.name)
        if instance is None or not hmac.compare_digest(instance.expected.token.encode(), hello.token.encode()):
            raise RefusedError(f"{hello.name} is not expected here", "processes are started by the runtime only")
        earlier, instance.peer = instance.peer, peer
        peer.name = hello.name
        if earlier is not None:
            earlier.close()
        return instance

    # Reports

    def _beat(self, instance: _Instance, beat: ProcessBeat) -> None:
        self._changed(instance, ProcessReport(instance.expected.name, True, beat.health, beat.message))

    def _telemetry(self, instance: _Instance, told: Telemetry) -> None:
        latest = instance.latest
        instance.latest = replace(latest, values={**latest.values, **told.values}, units={**latest.units, **told.units})
        instance.follower.telemetry(told)
        self._send_soon(instance)

    def _changed(self, instance: _Instance, report: ProcessReport) -> None:
        latest = instance.latest
        instance.latest = replace(report, values=latest.values, units=latest.units)
        instance.follower.changed(report)
        self._send_soon(instance)

    def _send_soon(self, instance: _Instance) -> None:
        """Tells the runtime, at most `TELEMETRY_RATE` times a second and always of the latest."""
        instance.unsent = True
        if instance.timer is not None:
            return
        loop = asyncio.get_running_loop()
        wait = instance.last_sent + 1.0 / TELEMETRY_RATE - loop.time()
        if wait <= 0:
            self._send_report(instance)
        else:
            instance.timer = loop.call_later(wait, self._timer_ended, instance)

    def _timer_ended(self, instance: _Instance) -> None:
        instance.timer = None
        if instance.unsent:
            self._send_report(instance)

    def _send_report(self, instance: _Instance) -> None:
        if self._instances.get(instance.expected.name) is not instance:
            return  # It is forgotten, or has been started anew.
        instance.unsent = False
        instance.last_sent = asyncio.get_running_loop().time()
        report, instance.latest = instance.latest, replace(instance.latest, values={}, units={})
        self._report(report)


async def _listen(path: str, accept: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]) -> asyncio.Server:
    """Listens at the path, in place of a host before; raises UnreachableError."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            Path(path).unlink()
        listener.bind(path)
        Path(path).chmod(0o600)
        return await asyncio.start_unix_server(accept, sock=listener)
    except OSError as error:
        listener.close()
        raise UnreachableError(
            f"managed processes cannot connect: the socket {path} cannot be made: {error.strerror}",
            "check the folder's owner and the disk",
        ) from error


def process_report_sender(peer: Peer) -> Callable[[ProcessReport], None]:
    """What tells the runtime of an instance."""
    return lambda report: peer.notify(PROCESS_REPORT, report)


def _peer_user(connection: socket.socket) -> int:
    if sys.platform == "linux":
        size = struct.calcsize("3i")
        return struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[1]
    return int.from_bytes(connection.getsockopt(0, 1, 76)[4:8], sys.byteorder)  # SOL_LOCAL, LOCAL_PEERCRED


def _report_fault(method: str, fault: BaseException) -> None:
    log_fault(f"{method} of a managed process", fault)


def _not_connected(instance: str, message: ControlMessage) -> QuarterdeckError:
    return UnreachableError(
        f"{instance} cannot be told {message.name!r}: it has not connected", "start it, or wait until it has connected"
    )


def _unanswered(instance: str, message: ControlMessage, timeout: float) -> UnknownOutcomeError:
    return UnknownOutcomeError(
        f"{instance} did not answer {message.name!r} within {timeout:g} s; it may or may not have acted on it",
        "check before sending it again",
    )
