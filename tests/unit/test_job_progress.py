"""What is seen of a job while it runs: its progress, its steps, and its resource."""

import asyncio

import pytest
from msgspec import structs

from job_bench import REQUEST, Bench, open_bench, settle
from quarterdeck.runtime.jobs.view import JOB_COLUMNS, job_resource
from quarterdeck_api.errors import ErrorReport
from quarterdeck_api.host_protocol import JobProgress
from quarterdeck_api.jobs import JobState
from quarterdeck_api.protocol import JobRecord
from quarterdeck_api.resources import Health

bench = pytest.fixture(open_bench)


def test_progress_is_coalesced_and_the_last_is_published(bench: Bench) -> None:
    async def run() -> None:
        bench.service.submit(REQUEST)
        await settle()
        bench.published.clear()
        statements: list[str] = []
        bench.database.set_trace_callback(lambda text: statements.append(text) if text.startswith("UPDATE") else None)
        for number in range(1, 1001):
            bench.service.on_progress(JobProgress(1, 1, number / 1000, f"{number} of 1000"))
        bench.database.set_trace_callback(None)
        assert len(bench.published) == 1 and statements == []
        while bench.published[-1].progress < 1.0:
            await asyncio.sleep(0.01)
        assert bench.published[-1].message == "1000 of 1000" and len(bench.published) <= 3

    asyncio.run(run())


def test_steps_have_times_and_offsets_and_end_with_the_job(bench: Bench) -> None:
    async def run() -> None:
        bench.service.submit(REQUEST)
        await settle()
        bench.service.on_progress(JobProgress(1, 1, step="fit", log_offset=0))
        bench.clock.now += 5
        bench.service.on_progress(JobProgress(1, 1, 0.5, step="predict", log_offset=120))
        steps = bench.service.get(1).steps
        assert [(each.name, each.started, each.ended, each.log_offset) for each in steps] == [
            ("fit", 1_000.0, 1_005.0, 0),
            ("predict", 1_005.0, 0.0, 120),
        ]
        bench.service.on_progress(JobProgress(1, 1, 0.9, "nearly there"))
        bench.clock.now += 5
        bench.spool(1, 1)
        bench.service.on_ended(1, 1)
        record = bench.service.get(1)
        assert record.steps[-1].ended == 1_010.0 and (record.message, record.progress) == ("nearly there", 1.0)

    asyncio.run(run())


def test_steps_are_there_for_the_next_runtime(bench: Bench) -> None:
    async def run() -> None:
        bench.service.submit(REQUEST)
        await settle()
        bench.service.on_progress(JobProgress(1, 1, 0.5, "half", step="predict"))
        bench.restart()
        record = bench.service.get(1)
        assert [each.name for each in record.steps] == ["predict"]
        assert (record.progress, record.message) == (0.5, "half")

    asyncio.run(run())


def test_a_job_as_a_resource() -> None:
    record = JobRecord(
        4, "core/job/4", "train", "demo", "model.train", "demo/model/a", JobState.FAILED, 10.0,
        attempt=2, started=12.0, ended=20.0, progress=0.5, message="epoch 3", error=ErrorReport("failed", "it broke\nhere"), after=(3,),
    )  # fmt: skip
    resource = job_resource(record)
    assert (resource.address, resource.health, resource.state, resource.reason) == (
        "core/job/4",
        Health.FAILED,
        "failed",
        "it broke",
    )
    cells = dict(zip((column.id for column in JOB_COLUMNS), resource.cells, strict=True))
    assert cells["duration"] == 8.0 and cells["attempt"] == 2 and cells["message"] == "epoch 3"
    assert [link.address for link in resource.links] == ["demo/model/a", "core/job/3"]
    assert set(resource.actions_off) == {"job.cancel"}
    queued = job_resource(structs.replace(record, state=JobState.QUEUED, started=0.0, ended=0.0, error=None))
    assert set(queued.actions_off) == {"job.retry"} and queued.since == 10.0
