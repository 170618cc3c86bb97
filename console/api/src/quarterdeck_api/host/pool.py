"""The bounded thread pool that every call of a backend runs in: always with a time-out, and with daemon threads only."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

R = TypeVar("R")


class CallNotStartedError(Exception):
    """No thread became free in time; the call was never made."""


class CallAbandonedError(Exception):
    """The call was made and has not answered in time; it still holds its thread."""


class _Call(Generic[R]):
    """One call on its way: waiting, started, and over once it was answered or given up."""

    def __init__(self, function: Callable[[], R], loop: asyncio.AbstractEventLoop) -> None:
        self.function = function
        self.loop = loop
        self.future: asyncio.Future[R] = loop.create_future()
        self.started = False
        self.over = False


class CallPool:
    """Runs blocking calls in at most `threads` threads, made when they are needed.

    A call that does not answer in time is abandoned: its caller goes on, its thread counts as stuck until the call returns after all.
    `on_stuck` is called on the loop whenever the number of stuck calls grows. Threads are daemons: a stuck one never keeps the process.
    """

    def __init__(self, threads: int, on_stuck: Callable[[int], None]) -> None:
        self._limit = threads
        self._on_stuck = on_stuck
        self._condition = threading.Condition()
        self._queue: deque[_Call[Any]] = deque()
        self._threads = 0
        self._idle = 0
        self._stuck = 0

    @property
    def threads(self) -> int:
        """The most threads that the pool may have."""
        return self._limit

    @property
    def stuck(self) -> int:
        """Calls that were abandoned and still hold a thread."""
        with self._condition:
            return self._stuck

    async def run(self, function: Callable[[], R], timeout: float) -> R:
        """Calls the function in a thread and gives what it returns or raises.

        Raises CallNotStartedError or CallAbandonedError after `timeout` seconds.
        """
        call = _Call(function, asyncio.get_running_loop())
        limit = asyncio.timeout(timeout)
        self._enqueue(call)
        try:
            async with limit:
                return await asyncio.shield(call.future)
        except TimeoutError:
            if not limit.expired():
                raise  # The function's own answer.
            if self._drop(call):
                raise CallAbandonedError from None
            raise CallNotStartedError from None
        except asyncio.CancelledError:
            self._drop(call)
            raise

    def _enqueue(self, call: _Call[Any]) -> None:
        with self._condition:
            self._queue.append(call)
            if self._idle >= len(self._queue):
                self._condition.notify()
            elif self._threads < self._limit:
                self._threads += 1
                threading.Thread(target=self._work, name=f"call-{self._threads}", daemon=True).start()

    def _drop(self, call: _Call[Any]) -> bool:
        """Gives a call up; True when it had been started."""
        call.future.cancel()
        with self._condition:
            if not call.started:
                if call in self._queue:
                    self._queue.remove(call)
                return False
            if call.over:
                return True
            call.over = True
            self._stuck += 1
            stuck = self._stuck
        self._on_stuck(stuck)
        return True

    def _work(self) -> None:
        while True:
            with self._condition:
                self._idle += 1
                while not self._queue:
                    self._condition.wait()
                self._idle -= 1
                call = self._queue.popleft()
                call.started = True
            self._answer(call)

    def _answer(self, call: _Call[Any]) -> None:
        result: Any = None
        fault: BaseException | None = None
        try:
            result = call.function()
        except BaseException as error:  # noqa: BLE001 - the boundary to plugin code: whatever it raises is the caller's answer
            fault = as_fault(error)
        with self._condition:
            if call.over:
                self._stuck -= 1
                return
            call.over = True
        if not call.loop.is_closed():
            call.loop.call_soon_threadsafe(_settle, call.future, result, fault)


def as_fault(error: BaseException) -> Exception:
    """What a future can carry: SystemExit would end the loop, and StopIteration is not allowed there."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")


def _settle(future: asyncio.Future[Any], result: object, fault: BaseException | None) -> None:
    if future.done():
        return
    if fault is not None:
        future.set_exception(fault)
    else:
        future.set_result(result)
