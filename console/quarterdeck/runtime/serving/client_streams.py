"""Streams of one connection that are fed by a task each: live documents, and metrics."""

import asyncio
from collections.abc import Callable, Coroutine

from quarterdeck_api.errors import UnreachableError, UsageError

#: Streams of one sort that a connection may have open.
STREAM_LIMIT = 64


class ClientStreams:
    """Opens and closes the streams of one sort; `what` names it, `on_fault` is told of what should not have been raised."""

    def __init__(self, what: str, on_fault: Callable[[str, BaseException], None]) -> None:
        self._what = what
        self._on_fault = on_fault
        self._tasks: dict[int, tuple[str, asyncio.Task[None]]] = {}

    def open(self, number: int, address: str, feeding: Coroutine[None, None, None]) -> None:
        """Feeds a stream; one of the same number is replaced. `address` is what it shows, empty for no single resource."""
        if number not in self._tasks and len(self._tasks) >= STREAM_LIMIT:
            feeding.close()
            raise UsageError(f"this connection has {STREAM_LIMIT} {self._what} open already", "close one first")
        self.close(number)
        task = asyncio.create_task(feeding)
        self._tasks[number] = (address, task)
        task.add_done_callback(lambda ended: self._ended(number, ended))

    def close(self, number: int) -> None:
        """Closes a stream; one that is not open is none."""
        entry = self._tasks.pop(number, None)
        if entry is not None:
            entry[1].cancel()

    def close_all(self) -> None:
        """Closes every stream, because the connection ended."""
        for number in list(self._tasks):
            self.close(number)

    def looks_at(self, backend: str) -> bool:
        """Whether a stream shows something of the backend."""
        return any(address.startswith(f"{backend}/") for address, _ in self._tasks.values())

    def _ended(self, number: int, task: asyncio.Task[None]) -> None:
        if number in self._tasks and self._tasks[number][1] is task:
            del self._tasks[number]
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, UnreachableError):
            self._on_fault(self._what, error)
