"""Jobs in guarded workers as real processes: what they report, cancellation, limits, and their log."""

from pathlib import Path

import psutil
import pytest

from guard_bench import Bench, Play, is_locked, release, result_of, runs, scenario_player, until
from quarterdeck_api.jobs import JobState

bench = pytest.fixture(scenario_player)


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
