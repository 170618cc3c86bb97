"""A job service at hand for tests: runners that start nothing, a plugin that may be lost, and a database that outlives the runtime."""

import asyncio
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from msgspec import structs

from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck.runtime.borders import BackendTarget, JobRequest
from quarterdeck.runtime.database import open_database
from quarterdeck.runtime.jobs.artefacts import spool_folder
from quarterdeck.runtime.jobs.queue import JobQueue
from quarterdeck.runtime.jobs.service import JobService
from quarterdeck_api.catalogue import Catalogue, JobTypeInfo, PluginInfo, PluginPhase, PluginStatus, RunsIn
from quarterdeck_api.errors import ErrorReport, QuarterdeckError, UsageError
from quarterdeck_api.jobs import ArtefactFile, DatasetLocation, JobResult, JobSpec, JobState, JobValue
from quarterdeck_api.protocol import JobRecord
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


def open_bench(home: Path) -> Iterator[Bench]:
    """A bench on a database of its own, as a fixture gives it."""
    paths = instance_paths({"QUARTERDECK_HOME": str(home)})
    paths.state_folder.mkdir(parents=True)
    database = open_database(paths.database)
    yield Bench(paths, database)
    database.close()
