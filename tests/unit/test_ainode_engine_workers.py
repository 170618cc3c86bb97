"""The workers of our AINode with functions that wait, fail and die on purpose: order, overload, time limit, crashes, warmth, the end."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from quarterdeck_ainode.models.forecaster_parameters import NaiveParameters
from quarterdeck_ainode.serving import inference_workers
from quarterdeck_ainode.serving.engine import AinodeStatus, EngineError
from quarterdeck_ainode.serving.inference_task import Computed, InferenceTask, Refused
from quarterdeck_ainode.serving.inference_workers import InferenceWorkers, WorkerFunctions
from quarterdeck_ainode.serving.worker_child import WorkerChild

SAMPLE = Path(__file__).parent.parent / "plugins" / "inference_sample"
PATIENCE = 60.0

MakeWorkers = Callable[..., InferenceWorkers]


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module with the functions, importable here and in workers."""
    monkeypatch.syspath_prepend(str(SAMPLE))
    import inference_sample

    return inference_sample


@pytest.fixture
def make_workers(home: Path, sample: Any) -> Iterator[MakeWorkers]:
    made: list[InferenceWorkers] = []

    def make(
        count: int = 1, queue_limit: int = 8, prepare: Any = None, clock: Callable[[], float] = time.monotonic
    ) -> InferenceWorkers:
        functions = WorkerFunctions(prepare or sample.prepare, sample.answer)
        workers = InferenceWorkers(functions, count, queue_limit, clock)
        made.append(workers)
        return workers

    yield make
    for workers in made:
        workers.close()


def task(what: str) -> InferenceTask:
    return InferenceTask(what, NaiveParameters(), np.array([1, 2]), np.array([1.0, 2.0]), 1)


def pid_of(outcome: Computed | Refused) -> int:
    assert isinstance(outcome, Computed), outcome
    return int(outcome.values[0])


def refused(outcome: Computed | Refused) -> Refused:
    assert isinstance(outcome, Refused)
    return outcome


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Asking:
    """A request in a thread of its own."""

    def __init__(self, workers: InferenceWorkers, what: str, seconds: float = PATIENCE) -> None:
        self.outcome: Computed | Refused | None = None
        self.error: EngineError | None = None
        self._thread = threading.Thread(target=self._ask, args=(workers, what, seconds))
        self._thread.start()

    def _ask(self, workers: InferenceWorkers, what: str, seconds: float) -> None:
        try:
            self.outcome = workers.compute(what, task(what), seconds)
        except EngineError as error:
            self.error = error

    def join(self) -> Computed | Refused | None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return self.outcome


def test_one_worker_stays_for_every_request(make_workers: MakeWorkers) -> None:
    workers = make_workers()
    found = {pid_of(workers.compute("pid", task("pid"), PATIENCE)) for _ in range(20)}
    assert found == set(workers.pids())


def test_a_worker_is_a_process_with_a_group_of_its_own(make_workers: MakeWorkers) -> None:
    workers = make_workers()
    pid = pid_of(workers.compute("pid", task("pid"), PATIENCE))
    assert pid != os.getpid() and os.getpgid(pid) == pid  # An interrupt from the keyboard does not reach it.


def test_several_workers_compute_at_once(make_workers: MakeWorkers, tmp_path: Path) -> None:
    workers = make_workers(count=2)
    assert workers.wait_until_ready(PATIENCE)
    first, second = (Asking(workers, f"wait:{tmp_path / name}") for name in ("a", "b"))
    until(lambda: all((tmp_path / f"{name}.begun").exists() for name in ("a", "b")))
    assert workers.state().running == 2
    for name in ("a", "b"):
        (tmp_path / name).touch()
    outcomes = [asking.join() for asking in (first, second)]
    assert {pid_of(outcome) for outcome in outcomes if outcome is not None} == set(workers.pids())


def test_a_full_queue_refuses_with_a_sentence_and_takes_again_once_there_is_room(
    make_workers: MakeWorkers, tmp_path: Path
) -> None:
    workers = make_workers(queue_limit=1)
    assert workers.wait_until_ready(PATIENCE)
    running = Asking(workers, f"wait:{tmp_path / 'go'}")
    until(lambda: workers.state().running == 1)
    waiting = Asking(workers, "pid")
    until(lambda: workers.state().waiting == 1)
    with pytest.raises(EngineError, match="overloaded: 1 requests are computed and 1 wait") as caught:
        workers.compute("pid", task("pid"), PATIENCE)
    assert caught.value.status is AinodeStatus.OVERLOADED
    (tmp_path / "go").touch()
    assert running.join() is not None and waiting.join() is not None
    assert pid_of(workers.compute("pid", task("pid"), PATIENCE)) in workers.pids()


