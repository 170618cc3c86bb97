"""The pool of guarded workers: which are kept warm, which make room, and what cannot be started."""

import fcntl
import os
from pathlib import Path

import pytest

from guard_bench import Bench, Play, release, result_of, runs, scenario_player, until
from quarterdeck.runtime.workers.pool import remove_old_logs
from quarterdeck_api.catalogue import PluginPhase, PluginStatus
from quarterdeck_api.errors import UnreachableError

bench = pytest.fixture(scenario_player)


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


def test_old_workers_logs_are_removed(tmp_path: Path) -> None:
    for number in range(4):
        path = tmp_path / f"worker-{number}.log"
        path.touch()
        os.utime(path, (number, number))
    (tmp_path / "runtime.log").touch()
    remove_old_logs(tmp_path, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runtime.log", "worker-2.log", "worker-3.log"]
