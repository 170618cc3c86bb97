"""The runtime's side of jobs that start others: each key once, however many attempts ask for it at the same time."""

import asyncio
from typing import Any

import pytest

from quarterdeck.runtime.asking import JobAsker
from quarterdeck.runtime.borders import JobParent
from quarterdeck.runtime.jobs.job_asking import JobAsking
from quarterdeck.runtime.jobs.waiting import JobWaiting
from quarterdeck_api.errors import QuarterdeckError, RefusedError, UsageError
from quarterdeck_api.job_requests import JobAddress, JobSubmission
from quarterdeck_api.jobs import JobState
from quarterdeck_api.protocol import DoParams, DoResult, JobRecord, Outcome


class Jobs:
    """Remembers what was started."""

    def __init__(self) -> None:
        self.started: dict[tuple[int, str], int] = {}
        self.waits = JobWaiting()

    def started_job(self, parent: JobParent) -> int | None:
        if not parent.key:
            return None
        return self.started.get((parent.job, parent.key))

    async def wait(self, job: int, waiter: int) -> JobRecord:
        end = self.waits.begin(job, waiter)
        try:
            await end
        finally:
            self.waits.leave(job, waiter, end)
        return record(job)


def record(job: int, state: JobState = JobState.SUCCEEDED) -> JobRecord:
    return JobRecord(job, f"core/job/{job}", "a.b", "a", "a.b", "a/x/y", state, 1.0, result={"at": job})


class Bench:
    """Requests take as long as the test wants."""

    def __init__(self) -> None:
        self.jobs = Jobs()
        self.asked: list[tuple[str, DoParams, JobParent]] = []
        self.go = asyncio.Event()
        self.outcome: Outcome | None = None
        self.asking = JobAsking(self.jobs, self._do)  # type: ignore[arg-type]

    async def _do(self, actor: str, request: DoParams, parent: JobParent) -> DoResult:
        self.asked.append((actor, request, parent))
        number = 100 + len(self.asked)
        await self.go.wait()
        self.jobs.started[parent.job, parent.key] = number
        return DoResult((self.outcome or Outcome("a/x/y", "accepted", "queued", job=f"core/job/{number}"),), "")


def asker(job: int = 1, token: int = 1) -> JobAsker:
    return JobAsker(job, token, f"job {job}")


def test_two_attempts_that_ask_at_the_same_time_get_one_job() -> None:
    async def run() -> None:
        bench = Bench()
        wanted = JobSubmission("a.b", "fold-1", "a/x/y", {"n": 1})
        first = asyncio.create_task(bench.asking.submit(asker(), wanted))
        await asyncio.sleep(0)
        second = asyncio.create_task(bench.asking.submit(asker(token=2), wanted))
        await asyncio.sleep(0)
        first.cancel()  # Its attempt is lost.
        bench.go.set()
        assert (await second).address == "core/job/101"
        assert (await bench.asking.submit(asker(token=3), wanted)).address == "core/job/101"
        assert bench.asked == [("job 1", DoParams("a.b", ("a/x/y",), {"n": 1}), JobParent(1, 1, "fold-1"))]

    asyncio.run(run())


def test_what_has_no_name_is_started_each_time() -> None:
    async def run() -> None:
        bench = Bench()
        bench.go.set()
        found = {(await bench.asking.submit(asker(), JobSubmission("a.b", ""))).address for _ in range(2)}
        assert len(found) == len(bench.asked) == 2

    asyncio.run(run())


def test_a_refusal_is_the_askers() -> None:
    async def run() -> None:
        bench = Bench()
        bench.go.set()
        refused = RefusedError("a guardrail says no", "ask for less").report()
        bench.outcome = Outcome("a/x/y", "refused", "a guardrail says no", error=refused)
        with pytest.raises(RefusedError, match="guardrail"):
            await bench.asking.submit(asker(), JobSubmission("a.b", "k"))
        bench.outcome = Outcome("a/x/y", "done", "pinged")
        with pytest.raises(QuarterdeckError, match="started no job"):
            await bench.asking.submit(asker(), JobSubmission("a.b", "l"))

    asyncio.run(run())


def test_waiting_ends_with_the_job() -> None:
    async def run() -> None:
        bench = Bench()
        waiting = asyncio.create_task(bench.asking.wait(asker(), JobAddress("core/job/7")))
        await asyncio.sleep(0)
        assert bench.jobs.waits.waits(1) and bench.jobs.waits.jobs == 1
        bench.jobs.waits.ended(record(7, JobState.RUNNING))
        bench.jobs.waits.ended(record(7))
        outcome = await waiting
        assert (outcome.state, outcome.data) == (JobState.SUCCEEDED, {"at": 7})
        assert not bench.jobs.waits.waits(1) and bench.jobs.waits.jobs == 0

    asyncio.run(run())


@pytest.mark.parametrize("wrong", ["core/job/1", "core/dataset/x", "core/job/x"])
def test_nobody_waits_for_himself_or_for_what_is_no_job(wrong: str) -> None:
    async def run(wrong: Any) -> None:
        with pytest.raises(UsageError):
            await Bench().asking.wait(asker(), JobAddress(wrong))

    asyncio.run(run(wrong))
