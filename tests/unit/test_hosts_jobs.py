"""Jobs in real hosts: their results, cancellation and limits, and what is left when their host ends."""

import asyncio
import fcntl
import os
import signal
from pathlib import Path

import psutil
import pytest

from host_bench import Bench, Play, scenario_player, until
from quarterdeck_api.errors import UnreachableError
from quarterdeck_api.jobs import JobSpec, JobState

play = pytest.fixture(scenario_player)


def test_a_job_in_the_host_spools_its_result(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.start()
        assert bench.hosts.free("sample") and not bench.hosts.free("other")
        await until(lambda: bench.seen.synced() == 1)
        specs = [bench.spec(job, "quick") for job in range(1, 21)]
        await asyncio.gather(*(bench.run_job(spec) for spec in specs))
        await until(lambda: len(bench.seen.ended) == 20)
        result = bench.result(specs[0])
        assert result.state is JobState.SUCCEEDED
        assert result.value.data == {"parameters": {"horizon": 3}, "backend": "Sample"}
        assert [(file.name, file.bytes) for file in result.artefacts] == [("note.txt", 5)]
        assert "a line of the job" in Path(specs[0].log_path).read_text()
        assert len(bench.seen.checkpoints) == 20 and bench.seen.lost == []
        mine = [progress for progress in bench.seen.progress if progress.job == 1]
        assert mine[0].step == "wait" and mine[-1].fraction == 0.5
        assert _lease_is_free(specs[0])

    play(scenario)


def _lease_is_free(spec: JobSpec) -> bool:
    with Path(spec.lease_path).open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


async def started(bench: Bench, spec: JobSpec) -> None:
    await bench.run_job(spec)
    await until(lambda: any(progress.job == spec.job and progress.step for progress in bench.seen.progress))


def test_a_job_is_cancelled_also_when_it_does_not_care(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.start()
        patient, stubborn = bench.spec(1, "patient"), bench.spec(2, "stubborn", grace=0.2)
        for spec in (patient, stubborn):
            await started(bench, spec)
            assert not _lease_is_free(spec)
            await bench.hosts.cancel(spec.job, spec.token, spec.grace)
            await until(lambda spec=spec: (spec.job, spec.token) in bench.seen.ended)
            assert bench.result(spec).state is JobState.CANCELLED
            assert _lease_is_free(spec)
        assert "given up" in bench.result(stubborn).error.message

    play(scenario)


def test_a_job_that_fails_or_takes_too_long_says_so(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.start()
        failing, slow = bench.spec(1, "failing"), bench.spec(2, "patient", limit=0.1)
        for spec in (failing, slow):
            await bench.run_job(spec)
        await until(lambda: len(bench.seen.ended) == 2)
        assert bench.result(failing).state is JobState.FAILED and bench.result(failing).retry
        assert "this never works" in Path(failing.log_path).read_text()
        assert bench.result(slow).state is JobState.FAILED and "limit of 0.1 s" in bench.result(slow).error.message

    play(scenario)


def test_a_lease_that_somebody_holds_is_respected(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.start()
        spec = bench.spec(1, "quick")
        Path(spec.lease_path).parent.mkdir(parents=True)
        with Path(spec.lease_path).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with pytest.raises(UnreachableError, match="lease"):
                await bench.run_job(spec)
        await bench.run_job(spec)
        await until(lambda: bench.seen.ended == [(1, 10)])

    play(scenario)


def test_a_job_whose_host_is_killed_is_lost_once_and_leaves_no_process(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.start()
        spec = bench.spec(1, "parenting")
        await started(bench, spec)
        child = int(Path(spec.log_path).read_text().split("child ")[1].split()[0])
        os.kill(bench.hosts.status()[0].pid, signal.SIGKILL)
        await until(lambda: len(bench.seen.lost) == 1)
        await until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)
        assert _lease_is_free(spec)
        await until(lambda: bench.hosts.status()[0].state == "ready")
        job, token, report = bench.seen.lost[0]
        assert (job, token) == (1, 10) and "SIGKILL" in report.message
        await bench.hosts.stop_plugin("sample")
        assert len(bench.seen.lost) == 1 and bench.seen.ended == []

    play(scenario)


def test_an_orderly_stop_loses_jobs_without_a_result(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.start()
        spec = bench.spec(1, "patient")
        await started(bench, spec)
        await bench.hosts.stop_plugin("sample")
        assert [(job, token) for job, token, _ in bench.seen.lost] == [(1, 10)]
        assert bench.result(spec) is None, "the job was not cancelled: it must be tried again"

    play(scenario)