def test_a_request_that_takes_too_long_ends_with_its_worker_and_nobody_elses(
    make_workers: MakeWorkers, tmp_path: Path
) -> None:
    workers = make_workers()
    first = pid_of(workers.compute("pid", task("pid"), PATIENCE))
    outcome = refused(workers.compute(f"wait:{tmp_path / 'never'}", task(f"wait:{tmp_path / 'never'}"), 0.3))
    assert outcome.status is AinodeStatus.INFERENCE_FAILED and "limit of 0.3 s over 2 rows" in outcome.sentence
    second = pid_of(workers.compute("pid", task("pid"), PATIENCE))
    assert second != first and not psutil.pid_exists(first)
    assert workers.state().crashes == 0  # It was ended on purpose.


def test_a_request_that_waits_too_long_is_refused_and_never_computed(make_workers: MakeWorkers, tmp_path: Path) -> None:
    workers = make_workers()
    running = Asking(workers, f"wait:{tmp_path / 'go'}")
    until(lambda: workers.state().running == 1)
    with pytest.raises(EngineError, match=r"no worker became free .* within 0\.2 s") as caught:
        workers.compute("x", task(f"wait:{tmp_path / 'late'}"), 0.4)  # Half of it is for computing.
    assert caught.value.status is AinodeStatus.OVERLOADED
    (tmp_path / "go").touch()
    running.join()
    workers.compute("pid", task("pid"), PATIENCE)
    assert not (tmp_path / "late.begun").exists()


def test_a_request_whose_time_is_up_is_not_begun_and_costs_no_worker(make_workers: MakeWorkers, tmp_path: Path) -> None:
    now = [0.0]
    workers = make_workers(clock=lambda: now[0])
    running = Asking(workers, f"wait:{tmp_path / 'go'}")
    until(lambda: workers.state().running == 1)
    [pid] = workers.pids()
    late = Asking(workers, f"wait:{tmp_path / 'late'}", 3.0)
    until(lambda: workers.state().waiting == 1)
    now[0] = 4.0  # Its time is up before whoever asked has noticed.
    (tmp_path / "go").touch()
    running.join()
    assert pid_of(workers.compute("pid", task("pid"), PATIENCE)) == pid
    late.join()
    assert late.error is not None and late.error.status is AinodeStatus.OVERLOADED
    assert not (tmp_path / "late.begun").exists()


def test_what_begins_has_half_of_its_time_left(make_workers: MakeWorkers, tmp_path: Path) -> None:
    """Or else, where more is asked than can be computed, every request would be ended unfinished, and its worker with it."""
    now = [0.0]
    workers = make_workers(clock=lambda: now[0])
    running = Asking(workers, f"wait:{tmp_path / 'go'}", 1000.0)
    until(lambda: workers.state().running == 1)
    [pid] = workers.pids()
    late, early = (Asking(workers, "pid", seconds) for seconds in (100.0, 110.0))
    until(lambda: workers.state().waiting == 2)
    now[0] = 52.0
    (tmp_path / "go").touch()
    running.join()
    outcome = early.join()
    assert outcome is not None and pid_of(outcome) == pid
    late.join()
    assert late.error is not None and "no worker became free for pid within 50 s" in late.error.sentence


def test_a_worker_that_dies_costs_nobody_anything_when_the_next_one_succeeds(
    make_workers: MakeWorkers, tmp_path: Path
) -> None:
    workers = make_workers()
    what = f"kill-once:{tmp_path / 'done'}"
    assert pid_of(workers.compute("m", task(what), PATIENCE)) in workers.pids()
    assert workers.state().crashes == 1


def test_workers_that_are_all_killed_just_before_a_request_cost_it_nothing(make_workers: MakeWorkers) -> None:
    workers = make_workers(count=3)
    for _ in range(3):
        assert workers.wait_until_ready(PATIENCE)
        for pid in workers.pids():
            with contextlib.suppress(
                ProcessLookupError
            ):  # Killed in the last round, and its successor only just seated.
                os.kill(pid, signal.SIGKILL)
        assert pid_of(workers.compute("pid", task("pid"), PATIENCE)) in workers.pids()


