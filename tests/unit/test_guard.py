"""Guards, workers and the pool as real processes: whatever is killed, nothing is lost twice and nothing is left behind."""

import asyncio
import contextlib
import fcntl
import os
import random
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck.runtime.workers.guard_child import creation_time
from quarterdeck.runtime.workers.guarded_worker import loss_report
from quarterdeck.runtime.workers.pool import WorkerPool, remove_old_logs
from quarterdeck.runtime.workers.process_sessions import ProcessIdentity, end_session, session_members
from quarterdeck_api.catalogue import JobTypeInfo, PluginPhase, PluginStatus
from quarterdeck_api.errors import ErrorReport, UnreachableError
from quarterdeck_api.host_protocol import JobCheckpoint, JobProgress
from quarterdeck_api.jobs import JobResult, JobSpec, JobState
from quarterdeck_api.spool import read_result
from quarterdeck_api.worker_protocol import ChildExited

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


def processes_below(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def bench(home: Path) -> Callable[[Callable[[Bench], Awaitable[None]]], None]:
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


Play = Callable[[Callable[[Bench], Awaitable[None]]], None]


def test_a_job_reports_steps_with_offsets_progress_checkpoint_artefact_and_log(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        result = await bench.run(1, "talk")
        assert (result.state, result.value and result.value.data) == (JobState.SUCCEEDED, {"ok": True})
        assert [(artefact.name, artefact.bytes) for artefact in result.artefacts] == [("note.txt", 5)]
        log = Path(bench.spec(1, "talk").log_path).read_text(encoding="utf-8")
        assert log.endswith("a line\nprinted\nraw\n")
        steps = {progress.step: progress.log_offset for progress in bench.events.progress if progress.step}
        assert 0 <= steps["first"] <= steps["second"] <= len(log)
        assert bench.events.progress[-1].fraction == 1.0
        assert [checkpoint.value for checkpoint in bench.events.checkpoints] == [{"done": 1}]
        assert bench.events.lost == []

    bench(scenario)


def test_a_steps_offset_lies_before_its_lines_and_behind_what_was_read_before(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        spec = await bench.start(bench.spec(1, "two_steps"))
        log = Path(spec.log_path)
        await until(lambda: "before" in log.read_text(encoding="utf-8"))
        release(spec)
        await until(lambda: bench.events.ended == [(1, 101)])
        (offset,) = [progress.log_offset for progress in bench.events.progress if progress.step]
        assert log.read_text(encoding="utf-8")[offset:] == "after\n"

    bench(scenario)


@pytest.mark.parametrize(
    ("error", "retry", "code"),
    [
        ("usage", False, "usage"),
        ("unreachable", True, "unreachable"),
        ("value", True, "failed"),
        ("exit", True, "failed"),
    ],
)
def test_an_exception_is_a_result_with_its_traceback_in_the_log(
    bench: Play, error: str, retry: bool, code: str
) -> None:
    async def scenario(bench: Bench) -> None:
        result = await bench.run(1, "fail", parameters={"error": error})
        assert (result.state, result.retry, result.error and result.error.code) == (JobState.FAILED, retry, code)
        assert "this went wrong" in Path(bench.spec(1, "fail").log_path).read_text(encoding="utf-8")
        assert bench.pool.status()[0].state == "idle"

    bench(scenario)


def test_two_jobs_share_a_warm_worker_and_a_new_version_does_not(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        first = await bench.run(1, "where")
        second = await bench.run(2, "where")
        assert first.value and second.value
        assert first.value.data["pid"] == second.value.data["pid"]
        assert second.value.data["imports"] == 1
        assert second.value.data["folder"] == bench.spec(2, "where").spool_folder
        assert bench.pool.status()[0].jobs_done == 2
        spec = await bench.start(bench.spec(3, "where"), bench.plugin(version="2"))
        await until(lambda: (3, 103) in bench.events.ended)
        third = result_of(spec)
        assert third.value and third.value.data["pid"] != first.value.data["pid"]

    bench(scenario)


def test_lease_is_locked_while_the_job_runs_and_gone_afterwards(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        spec, pid = await bench.running(1, "wait")
        assert is_locked(spec.lease_path)
        release(spec)
        await until(lambda: bench.events.ended == [(1, 101)])
        assert not Path(spec.lease_path).exists()
        assert runs(pid)

    bench(scenario)


def test_a_job_that_looks_is_cancelled_in_its_own_time(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        spec, pid = await bench.running(1, "wait")
        await bench.pool.cancel(spec.job, spec.token, grace=60.0)
        await until(lambda: bench.events.ended == [(1, 101)])
        assert result_of(spec).state is JobState.CANCELLED
        assert runs(pid)
        assert bench.events.lost == []

    bench(scenario)


def test_a_job_that_ignores_cancellation_is_ended_with_its_grandchild(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        spec, grandchild = await bench.running(1, "stubborn")
        await bench.pool.cancel(spec.job, spec.token, grace=0.05)
        await until(lambda: len(bench.events.lost) == 1)
        assert bench.events.lost[0][2].code == "cancelled"
        assert not runs(grandchild)
        assert bench.pool.status() == ()
        assert bench.pool.free("sample")

    bench(scenario)


def test_the_wall_clock_limit_ends_the_whole_group(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        spec, grandchild = await bench.running(1, "stubborn", wall_clock_limit=3.0, grace=0.05)
        await until(lambda: len(bench.events.lost) == 1)
        assert bench.events.lost[0][2].code == "wall-clock"
        assert not runs(grandchild)
        assert "SIG" in Path(spec.log_path).read_text(encoding="utf-8")

    bench(scenario)


@pytest.mark.parametrize("victim", ["worker", "guard", "both"])
def test_kill_minus_nine_loses_the_attempt_once_and_leaves_nothing(bench: Play, victim: str) -> None:
    async def scenario(bench: Bench) -> None:
        for job in range(1, 6):
            spec, grandchild = await bench.running(job, "stubborn")
            (status,) = bench.pool.status()
            for pid in {"worker": [status.pid], "guard": [status.guard_pid], "both": [status.guard_pid, status.pid]}[
                victim
            ]:
                os.kill(pid, signal.SIGKILL)
            await until(lambda job=job: len(bench.events.lost) >= job)
            assert not any(runs(pid) for pid in (grandchild, status.pid, status.guard_pid))
            assert [(lost, token) for lost, token, _ in bench.events.lost] == [
                (each, each + 100) for each in range(1, job + 1)
            ]
            assert not (Path(spec.lease_path).exists() and is_locked(spec.lease_path))
            assert list(bench.paths.guards.iterdir()) == []
        assert bench.events.ended == []

    bench(scenario)


@pytest.mark.parametrize(
    "function",
    [
        "wait",
        pytest.param(
            "hold_interpreter",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="needs the parent-death signal"),
        ),
    ],
)
def test_a_worker_ends_when_its_guard_is_killed_while_nobody_is_connected(bench: Play, function: str) -> None:
    async def scenario(bench: Bench) -> None:
        spec, pid = await bench.running(1, function)
        (status,) = bench.pool.status()
        await bench.pool.close(stop_workers=False)
        os.kill(status.guard_pid, signal.SIGKILL)
        await until(lambda: not runs(pid))
        events, pool = bench.new_pool()
        assert await pool.adopt() == set()
        assert list(bench.paths.guards.iterdir()) == []
        assert not is_locked(spec.lease_path)
        assert events.ended == []

    bench(scenario)


def test_another_runtime_adopts_a_running_job_and_hears_its_end(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        spec, pid = await bench.running(1, "wait")
        await bench.pool.close(stop_workers=False)
        assert is_locked(spec.lease_path)
        events, pool = bench.new_pool()
        assert await pool.adopt() == {(1, 101)}
        assert (pool.status()[0].plugin, pool.status()[0].pid, pool.status()[0].job) == ("sample", pid, 1)
        release(spec)
        await until(lambda: events.ended == [(1, 101)])
        assert result_of(spec).state is JobState.SUCCEEDED
        await until(lambda: not runs(pid))
        assert events.lost == []

    bench(scenario)


def test_a_second_runtime_takes_over_without_harm_from_the_first(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        spec, pid = await bench.running(1, "wait")
        events, pool = bench.new_pool()
        assert await pool.adopt() == {(1, 101)}
        await until(lambda: bench.pool.status() == ())
        assert runs(pid)
        release(spec)
        await until(lambda: events.ended == [(1, 101)])
        assert (bench.events.ended, bench.events.lost) == ([], [])

    bench(scenario)


def test_a_guard_survives_that_one_runtime_dies_just_when_the_next_one_comes(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        spec, _ = await bench.running(1, "wait")
        guard = bench.pool.status()[0].guard_pid
        os.kill(guard, signal.SIGSTOP)
        events, pool = bench.new_pool()
        adopting = asyncio.create_task(pool.adopt())
        await asyncio.sleep(0.1)
        await bench.pool.close(stop_workers=False)  # Now the guard finds the new connection before the old one's end.
        os.kill(guard, signal.SIGCONT)
        assert await adopting == {(1, 101)}
        release(spec)
        await until(lambda: events.ended == [(1, 101)])

    bench(scenario)


def test_a_job_ends_while_nobody_is_connected(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        spec, _ = await bench.running(1, "wait")
        await bench.pool.close(stop_workers=False)
        release(spec)
        await until(lambda: not Path(spec.lease_path).exists())
        assert result_of(spec).state is JobState.SUCCEEDED
        events, pool = bench.new_pool()
        assert await pool.adopt() == set()
        await until(lambda: events.ended == [(1, 101)])

    bench(scenario)


def test_a_worker_that_dies_while_nobody_is_connected_is_reported_at_adoption(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        spec, pid = await bench.running(1, "wait")
        await bench.pool.close(stop_workers=False)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not Path(spec.lease_path).exists())
        events, pool = bench.new_pool()
        assert await pool.adopt() == set()
        assert [(job, token, "SIGKILL" in error.message) for job, token, error in events.lost] == [(1, 101, True)]

    bench(scenario)


def test_guards_without_runtime_and_job_end(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        bench.events, bench.pool = bench.new_pool(linger=0.1)
        spec, pid = await bench.running(1, "wait")
        await bench.pool.close(stop_workers=False)
        await asyncio.sleep(0.5)
        assert runs(pid)
        release(spec)
        await until(lambda: not runs(pid))
        await until(lambda: not list(bench.paths.guards.glob("*.sock")))

    bench(scenario)


def test_the_oldest_idle_worker_makes_room_for_another_plugin(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        bench.events, bench.pool = bench.new_pool(workers=1)
        first = await bench.run(1, "where")
        assert bench.pool.free("other")
        spec = await bench.start(bench.spec(2, "wait"), bench.plugin("other"))
        assert not bench.pool.free("sample")
        assert [status.plugin for status in bench.pool.status()] == ["other"]
        assert first.value and not runs(first.value.data["pid"])
        with pytest.raises(UnreachableError, match="busy"):
            await bench.start(bench.spec(3, "where"))
        release(spec)
        await until(lambda: (2, 102) in bench.events.ended)

    bench(scenario)


def test_an_idle_worker_ends_after_its_time(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        bench.events, bench.pool = bench.new_pool(idle=0.05)
        await bench.run(1, "where")
        await until(lambda: bench.pool.status() == ())
        assert bench.events.lost == []

    bench(scenario)


def test_a_guard_that_is_asked_to_end_stops_its_group(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        _, pid = await bench.running(1, "wait")
        os.kill(bench.pool.status()[0].guard_pid, signal.SIGTERM)
        await until(lambda: len(bench.events.lost) == 1)
        assert not runs(pid)

    bench(scenario)


def test_a_hanging_guard_is_ended_with_everything_below_it(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        spec, pid = await bench.running(1, "wait")
        (status,) = bench.pool.status()
        os.kill(status.guard_pid, signal.SIGSTOP)
        await bench.pool.cancel(spec.job, spec.token, grace=0.05)
        await until(lambda: len(bench.events.lost) == 1)
        assert not runs(pid) and not runs(status.guard_pid)

    bench(scenario)


def test_an_interpreter_that_does_not_exist_is_an_error_at_once(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        plugin = PluginStatus("sample", "sample", "1", PluginPhase.READY, interpreter="/no/such/python")
        with pytest.raises(UnreachableError, match="sample"):
            await bench.start(bench.spec(1, "where"), plugin)
        assert bench.pool.status() == ()
        assert list(bench.paths.guards.iterdir()) == []
        assert bench.events.lost == []

    bench(scenario)


def test_a_lease_that_somebody_holds_is_not_started(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        spec = bench.spec(1, "where")
        bench.paths.leases.mkdir(parents=True)
        with Path(spec.lease_path).open("wb") as lease:
            fcntl.flock(lease, fcntl.LOCK_EX)
            with pytest.raises(UnreachableError, match="job 1"):
                await bench.start(spec)
        assert bench.events.lost == []

    bench(scenario)


def test_a_guard_imports_next_to_nothing(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.run(1, "where")
        mapped = {Path(each.path).name for each in psutil.Process(bench.pool.status()[0].guard_pid).memory_maps()}
        assert not [name for name in mapped if name.startswith(("_asyncio", "_ssl", "_msgspec", "_core.", "_ctypes"))]

    bench(scenario)


def test_a_jobs_log_is_rotated(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.run(1, "pour", parameters={"megabytes": 45})
        log = Path(bench.spec(1, "pour").log_path)
        sizes = {path.name: path.stat().st_size for path in log.parent.iterdir()}
        assert set(sizes) == {log.name, f"{log.name}.1", f"{log.name}.2"}
        assert max(sizes.values()) <= 10 * 1024 * 1024
        assert sum(sizes.values()) > 20 * 1024 * 1024

    bench(scenario)


def test_a_reused_process_number_is_never_killed() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        try:
            stranger = ProcessIdentity(other.pid, created=1.0)
            assert session_members(stranger) == []
            asyncio.run(end_session(stranger))
            assert other.poll() is None
            other_itself = ProcessIdentity(other.pid, created=creation_time(other.pid))
            assert session_members(other_itself) == [other.pid]
        finally:
            other.kill()


def test_sessions_made_outside_of_a_container_are_never_ours() -> None:
    assert session_members(ProcessIdentity(0, created=1.0)) == []


def test_killed_at_any_moment_each_attempt_has_one_end(bench: Play) -> None:
    async def scenario(bench: Bench) -> None:
        bench.events, bench.pool = bench.new_pool(workers=1)
        choose = random.Random(7)
        not_started: list[int] = []
        for job in range(1, 26):
            starting = asyncio.create_task(bench.start(bench.spec(job, "where")))
            await asyncio.sleep(choose.uniform(0.0, 0.08))
            for pid in choose.sample(processes_below(os.getpid()), k=1) if processes_below(os.getpid()) else []:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            try:
                await starting
            except UnreachableError:
                not_started.append(job)
                continue
            await until(lambda job=job: any(end[0] == job for end in [*bench.events.ended, *bench.events.lost]))
        ends = sorted(
            [*not_started, *(job for job, _ in bench.events.ended), *(job for job, _, _ in bench.events.lost)]
        )
        assert ends == list(range(1, 26))
        assert all(result_of(bench.spec(job, "where")).state is JobState.SUCCEEDED for job, _ in bench.events.ended)

    bench(scenario)


def test_what_ended_a_worker_is_said_in_words() -> None:
    assert loss_report(1, None, cancelled=False).message.startswith("the guard of job 1")
    assert loss_report(1, ChildExited(3, 1, 101), cancelled=False).message.endswith("exit code 3 during job 1")
    assert "memory" in loss_report(1, ChildExited(-9, 1, 101), cancelled=False).remedy
    assert loss_report(1, ChildExited(-9, 1, 101, "wall-clock"), cancelled=False).code == "wall-clock"
    assert loss_report(1, ChildExited(-9, 1, 101, "wall-clock"), cancelled=True).code == "cancelled"


def test_old_workers_logs_are_removed(tmp_path: Path) -> None:
    for number in range(4):
        path = tmp_path / f"worker-{number}.log"
        path.touch()
        os.utime(path, (number, number))
    (tmp_path / "runtime.log").touch()
    remove_old_logs(tmp_path, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runtime.log", "worker-2.log", "worker-3.log"]
