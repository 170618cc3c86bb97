"""The streams of a host: logs and live documents, each in a thread of its own, sent against credit that the runtime gives."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from quarterdeck_api.backend import Backend
from quarterdeck_api.errors import QuarterdeckError, UnreachableError, UnsupportedError, UsageError
from quarterdeck_api.host.detached import DetachedCall
from quarterdeck_api.host.faults import as_error, log_fault
from quarterdeck_api.host.stream_contexts import HostDocumentContext, HostLogContext, StreamContext
from quarterdeck_api.host_protocol import StreamDocument, StreamEnded, StreamLines, StreamOpen
from quarterdeck_api.live_documents import LiveDescribable
from quarterdeck_api.logs import LogProvider

#: Streams, and so threads of them, that a host has at most; those that were told to end and have not are among them.
STREAM_LIMIT = 64

#: Seconds between two states of a live document, and between two messages of a log.
DOCUMENT_INTERVAL = 0.1
LINES_INTERVAL = 0.005

#: Streams that were closed without being open that are remembered.
_REMEMBERED = 256

#: Seconds that streams of a backend which is closed get to end.
END_TIMEOUT = 2.0


class StreamLine(Protocol):
    """How a host tells the runtime of its streams."""

    def lines(self, message: StreamLines) -> None:
        """Lines of a log."""
        ...

    def document(self, message: StreamDocument) -> None:
        """The latest state of a document."""
        ...

    def ended(self, message: StreamEnded) -> None:
        """A stream's end."""
        ...


class _Parts(Struct, frozen=True):
    """What makes a log or a document of a stream: the plugin's call, its context, and how to send what it has said (False: nothing waits)."""

    context: StreamContext
    run: Callable[[], None]
    send: Callable[[], bool]
    interval: float


class _Stream:
    """One stream: the plugin's call in its thread, and what is sent of it while there is credit."""

    def __init__(
        self,
        wanted: StreamOpen,
        parts: "_Parts",
        on_end: Callable[["_Stream", QuarterdeckError | None], None],
    ) -> None:
        self.number = wanted.stream
        self.backend = wanted.address.split("/", 1)[0]
        self._context = parts.context
        self._send = parts.send
        self._interval = parts.interval
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._credit = 0
        self._last = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._awake = False
        self._closed = False
        parts.context.on_news(self._wake)
        self.call = DetachedCall(parts.run, f"stream {self.number} of {wanted.address}")
        self.call.future.add_done_callback(lambda _: self._schedule())

    def grant(self, messages: int) -> None:
        """The runtime is ready for more messages."""
        self._credit += messages
        self._schedule()

    def close(self) -> None:
        """Sends nothing any more, and tells the plugin's call to return."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._context.stop()

    def _wake(self) -> None:
        """There is something to send; called from any thread."""
        if not self._awake:  # Two threads may both see False; then the loop is woken twice, which does no harm.
            self._awake = True
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._woken)

    def _woken(self) -> None:
        self._awake = False
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is None and self._credit > 0 and not self._closed:
            delay = max(self._last + self._interval - self._loop.time(), 0.0)
            self._timer = self._loop.call_later(delay, self._flush)

    def _flush(self) -> None:
        self._timer = None
        if self._closed:
            return
        try:
            sent = self._send()
        except UsageError as error:  # The plugin has shown what cannot be sent.
            self._on_end(self, error)
            return
        if sent:
            self._credit -= 1
            self._last = self._loop.time()
            self._schedule()
        elif self.call.future.done():
            self._on_end(self, self._fault())

    def _fault(self) -> QuarterdeckError | None:
        """What the plugin's call raised."""
        fault = None if self.call.future.cancelled() else self.call.future.exception()
        if fault is None:
            return None
        error = as_error(self.backend, fault)
        if error is not fault:
            log_fault(f"stream {self.number} of {self.backend}", fault)
        return error