@pytest.mark.parametrize("what", ["exit", "segfault"])
def test_a_request_that_kills_every_worker_costs_two_and_fails_with_a_sentence(
    make_workers: MakeWorkers, what: str
) -> None:
    workers = make_workers(count=2)
    outcome = refused(workers.compute("my_model", task(what), PATIENCE))
    assert outcome.status is AinodeStatus.INFERENCE_FAILED
    assert "two workers ended while they computed my_model over 2 rows" in outcome.sentence
    until(lambda: workers.state().crashes == 2)
    assert pid_of(workers.compute("pid", task("pid"), PATIENCE)) in workers.pids()


def test_a_worker_that_is_killed_while_it_waits_is_replaced_before_anybody_asks(make_workers: MakeWorkers) -> None:
    workers = make_workers()
    assert workers.wait_until_ready(PATIENCE)
    [first] = workers.pids()
    os.kill(first, signal.SIGKILL)
    until(lambda: workers.state().crashes == 1 and workers.state().workers == 1)
    assert workers.pids() != [first]


def test_what_a_function_raises_is_an_internal_error_and_the_worker_goes_on(make_workers: MakeWorkers) -> None:
    workers = make_workers()
    first = pid_of(workers.compute("pid", task("pid"), PATIENCE))
    assert refused(workers.compute("raise", task("raise"), PATIENCE)).status is AinodeStatus.INTERNAL
    assert pid_of(workers.compute("pid", task("pid"), PATIENCE)) == first


def test_workers_that_cannot_start_leave_requests_a_sentence(make_workers: MakeWorkers, sample: Any) -> None:
    workers = make_workers(prepare=sample.refuse_to_prepare)
    with pytest.raises(EngineError, match="no worker became free"):
        workers.compute("pid", task("pid"), 1.0)
    assert workers.state().workers == 0


