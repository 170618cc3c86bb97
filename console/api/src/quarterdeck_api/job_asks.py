"""What a worker's job asks of the runtime: sent through the guard, repeated when another runtime comes, ended with the job."""

import itertools
import threading
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from quarterdeck_api.errors import CallTimeoutError, JobCancelledError, UnknownOutcomeError, error_from_report
from quarterdeck_api.job_context import Channel
from quarterdeck_api.wire import Method, decode_value, encode_value
from quarterdeck_api.worker_protocol import JOB_ASK, JobAnswer, JobAsk

P = TypeVar("P")
R = TypeVar("R")


class Asker(Protocol):
    """Something that a job can ask of the runtime, and wait."""

    def ask(self, method: Method[P, R], params: P, timeout: float | None = None, *, repeatable: bool = True) -> R:
        """Asks and gives the answer; raises what the runtime answers."""
        ...


@dataclass(eq=False)
class _OpenAsk:
    """A request without an answer yet."""

    request: JobAsk
    repeatable: bool
    settled: threading.Event = field(default_factory=threading.Event)
    answer: JobAnswer | None = None
    lost: bool = False


class JobAsks:
    """The requests of one attempt. Every method may be called from any thread."""

    def __init__(self, job: int, token: int, channel: Channel) -> None:
        self._job = job
        self._token = token
        self._channel = channel
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._keys = itertools.count(1)
        self._open: dict[int, _OpenAsk] = {}
        self._cancelled = False

    def new_key(self) -> str:
        """A key that no other request of the job has, of this attempt or any other."""
        return f"#{self._token}.{next(self._keys)}"

    def ask(self, method: Method[P, R], params: P, timeout: float | None = None, *, repeatable: bool = True) -> R:
        """Asks the runtime and waits, without `timeout` (seconds) as long as it takes.

        A `repeatable` request is asked again of a runtime that takes another's place; any other raises UnknownOutcomeError then, and when the
        time is over. Raises what the runtime answers, CallTimeoutError, and JobCancelledError when the job is cancelled.
        """
        number = next(self._numbers)
        asked = _OpenAsk(JobAsk(self._job, self._token, number, method.name, encode_value(params)), repeatable)
        with self._lock:
            if self._cancelled:
                raise self._cancellation()
            self._open[number] = asked
            self._channel.send(JOB_ASK, asked.request)
        try:
            in_time = asked.settled.wait(timeout)
        finally:
            with self._lock:
                self._open.pop(number, None)
        if asked.answer is not None:
            if asked.answer.error is not None:
                raise error_from_report(asked.answer.error)
            return decode_value(asked.answer.result, method.result)
        if asked.lost or (not in_time and not repeatable):
            raise UnknownOutcomeError(
                f"the answer to {method.name} was lost; it may or may not have happened", "check before doing it again"
            )
        if not in_time:
            raise CallTimeoutError(f"the runtime did not answer {method.name} within {timeout:g} s", "try again")
        raise self._cancellation()

    def answered(self, answer: JobAnswer) -> None:
        """The runtime has answered; an answer that nobody waits for is ignored."""
        with self._lock:
            asked = self._open.get(answer.number)
        if asked is not None and not asked.settled.is_set():
            asked.answer = answer
            asked.settled.set()

    def runtime_changed(self) -> None:
        """Another runtime has come: asks it what is open and may be asked twice."""
        with self._lock:
            for asked in self._open.values():
                if asked.repeatable:
                    self._channel.send(JOB_ASK, asked.request)
                elif not asked.settled.is_set():
                    asked.lost = True
                    asked.settled.set()

    def cancel(self) -> None:
        """Whoever waits gets JobCancelledError, and nothing is asked any more."""
        with self._lock:
            self._cancelled = True
            for asked in self._open.values():
                asked.settled.set()

    def _cancellation(self) -> JobCancelledError:
        return JobCancelledError(f"job {self._job} was cancelled", "start it again if you still want its result")
