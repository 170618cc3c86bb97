"""The supervisor with real hosts of a sample plugin at hand for tests, and everything that it told."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from quarterdeck.runtime.hosts.supervisor import HostedBackend, HostLimits, HostSupervisor
from quarterdeck_api.backend import ActionRequest
from quarterdeck_api.catalogue import Catalogue, JobTypeInfo, PluginPhase, PluginStatus, RunsIn
from quarterdeck_api.errors import ErrorReport
from quarterdeck_api.host_protocol import BACKEND_DESCRIBE, BACKEND_PERFORM, JobCheckpoint, JobProgress
from quarterdeck_api.jobs import JobSpec
from quarterdeck_api.protocol import AddressParams, BackendState
from quarterdeck_api.resources import Change, Synced
from quarterdeck_api.spool import read_result

SAMPLE = Path(__file__).parent.parent / "plugins" / "host_sample"
JOB_TYPE = JobTypeInfo("sample.job", "Job", "host_sample.jobs:quick", RunsIn.HOST)


class Recorder:
    """Sink and events: keeps everything that it is told."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.batches: list[tuple[str, tuple[Change, ...]]] = []
        self.states: list[BackendState] = []
        self.progress: list[JobProgress] = []
        self.checkpoints: list[JobCheckpoint] = []
        self.ended: list[tuple[int, int]] = []
        self.lost: list[tuple[int, int, ErrorReport]] = []
        self.freed = 0

    def begin(self, backend: str) -> None:
        self.begun.append(backend)

    def apply(self, backend: str, changes: tuple[Change, ...]) -> None:
        self.batches.append((backend, changes))

    def set_backend(self, state: BackendState) -> None:
        self.states.append(state)

    def on_progress(self, progress: JobProgress) -> None:
        self.progress.append(progress)

    def on_checkpoint(self, checkpoint: JobCheckpoint) -> None:
        self.checkpoints.append(checkpoint)

    def on_ended(self, job: int, token: int) -> None:
        self.ended.append((job, token))

    def on_lost(self, job: int, token: int, error: ErrorReport) -> None:
        self.lost.append((job, token, error))

    def on_free(self) -> None:
        self.freed += 1

    def changes(self, backend: str = "plant") -> list[Change]:
        return [change for name, changes in self.batches if name == backend for change in changes]

    def synced(self, backend: str = "plant") -> int:
        return sum(isinstance(change, Synced) for change in self.changes(backend))

    def state(self, backend: str = "plant") -> BackendState:
        return next(state for state in reversed(self.states) if state.name == backend)


class Bench:
    """A supervisor with one plugin, and what it told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen = Recorder()
        self.limits = HostLimits()
        catalogue = msgspec.json.decode((SAMPLE / "catalogue.json").read_bytes(), type=Catalogue)
        self.plugin = PluginStatus(
            "sample",
            "sample",
            "1.0",
            PluginPhase.READY,
            interpreter=sys.executable,
            paths=(str(SAMPLE),),
            catalogue=catalogue,
        )
        self.hosts: HostSupervisor

    async def start(self, *backends: HostedBackend, **settings: object) -> HostSupervisor:
        opened = backends or (HostedBackend("plant", "sample.full", settings),)
        self.hosts = HostSupervisor(self.seen, self.seen, self.folder / "logs", rng=Random(1), limits=self.limits)
        await self.hosts.start_plugin(self.plugin, opened)
        return self.hosts

    def spec(self, job: int, function: str, limit: float = 0.0, grace: float = 5.0) -> JobSpec:
        return JobSpec(
            job=job,
            token=job * 10,
            attempt=1,
            job_type="sample.job",
            implementation=f"host_sample.jobs:{function}",
            backend="plant",
            backend_factory="host_sample.backends:Sample",
            backend_settings={},
            address="plant/model/m0",
            parameters={"horizon": 3},
            settings={},
            datasets={},
            lease_path=str(self.folder / "leases" / f"{job}.{job * 10}"),
            log_path=str(self.folder / "logs" / f"job-{job}.log"),
            spool_folder=str(self.folder / "spool" / f"{job}.{job * 10}"),
            wall_clock_limit=limit,
            grace=grace,
        )

    async def run_job(self, spec: JobSpec) -> None:
        await self.hosts.start(self.plugin, JOB_TYPE, spec)

    def result(self, spec: JobSpec) -> Any:
        return read_result(Path(spec.spool_folder), spec.token)

    def log(self) -> str:
        return self.hosts.log_path("sample").read_text()


Scenario = Callable[[Bench], Coroutine[Any, Any, None]]
Play = Callable[[Scenario], None]


def scenario_player(home: Path) -> Play:
    """Runs a scenario on a bench, and closes its hosts."""

    async def with_bench(scenario: Scenario) -> None:
        bench = Bench(home)
        try:
            await scenario(bench)
        finally:
            await bench.hosts.close()

    return lambda scenario: asyncio.run(with_bench(scenario))


async def until(condition: Callable[[], bool], what: str = "it") -> None:
    async with asyncio.timeout(40):
        while not condition():
            await asyncio.sleep(0.01)
    assert condition(), what


def describe(bench: Bench, name: str, timeout: float = 20) -> Awaitable[Any]:
    return bench.hosts.call("plant", BACKEND_DESCRIBE, AddressParams(f"plant/model/{name}"), timeout)


def perform(bench: Bench, name: str, action: str = "model.poke", **more: Any) -> Awaitable[Any]:
    request = ActionRequest(action, f"plant/model/{name}", {"word": "now"}, **more)
    return bench.hosts.call("plant", BACKEND_PERFORM, request, 20, changes_something=True)