def test_a_seat_outlives_whatever_happens_in_it(make_workers: MakeWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    real, raised = inference_workers.WorkerChild, [RuntimeError("can't start new thread"), MemoryError()]

    def child(on_end: Callable[[], None]) -> WorkerChild:
        if raised:
            raise raised.pop()
        return real(on_end)

    monkeypatch.setattr(inference_workers, "WorkerChild", child)
    workers = make_workers()
    assert pid_of(workers.compute("pid", task("pid"), PATIENCE)) in workers.pids()
    assert raised == []


def test_pauses_between_failures_stay_bounded_for_ever(make_workers: MakeWorkers) -> None:
    workers = make_workers()
    workers.close()
    assert workers._pause(100_000) is False  # pyright: ignore[reportPrivateUsage]


def test_a_worker_that_cannot_be_watched_is_not_left_behind(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    before = set(psutil.Process().children())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError):
        WorkerChild(lambda: None)
    assert set(psutil.Process().children()) <= before


def test_a_request_has_its_time_once_and_not_for_each_step(make_workers: MakeWorkers) -> None:
    """A worker that is stopped answers nothing; its time is not counted anew for what is sent, what it begins, and what it gives."""
    workers = make_workers()
    assert workers.wait_until_ready(PATIENCE)
    [pid] = workers.pids()
    asked: list[float | None] = []
    real = socket.socket.settimeout

    class Watched(socket.socket):
        def settimeout(self, seconds: float | None, /) -> None:
            asked.append(seconds)
            real(self, seconds)

    child = workers._seats[0].child  # pyright: ignore[reportPrivateUsage]
    assert child is not None
    plain = child._connection  # pyright: ignore[reportPrivateUsage]
    child._connection = Watched(fileno=plain.detach())  # pyright: ignore[reportPrivateUsage]
    assert pid_of(workers.compute("pid", task("pid"), PATIENCE)) == pid
    assert len(asked) == 4
    assert asked == sorted(asked, key=lambda each: -(each or 0.0))
    assert len(set(asked)) == 4


def test_warmth_is_counted_by_workers_and_comes_back_after_a_crash(make_workers: MakeWorkers) -> None:
    workers = make_workers(count=2)
    assert workers.warm() == {}
    workers.keep_warm("pid", task("pid"), PATIENCE)
    assert workers.warm() == {"pid": 2}
    killed = workers.pids()[0]
    os.kill(killed, signal.SIGKILL)
    until(lambda: workers.state().crashes == 1)
    until(lambda: workers.warm() == {"pid": 2})
    assert killed not in workers.pids()
    assert workers.let_cool("pid") and workers.warm() == {}
    assert not workers.let_cool("pid")


def test_a_new_worker_counts_as_warm_only_once_it_is(make_workers: MakeWorkers, tmp_path: Path) -> None:
    workers = make_workers()
    go, begun = tmp_path / "go", tmp_path / "go.begun"
    go.touch()
    workers.keep_warm("slow", task(f"wait:{go}"), PATIENCE)
    assert workers.warm() == {"slow": 1}
    go.unlink()
    begun.unlink()
    os.kill(workers.pids()[0], signal.SIGKILL)
    until(begun.exists)  # The next worker warms it now.
    assert workers.warm() == {"slow": 0}
    go.touch()
    until(lambda: workers.warm() == {"slow": 1})


def test_a_model_is_warm_only_when_it_was_asked_for(make_workers: MakeWorkers) -> None:
    workers = make_workers()
    workers.compute("pid", task("pid"), PATIENCE)
    assert workers.warm() == {}


def test_a_wish_that_is_ended_while_it_is_fulfilled_is_told(make_workers: MakeWorkers, tmp_path: Path) -> None:
    workers = make_workers()
    told: list[EngineError] = []

    def load() -> None:
        try:
            workers.keep_warm("slow", task(f"wait:{tmp_path / 'go'}"), PATIENCE)
        except EngineError as error:
            told.append(error)

    loading = threading.Thread(target=load)
    loading.start()
    until((tmp_path / "go.begun").exists)
    assert workers.let_cool("slow")
    loading.join(PATIENCE)
    assert [error.status for error in told] == [AinodeStatus.LOAD_MODEL_FAILED]
    assert "slow was unloaded or dropped while it was being loaded" in told[0].sentence
    (tmp_path / "go").touch()
    workers.keep_warm("pid", task("pid"), PATIENCE)
    assert workers.warm() == {"pid": 1}


def test_a_model_that_no_worker_can_load_says_why_and_is_wished_no_longer(make_workers: MakeWorkers) -> None:
    workers = make_workers(count=2)
    with pytest.raises(EngineError, match="strange could not be loaded: there is nothing like strange") as caught:
        workers.keep_warm("strange", task("strange"), PATIENCE)
    assert caught.value.status is AinodeStatus.LOAD_MODEL_FAILED
    assert workers.warm() == {}


def test_a_model_that_kills_workers_when_it_is_loaded_is_given_up(make_workers: MakeWorkers) -> None:
    workers = make_workers()
    with pytest.raises(EngineError, match="exit could not be loaded: the worker ended over it"):
        workers.keep_warm("exit", task("exit"), PATIENCE)
    until(lambda: workers.state().crashes == 2)
    assert pid_of(workers.compute("pid", task("pid"), PATIENCE)) in workers.pids()


def test_a_busy_worker_warms_the_model_when_it_is_free(make_workers: MakeWorkers, tmp_path: Path) -> None:
    workers = make_workers()
    running = Asking(workers, f"wait:{tmp_path / 'go'}")
    until(lambda: workers.state().running == 1)
    workers.keep_warm("pid", task("pid"), 0.1)
    assert workers.warm() == {"pid": 0}
    (tmp_path / "go").touch()
    running.join()
    until(lambda: workers.warm() == {"pid": 1})


def test_the_end_leaves_no_process_and_no_request_without_a_word(make_workers: MakeWorkers, tmp_path: Path) -> None:
    workers = make_workers()
    running = Asking(workers, f"wait:{tmp_path / 'never'}")
    until(lambda: workers.state().running == 1)
    waiting = Asking(workers, "pid")
    until(lambda: workers.state().waiting == 1)
    pids = workers.pids()
    workers.close()
    for asking in (running, waiting):
        outcome = asking.join()
        assert outcome is not None and "the AINode is ending" in refused(outcome).sentence
    assert not any(psutil.pid_exists(pid) for pid in pids) and workers.pids() == []
    with pytest.raises(EngineError, match="is ending"):
        workers.compute("pid", task("pid"), PATIENCE)


SERVER = """
import sys, time
import inference_sample as sample
from quarterdeck_ainode.serving.inference_workers import InferenceWorkers, WorkerFunctions

workers = InferenceWorkers(WorkerFunctions(sample.prepare, sample.answer), 2, 8)
assert workers.wait_until_ready(60)
print(*workers.pids(), flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_the_server_however_it_ends(home: Path, number: signal.Signals) -> None:
    environment = {**os.environ, "PYTHONPATH": str(SAMPLE)}
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as server:
        assert server.stdout is not None
        workers = [psutil.Process(int(pid)) for pid in server.stdout.readline().split()]
        assert len(workers) == 2
        server.send_signal(number)
    assert not psutil.wait_procs(workers, timeout=PATIENCE)[1]
