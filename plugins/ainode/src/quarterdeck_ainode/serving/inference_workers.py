"""The warm workers of our AINode: a bounded queue, one request at a time each, and a new worker in the place of one that ended."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from msgspec import Struct

from quarterdeck_ainode.serving.engine import AinodeStatus, EngineError
from quarterdeck_ainode.serving.inference_call import (
    InferenceCall,
    cause_of_end,
    closing,
    defect,
    ended_twice,
    never_begun,
    overloaded,
    too_late,
)
from quarterdeck_ainode.serving.inference_task import Computed, InferenceTask, Refused
from quarterdeck_ainode.serving.worker_child import WorkerChild, WorkerGoneError, WorkerLateError, WorkerRaisedError

_log = logging.getLogger(__name__)

#: Workers that a request may cost before it fails: computing twice changes nothing, and the first worker may have been the one to blame.
_ATTEMPTS = 2

#: Seconds that a worker has for importing what it needs, and for warming one model.
_START_LIMIT = 120.0
_WARM_LIMIT = 60.0

#: Seconds before a start that follows on one that failed, at first and at most.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 30.0


class WorkerFunctions(Struct, frozen=True):
    """What workers run, by functions that can be imported: `prepare` once at their start, `answer` for each request."""

    prepare: Callable[[object], None]
    answer: Callable[[InferenceTask], Computed | Refused]


class PoolState(Struct, frozen=True):
    """How the pool is doing now: requests that wait and run, workers that are ready, and how many ended unasked since the start."""

    waiting: int
    running: int
    workers: int
    crashes: int


class _Wish:
    """A model that is to be kept warm. `failed` holds the seats in which warming it failed, with the reason, `ended` those whose worker did."""

    def __init__(self, name: str, task: InferenceTask) -> None:
        self.name = name
        self.task = task
        self.failed: dict[int, str] = {}
        self.ended: dict[int, int] = {}


class _Seat:
    """A worker's place: whatever happens to a worker, another one takes its seat. `child` is None between two of them."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.child: WorkerChild | None = None
        self.ready = False
        self.busy = False
        self.dismissed = False
        """Its worker is ended on purpose."""
        self.warm: set[str] = set()
        self.answered = 0
        self.warmed_last = False

    @property
    def lives(self) -> bool:
        """Whether there is a worker that has not ended."""
        return self.child is not None and self.child.alive