class HostStreams:
    """Opens, feeds and ends the streams of all backends of a host. `backend_of` gives an open backend by address, or raises."""

    def __init__(self, line: StreamLine, backend_of: Callable[[str], Backend]) -> None:
        self._line = line
        self._backend_of = backend_of
        self._streams: dict[int, _Stream] = {}
        self._left_behind: list[_Stream] = []
        # A close is a notification and may overtake the request that opens.
        self._closed_early: deque[int] = deque(maxlen=_REMEMBERED)

    @property
    def stuck(self) -> int:
        """Threads of streams that were told to end and have not returned."""
        self._left_behind = [stream for stream in self._left_behind if stream.call.running]
        return len(self._left_behind)

    def open_log(self, wanted: StreamOpen) -> None:
        """Opens a log; raises UnsupportedError, UnreachableError, or UsageError when there are too many streams."""
        backend = self._backend_of(wanted.address)
        if not isinstance(backend, LogProvider):
            raise _cannot(wanted.address, "logs")
        context = HostLogContext(wanted.options.follow)

        def send() -> bool:
            taken = context.take()
            if taken is not None:
                self._line.lines(StreamLines(wanted.stream, taken.lines, taken.skipped))
            return taken is not None

        def run() -> None:
            backend.logs(wanted.address, wanted.source, wanted.options, context)

        self._open(wanted, _Parts(context, run, send, LINES_INTERVAL))

    def open_document(self, wanted: StreamOpen) -> None:
        """Opens a live document; raises as `open_log` does."""
        backend = self._backend_of(wanted.address)
        if not isinstance(backend, LiveDescribable):
            raise _cannot(wanted.address, "live documents")
        context = HostDocumentContext()

        def send() -> bool:
            document = context.take()
            if document is not None:
                self._line.document(StreamDocument(wanted.stream, document))
            return document is not None

        self._open(
            wanted,
            _Parts(context, lambda: backend.describe_live(wanted.address, context), send, DOCUMENT_INTERVAL),
        )

    def grant(self, number: int, messages: int) -> None:
        """The runtime is ready for more of a stream; one that has ended is none."""
        stream = self._streams.get(number)
        if stream is not None:
            stream.grant(messages)

    def close(self, number: int) -> None:
        """Ends a stream; nothing more is sent of it."""
        stream = self._streams.pop(number, None)
        if stream is not None:
            stream.close()
            self._left_behind.append(stream)
        else:
            self._closed_early.append(number)

    async def end_of(self, backend: str, reason: str) -> None:
        """Ends all streams of a backend, because it is closed or opened anew; waits a little for their calls to return."""
        streams = [stream for stream in self._streams.values() if stream.backend == backend]
        for stream in streams:
            self.close(stream.number)
            error = UnreachableError(f"{backend}: {reason}", "open it again")
            self._line.ended(StreamEnded(stream.number, error.report()))
        waiting = [stream.call.future for stream in streams]
        if waiting:
            await asyncio.wait(waiting, timeout=END_TIMEOUT)

    async def close_all(self) -> None:
        """Ends every stream, because the host ends."""
        for backend in {stream.backend for stream in self._streams.values()}:
            await self.end_of(backend, "its host ends")

    def _open(self, wanted: StreamOpen, parts: _Parts) -> None:
        if wanted.stream in self._closed_early:
            raise UnreachableError(f"stream {wanted.stream} was closed before it was opened", "open it again")
        if wanted.stream in self._streams:
            raise UsageError(f"stream {wanted.stream} is open already", "choose another number")
        if len(self._streams) + self.stuck >= STREAM_LIMIT:
            raise UsageError(
                f"{STREAM_LIMIT} logs and live documents of this plugin are open already", "close one first"
            )
        self._streams[wanted.stream] = _Stream(wanted, parts, self._end)

    def _end(self, stream: _Stream, error: QuarterdeckError | None) -> None:
        """The plugin's call has returned and everything is sent, or it has said what cannot be sent."""
        self.close(stream.number)
        self._line.ended(StreamEnded(stream.number, error.report() if error else None))


def _cannot(address: str, what: str) -> UnsupportedError:
    backend = address.split("/", 1)[0]
    return UnsupportedError(
        f"{backend} has no {what}", "choose a backend of a type that has, see `quarterdeck plugin info`", address
    )
