"""Guards whose runtime is gone: the next one adopts what runs and hears what ended meanwhile."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from guard_bench import Bench, Play, is_locked, release, result_of, runs, scenario_player, until
from quarterdeck_api.jobs import JobState

bench = pytest.fixture(scenario_player)


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
