"""The line from a managed process to its host: one thread connects and reads, one sends, one answers control messages."""

import contextlib
import queue
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from random import Random
from typing import NamedTuple

from msgspec.structs import replace

from quarterdeck_api.errors import ErrorReport, ProtocolError, QuarterdeckError, error_from_report
from quarterdeck_api.host.backoff import backoff_delay
from quarterdeck_api.processes import (
    PROCESS_BEAT,
    PROCESS_DRAIN,
    PROCESS_HEARTBEAT_SECONDS,
    PROCESS_HELLO,
    PROCESS_MESSAGE,
    PROCESS_TELEMETRY,
    TELEMETRY_RATE,
    ControlAnswer,
    ControlMessage,
    ProcessBeat,
    ProcessHello,
    Telemetry,
)
from quarterdeck_api.resources import Health
from quarterdeck_api.wire import LineReader, Message, decode_message, decode_value, encode_message, encode_value

#: Seconds until a connection that was lost is tried again: first, and at most.
_RECONNECT = 0.1
_RECONNECT_MOST = 2.0
#: Seconds that the host may leave a line unread; it is connected to anew then.
_SEND_SECONDS = 10.0
#: Control messages that may wait; further ones are refused.
_WAITING_MESSAGES = 100
_READ_BYTES = 64 * 1024
_HELLO_ID = 1


class _Asked(NamedTuple):
    """A control message and where its answer goes."""

    connection: socket.socket
    number: int
    message: ControlMessage


