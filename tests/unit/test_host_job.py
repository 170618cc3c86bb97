"""The context of a job in a host: nothing of it blocks the loop that it shares."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from quarterdeck_api.errors import CallTimeoutError, JobCancelledError
from quarterdeck_api.host.host_job import MAP_THREADS, HostJob, LoopChannel
from quarterdeck_api.host.pool import CallPool
from quarterdeck_api.host_protocol import Ask, JobCheckpoint, JobProgress
from quarterdeck_api.job_context import FileLog
from quarterdeck_api.job_requests import JobCheckpointCommit
from quarterdeck_api.jobs import JobSpec, JobState
from quarterdeck_api.process_requests import ProcessReadiness
from quarterdeck_api.processes import ControlMessage
from quarterdeck_api.wire import Nothing, decode_value, encode_value

PATIENCE = 60.0


class Bench:
    """A job in a host; the runtime's answers are the test's."""

    def __init__(self, folder: Path, **spec: Any) -> None:
        self.sent: list[Any] = []
        self.asked: list[tuple[Ask, bool]] = []
        self.answers: list[Any] = []
        self.pool = CallPool(8, lambda stuck: None)
        values = {
            "job": 1,
            "token": 2,
            "attempt": 2,
            "job_type": "a.b",
            "implementation": "a:b",
            "backend": "plant",
            "backend_factory": "",
            "backend_settings": {},
            "address": "plant/x/y",
            "parameters": {},
            "settings": {},
            "datasets": {},
            "lease_path": "",
            "log_path": "",
            "spool_folder": str(folder),
            **spec,
        }
        channel = LoopChannel(lambda method, params: self.sent.append(params))
        log = FileLog(folder / "job.log")
        self.job = HostJob(JobSpec(**values), channel, log, lambda: "the backend", self.pool, self._ask)

    async def _ask(self, method: Any, params: Any, timeout: Any, *, changes_something: bool = False) -> Any:
        self.asked.append((params, changes_something))
        return encode_value(self.answers.pop(0))


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., None]:
    """Runs a coroutine with a bench."""

    def start(work: Callable[[Bench], Awaitable[None]], **spec: Any) -> None:
        async def all_of_it() -> None:
            async with asyncio.timeout(PATIENCE):
                await work(Bench(tmp_path, **spec))

        asyncio.run(all_of_it())

    return start


def test_a_commit_is_a_checkpoint_that_the_runtime_has_answered_to(run: Callable[..., None]) -> None:
    async def work(bench: Bench) -> None:
        bench.answers.append(Nothing())
        bench.job.finish_step("plan")
        await bench.job.commit({"statement": "LOAD"})
        await asyncio.sleep(0)
        [(asked, changes)] = bench.asked
        assert (asked.method, changes) == ("job.commit", False)
        assert decode_value(asked.params, JobCheckpointCommit) == JobCheckpointCommit(
            {"statement": "LOAD"}, {"plan": True}
        )
        assert bench.sent[-1] == JobCheckpoint(1, 2, {"statement": "LOAD"}, {"plan": True})

    run(work)


def test_a_map_runs_in_threads_a_few_at_once_and_keeps_the_order(run: Callable[..., None]) -> None:
    async def work(bench: Bench) -> None:
        together = threading.Barrier(MAP_THREADS)
        told: list[tuple[int, int]] = []

        def square(number: int) -> tuple[int, int]:
            together.wait(PATIENCE)
            return number * number, threading.get_ident()

        results = await bench.job.map(
            square, range(2 * MAP_THREADS), PATIENCE, lambda done, of: told.append((done, of))
        )
        assert [each for each, _ in results] == [number * number for number in range(2 * MAP_THREADS)]
        assert threading.get_ident() not in {thread for _, thread in results}
        assert told == [(number + 1, 2 * MAP_THREADS) for number in range(2 * MAP_THREADS)]
        assert await bench.job.map(square, [], PATIENCE) == []

    run(work)


def test_an_item_that_fails_ends_the_map_and_is_named(run: Callable[..., None]) -> None:
    async def work(bench: Bench) -> None:
        def refuse(number: int) -> int:
            if number == 3:
                raise LookupError("no threes")
            return number

        with pytest.raises(LookupError, match="no threes") as caught:
            await bench.job.map(refuse, range(1000), PATIENCE)
        assert caught.value.__notes__ == ["in item 4 of 1000 of a map"]

    run(work)


def test_a_cancelled_map_begins_nothing_more(run: Callable[..., None]) -> None:
    async def work(bench: Bench) -> None:
        seen: list[int] = []

        def note(number: int) -> None:
            seen.append(number)
            if number == 5:
                bench.job.cancel()

        with pytest.raises(JobCancelledError):
            await bench.job.map(note, range(1000), PATIENCE)
        assert len(seen) <= 6 + MAP_THREADS

    run(work)


def test_a_call_that_does_not_end_is_given_up(run: Callable[..., None]) -> None:
    async def work(bench: Bench) -> None:
        end = threading.Event()
        with pytest.raises(CallTimeoutError, match="did not end within"):
            await bench.job.call(lambda: end.wait(PATIENCE), 0.05)
        end.set()
        assert await bench.job.call(lambda: "here", PATIENCE) == "here"

    run(work)


def test_jobs_and_processes_are_asked_for_in_the_jobs_name(run: Callable[..., None]) -> None:
    async def work(bench: Bench) -> None:
        bench.answers = [
            {"address": "core/job/7"},
            {"address": "core/job/7", "state": "succeeded", "data": {"sum": 1}},
            {"address": "core/process/one"},
            ProcessReadiness(False, "it starts"),
            ProcessReadiness(True),
            {"body": 3},
            {},
        ]
        job = await bench.job.jobs.submit("a.train", "plant/x/y", {"n": 1}, key="k")
        outcome = await bench.job.jobs.wait(job)
        assert (outcome.state, outcome.data) == (JobState.SUCCEEDED, {"sum": 1})
        assert await bench.job.processes.ensure("a.stage", "one", {"n": 1}, 2) == "core/process/one"
        await bench.job.processes.wait_ready("one", PATIENCE)
        assert (await bench.job.processes.control("one.1", ControlMessage("go"))).body == 3
        await bench.job.processes.remove("one")
        assert {(ask.job, ask.token) for ask, _ in bench.asked} == {(1, 2)}
        assert [(ask.method, changes) for ask, changes in bench.asked] == [
            ("job.submit", True),
            ("job.wait", False),
            ("process.ensure", True),
            ("process.ready", False),
            ("process.ready", False),
            ("process.control", True),
            ("process.remove", True),
        ]

    run(work)


def test_a_process_that_is_not_ready_says_what_it_waits_for(run: Callable[..., None]) -> None:
    async def work(bench: Bench) -> None:
        bench.answers = [ProcessReadiness(False, "one.2 starts")] * 3
        with pytest.raises(CallTimeoutError, match=r"not ready after 0 s: one\.2 starts"):
            await bench.job.processes.wait_ready("one", 0.0)

    run(work)


def test_steps_say_how_they_ended_and_what_is_done_is_kept(run: Callable[..., None]) -> None:
    async def work(bench: Bench) -> None:
        job = bench.job
        assert (job.done("build"), job.done("push")) == ("v1", None)
        with job.step("push"):
            pass
        job.finish_step("push", {"tag": 1})
        with pytest.raises(LookupError), job.step("wait"):
            raise LookupError("nothing there")
        with pytest.raises(asyncio.CancelledError), job.step("wait"):
            raise asyncio.CancelledError
        await asyncio.sleep(0)
        steps = [(each.step, each.step_state) for each in bench.sent if isinstance(each, JobProgress)]
        assert steps == [
            ("push", ""),
            ("push", "succeeded"),
            ("wait", ""),
            ("wait", "failed"),
            ("wait", ""),
            ("wait", "cancelled"),
        ]
        kept = [each for each in bench.sent if isinstance(each, JobCheckpoint)]
        assert kept == [JobCheckpoint(1, 2, {"at": 1}, {"build": "v1", "push": {"tag": 1}})]

    run(work, done={"build": "v1"}, checkpoint={"at": 1})
