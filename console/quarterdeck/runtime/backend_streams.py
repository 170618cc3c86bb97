"""Streams of backends on the runtime's side: each is opened at a host, fed against credit, and ends with its host."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeVar

from quarterdeck.runtime.backend_asking import BackendAsking
from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck.runtime.store import Store
from quarterdeck_api.errors import ProtocolError, UnreachableError, error_from_report
from quarterdeck_api.host_protocol import (
    LIVE_DOCUMENT_OPEN,
    LOG_OPEN,
    STREAM_CLOSE,
    STREAM_CREDIT,
    STREAM_DOCUMENT,
    STREAM_ENDED,
    STREAM_LINES,
    StreamCredit,
    StreamDocument,
    StreamEnded,
    StreamLines,
    StreamNumber,
    StreamOpen,
)
from quarterdeck_api.logs import LogOptions
from quarterdeck_api.wire import Method, Nothing

M = TypeVar("M", StreamLines, StreamDocument)

#: Messages of a stream that may be under way: so much of it is held here at most.
INITIAL_CREDIT = 4

#: Messages that are held at most; a host that keeps to its credit never has so many on their way.
_HELD = 3 * INITIAL_CREDIT

#: Seconds for a host to open a stream, which runs no code of the plugin.
_OPEN_TIMEOUT = 10.0


class BackendStreams:
    """Opens logs and live documents of backends. `plugin_of` gives the plugin of a backend."""

    def __init__(
        self, store: Store, hosts: HostSupervisor, asking: BackendAsking, plugin_of: Callable[[str], str]
    ) -> None:
        self._hosts = hosts
        self._asking = asking
        self._plugin_of = plugin_of
        self._numbers = itertools.count(1)
        self._queues: dict[tuple[str, int], asyncio.Queue[StreamLines | StreamDocument | StreamEnded]] = {}
        hosts.routes.on_notification(STREAM_LINES, self._received)
        hosts.routes.on_notification(STREAM_DOCUMENT, self._received)
        hosts.routes.on_notification(STREAM_ENDED, self._received)
        store.subscribe_backends(self._end_with_hosts)

    @property
    def count(self) -> int:
        """How many streams are open."""
        return len(self._queues)

    def log(self, address: str, source: str, options: LogOptions) -> AsyncGenerator[StreamLines, None]:
        """Lines of a backend's log until its end; raises what the backend answers, or UnreachableError when its host ends."""
        wanted = StreamOpen(next(self._numbers), address, source, options)
        return self._follow(LOG_OPEN, wanted, StreamLines)

    def document(self, address: str) -> AsyncGenerator[StreamDocument, None]:
        """States of a live document; raises UnsupportedError when the backend has none of it, and as `log` does."""
        wanted = StreamOpen(next(self._numbers), address)
        return self._follow(LIVE_DOCUMENT_OPEN, wanted, StreamDocument)

    async def _follow(
        self, method: Method[StreamOpen, Nothing], wanted: StreamOpen, kind: type[M]
    ) -> AsyncGenerator[M, None]:
        backend = wanted.address.split("/", 1)[0]
        await self._asking.connected(backend)
        plugin = self._plugin_of(backend)
        queue: asyncio.Queue[Any] = asyncio.Queue()
        self._queues[plugin, wanted.stream] = queue
        try:
            await self._hosts.call(backend, method, wanted, _OPEN_TIMEOUT)
            self._grant(plugin, wanted.stream, INITIAL_CREDIT)
            while not isinstance(message := await queue.get(), StreamEnded):
                if isinstance(message, kind):
                    yield message
                self._grant(plugin, wanted.stream, 1)  # Once it was taken: what waits here stays bounded.
            if message.error is not None:
                raise error_from_report(message.error)
        finally:
            del self._queues[plugin, wanted.stream]
            self._hosts.notify_plugin(plugin, STREAM_CLOSE, StreamNumber(wanted.stream))

    def _grant(self, plugin: str, stream: int, messages: int) -> None:
        self._hosts.notify_plugin(plugin, STREAM_CREDIT, StreamCredit(stream, messages))

    def _received(self, plugin: str, message: StreamLines | StreamDocument | StreamEnded) -> None:
        queue = self._queues.get((plugin, message.stream))
        if queue is None:
            return  # It was closed while this was under way.
        if queue.qsize() < _HELD:
            queue.put_nowait(message)
            return
        # The host sends without credit: what it has sent is not kept, and the stream ends.
        while not queue.empty():
            queue.get_nowait()
        error = ProtocolError(f"plugin {plugin} sends more of a stream than it may", "report it to its authors")
        queue.put_nowait(StreamEnded(message.stream, error.report()))

    def _end_with_hosts(self) -> None:
        for (plugin, number), queue in self._queues.items():
            if not self._hosts.is_ready(plugin):
                error = UnreachableError(f"the host of plugin {plugin} has ended", "open it again")
                queue.put_nowait(StreamEnded(number, error.report()))
