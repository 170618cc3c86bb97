"""What a worker's job asks of the runtime, with this test as guard and runtime."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from quarterdeck_api.errors import (
    CallTimeoutError,
    ErrorReport,
    JobCancelledError,
    RefusedError,
    UnknownOutcomeError,
)
from quarterdeck_api.job_asks import JobAsks
from quarterdeck_api.job_requests import JOB_SUBMIT, JOB_WAIT, JobAddress, JobSubmission
from quarterdeck_api.process_asks import AskedProcesses
from quarterdeck_api.process_requests import PROCESS_READY, ProcessName, ProcessReadiness
from quarterdeck_api.processes import ControlMessage
from quarterdeck_api.wire import Method, encode_value
from quarterdeck_api.worker_protocol import JobAnswer, JobAsk

PATIENCE = 60.0


class Runtime:
    """Keeps what it is asked."""

    def __init__(self) -> None:
        self.asked: list[JobAsk] = []
        self.asks = JobAsks(1, 2, self)

    def send(self, method: Method[Any, Any], params: Any) -> None:
        self.asked.append(params)

    def nth(self, number: int) -> JobAsk:
        _until(lambda: len(self.asked) >= number)
        return self.asked[number - 1]

    def answer(self, ask: JobAsk, result: Any = None, error: ErrorReport | None = None) -> None:
        raw = encode_value(result) if error is None else None
        self.asks.answered(JobAnswer(ask.job, ask.token, ask.number, raw, error))


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Asking:
    """A question in a thread of its own."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        self._ask = ask
        self._result: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._ask()
        except Exception as error:
            self._error = error

    def result(self) -> Any:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error
        return self._result


@pytest.fixture
def runtime() -> Runtime:
    return Runtime()


def test_answers_reach_whoever_asked(runtime: Runtime) -> None:
    first = Asking(lambda: runtime.asks.ask(JOB_SUBMIT, JobSubmission("a.b", "k")))
    runtime.nth(1)
    second = Asking(lambda: runtime.asks.ask(JOB_SUBMIT, JobSubmission("a.c", "l")))
    runtime.answer(runtime.nth(2), JobAddress("core/job/8"))
    runtime.answer(runtime.nth(1), JobAddress("core/job/7"))
    assert (first.result().address, second.result().address) == ("core/job/7", "core/job/8")


def test_errors_are_raised_as_they_are(runtime: Runtime) -> None:
    asking = Asking(lambda: runtime.asks.ask(JOB_SUBMIT, JobSubmission("a.b", "k")))
    runtime.answer(runtime.nth(1), error=RefusedError("policy says no", "ask your admin").report())
    with pytest.raises(RefusedError, match="policy says no"):
        asking.result()


def test_another_runtime_is_asked_again_what_may_be_asked_twice(runtime: Runtime) -> None:
    waiting = Asking(lambda: runtime.asks.ask(JOB_WAIT, JobAddress("core/job/7")))
    controlling = Asking(lambda: AskedProcesses("b", runtime.asks).control("one.1", ControlMessage("go")))
    _until(lambda: len(runtime.asked) == 2)
    runtime.asks.runtime_changed()
    with pytest.raises(UnknownOutcomeError, match="may or may not have happened"):
        controlling.result()
    again = runtime.nth(3)
    assert again.method == "job.wait"
    runtime.answer(again, {"address": "core/job/7", "state": "succeeded"})
    assert waiting.result().address == "core/job/7"
    assert len(runtime.asked) == 3


def test_a_cancelled_job_waits_for_nothing(runtime: Runtime) -> None:
    asking = Asking(lambda: runtime.asks.ask(JOB_WAIT, JobAddress("core/job/7")))
    runtime.nth(1)
    runtime.asks.cancel()
    with pytest.raises(JobCancelledError):
        asking.result()
    with pytest.raises(JobCancelledError):
        runtime.asks.ask(JOB_WAIT, JobAddress("core/job/7"))
    assert len(runtime.asked) == 1


def test_time_is_over(runtime: Runtime) -> None:
    with pytest.raises(CallTimeoutError):
        runtime.asks.ask(PROCESS_READY, ProcessName("one"), 0.01)
    with pytest.raises(UnknownOutcomeError):
        runtime.asks.ask(PROCESS_READY, ProcessName("one"), 0.01, repeatable=False)
    runtime.answer(runtime.nth(1), ProcessReadiness(True))  # Too late, and ignored.


def test_keys_are_of_one_attempt(runtime: Runtime) -> None:
    keys = {runtime.asks.new_key(), runtime.asks.new_key(), JobAsks(1, 3, runtime).new_key()}
    assert len(keys) == 3


def test_a_process_that_is_not_ready_in_time_says_what_it_waits_for() -> None:
    class NeverReady:
        def ask(self, method: Any, params: Any, timeout: Any = None, *, repeatable: bool = True) -> Any:
            return ProcessReadiness(False, "one.2 starts")

    now = [0.0]
    processes = AskedProcesses("b", NeverReady(), lambda: now[0], lambda seconds: now.__setitem__(0, now[0] + seconds))
    with pytest.raises(CallTimeoutError, match=r"not ready after 3 s: one\.2 starts"):
        processes.wait_ready("one", 3.0)
    assert now[0] >= 3.0
