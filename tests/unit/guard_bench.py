"""Pools of guarded workers with jobs of a sample plugin at hand for tests, and what they told."""

import asyncio
import fcntl
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil

from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck.runtime.workers.pool import WorkerPool
from quarterdeck_api.catalogue import JobTypeInfo, PluginPhase, PluginStatus
from quarterdeck_api.errors import ErrorReport
from quarterdeck_api.host_protocol import JobCheckpoint, JobProgress
from quarterdeck_api.jobs import JobResult, JobSpec
from quarterdeck_api.spool import read_result

SAMPLE = Path(__file__).parent.parent / "plugins" / "jobs_sample"
PATIENCE = 60.0


class Recorder:
    """Keeps every event."""

    def __init__(self) -> None:
        self.progress: list[JobProgress] = []
        self.checkpoints: list[JobCheckpoint] = []
        self.ended: list[tuple[int, int]] = []
        self.lost: list[tuple[int, int, ErrorReport]] = []
        self.freed = 0

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


class Bench:
    """An instance with one pool at a time."""

    def __init__(self, paths: InstancePaths) -> None:
        self.paths = paths
        self.pools: list[WorkerPool] = []
        self.events, self.pool = self.new_pool()

    def new_pool(self, workers: int = 2, linger: float = 30.0, idle: float = 60.0) -> tuple[Recorder, WorkerPool]:
        events = Recorder()
        pool = WorkerPool(self.paths, events, max_workers=workers, idle_seconds=idle, linger=linger)
        self.pools.append(pool)
        return events, pool

    def spec(self, job: int, function: str, **changes: Any) -> JobSpec:
        values: dict[str, Any] = {
            "job": job,
            "token": job + 100,
            "attempt": 1,
            "job_type": f"sample.{function}",
            "implementation": f"sample_jobs:{function}",
            "backend": "sample",
            "backend_factory": "",
            "backend_settings": {},
            "address": "sample/model/one",
            "parameters": {},
            "settings": {},
            "datasets": {},
            "lease_path": str(self.paths.leases / f"{job}.{job + 100}"),
            "log_path": str(self.paths.logs / "jobs" / f"{job}.1.log"),
            "spool_folder": str(self.paths.spool / f"{job}.{job + 100}"),
        }
        return JobSpec(**{**values, **changes})

    def plugin(self, name: str = "sample", version: str = "1") -> PluginStatus:
        return PluginStatus(name, name, version, PluginPhase.READY, interpreter=sys.executable, paths=(str(SAMPLE),))

    async def start(self, spec: JobSpec, plugin: PluginStatus | None = None) -> JobSpec:
        kind = JobTypeInfo(spec.job_type, spec.job_type, spec.implementation, preload=("sample_jobs",))
        await self.pool.start(plugin or self.plugin(), kind, spec)
        return spec

    async def run(self, job: int, function: str, **changes: Any) -> JobResult:
        spec = await self.start(self.spec(job, function, **changes))
        await until(lambda: (spec.job, spec.token) in self.events.ended)
        return result_of(spec)

    async def running(self, job: int, function: str, **changes: Any) -> tuple[JobSpec, int]:
        """Starts a job that reports a process number as its first message."""
        spec = await self.start(self.spec(job, function, **changes))
        await until(lambda: any(progress.job == job and progress.message for progress in self.events.progress))
        return spec, next(int(each.message) for each in self.events.progress if each.job == job and each.message)


Play = Callable[[Callable[[Bench], Awaitable[None]]], None]


def result_of(spec: JobSpec) -> JobResult:
    result = read_result(Path(spec.spool_folder), spec.token)
    assert result is not None
    return result


def release(spec: JobSpec) -> None:
    (Path(spec.spool_folder) / "release").touch()


def is_locked(path: str) -> bool:
    with Path(path).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


def scenario_player(home: Path) -> Play:
    """Runs a scenario, and closes every pool of it, whatever happens."""

    def play(scenario: Callable[[Bench], Awaitable[None]]) -> None:
        async def whole() -> None:
            bench = Bench(instance_paths({"QUARTERDECK_HOME": str(home)}))
            try:
                await scenario(bench)
            finally:
                for pool in bench.pools:
                    await pool.close(stop_workers=True)

        asyncio.run(whole())

    return play
