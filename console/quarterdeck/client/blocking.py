"""The command line's connection: blocking, without asyncio."""

import itertools
import os
import socket
import time
from collections import deque
from typing import Any, NamedTuple, TypeVar

from quarterdeck.client.greeting import CLIENT_LINE_LIMIT, first_hello, second_hello
from quarterdeck.client.launch import connect, connect_or_start
from quarterdeck.config.paths import InstancePaths
from quarterdeck_api.errors import CallTimeoutError, UnknownOutcomeError, UnreachableError, error_from_report
from quarterdeck_api.live_documents import DOCUMENT_SHOWN
from quarterdeck_api.metrics import METRICS_CHANGED
from quarterdeck_api.protocol import (
    BACKENDS_CHANGED,
    HELLO,
    LOGS_LINES,
    WATCH_DELTA,
    WATCH_SNAPSHOT,
    HelloResult,
)
from quarterdeck_api.wire import (
    LineReader,
    Message,
    Method,
    decode_message,
    decode_value,
    encode_message,
    encode_value,
)

P = TypeVar("P")
R = TypeVar("R")

#: Seconds that the runtime may take for its greeting.
HELLO_TIMEOUT = 10.0

_READ_BYTES = 256 * 1024
_GREETING_ATTEMPTS = 5
_PAUSE = 0.05
_NOTIFICATIONS: dict[str, Method[Any, Any]] = {
    method.name: method
    for method in (WATCH_SNAPSHOT, WATCH_DELTA, BACKENDS_CHANGED, LOGS_LINES, DOCUMENT_SHOWN, METRICS_CHANGED)
}


class Notification(NamedTuple):
    """A notification's method name with its parameters: SnapshotChunk, Delta, BackendsChanged, LogLines, DocumentShown or
    MetricsChanged."""

    method: str
    params: Any


class BlockingConnection:
    """A connection to the runtime for one thread.

    Raises what the runtime reports, UnreachableError or CallTimeoutError when an answer is lost, and UnknownOutcomeError when the lost
    answer belongs to a request that changes something.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._lines = LineReader(CLIENT_LINE_LIMIT)
        self._received: deque[bytes] = deque()
        self._notifications: deque[Notification] = deque()
        self._ids = itertools.count(1)
        self.hello: HelloResult | None = None

    @classmethod
    def open(cls, paths: InstancePaths, client: str, *, start: bool = True) -> "BlockingConnection":
        """Connects, starting the runtime when none runs and `start` is true, and greets it.

        A runtime that is just ending still accepts connections; then the next one is looked for, a few times.
        """
        attempts = _GREETING_ATTEMPTS
        while True:
            found = connect_or_start(paths) if start else connect(paths)
            if found is None:
                raise UnreachableError("no runtime runs for this instance", "start it with `quarterdeck runtime start`")
            connection = cls(found)
            try:
                connection.greet(client)
                return connection
            except BaseException as error:
                connection.close()
                attempts -= 1
                if type(error) is not UnreachableError or not attempts:
                    raise
            time.sleep(_PAUSE)

    def greet(self, client: str) -> HelloResult:
        """Says hello, and offers the environment values that the runtime lacks; raises ProtocolError for another major version."""
        mine = first_hello(client)
        answer = self.call(HELLO, mine, HELLO_TIMEOUT)
        again = second_hello(mine, answer, os.environ)
        self.hello = self.call(HELLO, again, HELLO_TIMEOUT) if again else answer
        return self.hello

    def call(
        self, method: Method[P, R], params: P, timeout: float | None = 30.0, *, changes_something: bool = False
    ) -> R:
        """Sends a request and waits at most `timeout` seconds for its answer; notifications meanwhile are kept."""
        number = next(self._ids)
        deadline = _deadline(timeout)
        try:
            self._send(encode_message(Message(id=number, method=method.name, params=encode_value(params))), deadline)
            while (message := self._receive(deadline)).id != number or message.method:
                self._keep(message)
        except UnreachableError as error:
            lost = f"{method.name}: {error.message}"
            if changes_something:
                raise UnknownOutcomeError(
                    f"{lost}; it may or may not have happened", "check before doing it again"
                ) from error
            raise type(error)(lost, error.remedy) from error
        if message.error is not None:
            raise error_from_report(message.error)
        return decode_value(message.result, method.result)

    def next_notification(self, timeout: float | None = None) -> Notification | None:
        """The next notification, or None when none came within `timeout` seconds; raises UnreachableError when the connection ended."""
        deadline = _deadline(timeout)
        while not self._notifications:
            try:
                self._keep(self._receive(deadline))
            except CallTimeoutError:
                return None
        return self._notifications.popleft()

    def close(self) -> None:
        """Closes the connection; what it watched ends."""
        self._socket.close()

    def fileno(self) -> int:
        """The socket's descriptor, to wait on it beside other things. Kept notifications do not make it readable."""
        return self._socket.fileno()

    def __enter__(self) -> "BlockingConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keep(self, message: Message) -> None:
        method = _NOTIFICATIONS.get(message.method)
        if method is not None:  # A later minor version may notify more; answers that came too late are nobody's.
            self._notifications.append(Notification(message.method, decode_value(message.params, method.params)))

    def _send(self, line: bytes, deadline: float | None) -> None:
        self._set_timeout(deadline)
        try:
            self._socket.sendall(line)
        except TimeoutError:
            raise CallTimeoutError("the runtime did not take the request in time", "try again") from None
        except OSError as error:
            raise UnreachableError(f"the connection to the runtime ended: {error.strerror}", "try again") from error

    def _receive(self, deadline: float | None) -> Message:
        while not self._received:
            self._set_timeout(deadline)
            try:
                data = self._socket.recv(_READ_BYTES)
            except TimeoutError:
                raise CallTimeoutError("the runtime did not answer in time", "try again") from None
            except OSError as error:
                raise UnreachableError(f"the connection to the runtime ended: {error.strerror}", "try again") from error
            if not data:
                raise UnreachableError("the connection to the runtime ended", "try again")
            self._received.extend(self._lines.feed(data))
        return decode_message(self._received.popleft())

    def _set_timeout(self, deadline: float | None) -> None:
        self._socket.settimeout(None if deadline is None else max(deadline - time.monotonic(), 0.001))


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout
