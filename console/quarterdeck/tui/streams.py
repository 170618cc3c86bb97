"""Streams of the console: documents, metrics and logs that the runtime sends while somebody looks, across losses of the connection."""

import itertools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from msgspec import Struct

from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.live_documents import DOCUMENT_CLOSE, DOCUMENT_OPEN, DOCUMENT_SHOWN, DocumentNumber, DocumentOpen
from quarterdeck_api.metrics import METRICS_CHANGED, METRICS_CLOSE, METRICS_OPEN, MetricsNumber, MetricsWatch
from quarterdeck_api.protocol import LOGS_CLOSE, LOGS_LINES, LOGS_OPEN, LogsParams, StreamNumber
from quarterdeck_api.wire import Method


class Streaming(Protocol):
    """What streams need of the session."""

    @property
    def connected(self) -> bool:
        """Whether the runtime can be asked now."""
        ...

    def call(self, method: Method[Any, Any], params: Any) -> Awaitable[Any]:
        """Asks the runtime; raises QuarterdeckError."""
        ...


class Listening(Protocol):
    """Where the messages of streams come from."""

    def on_notification(self, method: Method[Any, Any], handler: Callable[[Any], None]) -> None:
        """Receives notifications of a method."""
        ...


class Stream(Struct, eq=False):
    """One stream: what opens it and ends it, who takes what comes, and who is told when it begins anew after a loss of the connection."""

    opening: Method[Any, Any]
    params: Any
    closing: Method[Any, Any]
    end: Any
    handler: Callable[[Any], None]
    begun_again: Callable[[], None]
    failed: Callable[[QuarterdeckError], None]


def _nothing() -> None:
    return


class Streams:
    """Every stream that is open, by number. Opening and ending return at once; `spawn` does the asking, in their order."""

    def __init__(
        self,
        session: Streaming,
        numbers: "itertools.count[int]",
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._session = session
        self._numbers = numbers
        self._spawn = spawn
        self._open: dict[int, Stream] = {}

    def listen(self, connection: Listening) -> None:
        """Takes what a connection brings."""
        for method in (LOGS_LINES, DOCUMENT_SHOWN, METRICS_CHANGED):
            connection.on_notification(method, self._take)

    def logs(
        self,
        handler: Callable[[Any], None],
        make: Callable[[int], LogsParams],
        failed: Callable[[QuarterdeckError], None],
        begun_again: Callable[[], None] = _nothing,
    ) -> int:
        """Opens a log; `handler` takes LogLines."""
        number = next(self._numbers)
        end = StreamNumber(number)
        return self._begin(number, Stream(LOGS_OPEN, make(number), LOGS_CLOSE, end, handler, begun_again, failed))

    def document(self, address: str, handler: Callable[[Any], None], failed: Callable[[QuarterdeckError], None]) -> int:
        """Opens a document; `handler` takes DocumentShown."""
        number = next(self._numbers)
        params, end = DocumentOpen(number, address), DocumentNumber(number)
        return self._begin(number, Stream(DOCUMENT_OPEN, params, DOCUMENT_CLOSE, end, handler, _nothing, failed))

    def metrics(
        self,
        handler: Callable[[Any], None],
        failed: Callable[[QuarterdeckError], None],
        *,
        address: str = "",
        kind: str = "",
        names: tuple[str, ...] = (),
    ) -> int:
        """Opens metrics of one resource or of a kind; `handler` takes MetricsChanged."""
        number = next(self._numbers)
        params, end = MetricsWatch(number, address, kind, names), MetricsNumber(number)
        return self._begin(number, Stream(METRICS_OPEN, params, METRICS_CLOSE, end, handler, _nothing, failed))

    def close(self, number: int) -> None:
        """Ends a stream; a runtime that is away has forgotten it anyway."""
        stream = self._open.pop(number, None)
        if stream is not None and self._session.connected:
            self._spawn(self._end(stream))

    async def open_again(self) -> None:
        """Opens every stream on a new connection."""
        for number in list(self._open):
            stream = self._open.get(number)
            if stream is not None:
                stream.begun_again()
                await self._ask(stream)

    def _begin(self, number: int, stream: Stream) -> int:
        self._open[number] = stream
        if self._session.connected:
            self._spawn(self._ask(stream))
        return number

    async def _end(self, stream: Stream) -> None:
        try:
            await self._session.call(stream.closing, stream.end)
        except QuarterdeckError as error:
            stream.failed(error)

    async def _ask(self, stream: Stream) -> None:
        try:
            await self._session.call(stream.opening, stream.params)
        except QuarterdeckError as error:
            stream.failed(error)

    def _take(self, message: Any) -> None:
        stream = self._open.get(message.stream)
        if stream is not None:
            stream.handler(message)
