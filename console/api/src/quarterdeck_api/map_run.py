"""One map under way: which items are taken, done, given back, and what came of them. Every method may be called from any thread."""

import pickle
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from quarterdeck_api.errors import JobCancelledError, UnreachableError
from quarterdeck_api.map_wire import Answer, Failed

#: Seconds of work that are sent to a child at a time, so that sending costs little beside it.
_CHUNK_SECONDS = 0.05
#: Seconds of work that the caller takes at a time.
_OWN_SECONDS = 0.005
#: How often an item is given to a process before it is blamed for their ends.
_MOST_TRIES = 2


class MapRun:
    """The state of one map; `request` makes a child's message of items."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        items: Sequence[Any],
        processes: int,
        on_done: Callable[[int, int], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.function = function
        self.items = items
        self.request: Callable[[list[Any]], bytes] = lambda items: b""
        self._processes = processes
        self._on_done = on_done
        self._clock = clock
        self._began = clock()
        self._condition = threading.Condition()
        self._results: list[Any] = [None] * len(items)
        self._next = 0
        self._returned: list[int] = []
        self._tries: dict[int, int] = {}
        self._done = 0
        self._told = 0
        self._telling = threading.Lock()
        self._stopped = False
        self._failure: tuple[int, BaseException] | None = None

    @property
    def untaken(self) -> int:
        """Items that nobody works on yet."""
        with self._condition:
            return 0 if self._over else len(self.items) - self._next + len(self._returned)

    def seconds_left(self) -> float:
        """How long the rest takes at the pace so far; without a pace yet, for ever."""
        with self._condition:
            pace = (self._clock() - self._began) / self._done if self._done else float("inf")
            return pace * (len(self.items) - self._done)

    def work(self, cancelled: Callable[[], bool], *, again: bool = False) -> None:
        """Works on items in the calling thread until none is left, one has failed, or the map is cancelled.

        With `again`, also on those over which a process has ended.
        """
        while not cancelled() and (chunk := self.take(_OWN_SECONDS, again=again)) is not None:
            results: list[Any] = []
            try:
                for index in chunk:
                    if cancelled():
                        break
                    results.append(self.function(self.items[index]))
            except Exception as error:  # noqa: BLE001 - the boundary to plugin code: it is raised again by `results`.
                self._fail(chunk[len(results)], error)
            self._finish(chunk, results)

    def take(self, seconds: float = _CHUNK_SECONDS, *, again: bool = True) -> Sequence[int] | None:
        """The items to do next, enough for so many seconds as far as is known, or None when there are none."""
        with self._condition:
            if self._over:
                return None
            if self._returned and again:
                return [self._returned.pop()]
            left = len(self.items) - self._next
            if not left:
                return None
            chunk = range(self._next, self._next + self._fitting(seconds, left))
            self._next += len(chunk)
            return chunk

    def take_answer(self, chunk: Sequence[int], answer: Answer) -> None:
        """What a child made of its chunk."""
        results: list[Any] = []
        try:
            for data in answer.results:
                results.append(pickle.loads(data))  # noqa: S301 - from a child of this process, over a socket that nobody else has.
        except Exception as error:  # noqa: BLE001 - the boundary to plugin code: its classes decide how they are read.
            self._fail(chunk[len(results)], error)
        self._finish(chunk, results)
        if answer.failed is not None:
            error: BaseException = pickle.loads(answer.failed.error)  # noqa: S301 - as above.
            error.add_note(answer.failed.traceback.rstrip())
            self._fail(chunk[answer.failed.place], error)

    def give_back(self, chunk: Sequence[int], status: int) -> None:
        """A process ended over its chunk: each item is tried once more, alone; then it is to blame."""
        with self._condition:
            for index in chunk:
                self._tries[index] = self._tries.get(index, 0) + (1 if len(chunk) == 1 else 0)
            blamed = next((index for index in chunk if self._tries[index] >= _MOST_TRIES), None)
            self._returned += reversed(chunk)
            self._condition.notify_all()
        if blamed is not None:
            how = f"exit code {status}" if status >= 0 else signal.Signals(-status).name
            sentence = f"the process that worked on an item of a map ended with {how}, {_MOST_TRIES} times"
            self._fail(blamed, UnreachableError(sentence, "see whether memory runs out, then retry the job"))

    def refuse(self, failed: Failed) -> None:
        """A child cannot even import the function's module."""
        error: BaseException = pickle.loads(failed.error)  # noqa: S301 - from a child of this process.
        error.add_note(failed.traceback.rstrip())
        self.fail(error)

    def fail(self, error: BaseException) -> None:
        """The map cannot go on, for a reason that is no item's."""
        with self._condition:
            self._failure = self._failure or (len(self.items), error)
            self._condition.notify_all()

    def waits(self, seconds: float) -> bool:
        """Waits for the end, so many seconds at most; whether it has not come."""
        with self._condition:
            return not self._condition.wait_for(lambda: self._over, seconds)

    def stop(self) -> bool:
        """Nothing is begun any more; True when nobody is at work."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()
            return self._done == len(self.items)

    def results(self, cancelled: bool) -> list[Any]:
        """The results; raises what failed first in the order of items, or JobCancelledError."""
        if self._on_done is not None and self._done == len(self.items):
            self._tell(self._on_done)  # The thread that finished the last item may not have come to say so yet.
        if self._failure is not None:
            raise self._failure[1]
        if cancelled or self._done < len(self.items):
            raise JobCancelledError("the map was cancelled", "start it again if you still want its result")
        return self._results

    @property
    def _over(self) -> bool:
        return self._stopped or self._failure is not None or self._done == len(self.items)

    def _fitting(self, seconds: float, left: int) -> int:
        if not self._done:
            return 1
        pace = max((self._clock() - self._began) / self._done, 1e-7)
        return max(1, min(int(seconds / pace), left // (2 * self._processes)))

    def _finish(self, chunk: Sequence[int], results: Sequence[Any]) -> None:
        """Takes over the results of a chunk's first items."""
        if not results:
            return
        with self._condition:
            if self._stopped:
                return
            for index, result in zip(chunk, results, strict=False):
                self._results[index] = result
            self._done += len(results)
            if self._over:
                self._condition.notify_all()
        if self._on_done is not None:
            self._tell(self._on_done)

    def _tell(self, on_done: Callable[[int, int], None]) -> None:
        with self._telling:
            done = self._done
            if done <= self._told:
                return  # Another thread has said so meanwhile.
            self._told = done
            try:
                on_done(done, len(self.items))
            except Exception as error:  # noqa: BLE001 - the boundary to plugin code: the map's caller gets it.
                self.fail(error)

    def _fail(self, index: int, error: BaseException) -> None:
        error.add_note(f"in item {index + 1} of {len(self.items)} of a map: {_shown(self.items[index])}")
        with self._condition:
            if self._failure is None or index < self._failure[0]:
                self._failure = (index, error)
            self._condition.notify_all()


def _shown(item: object) -> str:
    """What may stand in a log: data of other types may hold secrets."""
    return repr(item) if isinstance(item, int | float) else f"a {type(item).__name__}"
