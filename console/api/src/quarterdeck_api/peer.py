"""One JSON-RPC peer over an asyncio stream; runtime, hosts and the console's connection are all made of it."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from quarterdeck_api.errors import (
    CallTimeoutError,
    ErrorReport,
    ProtocolError,
    QuarterdeckError,
    UnknownOutcomeError,
    UnreachableError,
    UsageError,
    error_from_report,
)
from quarterdeck_api.wire import (
    LINE_LIMIT,
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
Handler = Callable[[Any], Awaitable[Any]]

_READ_BYTES = 256 * 1024


class Peer:
    """Sends and answers requests and notifications over one stream.

    Handlers are registered by method before `run`. Requests are handled concurrently, notifications in order. `on_fault` is told of
    exceptions that a handler should not have raised.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        name: str,
        on_fault: Callable[[str, BaseException], None],
        limit: int = LINE_LIMIT,
    ) -> None:
        self.name = name
        self.bytes_in = 0
        self.bytes_out = 0
        self._reader = reader
        self._writer = writer
        self._lines = LineReader(limit)
        self._on_fault = on_fault
        self._ids = itertools.count(1)
        self._calls: dict[int, asyncio.Future[Message]] = {}
        self._requests: dict[str, tuple[Method[Any, Any], Handler]] = {}
        self._notifications: dict[str, tuple[Method[Any, Any], Callable[[Any], None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def on_request(self, method: Method[P, R], handler: Callable[[P], Awaitable[R]]) -> None:
        """Answers requests for a method."""
        self._requests[method.name] = (method, handler)

    def on_notification(self, method: Method[P, Any], handler: Callable[[P], None]) -> None:
        """Receives notifications of a method; the handler must not block."""
        self._notifications[method.name] = (method, handler)

    @property
    def closed(self) -> bool:
        """Whether the stream has ended."""
        return self._closed

    @property
    def unsent_bytes(self) -> int:
        """Bytes that wait for the other side to read."""
        return self._writer.transport.get_write_buffer_size()

    def notify(self, method: Method[P, Any], params: P) -> None:
        """Sends a notification; does not wait for it to be read."""
        self._send(Message(method=method.name, params=encode_value(params)))

    async def call(
        self, method: Method[P, R], params: P, timeout: float | None, *, changes_something: bool = False
    ) -> R:
        """Sends a request and waits for the answer, at most `timeout` seconds.

        Raises the error that the other side reports. A lost answer is UnreachableError or CallTimeoutError, or UnknownOutcomeError when the
        request `changes_something`.
        """
        if self._closed:
            raise UnreachableError(f"{self.name} is not connected", "try again")
        number = next(self._ids)
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._calls[number] = future
        try:
            self._send(Message(id=number, method=method.name, params=encode_value(params)))
            async with asyncio.timeout(timeout):
                answer = await future
        except TimeoutError:
            if changes_something:
                raise UnknownOutcomeError(
                    f"{self.name} did not answer {method.name} within {timeout:g} s; it may or may not have happened",
                    "check before doing it again",
                ) from None
            raise CallTimeoutError(
                f"{self.name} did not answer {method.name} within {timeout:g} s", "try again"
            ) from None
        except UnreachableError as error:
            if changes_something:
                raise UnknownOutcomeError(
                    f"{error.message} while {method.name} was under way; it may or may not have happened",
                    "check before doing it again",
                ) from error
            raise
        finally:
            self._calls.pop(number, None)
        if answer.error is not None:
            raise error_from_report(answer.error)
        return decode_value(answer.result, method.result)

    async def run(self) -> None:
        """Reads until the stream ends; then every waiting call fails. Raises ProtocolError when the other side breaks the protocol."""
        try:
            while data := await self._reader.read(_READ_BYTES):
                self.bytes_in += len(data)
                for line in self._lines.feed(data):
                    self._receive(decode_message(line))
        except (ConnectionError, BrokenPipeError):
            pass  # The same as an end of the stream: callers are told below.
        finally:
            self.close()

    async def drain(self) -> None:
        """Waits until the other side has read enough to go on."""
        await self._writer.drain()

    def close(self) -> None:
        """Closes the stream; every waiting call fails."""
        if self._closed:
            return
        self._closed = True
        for future in self._calls.values():
            if not future.done():
                future.set_exception(UnreachableError(f"the connection to {self.name} ended", "try again"))
        for task in self._tasks:
            task.cancel()
        self._writer.close()

    def _send(self, message: Message) -> None:
        if self._closed:
            return
        line = encode_message(message)
        self.bytes_out += len(line)
        self._writer.write(line)

    def _receive(self, message: Message) -> None:
        if message.method and message.id is not None:
            task = asyncio.create_task(self._answer(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif message.method:
            self._deliver(message)
        elif message.id is not None:
            future = self._calls.get(message.id)
            if future is not None and not future.done():
                future.set_result(message)
        else:
            raise ProtocolError("a message with neither method nor id", "check that both sides have the same version")

    def _deliver(self, message: Message) -> None:
        entry = self._notifications.get(message.method)
        if entry is None:
            return  # A later minor version may notify more than this side knows.
        method, handler = entry
        try:
            handler(decode_value(message.params, method.params))
        except Exception as error:  # noqa: BLE001 - the boundary to handlers: one bad notification must not end the connection.
            self._on_fault(message.method, error)

    async def _answer(self, message: Message) -> None:
        entry = self._requests.get(message.method)
        try:
            if entry is None:
                raise UsageError(f"unknown method {message.method!r}", "run `quarterdeck runtime restart`")
            method, handler = entry
            result = await handler(decode_value(message.params, method.params))
            self._send(Message(id=message.id, result=encode_value(result)))
        except QuarterdeckError as error:
            self._send(Message(id=message.id, error=error.report()))
        except Exception as error:  # noqa: BLE001 - the boundary to handlers: the caller gets a sentence, `on_fault` the traceback.
            self._on_fault(message.method, error)
            report = ErrorReport(
                "internal",
                f"{message.method} failed inside {type(error).__name__}: {error}",
                "see `quarterdeck runtime logs`",
            )
            self._send(Message(id=message.id, error=report))
