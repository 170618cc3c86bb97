"""The job service over runners that the test plays: jobs start as places become free, in hosts and workers alike, and are cancelled."""

import asyncio
from pathlib import Path

import pytest
from msgspec import structs

from job_bench import LOCATION, LOST, REQUEST, TYPES, Bench, gone, open_bench, settle
from quarterdeck_api.errors import QuarterdeckError, RefusedError, UnreachableError, UsageError
from quarterdeck_api.jobs import JobState

bench = pytest.fixture(open_bench)


@pytest.mark.parametrize("kind", ["train", "sync"])
def test_from_submission_to_record(bench: Bench, kind: str) -> None:
    async def run() -> None:
        record = bench.service.submit(structs.replace(REQUEST, job_type=kind))
        assert (record.state, record.address, record.max_attempts) == (
            JobState.QUEUED,
            "core/job/1",
            TYPES[kind].max_attempts,
        )
        await settle()
        runner = bench.worker if kind == "train" else bench.host
        told = runner.specs[0]
        assert (told.job, told.token, told.backend_factory, told.datasets) == (1, 1, "demo:open", {"airline": LOCATION})
        assert Path(told.spool_folder).is_dir() and Path(told.lease_path).parent.is_dir()
        bench.spool(1, 1, "forecast.csv", "data.bin")
        bench.service.on_ended(1, 1)
        done = bench.service.get(1)
        assert (done.state, done.result) == (JobState.SUCCEEDED, {"token": 1})
        assert [each.name for each in done.artefacts] == ["forecast.csv"]
        assert [Path(each).read_text() for each in done.artefact_paths] == ["forecast.csv of 1"]
        assert done.log_paths == (told.log_path,)
        assert bench.keeper.kept == [1]
        await gone(Path(told.spool_folder))
        assert bench.states(1) == ["queued", "running", "succeeded"]

    asyncio.run(run())


def test_a_checkpoint_is_committed_for_the_attempt_that_runs_and_for_no_other(bench: Bench) -> None:
    async def run() -> None:
        bench.service.submit(structs.replace(REQUEST, job_type="sync"))
        await settle()
        with pytest.raises(RefusedError, match="attempt 2 of job 1"):
            bench.service.commit_checkpoint(1, 2, {"sent": "too early"}, {})
        bench.service.commit_checkpoint(1, 1, {"sent": "LOAD"}, {"plan": True})
        bench.service.on_lost(1, 1, LOST)
        bench.clock.now += 10
        bench.service.pump()
        await settle()
        assert (bench.host.specs[-1].token, bench.host.specs[-1].checkpoint) == (2, {"sent": "LOAD"})
        assert bench.host.specs[-1].done == {"plan": True}

    asyncio.run(run())


def test_jobs_start_as_places_become_free(bench: Bench) -> None:
    async def run() -> None:
        for _ in range(4):
            bench.service.submit(REQUEST)
        await settle()
        assert [each.job for each in bench.worker.specs] == [1, 2]
        bench.worker.specs.clear()
        bench.service.on_free()
        await settle()
        assert [each.job for each in bench.worker.specs] == [3, 4]

    asyncio.run(run())


def test_a_limit_of_one_runs_one_at_a_time(bench: Bench) -> None:
    async def run() -> None:
        for _ in range(2):
            bench.service.submit(structs.replace(REQUEST, job_type="one"))
        await settle()
        assert [each.job for each in bench.worker.specs] == [1]
        bench.spool(1, 1)
        bench.service.on_ended(1, 1)
        await settle()
        assert [each.job for each in bench.worker.specs] == [1, 2]

    asyncio.run(run())


def test_jobs_of_a_plugin_that_cannot_be_used_wait_and_say_why(bench: Bench) -> None:
    async def run() -> None:
        bench.service.submit(REQUEST)
        bench.surroundings.there = False
        await settle()
        record = bench.service.get(1)
        assert record.state is JobState.QUEUED and "it is broken" in record.message
        bench.surroundings.there = True
        bench.service.pump()
        await settle()
        assert bench.state(1) is JobState.RUNNING and bench.service.get(1).message == ""

    asyncio.run(run())


@pytest.mark.parametrize(
    ("error", "expected"),
    [(UsageError("the backend is gone"), JobState.FAILED), (UnreachableError("a secret is missing"), JobState.QUEUED)],
)
def test_what_cannot_be_told_to_the_process(bench: Bench, error: QuarterdeckError, expected: JobState) -> None:
    async def run() -> None:
        bench.surroundings.target_error = error
        bench.service.submit(REQUEST)
        await settle()
        record = bench.service.get(1)
        assert record.state is expected and record.error is not None and record.error.message == error.message
        assert bench.worker.specs == []

    asyncio.run(run())


@pytest.mark.parametrize("error", [UnreachableError("no place"), ZeroDivisionError("a fault of the runner")])
def test_a_runner_that_cannot_start_costs_an_attempt_only(bench: Bench, error: Exception) -> None:
    async def run() -> None:
        bench.worker.error = error
        bench.service.submit(REQUEST)
        await settle()
        assert bench.state(1) is JobState.QUEUED
        bench.worker.error = None
        bench.clock.now += 10
        bench.service.pump()
        await settle()
        assert [each.token for each in bench.worker.specs] == [2]

    asyncio.run(run())


def test_cancelling_a_running_job_asks_its_runner(bench: Bench) -> None:
    async def run() -> None:
        bench.service.submit(REQUEST)
        await settle()
        record = await bench.service.cancel(1)
        assert record.state is JobState.RUNNING and bench.worker.cancelled == [(1, 1, 7.0)]
        bench.service.on_lost(1, 1, LOST)
        assert bench.state(1) is JobState.CANCELLED

    asyncio.run(run())


def test_cancelling_a_job_that_is_just_being_started_asks_afterwards(bench: Bench) -> None:
    async def run() -> None:
        bench.worker.gate = asyncio.Event()
        bench.service.submit(REQUEST)
        await settle()
        await bench.service.cancel(1)
        assert bench.worker.cancelled == []
        bench.worker.gate.set()
        await settle()
        assert bench.worker.cancelled == [(1, 1, 7.0)]

    asyncio.run(run())


def test_cancelling_a_queued_job_needs_no_runner(bench: Bench) -> None:
    async def run() -> None:
        bench.worker.places = 0
        bench.service.submit(REQUEST)
        await settle()
        assert (await bench.service.cancel(1)).state is JobState.CANCELLED
        assert bench.states(1)[-1] == "cancelled"

    asyncio.run(run())


def test_retry_runs_an_ended_job_again_and_forgets_its_files(bench: Bench) -> None:
    async def run() -> None:
        bench.service.submit(REQUEST)
        await settle()
        bench.spool(1, 1, "a.csv", "b.csv")
        bench.service.on_ended(1, 1)
        assert bench.service.retry(1).state is JobState.QUEUED
        await settle()
        bench.spool(1, 2, "b.csv")
        bench.service.on_ended(1, 2)
        record = bench.service.get(1)
        assert [Path(each).read_text() for each in record.artefact_paths] == ["b.csv of 2"]
        assert [each.name for each in (bench.paths.artefacts / "1").iterdir()] == ["b.csv"]

    asyncio.run(run())
