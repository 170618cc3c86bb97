"""One backend of a host: opened, watched, asked, and opened again after *retry*."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

from msgspec import Struct

from quarterdeck_api.backend import Backend, Interest
from quarterdeck_api.backend_factory import make_backend
from quarterdeck_api.catalogue import BackendTypeInfo, Catalogue
from quarterdeck_api.errors import (
    CallTimeoutError,
    QuarterdeckError,
    UnknownOutcomeError,
    UnreachableError,
    UnsupportedError,
    UsageError,
)
from quarterdeck_api.host.backoff import backoff_delay
from quarterdeck_api.host.breaker import CircuitBreaker
from quarterdeck_api.host.context import HostWatchContext, WatchOutlets
from quarterdeck_api.host.detached import DetachedCall
from quarterdeck_api.host.faults import as_error, log_fault
from quarterdeck_api.host.pool import CallAbandonedError, CallNotStartedError, CallPool
from quarterdeck_api.host.reporting import BackendReporter
from quarterdeck_api.host.sender import ChangeSender
from quarterdeck_api.host_protocol import OpenBackend
from quarterdeck_api.processes import ControlAnswer, ControlMessage
from quarterdeck_api.resources import Unreachable

C = TypeVar("C")
R = TypeVar("R")

#: Seconds that `watch` gets to return, and `close` to release what it holds.
CLOSE_TIMEOUT = 3.0

#: Seconds for telling the runtime what a backend has reported before a job of it ends.
_SAY_SECONDS = 1.0

#: Opening a backend and doing an action may take this many times as long as asking it something.
SLOW_CALL_FACTOR = 2.5


class BackendTools(Struct, frozen=True):
    """What every backend of a host shares. `call_timeout` in seconds.

    `send` reaches managed processes: backend, instance, message and time-out to the answer; it blocks.
    """

    catalogue: Catalogue
    pool: CallPool
    clock: Callable[[], float]
    rng: Random
    call_timeout: float
    send: Callable[[str, str, ControlMessage, float], ControlAnswer]


class BackendRunner:
    """Keeps one backend open and watched, and makes calls to it.

    A backend that cannot be opened, or whose `watch` raises, is tried again with backoff. A wrong setting, or three failed calls within
    a minute, wait for `retry`.
    """

    def __init__(
        self,
        opened: OpenBackend,
        info: BackendTypeInfo,
        tools: BackendTools,
        sender: ChangeSender,
        reporter: BackendReporter,
    ) -> None:
        self.name = opened.name
        self._info = info
        self._settings = opened.settings
        self._tools = tools
        self._sender = sender
        self._reporter = reporter
        self._breaker = CircuitBreaker(tools.clock)
        # One hanging backend must leave threads to the others.
        self._turn = asyncio.Semaphore(max(1, tools.pool.threads // 2))
        self._interest = Interest.NONE
        self._backend: Backend | None = None
        self._context: HostWatchContext | None = None
        self._opening: DetachedCall[Backend] | None = None
        self._watching: DetachedCall[None] | None = None
        self._left_behind: list[DetachedCall[Any]] = []
        self._life: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()
        self._why_closed = "it is being opened"

    @property
    def stuck_threads(self) -> int:
        """Factories and `watch`es that were given up and have not returned."""
        self._left_behind = [call for call in self._left_behind if call.running]
        return len(self._left_behind)

    @property
    def backend(self) -> Backend:
        """The open backend; raises UnreachableError while there is none, or while it is not asked any more."""
        self._breaker.check(self.name)
        if self._backend is None:
            raise UnreachableError(f"{self.name} is not open: {self._why_closed}", f"retry {self.name}")
        return self._backend

    def grant(self, batches: int) -> None:
        """The runtime is ready for more batches of changes."""
        self._sender.grant(batches)

    def start(self) -> None:
        """Opens the backend and watches it, in the background."""
        self._life = asyncio.create_task(self._live(), name=f"backend {self.name}")

    def set_interest(self, interest: Interest) -> None:
        """Tells `watch` who looks now."""
        self._interest = interest
        if self._context is not None:
            self._context.set_interest(interest)

    async def said(self) -> None:
        """Returns once the runtime has been told what the backend has reported so far, or after a second."""
        await self._sender.sent(_SAY_SECONDS)

    async def retry(self) -> None:
        """Closes the backend and opens it anew; calls are let through again."""
        async with self._changing:
            await self._end()
            self._reporter.reset()
            self._breaker.close()
            self.start()

    async def close(self) -> None:
        """Ends `watch` and closes the backend; what does not return in time is abandoned."""
        async with self._changing:
            await self._end()
            self._reporter.close()
            self._sender.close()

    async def call(
        self,
        protocol: type[C],
        capability: str,
        function: Callable[[C], R],
        result: type[Any],
        *,
        changes_something: bool = False,
    ) -> R:
        """Calls the backend in the pool; `capability` says what it would have to be able to do.

        Raises UnsupportedError, UnreachableError, CallTimeoutError, UnknownOutcomeError, or what the backend raises.
        """
        backend = self.backend
        if not isinstance(backend, protocol):
            raise UnsupportedError(
                f"{self.name} is of type {self._info.id}, which cannot {capability}",
                "choose a backend of a type that can, see `quarterdeck plugin info`",
            )
        slow = SLOW_CALL_FACTOR if changes_something else 1.0
        found = await self._ask(
            lambda: function(backend), capability, self._tools.call_timeout * slow, changes_something=changes_something
        )
        if not isinstance(found, result):
            raise QuarterdeckError(
                f"{self.name} gave a {type(found).__name__} where {result.__name__} was expected ({capability})",
                f"report it to the authors of plugin {self._tools.catalogue.plugin.id}",
            )
        return found

    async def _ask(self, function: Callable[[], R], what: str, timeout: float, *, changes_something: bool) -> R:
        """Makes one call in the pool and counts for the breaker how it went."""
        clock = self._tools.clock
        deadline = clock() + timeout
        try:
            async with asyncio.timeout(timeout):
                await self._turn.acquire()
        except TimeoutError:
            raise self._busy(what, timeout) from None
        try:
            found = await self._tools.pool.run(function, max(deadline - clock(), 0.001))
        except CallNotStartedError:
            raise self._busy(what, timeout) from None
        except CallAbandonedError:
            log_fault(self.name, CallTimeoutError(f"did not {what} within {timeout:g} s; the call is abandoned"))
            self._count_failure(f"it did not {what} within {timeout:g} s")
            if changes_something:
                raise UnknownOutcomeError(
                    f"{self.name} did not {what} within {timeout:g} s; it may or may not have happened",
                    "check before doing it again",
                ) from None
            raise CallTimeoutError(f"{self.name} did not {what} within {timeout:g} s", "try again") from None
        except Exception as fault:  # The boundary to plugin code: whatever it raises becomes an error with a remedy.
            error = as_error(self.name, fault)
            if error is not fault:
                log_fault(f"{self.name}: {what}", fault)
            if isinstance(error, UnreachableError):
                self._count_failure(error.message)
            else:
                self._breaker.succeeded()
            raise error from fault
        finally:
            self._turn.release()
        self._breaker.succeeded()
        return found

    def _busy(self, what: str, timeout: float) -> CallTimeoutError:
        return CallTimeoutError(
            f"{self.name} could not be asked to {what}: no thread was free within {timeout:g} s", "try again"
        )

    def _count_failure(self, reason: str) -> None:
        if not self._breaker.failed(reason):
            return
        if self._context is not None:
            self._context.stop()
        if self._life is not None:
            self._life.cancel()
        self._sender.report("failed", self._breaker.reason, f"retry {self.name}")

    async def _live(self) -> None:
        """Opens, then watches again and again; ends when only *retry* helps."""
        failures = 0
        while True:
            error = await self._open() if self._backend is None else None
            if error is None and self._backend is not None:
                error, synced = await self._watch(self._backend)
                failures = 0 if synced else failures
            if isinstance(error, UsageError) and self._backend is None:
                self._why_closed = error.message
                self._sender.report("failed", error.message, error.remedy)
                return
            if error is not None:
                self._why_closed = error.message
                self._sender.emit(Unreachable(error.message, error.remedy))
            failures += 1
            await asyncio.sleep(backoff_delay(failures, self._tools.rng))

    async def _open(self) -> QuarterdeckError | None:
        """Opens the backend; gives the error when that fails. A factory that hangs is reported, and waited for."""
        opening = DetachedCall(
            lambda: make_backend(self.name, self._info.factory, self._settings),
            f"open {self.name}",
            lambda backend: _close_unclaimed(self.name, backend),
        )
        self._opening = opening
        limit = self._tools.call_timeout * SLOW_CALL_FACTOR
        try:
            await asyncio.wait([opening.future], timeout=limit)
            if not opening.future.done():
                self._why_closed = f"it did not open within {limit:g} s"
                self._sender.emit(Unreachable(f"{self.name}: {self._why_closed}", f"wait, or retry {self.name}"))
            self._backend = await asyncio.shield(opening.future)
            self._opening = None
        except Exception as fault:  # noqa: BLE001 - the boundary to plugin code: whatever the factory raises is reported
            log_fault(f"opening {self.name}", fault)
            return as_error(self.name, fault)
        return None

    async def _watch(self, backend: Backend) -> tuple[QuarterdeckError, bool]:
        """Runs `watch` in a thread of its own until it ends; gives why it ended, and whether it had said everything."""
        outlets = WatchOutlets(
            self._reporter.metrics,
            self._reporter.findings,
            lambda instance, message, timeout: self._tools.send(self.name, instance, message, timeout),
        )
        context = HostWatchContext(self.name, self._tools.catalogue, self._interest, self._sender.emit, outlets)
        self._context = context
        self._sender.begin()
        self._watching = DetachedCall(lambda: backend.watch(context), f"watch {self.name}")
        try:
            await asyncio.shield(self._watching.future)
        except Exception as fault:  # noqa: BLE001 - the boundary to plugin code: whatever ends `watch` is reported
            log_fault(f"watching {self.name}", fault)
            return as_error(self.name, fault), context.synced
        return UnreachableError(
            f"{self.name} is not watched any more: its watch ended", "see the host's log"
        ), context.synced

    async def _end(self) -> None:
        """Ends opening, watching and the backend itself; what does not return in time is left behind and counted."""
        if self._life is not None:
            self._life.cancel()
            self._life = None
        if self._context is not None:
            self._context.stop()
        if self._watching is not None:
            await asyncio.wait([self._watching.future], timeout=CLOSE_TIMEOUT)
        for call in (self._opening, self._watching):
            if call is not None and not call.future.done():
                call.abandon()
                self._left_behind.append(call)
        if self._opening is not None and not self._opening.future.cancelled() and not self._opening.future.exception():
            self._backend = self._opening.future.result()  # It opened just when it was to be closed.
        self._opening = self._watching = None
        backend, self._backend = self._backend, None
        if backend is None:
            return
        try:
            await self._tools.pool.run(backend.close, CLOSE_TIMEOUT)
        except (CallAbandonedError, CallNotStartedError):
            log_fault(self.name, QuarterdeckError(f"close did not return within {CLOSE_TIMEOUT:g} s and was abandoned"))
        except Exception as fault:  # noqa: BLE001 - the boundary to plugin code: a failed close must not keep the backend from reopening
            log_fault(f"closing {self.name}", fault)


def _close_unclaimed(name: str, backend: Backend) -> None:
    """Closes a backend that came into being after its opening was given up."""
    try:
        backend.close()
    except Exception as fault:  # noqa: BLE001 - the boundary to plugin code: nobody waits for this close
        log_fault(f"closing {name}", fault)