class InferenceWorkers:
    """`count` workers behind one queue. Every method may be called from any thread."""

    def __init__(
        self, functions: WorkerFunctions, count: int, queue_limit: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._functions = functions
        self._queue_limit = queue_limit
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: deque[InferenceCall] = deque()
        self._running: dict[int, InferenceCall] = {}
        self._wishes: dict[str, _Wish] = {}
        self._seats = [_Seat(number) for number in range(count)]
        self._crashes = 0
        self._closed = False
        self._threads = [
            threading.Thread(target=self._keep, args=(seat,), name=f"inference worker {seat.number}", daemon=True)
            for seat in self._seats
        ]
        for thread in self._threads:
            thread.start()

    def compute(self, model_id: str, task: InferenceTask, seconds: float) -> Computed | Refused:
        """What a worker makes of the task, within `seconds`, waiting included; raises EngineError when the queue is full or no worker is free."""
        call = InferenceCall(model_id, task, self._clock(), seconds)
        with self._changed:
            self._check_open()
            if len(self._waiting) >= self._queue_limit + self._idle():
                raise overloaded(len(self._running), len(self._waiting))
            self._waiting.append(call)
            self._changed.notify_all()
        for moment in (call.begin_by, call.deadline):
            if not call.done.wait(max(0.0, moment - self._clock())):
                self._give_up_waiting(call, begun_too=moment == call.deadline)
        call.done.wait()  # A worker has it, and is ended when its time is up.
        if isinstance(call.outcome, EngineError):
            raise call.outcome
        assert call.outcome is not None
        return call.outcome

    def keep_warm(self, name: str, task: InferenceTask, seconds: float) -> None:
        """Has every worker warm a model, now and after crashes; returns when each has tried, or after `seconds`.

        Raises EngineError, and wishes it no longer, when no worker could; also when `let_cool` ended the wish meanwhile.
        """
        with self._changed:
            self._check_open()
            wish = self._wishes.setdefault(name, _Wish(name, task))
            wish.failed.clear()
            wish.ended.clear()
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: (
                    self._closed
                    or self._wishes.get(name) is not wish
                    or all(name in seat.warm or seat.number in wish.failed for seat in self._seats)
                ),
                seconds,
            )
            self._check_open()
            if len(wish.failed) == len(self._seats):
                self._end_wish(wish)
                reason = next(iter(wish.failed.values()))
                raise EngineError(AinodeStatus.LOAD_MODEL_FAILED, f"{name} could not be loaded: {reason}")
            if self._wishes.get(name) is not wish:
                raise EngineError(
                    AinodeStatus.LOAD_MODEL_FAILED, f"{name} was unloaded or dropped while it was being loaded"
                )

    def let_cool(self, name: str) -> bool:
        """Ends what `keep_warm` began; says whether there was such a wish."""
        with self._changed:
            wish = self._wishes.get(name)
            if wish is not None:
                self._end_wish(wish)
            return wish is not None

    def warm(self) -> Mapping[str, int]:
        """By model that is to be kept warm, the workers in which it is warm now."""
        with self._changed:
            alive = [seat for seat in self._seats if seat.lives]
            return {name: sum(name in seat.warm for seat in alive) for name in sorted(self._wishes)}

    def state(self) -> PoolState:
        """How the pool is doing now."""
        with self._changed:
            ready = sum(seat.ready and seat.lives for seat in self._seats)
            return PoolState(len(self._waiting), len(self._running), ready, self._crashes)

    def pids(self) -> list[int]:
        """The process numbers of the workers that there are."""
        with self._changed:
            return [seat.child.pid for seat in self._seats if seat.child is not None and seat.lives]

    def wait_until_ready(self, seconds: float) -> bool:
        """Waits until every worker has imported what it needs; says whether they have."""
        with self._changed:
            return self._changed.wait_for(lambda: all(seat.ready and seat.lives for seat in self._seats), seconds)

    def close(self) -> None:
        """Ends every worker; requests that wait or run fail with a sentence."""
        with self._changed:
            self._closed = True
            while self._waiting:
                self._waiting.popleft().end(closing())
            for seat in self._seats:
                if seat.child is not None:
                    seat.child.kill()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError(AinodeStatus.INTERNAL, closing().sentence)

    def _idle(self) -> int:
        return sum(seat.ready and not seat.busy and seat.lives for seat in self._seats)

    def _end_wish(self, wish: _Wish) -> None:
        if self._wishes.get(wish.name) is wish:
            del self._wishes[wish.name]
            for seat in self._seats:
                seat.warm.discard(wish.name)
            self._changed.notify_all()

    def _give_up_waiting(self, call: InferenceCall, *, begun_too: bool) -> None:
        """Ends a request that still waits; one that cost a worker already, and waits for another, only when its whole time is up."""
        with self._changed:
            if call in self._waiting and (begun_too or not call.attempts):
                self._waiting.remove(call)
                call.end(never_begun(call))

    # What the thread of a seat does.

    def _keep(self, seat: _Seat) -> None:
        """Keeps a worker in a seat until the pool is closed."""
        failures = 0
        while self._pause(failures):
            started, answered = self._clock(), seat.answered
            try:
                if self._start(seat):
                    self._serve(seat)
            except Exception:  # noqa: BLE001 - the end of a thread: a seat that nobody keeps would be lost for good.
                _log.exception("the place of worker %d failed in a way that it should not", seat.number)
            finally:
                self._clear(seat)
            lasted = seat.answered > answered or self._clock() - started > _LONGEST_PAUSE
            failures = 0 if lasted else failures + 1

    def _pause(self, failures: int) -> bool:
        """Waits before the next start, the longer the more have failed; False once the pool is closed."""
        pause = min(_FIRST_PAUSE * 2.0 ** min(failures - 1, 10), _LONGEST_PAUSE) if failures else 0.0
        with self._changed:
            self._changed.wait_for(lambda: self._closed, pause)
            return not self._closed

    def _start(self, seat: _Seat) -> bool:
        """Starts a worker and has it import what it needs; says whether it is ready."""
        try:
            child = WorkerChild(self._notify)
        except (OSError, RuntimeError, WorkerGoneError) as error:  # RuntimeError: no thread could be started.
            _log.error("no worker can be started: %s; see whether memory or processes run out", error)
            return False
        with self._changed:
            seat.child = child
            if self._closed:
                return False
        try:
            child.call(self._functions.prepare, None, _START_LIMIT)
        except (WorkerGoneError, WorkerLateError) as error:
            seat.dismissed = isinstance(error, WorkerLateError)
            if not self._closed:
                _log.error("worker %d did not become ready", child.pid)
            return False
        except WorkerRaisedError as error:
            seat.dismissed = True
            _log.error("worker %d cannot import what models need: %s", child.pid, error)
            return False
        with self._changed:
            seat.ready = True
            self._changed.notify_all()
        return True

    def _serve(self, seat: _Seat) -> None:
        """Has the seat's worker do what there is to do until it ends or the pool is closed."""
        while (work := self._next(seat)) is not None:
            good = self._warm(seat, work) if isinstance(work, _Wish) else self._answer(seat, work)
            with self._changed:
                seat.busy = False
                self._changed.notify_all()
            if not good:
                return

    def _next(self, seat: _Seat) -> "InferenceCall | _Wish | None":
        """What the seat's worker does next; None when it has ended. Requests and models to warm take turns."""
        with self._changed:
            while not self._closed and seat.lives:
                wish = self._unwarmed(seat)
                if wish is not None and not (self._waiting and seat.warmed_last):
                    seat.busy = seat.warmed_last = True
                    return wish
                call = self._first_in_time()
                if call is not None:
                    self._running[seat.number] = call
                    seat.busy, seat.warmed_last = True, False
                    return call
                self._changed.wait()
            return None

    def _first_in_time(self) -> InferenceCall | None:
        """The request that has waited longest, of those that are in time."""
        now = self._clock()
        while self._waiting:
            call = self._waiting.popleft()
            if now < (call.deadline if call.attempts else call.begin_by):
                return call
            call.end(never_begun(call))
        return None

    def _unwarmed(self, seat: _Seat) -> _Wish | None:
        for name, wish in self._wishes.items():
            if name not in seat.warm and seat.number not in wish.failed:
                return wish
        return None

    def _answer(self, seat: _Seat, call: InferenceCall) -> bool:
        """Has the worker compute a request; says whether the worker can go on."""
        assert seat.child is not None
        call.attempts += 1
        outcome: Computed | Refused | None = None
        good = True
        try:
            outcome = seat.child.call(self._functions.answer, call.task, call.deadline - self._clock())
        except WorkerLateError:
            good, seat.dismissed = False, True
            outcome = too_late(call)
        except WorkerGoneError as error:
            good = False
            call.attempts -= not error.begun  # It had died before, and nobody had noticed yet.
        except WorkerRaisedError as error:
            _log.error("%s failed in a way that it should not: %s", call.model_id, error)
            outcome = defect(call)
        with self._changed:
            del self._running[seat.number]
            if outcome is None and call.attempts < _ATTEMPTS and not self._closed:
                if call.deadline > self._clock():
                    self._waiting.appendleft(call)
                    return good
                outcome = too_late(call)
            seat.answered += outcome is not None
            if isinstance(outcome, Computed) and call.model_id in self._wishes:
                seat.warm.add(call.model_id)
        if outcome is None:
            outcome = closing() if self._closed else ended_twice(call)
        call.end(outcome)
        return good

    def _warm(self, seat: _Seat, wish: _Wish) -> bool:
        """Has the worker load a model and fit it once; says whether the worker can go on."""
        assert seat.child is not None
        good, failed, over_it = True, "", False
        try:
            outcome = seat.child.call(self._functions.answer, wish.task, _WARM_LIMIT)
            failed = outcome.sentence if isinstance(outcome, Refused) else ""
        except WorkerLateError:
            good, seat.dismissed = False, True
            failed = f"a first fit took longer than {_WARM_LIMIT:g} s"
        except WorkerGoneError as error:
            good, over_it = False, error.begun
        except WorkerRaisedError as error:
            _log.error("%s cannot be loaded: %s", wish.name, error)
            failed = str(error).strip().rsplit("\n", 1)[-1]
        with self._changed:
            if over_it:
                wish.ended[seat.number] = wish.ended.get(seat.number, 0) + 1
                failed = "the worker ended over it" if wish.ended[seat.number] >= _ATTEMPTS else ""
            if failed:
                wish.failed[seat.number] = failed
                _log.error("%s could not be loaded in worker %d: %s", wish.name, seat.child.pid, failed)
            elif good and self._wishes.get(wish.name) is wish:
                seat.warm.add(wish.name)
        return good

    def _clear(self, seat: _Seat) -> None:
        """Makes sure that a seat's worker is gone, and says so when nobody had asked for that."""
        with self._changed:
            seat.ready = seat.busy = False
            seat.warm.clear()
            child, seat.child = seat.child, None
            left = self._running.pop(seat.number, None)
            dismissed, seat.dismissed = seat.dismissed or self._closed, False
        if left is not None:
            left.end(defect(left))  # Something here raised: whoever asked must not wait for ever.
        if child is not None:
            status = child.bury()
            if not dismissed:
                _log.error("worker %d ended unasked (%s); another one takes its place", child.pid, cause_of_end(status))
                with self._changed:
                    self._crashes += 1
        self._notify()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()
