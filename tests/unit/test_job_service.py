"""The job service over runners that the test plays: one path for host and worker jobs, recorded exactly once whatever dies when."""

import asyncio
import fcntl
import os
import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import structs

from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck.runtime.borders import BackendTarget, JobRequest
from quarterdeck.runtime.database import open_database
from quarterdeck.runtime.jobs.artefacts import spool_folder
from quarterdeck.runtime.jobs.queue import JobQueue
from quarterdeck.runtime.jobs.recovery import Whereabouts, recover, whereabouts
from quarterdeck.runtime.jobs.service import JOB_COLUMNS, JobService, job_resource
from quarterdeck_api.catalogue import Catalogue, JobTypeInfo, PluginInfo, PluginPhase, PluginStatus, RunsIn
from quarterdeck_api.errors import (
    ErrorReport,
    QuarterdeckError,
    RefusedError,
    UnreachableError,
    UsageError,
)
from quarterdeck_api.host_protocol import JobCheckpoint, JobProgress
from quarterdeck_api.jobs import ArtefactFile, DatasetLocation, JobResult, JobSpec, JobState, JobValue
from quarterdeck_api.protocol import JobRecord
from quarterdeck_api.resources import Health
from quarterdeck_api.spool import write_result

TYPES = {
    "train": JobTypeInfo("train", "Train", "demo:train", max_attempts=3, grace=7.0),
    "sync": JobTypeInfo("sync", "Sync", "demo:sync", RunsIn.HOST, max_attempts=2),
    "one": JobTypeInfo("one", "One at a time", "demo:one", limit=1),
    "brief": JobTypeInfo("brief", "Brief", "demo:brief", RunsIn.HOST, wall_clock_limit=0.02),
}
REQUEST = JobRequest("train", "demo", "model.train", "demo/model/a", {"dataset": "airline"}, {})
LOST = ErrorReport("lost", "its process was killed by signal 9", "")
LOCATION = DatasetLocation("core/dataset/airline", "/x.parquet", "time", "MS", "", ("y",), "y", 144, "0")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Runner:
    """Starts nothing; remembers what it was asked."""

    def __init__(self) -> None:
        self.places = 2
        self.specs: list[JobSpec] = []
        self.cancelled: list[tuple[int, int, float]] = []
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.adopted: set[tuple[int, int]] = set()

    def free(self, plugin: str) -> bool:
        return len(self.specs) < self.places

    async def start(self, plugin: PluginStatus, job_type: JobTypeInfo, spec: JobSpec) -> None:
        if self.error is not None:
            raise self.error
        self.specs.append(spec)
        if self.gate is not None:
            await self.gate.wait()

    async def cancel(self, job: int, token: int, grace: float) -> None:
        self.cancelled.append((job, token, grace))

    async def adopt(self) -> set[tuple[int, int]]:
        return self.adopted


class Surroundings:
    """A plugin `demo` with the types above; may lose it, a secret, or a dataset."""

    def __init__(self) -> None:
        self.there = True
        self.target_error: QuarterdeckError | None = None

    def job_type(self, plugin: str, job_type: str) -> JobTypeInfo:
        if not self.there or job_type not in TYPES:
            raise UsageError(f"plugin {plugin} cannot be used: it is broken", "mend it")
        return TYPES[job_type]

    def plugin(self, plugin: str) -> PluginStatus:
        info = PluginInfo("demo", "Demo", "1", "1.0")
        return PluginStatus("demo", "demo", "1", PluginPhase.READY, catalogue=Catalogue(info))

    def backend_target(self, address: str) -> BackendTarget:
        if self.target_error is not None:
            raise self.target_error
        return BackendTarget("demo", "demo:open", {"host": "h"})

    def secret(self, name: str) -> str | None:
        return {"TOKEN": "hush"}.get(name)

    def dataset_locations(self, record: JobRecord) -> dict[str, DatasetLocation]:
        return {"airline": LOCATION} if "dataset" in record.parameters else {}


class Keeper:
    """Takes over the file `data.bin`, unless it was told to refuse."""

    def __init__(self) -> None:
        self.error: QuarterdeckError | None = None
        self.kept: list[int] = []

    def keep(self, record: JobRecord, result: JobResult, folder: Path) -> JobResult:
        if self.error is not None:
            raise self.error
        self.kept.append(record.job)
        return structs.replace(result, artefacts=tuple(each for each in result.artefacts if each.name != "data.bin"))


async def gone(path: Path) -> None:
    """Waits until something is removed, which happens in a thread."""
    for _ in range(6000):
        if not path.exists():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{path} is still there")


class Bench:
    """Everything that a test needs at hand; a `restart` is a new runtime on the same state."""

    def __init__(self, paths: InstancePaths, database: sqlite3.Connection) -> None:
        self.paths = paths
        self.clock = Clock()
        self.surroundings = Surroundings()
        self.keeper = Keeper()
        self.database = database
        self.restart()

    def restart(self) -> None:
        self.worker, self.host = Runner(), Runner()
        self.published: list[JobRecord] = []
        self.queue = JobQueue(self.database, self.clock, random.Random(1))
        self.service = JobService(
            self.paths,
            self.queue,
            self.surroundings,
            self.keeper,
            {RunsIn.WORKER: self.worker, RunsIn.HOST: self.host},
            self.published.append,
            self.clock,
            max_running=10,
        )

    def spool(
        self, job: int, token: int, *names: str, state: JobState = JobState.SUCCEEDED, retry: bool = False
    ) -> None:
        folder = spool_folder(self.paths, job, token)
        folder.mkdir(parents=True, exist_ok=True)
        files: list[ArtefactFile] = []
        for name in names:
            (folder / name).write_text(f"{name} of {token}")
            files.append(ArtefactFile(name, "text/plain", name, 1))
        error = None if state is JobState.SUCCEEDED else ErrorReport("failed", "it broke")
        result = JobResult(job, token, state, JobValue({"token": token}), error, retry, tuple(files))
        write_result(spec(str(folder), job, token), result)

    def state(self, job: int) -> JobState:
        return self.queue.summary(job).state

    def states(self, job: int) -> list[str]:
        return [each.state.value for each in self.published if each.job == job]

    def events(self, job: int) -> list[str]:
        return [each.event for each in self.queue.record(job).history]


def spec(folder: str, job: int, token: int) -> JobSpec:
    return JobSpec(job, token, token, "", "", "", "", {}, "", {}, {}, {}, "", "", folder)


async def settle() -> None:
    """Lets everything that is ready on the loop happen."""
    for _ in range(30):
        await asyncio.sleep(0)


@pytest.fixture
def bench(home: Path) -> Iterator[Bench]:
    paths = instance_paths({"QUARTERDECK_HOME": str(home)})
    paths.state_folder.mkdir(parents=True)
    database = open_database(paths.database)
    yield Bench(paths, database)
    database.close()


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
