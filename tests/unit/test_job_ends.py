"""How attempts at jobs end: each end is recorded once, whatever was lost, outdated, damaged or too long."""

import asyncio

import pytest
from msgspec import structs

from job_bench import LOST, REQUEST, Bench, gone, open_bench, settle, spec
from quarterdeck.runtime.jobs.artefacts import spool_folder
from quarterdeck_api.errors import RefusedError
from quarterdeck_api.host_protocol import JobCheckpoint, JobProgress
from quarterdeck_api.jobs import ArtefactFile, JobResult, JobState
from quarterdeck_api.spool import write_result

bench = pytest.fixture(open_bench)


def test_a_lost_attempt_is_tried_again_until_it_is_dead(bench: Bench) -> None:
    async def run() -> None:
        bench.service.submit(REQUEST)
        for token in (1, 2, 3):
            await settle()
            assert bench.worker.specs[-1].token == token
            bench.service.on_lost(1, token, LOST)
            bench.service.on_lost(1, token, LOST)
            bench.worker.specs.clear() if token < 3 else None
            bench.clock.now += 10
            bench.service.pump()
        record = bench.service.get(1)
        assert (record.state, record.error) == (JobState.DEAD, LOST)
        assert bench.events(1).count("started") == 3 and bench.events(1)[-1] == "dead"

    asyncio.run(run())


def test_the_next_attempt_starts_by_itself_when_its_time_comes(bench: Bench) -> None:
    async def run() -> None:
        bench.service.submit(REQUEST)
        await settle()
        bench.service.on_lost(1, 1, LOST)
        await settle()
        due = bench.queue.next_due()
        assert due is not None and due > bench.clock.now
        bench.worker.specs.clear()
        while not bench.worker.specs:
            bench.clock.now = due  # The timer looks at this clock when it ends.
            await asyncio.sleep(0.05)
        assert bench.worker.specs[0].token == 2

    asyncio.run(run())


def test_a_result_that_was_spooled_before_the_death_counts(bench: Bench) -> None:
    async def run() -> None:
        bench.service.submit(REQUEST)
        await settle()
        bench.spool(1, 1)
        bench.service.on_lost(1, 1, LOST)
        assert bench.state(1) is JobState.SUCCEEDED

    asyncio.run(run())


def test_reports_of_an_outdated_attempt_change_nothing(bench: Bench) -> None:
    async def run() -> None:
        bench.service.submit(REQUEST)
        await settle()
        bench.service.on_lost(1, 1, LOST)
        bench.clock.now += 10
        bench.service.pump()
        await settle()
        before = bench.service.get(1)
        await gone(spool_folder(bench.paths, 1, 1))
        bench.spool(1, 1, "forecast.csv")
        bench.service.on_ended(1, 1)
        bench.service.on_progress(JobProgress(1, 1, 0.9, "old"))
        bench.service.on_checkpoint(JobCheckpoint(1, 1, "old"))
        bench.service.on_ended(99, 1)
        assert bench.service.get(1) == before
        await gone(spool_folder(bench.paths, 1, 1))
        assert bench.keeper.kept == []
        bench.spool(1, 2)
        bench.service.on_ended(1, 2)
        assert bench.service.get(1).result == {"token": 2}

    asyncio.run(run())


@pytest.mark.parametrize("damage", ["nothing", "garbage"])
def test_an_end_without_a_readable_result_is_a_lost_attempt(bench: Bench, damage: str) -> None:
    async def run() -> None:
        bench.service.submit(REQUEST)
        await settle()
        if damage == "garbage":
            (spool_folder(bench.paths, 1, 1) / "result.json").write_text("{")
        bench.service.on_ended(1, 1)
        record = bench.service.get(1)
        assert record.state is JobState.QUEUED and record.error is not None
        assert ("damaged" if damage == "garbage" else "left no result") in record.error.message

    asyncio.run(run())


def test_a_keeper_that_refuses_makes_the_job_fail(bench: Bench) -> None:
    async def run() -> None:
        bench.keeper.error = RefusedError("the name is taken", "give another")
        bench.service.submit(REQUEST)
        await settle()
        bench.spool(1, 1)
        bench.service.on_ended(1, 1)
        record = bench.service.get(1)
        assert (
            record.state is JobState.FAILED and record.error is not None and record.error.message == "the name is taken"
        )

    asyncio.run(run())


@pytest.mark.parametrize("name", ["../escaped", "link"])
def test_an_artefact_that_is_not_a_plain_file_here_is_refused(bench: Bench, name: str) -> None:
    async def run() -> None:
        bench.service.submit(REQUEST)
        await settle()
        folder = spool_folder(bench.paths, 1, 1)
        (folder / "link").symlink_to("/etc/hosts")
        (bench.paths.spool / "escaped").write_text("x")
        files = (ArtefactFile(name, "text/plain", name, 1),)
        write_result(spec(str(folder), 1, 1), JobResult(1, 1, JobState.SUCCEEDED, artefacts=files))
        bench.service.on_ended(1, 1)
        assert bench.state(1) is JobState.FAILED
        assert not any((bench.paths.artefacts / "1").glob("*"))

    asyncio.run(run())


def test_when_the_state_cannot_be_written_the_result_stays_in_the_spool(bench: Bench) -> None:
    async def run() -> None:
        bench.service.submit(REQUEST)
        await settle()
        bench.spool(1, 1)
        bench.database.execute("PRAGMA query_only = ON")
        bench.service.on_ended(1, 1)
        bench.database.execute("PRAGMA query_only = OFF")
        assert bench.state(1) is JobState.RUNNING and spool_folder(bench.paths, 1, 1).exists()
        bench.service.on_ended(1, 1)
        assert bench.state(1) is JobState.SUCCEEDED

    asyncio.run(run())


def test_a_host_job_over_its_limit_is_ended_and_fails(bench: Bench) -> None:
    async def run() -> None:
        bench.service.submit(structs.replace(REQUEST, job_type="brief"))
        while not bench.host.cancelled:
            await asyncio.sleep(0.01)
        bench.clock.now += 1
        bench.spool(1, 1, state=JobState.CANCELLED)
        bench.service.on_ended(1, 1)
        record = bench.service.get(1)
        assert record.state is JobState.FAILED and record.error is not None
        assert "longer than its limit of 0.02 s" in record.error.message

    asyncio.run(run())