class HostLine:
    """Keeps one process connected to its host; nothing here waits for the host, and all methods may be called from any thread.

    `on_drain` is called in the reading thread, `answer` in a thread of its own, one message at a time. `clock` is monotonic seconds.
    """

    def __init__(
        self,
        path: str,
        hello: ProcessHello,
        on_drain: Callable[[], None],
        answer: Callable[[ControlMessage], ControlAnswer],
        clock: Callable[[], float] = time.monotonic,
        rng: Random | None = None,
    ) -> None:
        self._path = path
        self._hello = hello
        self._on_drain = on_drain
        self._answer = answer
        self._clock = clock
        self._rng = rng or Random()
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._connection: socket.socket | None = None
        self._beat = ProcessBeat(Health.UNKNOWN, "starting")
        self._beat_due = float("-inf")
        self._telemetry: Telemetry | None = None
        self._telemetry_due = float("-inf")
        self._asked: queue.Queue[_Asked] = queue.Queue(_WAITING_MESSAGES)
        self._closed = threading.Event()

    def start(self) -> None:
        """Begins to connect and to beat."""
        for name, run in (("host line", self._stay_connected), ("heartbeat", self._send_all), ("control", self._serve)):
            threading.Thread(target=run, name=name, daemon=True).start()

    def judge(self, beat: ProcessBeat) -> None:
        """What the next beats say; a change is said at once."""
        with self._changed:
            if beat != self._beat:
                self._beat = beat
                self._beat_due = float("-inf")
                self._changed.notify_all()

    def report(self, values: Mapping[str, float], units: Mapping[str, str], notes: Mapping[str, str]) -> None:
        """Numbers and texts to send: the latest of each name, at most `TELEMETRY_RATE` times a second."""
        with self._changed:
            earlier = self._telemetry or Telemetry({})
            self._telemetry = replace(
                earlier,
                values={**earlier.values, **values},
                units={**earlier.units, **units},
                notes={**earlier.notes, **notes},
            )
            self._changed.notify_all()

    def close(self) -> None:
        """Sends what is left, when there is a connection, and beats no more."""
        self._closed.set()
        with self._changed:
            connection, left = self._connection, self._due_now(float("inf"))
            self._changed.notify_all()
        if connection is not None:
            for message in left:
                self._send(connection, message)

    # Connecting and reading

    def _stay_connected(self) -> None:
        failures = 0
        while not self._closed.is_set():
            try:
                self._converse(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                failures = 0
            except (OSError, QuarterdeckError):
                failures += 1  # The host is being started again, or does not know this process yet.
            self._closed.wait(backoff_delay(failures, self._rng, base=_RECONNECT, ceiling=_RECONNECT_MOST))

    def _converse(self, connection: socket.socket) -> None:
        """One connection from greeting to end; raises when it does not come to the greeting's answer."""
        with contextlib.closing(connection):
            connection.settimeout(_SEND_SECONDS)
            connection.connect(self._path)
            hello = Message(id=_HELLO_ID, method=PROCESS_HELLO.name, params=encode_value(self._hello))
            connection.sendall(encode_message(hello))
            lines = LineReader()
            waiting = _first_lines(connection, lines)
            greeting = decode_message(waiting.pop(0))
            if greeting.error is not None:
                raise error_from_report(greeting.error)
            with self._changed:
                self._connection = connection
                self._beat_due = float("-inf")
                self._changed.notify_all()
            try:
                self._read(connection, lines, waiting)
            except (OSError, ProtocolError) as error:
                sys.stderr.write(f"the connection to the plugin's host was lost: {error}\n")
            finally:
                with self._changed:
                    self._connection = None

    def _read(self, connection: socket.socket, lines: LineReader, waiting: list[bytes]) -> None:
        for line in waiting:
            self._receive(connection, decode_message(line))
        while True:
            try:
                data = connection.recv(_READ_BYTES)
            except TimeoutError:
                continue  # A host with nothing to say is well.
            if not data:
                return
            for line in lines.feed(data):
                self._receive(connection, decode_message(line))

    def _receive(self, connection: socket.socket, message: Message) -> None:
        if message.method == PROCESS_DRAIN.name:
            self._on_drain()
        elif message.method == PROCESS_MESSAGE.name and message.id is not None:
            asked = _Asked(connection, message.id, decode_value(message.params, PROCESS_MESSAGE.params))
            try:
                self._asked.put_nowait(asked)
            except queue.Full:
                busy = ErrorReport(
                    "refused", f"{self._hello.name} has {_WAITING_MESSAGES} messages waiting", "send fewer"
                )
                self._send(connection, Message(id=message.id, error=busy))

    # Sending

    def _send_all(self) -> None:
        while True:
            with self._changed:
                while not (due := self._due_now(self._clock())) and not self._closed.is_set():
                    self._changed.wait(self._seconds_to_wait())
                connection = self._connection
            if self._closed.is_set():
                return
            if connection is not None:
                for message in due:
                    self._send(connection, message)

    def _due_now(self, now: float) -> list[Message]:
        """What is to be sent at this time; called with the condition held."""
        if self._connection is None:
            return []
        due: list[Message] = []
        if self._telemetry is not None and now >= self._telemetry_due:
            due.append(Message(method=PROCESS_TELEMETRY.name, params=encode_value(self._telemetry)))
            self._telemetry, self._telemetry_due = None, now + 1.0 / TELEMETRY_RATE
        if now >= self._beat_due and now != float("inf"):
            due.append(Message(method=PROCESS_BEAT.name, params=encode_value(self._beat)))
            self._beat_due = now + PROCESS_HEARTBEAT_SECONDS
        return due

    def _seconds_to_wait(self) -> float | None:
        if self._connection is None:
            return None
        nearest = min(self._beat_due, self._telemetry_due if self._telemetry is not None else float("inf"))
        return max(0.0, nearest - self._clock())

    def _send(self, connection: socket.socket, message: Message) -> None:
        with self._sending:
            try:
                connection.sendall(encode_message(message))
            except OSError:
                with contextlib.suppress(OSError):  # It may be closed already.
                    connection.shutdown(socket.SHUT_RDWR)  # Wakes the reading thread, which connects anew.

    # Answering

    def _serve(self) -> None:
        while True:
            asked = self._asked.get()
            self._send(asked.connection, self._answer_to(asked))

    def _answer_to(self, asked: _Asked) -> Message:
        try:
            return Message(id=asked.number, result=encode_value(self._answer(asked.message)))
        except QuarterdeckError as error:
            return Message(id=asked.number, error=error.report())
        except Exception as error:  # noqa: BLE001 - the boundary to plugin code: whoever asked gets a sentence, the log the traceback.
            traceback.print_exc()
            sentence = f"{self._hello.name} failed at {asked.message.name!r}: {type(error).__name__}: {error}"
            return Message(id=asked.number, error=ErrorReport("failed", sentence, "read the process's log"))


def _first_lines(connection: socket.socket, lines: LineReader) -> list[bytes]:
    """Waits for the greeting's answer: that line, and whatever came with it. Raises OSError at the end of the connection."""
    while data := connection.recv(_READ_BYTES):
        if found := lines.feed(data):
            return found
    raise ConnectionError("the host ended the connection before it answered")
