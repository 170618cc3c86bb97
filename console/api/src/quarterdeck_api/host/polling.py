"""Watching a system that can only be asked: snapshots at intervals, and what differs between them."""

import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from random import Random

from msgspec import Struct

from quarterdeck_api.backend import Interest, WatchContext
from quarterdeck_api.errors import UnreachableError
from quarterdeck_api.host.backoff import backoff_delay
from quarterdeck_api.host.faults import as_error, log_fault
from quarterdeck_api.resources import Remove, Resource, Synced, Unreachable, Upsert

#: What nobody looks at at all is asked this many times less often than what stands in the background.
IDLE_FACTOR = 4.0

#: Seconds after which what cannot be reached is asked again at the latest while somebody looks: it may be back.
LONGEST_PAUSE_LOOKED_AT = 15.0

#: Seconds after which a waiting poll looks whether `watch` must return.
_STOP_CHECK = 0.2


def differences(before: dict[str, Resource], after: dict[str, Resource]) -> list[Upsert | Remove]:
    """What changed between two snapshots by address: upserts in the order of `after`, then removes."""
    upserts = [Upsert(resource) for address, resource in after.items() if before.get(address) != resource]
    return [*upserts, *(Remove(address) for address in before if address not in after)]


class _Answer(Struct, frozen=True):
    """What one call of `snapshot` gave: resources, or what it raised."""

    resources: list[Resource]
    fault: BaseException | None = None


class _Asker:
    """Calls `snapshot` in one thread of its own, so that a call that hangs holds up nothing but the next poll."""

    def __init__(self, snapshot: Callable[[], list[Resource]]) -> None:
        self._snapshot = snapshot
        self._wishes: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
        self.asking = False
        threading.Thread(target=self._work, name="poll", daemon=True).start()

    def ask(self) -> None:
        """Begins a snapshot; must not be called while `asking`."""
        self.asking = True
        self._wishes.put(True)

    def answer(self, seconds: float) -> _Answer | None:
        """The answer, when it comes within some seconds."""
        try:
            found = self._answers.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            return None
        self.asking = False
        return found

    def end(self) -> None:
        """Lets the thread end as soon as it can."""
        self._wishes.put(False)

    def _work(self) -> None:
        while self._wishes.get():
            try:
                self._answers.put(_Answer(self._snapshot()))
            except BaseException as error:  # noqa: BLE001 - the boundary to plugin code: what it raises is reported as Unreachable
                self._answers.put(_Answer([], error))


class Poller:
    """Turns snapshots into changes; a backend uses it as `def watch(self, context): Poller(...).run(context)`.

    `snapshot` gives everything the backend has of `kinds`; it is always called in the same thread. Intervals in seconds: with somebody
    looking, and without. A snapshot that takes longer than `timeout` seconds is reported as Unreachable, and polls that would overlap it are
    dropped. Exceptions are reported as Unreachable too, and the next poll waits with backoff and jitter, for a minute at most, and no more
    than 15 s while somebody looks.
    """

    def __init__(
        self,
        snapshot: Callable[[], list[Resource]],
        kinds: Sequence[str],
        interval_foreground: float,
        interval_background: float,
        *,
        timeout: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        rng: Random | None = None,
    ) -> None:
        self._snapshot = snapshot
        self._kinds = tuple(kinds)
        self._foreground = interval_foreground
        self._background = interval_background
        self._timeout = timeout
        self._clock = clock
        self._rng = rng or Random()
        self._known: dict[str, Resource] = {}
        self._failures = 0
        self._fault: Unreachable | None = None
        self._complete = False
        self._context: WatchContext | None = None
        self._due_now = False
        self._begun = self._said = 0
        self._attentive_until = -math.inf

    def attend(self, seconds: float) -> int:
        """Polls at once, and for some seconds as often as with somebody looking: something has just been done. From any thread.

        Gives the number of the first poll that begins after it, for `has_said`.
        """
        self._attentive_until = self._clock() + seconds
        number = self._begun + 1
        self._due_now = True
        if self._context is not None:
            self._context.wake()
        return number

    def has_said(self, number: int) -> bool:
        """Whether the poll of that number, or one after it, is over and what it found has been emitted."""
        return self._said >= number

    def interval(self, interest: Interest) -> float:
        """Seconds between the beginnings of two polls while all is well."""
        if interest is Interest.FOREGROUND or self._clock() < self._attentive_until:
            return self._foreground
        return self._background if interest is Interest.BACKGROUND else self._background * IDLE_FACTOR

    def rest(self, interest: Interest, pause: float) -> float:
        """Seconds between the beginnings of two polls when failures ask for a pause; 0 is none."""
        looked_at = interest is Interest.FOREGROUND or self._clock() < self._attentive_until
        return max(self.interval(interest), min(pause, LONGEST_PAUSE_LOOKED_AT) if looked_at else pause)

    def run(self, context: WatchContext) -> None:
        """Polls until `context.stopped`."""
        asker = _Asker(self._snapshot)
        self._context = context
        try:
            while not context.stopped:
                self._due_now = False
                begun = self._clock()
                self._poll(context, asker, begun)
                self._rest(context, begun)
        finally:
            asker.end()

    def _poll(self, context: WatchContext, asker: _Asker, begun: float) -> None:
        """One poll, or the rest of one that hangs."""
        if not asker.asking:
            self._begun += 1
            asker.ask()
        while not context.stopped:
            left = begun + self._timeout - self._clock()
            answer = asker.answer(min(left, _STOP_CHECK))
            if answer is not None:
                self._take(context, answer)
                self._said = self._begun
                return
            if left <= 0:
                self._report(context, UnreachableError(f"no answer within {self._timeout:g} s", "it is asked again"))
                return

    def _rest(self, context: WatchContext, begun: float) -> None:
        """Waits until the next poll is due; a change of interest makes it due earlier or later, never at once, as `attend` does."""
        pause = backoff_delay(self._failures, self._rng, base=self._foreground) if self._failures else 0.0
        while not context.stopped and not self._due_now:
            left = begun + self.rest(context.interest, pause) - self._clock()
            if left <= 0 or context.wait(left):
                return

    def _take(self, context: WatchContext, answer: _Answer) -> None:
        if answer.fault is not None:
            log_fault("poll", answer.fault)
            self._report(context, answer.fault)
            return
        found = {resource.address: resource for resource in answer.resources}
        for change in differences(self._known, found):
            context.emit(change)
        self._known = found
        if self._fault is not None or not self._complete:
            context.emit(Synced(self._kinds))
        self._failures, self._fault, self._complete = 0, None, True

    def _report(self, context: WatchContext, fault: BaseException) -> None:
        self._failures += 1
        error = as_error("it", fault)
        unreachable = Unreachable(error.message, error.remedy)
        if unreachable != self._fault:
            self._fault = unreachable
            context.emit(unreachable)
