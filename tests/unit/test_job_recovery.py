"""What the next runtime finds of jobs: spooled, adopted, held by a lease, or gone."""

import asyncio
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from job_bench import REQUEST, Bench, open_bench, settle
from quarterdeck.runtime.jobs.artefacts import spool_folder
from quarterdeck.runtime.jobs.recovery import Whereabouts, recover, whereabouts
from quarterdeck_api.host_protocol import JobProgress
from quarterdeck_api.jobs import JobResult, JobState
from quarterdeck_api.protocol import JobRecord

bench = pytest.fixture(open_bench)


def test_a_closed_service_takes_back_what_ended_with_it(bench: Bench) -> None:
    async def run() -> None:
        for kind in ("train", "sync"):
            bench.service.submit(structs.replace(REQUEST, job_type=kind))
        bench.service.submit(REQUEST)
        await settle()
        bench.spool(3, 1)
        bench.service.close(workers_ended=False)
        assert [bench.state(job) for job in (1, 2, 3)] == [JobState.RUNNING, JobState.QUEUED, JobState.RUNNING]
        bench.service.pump()
        await settle()
        assert bench.state(2) is JobState.QUEUED
        bench.restart()
        await recover(bench.paths, bench.queue, bench.service, bench.worker)
        await settle()
        assert bench.state(3) is JobState.SUCCEEDED
        assert bench.host.specs[0].token == 2 and bench.queue.summary(2).max_attempts == 3

    asyncio.run(run())


def hold(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def test_recovery_sorts_spooled_adopted_and_lost(bench: Bench) -> None:
    async def run() -> None:
        bench.worker.places = 4
        for kind in ("train", "train", "train", "sync"):
            bench.service.submit(structs.replace(REQUEST, job_type=kind))
        await settle()
        bench.spool(1, 1, "a.csv")
        await bench.service.cancel(2)
        bench.restart()
        bench.worker.adopted = {(2, 1)}
        for name in ("1.1", "3.1", "7.1"):
            (bench.paths.leases / name).touch()
        (bench.paths.spool / "7.1").mkdir()
        found = await recover(bench.paths, bench.queue, bench.service, bench.worker)
        assert (found.spooled, found.adopted, found.gone, found.held) == (1, 1, 2, 0)
        assert [bench.state(job) for job in (1, 2, 3, 4)] == [
            JobState.SUCCEEDED,
            JobState.RUNNING,
            JobState.QUEUED,
            JobState.RUNNING,
        ]
        assert [bench.queue.summary(job).attempt for job in (2, 3, 4)] == [1, 1, 2]
        assert list(bench.paths.leases.iterdir()) == []
        assert sorted(each.name for each in bench.paths.spool.iterdir()) == ["2.1"]
        await settle()
        assert [each[:2] for each in bench.worker.cancelled] == [(2, 1)]
        assert [each.job for each in bench.host.specs] == [4]
        bench.service.on_progress(JobProgress(2, 1, 0.25))
        assert bench.service.get(2).progress == 0.25
        bench.spool(2, 1)
        bench.service.on_ended(2, 1)
        assert bench.state(2) is JobState.SUCCEEDED

    asyncio.run(run())


def test_an_attempt_that_lives_but_is_not_adopted_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quarterdeck.runtime.jobs.service._LEASE_LOOK_SECONDS", 0.01)

    async def run() -> None:
        bench.service.submit(REQUEST)
        await settle()
        bench.restart()
        lease = bench.paths.leases / "1.1"
        descriptor = hold(lease)
        found = await recover(bench.paths, bench.queue, bench.service, bench.worker)
        assert found.held == 1 and lease.exists()
        await asyncio.sleep(0.05)
        assert bench.state(1) is JobState.RUNNING and bench.worker.specs == []
        bench.spool(1, 1)
        os.close(descriptor)
        while bench.state(1) is JobState.RUNNING:
            await asyncio.sleep(0.01)
        assert bench.service.get(1).result == {"token": 1}

    asyncio.run(run())


def test_a_death_between_putting_files_in_place_and_the_commit_repeats_both(bench: Bench) -> None:
    async def run() -> None:
        bench.service.submit(REQUEST)
        await settle()
        bench.spool(1, 1, "a.csv")

        def die(_: JobRecord, result: JobResult, __: Path) -> JobResult:
            raise KeyboardInterrupt

        normal, bench.keeper.keep = bench.keeper.keep, die  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            bench.service.on_ended(1, 1)
        (bench.paths.artefacts / "1").mkdir(parents=True)
        os.link(spool_folder(bench.paths, 1, 1) / "a.csv", bench.paths.artefacts / "1" / "a.csv")
        bench.restart()
        bench.keeper.keep = normal  # type: ignore[method-assign]
        await recover(bench.paths, bench.queue, bench.service, bench.worker)
        record = bench.service.get(1)
        assert record.state is JobState.SUCCEEDED
        assert [Path(each).read_text() for each in record.artefact_paths] == ["a.csv of 1"]
        assert bench.events(1) == ["submitted", "started", "succeeded"]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("spooled", "held", "adopted", "expected"),
    [
        ([True], [], True, Whereabouts.SPOOLED),
        ([False], [], True, Whereabouts.ADOPTED),
        ([False], [True], False, Whereabouts.HELD),
        ([False, True], [False], False, Whereabouts.SPOOLED),
        ([False, False], [False], False, Whereabouts.GONE),
    ],
)
def test_whereabouts(spooled: list[bool], held: list[bool], adopted: bool, expected: Whereabouts) -> None:
    def answers(values: list[bool]) -> Callable[[], bool]:
        left = iter(values)
        return lambda: next(left)

    assert whereabouts(answers(spooled), answers(held), adopted) is expected
