"""Guards and workers that are killed or hang: each attempt has one end, and nothing is left behind."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from guard_bench import Bench, Play, is_locked, result_of, runs, scenario_player, until
from quarterdeck.runtime.workers.guard_child import creation_time
from quarterdeck.runtime.workers.guarded_worker import loss_report
from quarterdeck.runtime.workers.process_sessions import ProcessIdentity, end_session, session_members
from quarterdeck_api.errors import UnreachableError
from quarterdeck_api.jobs import JobState
from quarterdeck_api.worker_protocol import ChildExited

bench = pytest.fixture(scenario_player)


def processes_below(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


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
