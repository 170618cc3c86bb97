"""Sends one backend's changes: at most 20 batches a second, each against a credit that the runtime gave."""

import asyncio
from collections.abc import Callable

from msgspec import Raw, Struct

from quarterdeck_api.host.coalescer import Coalescer
from quarterdeck_api.host_protocol import CHANGES, BackendReport
from quarterdeck_api.resources import Change
from quarterdeck_api.wire import Method, Nothing

#: Seconds between two batches of one backend.
BATCH_INTERVAL = 0.05

#: Seconds that a batch waits for more changes to join the first one.
GATHER_DELAY = 0.005


class EncodedChanges(Struct, frozen=True):
    """ChangesParams whose changes are JSON already."""

    backend: str
    changes: tuple[Raw, ...]


#: The same method as CHANGES, from the side that has encoded the changes one by one.
ENCODED_CHANGES = Method(CHANGES.name, EncodedChanges, Nothing)


class ChangeSender:
    """Takes changes from any thread and sends them from the loop, where it is made.

    A backend's reports go through `report`, in order with the changes that were sent before.
    """

    def __init__(
        self,
        backend: str,
        send_changes: Callable[[EncodedChanges], None],
        send_report: Callable[[BackendReport], None],
    ) -> None:
        self._backend = backend
        self._send_changes = send_changes
        self._send_report = send_report
        self._loop = asyncio.get_running_loop()
        self._coalescer = Coalescer()
        self._credit = 0
        self._last_batch = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._awake = False

    def emit(self, change: Change) -> None:
        """Takes one change, from any thread; raises UsageError when it cannot be sent."""
        self._coalescer.emit(change)
        if not self._awake:  # Two threads may both see False; then the loop is woken twice, which does no harm.
            self._awake = True
            self._loop.call_soon_threadsafe(self._wake)

    def begin(self) -> None:
        """Begins a round: the runtime is told `connecting` before the first change of it."""
        self._coalescer.begin()
        self._schedule()

    def report(self, state: str, reason: str = "", remedy: str = "") -> None:
        """Reports the backend's own state; what it emitted and was not sent yet is void."""
        self._coalescer.clear()
        self._send_report(BackendReport(self._backend, state, reason, remedy))

    def grant(self, batches: int) -> None:
        """The runtime is ready for more batches."""
        self._credit += batches
        self._schedule()

    async def sent(self, seconds: float) -> None:
        """Returns once what was emitted so far is sent, or after so many seconds: the runtime may give no credit."""
        deadline = self._loop.time() + seconds
        while self._coalescer.pending and self._loop.time() < deadline:
            await asyncio.sleep(GATHER_DELAY)

    def close(self) -> None:
        """Sends nothing any more."""
        self._coalescer.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self) -> None:
        self._awake = False
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is None and self._credit > 0:
            delay = max(self._last_batch + BATCH_INTERVAL - self._loop.time(), GATHER_DELAY)
            self._timer = self._loop.call_later(delay, self._flush)

    def _flush(self) -> None:
        self._timer = None
        batch = self._coalescer.take()
        if batch is None:
            return
        self._last_batch = self._loop.time()
        if batch.begins:
            self._send_report(BackendReport(self._backend, "connecting"))
        if batch.changes:
            self._credit -= 1
            self._send_changes(EncodedChanges(self._backend, batch.changes))
        self._schedule()  # Costs one empty round when nothing waits.
