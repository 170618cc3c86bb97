"""The supervisor with real hosts: opening, asking, hanging, crashing, restarting, and jobs in them."""

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import psutil
import pytest

from quarterdeck.runtime.hosts.supervisor import HostedBackend, HostLimits, HostSupervisor
from quarterdeck_api.backend import ActionRequest, Interest
from quarterdeck_api.catalogue import Catalogue, JobTypeInfo, PluginPhase, PluginStatus, RunsIn
from quarterdeck_api.documents import FactsBlock
from quarterdeck_api.errors import (
    CallTimeoutError,
    ErrorReport,
    NotFoundError,
    QuarterdeckError,
    UnknownOutcomeError,
    UnreachableError,
    UnsupportedError,
    UsageError,
)
from quarterdeck_api.host.exits import HostExit
from quarterdeck_api.host_protocol import (
    BACKEND_COMPLETE,
    BACKEND_DESCRIBE,
    BACKEND_PARAMETERS,
    BACKEND_PERFORM,
    BACKEND_PROBE,
    HOST_FD_VARIABLE,
    BackendName,
    JobCheckpoint,
    JobProgress,
)
from quarterdeck_api.jobs import JobSpec, JobState
from quarterdeck_api.protocol import AddressParams, BackendState, CompleteParams, ParametersParams
from quarterdeck_api.resources import Change, Synced, Unreachable, Upsert
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


@pytest.fixture
def play(home: Path) -> Callable[[Scenario], None]:
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


Play = Callable[[Scenario], None]


def test_a_backend_is_opened_synced_and_asked(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        hosts = await bench.start(count=2)
        await until(lambda: bench.seen.synced() == 1)
        assert bench.seen.begun == ["plant"]
        changes = bench.seen.changes()
        assert [change.resource.cells for change in changes if isinstance(change, Upsert)] == [
            ("sample", 0),
            ("sample", 1),
        ]
        assert changes[-1] == Synced(("model",))
        document = await describe(bench, "m0")
        assert isinstance(document.blocks[0], FactsBlock)
        assert document.blocks[0].facts[0].value == hosts.status()[0].pid != os.getpid()
        assert (await perform(bench, "m0")).statement == "DO now"
        asked = ParametersParams("model.poke", "plant/model/m0")
        assert "order" in (await hosts.call("plant", BACKEND_PARAMETERS, asked, 20))["properties"]
        wanted = CompleteParams("model.poke", "plant/model/m0", "word", "al")
        found = await hosts.call("plant", BACKEND_COMPLETE, wanted, 20)
        assert [choice.value for choice in found.choices] == ["alpha"]
        assert (await hosts.call("plant", BACKEND_PROBE, BackendName("plant"), 20)).version == "1.0"
        assert hosts.status()[0].state == "ready" and bench.seen.freed == 1
        with pytest.raises(NotFoundError, match="nowhere"):
            await hosts.call("nowhere", BACKEND_PROBE, BackendName("nowhere"), 20)

    play(scenario)


def test_what_a_backend_raises_and_lacks_is_a_sentence(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        hosts = await bench.start(HostedBackend("plant", "sample.full", {}), HostedBackend("bare", "sample.bare", {}))
        await until(lambda: bench.seen.synced() + bench.seen.synced("bare") == 2)
        with pytest.raises(UsageError, match="plant: there is no such model") as usage:
            await describe(bench, "missing")
        assert usage.value.remedy == "look at the list"
        with pytest.raises(QuarterdeckError, match=r"plant failed inside its plugin: ValueError: the sample is broken"):
            await describe(bench, "wrong")
        assert "Traceback" in bench.log()
        with pytest.raises(UnsupportedError, match=r"bare is of type sample\.bare, which cannot describe"):
            await hosts.call("bare", BACKEND_DESCRIBE, AddressParams("bare/model/x"), 20)

    play(scenario)


def test_bad_settings_fail_the_backend_alone_until_they_are_retried(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        hosts = await bench.start(
            HostedBackend("plant", "sample.full", {}),
            HostedBackend("wrong", "sample.full", {"count": "many"}),
            HostedBackend("lost", "sample.lost", {}),
            HostedBackend("alien", "sample.alien", {}),
        )
        await until(lambda: all(bench.seen.state(name).state == "failed" for name in ("wrong", "lost", "alien")))
        assert "count" in bench.seen.state("wrong").reason and "backends.wrong" in bench.seen.state("wrong").remedy
        assert "host_sample.nowhere" in bench.seen.state("lost").reason
        assert "sample.alien" in bench.seen.state("alien").reason
        await until(lambda: bench.seen.synced() == 1)
        before = len(bench.seen.states)
        await hosts.retry("wrong")
        await until(
            lambda: [s.state for s in bench.seen.states[before:] if s.name == "wrong"] == ["connecting", "failed"]
        )

    play(scenario)


def test_a_call_that_hangs_is_abandoned_and_three_open_the_breaker(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        bench.limits = HostLimits(call_timeout=0.2)
        hosts = await bench.start()
        await until(lambda: bench.seen.synced() == 1)
        with pytest.raises(CallTimeoutError, match=r"plant did not describe .* within 0\.2 s"):
            await describe(bench, "hang")
        with pytest.raises(UnknownOutcomeError, match="may or may not"):
            await perform(bench, "hang")
        with pytest.raises(CallTimeoutError):
            await perform(bench, "hang", dry_run=True)
        await until(lambda: bench.seen.state().state == "failed")
        assert bench.seen.state().remedy == "retry plant" and "3 calls failed" in bench.seen.state().reason
        with pytest.raises(UnreachableError, match="plant is not asked any more"):
            await describe(bench, "m0")
        await until(lambda: hosts.status()[0].stuck_calls == 3)
        await hosts.retry("plant")
        await until(lambda: bench.seen.synced() == 2)
        await describe(bench, "m0")
        assert hosts.status()[0].restarts == 0

    play(scenario)


def test_refused_connections_count_for_the_breaker(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.start()
        await until(lambda: bench.seen.synced() == 1)
        for _ in range(3):
            with pytest.raises(UnreachableError, match="plant cannot be reached"):
                await describe(bench, "refused")
        await until(lambda: bench.seen.state().state == "failed")

    play(scenario)


def test_a_pool_full_of_stuck_threads_restarts_the_host(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        bench.limits = HostLimits(call_timeout=0.2, pool_threads=2)
        hosts = await bench.start()
        await until(lambda: bench.seen.synced() == 1)
        for _ in range(2):
            with pytest.raises(UnreachableError):
                await describe(bench, "hang")
        await until(lambda: bench.seen.synced() == 2)
        reasons = [state.reason for state in bench.seen.states if state.state == "unreachable"]
        assert len(reasons) == 1 and "every thread of its pool was stuck" in reasons[0]
        assert hosts.status()[0].restarts == 1

    play(scenario)


@pytest.mark.parametrize(("name", "sentence"), [("exit", "exited with code 3"), ("segv", "SIGSEGV")])
def test_a_crash_costs_a_restart(play: Play, name: str, sentence: str) -> None:
    async def scenario(bench: Bench) -> None:
        hosts = await bench.start()
        await until(lambda: bench.seen.synced() == 1)
        hosts.set_interest("plant", Interest.FOREGROUND)
        first = hosts.status()[0].pid
        with pytest.raises(UnreachableError, match="plant"):
            await describe(bench, name)
        await until(lambda: bench.seen.state().state == "unreachable")
        assert sentence in bench.seen.state().reason and "retry" in bench.seen.state().remedy
        with pytest.raises(UnreachableError, match="plant"):
            await describe(bench, "m0")
        await until(lambda: bench.seen.synced() == 2)
        status = hosts.status()[0]
        assert status.restarts == 1 and status.pid != first and bench.seen.begun == ["plant", "plant"]
        await describe(bench, "m0")

    play(scenario)


def test_an_action_whose_host_dies_has_an_unknown_outcome(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.start()
        await until(lambda: bench.seen.synced() == 1)
        with pytest.raises(UnknownOutcomeError, match="plant"):
            await perform(bench, "exit")

    play(scenario)


def test_a_crash_loop_ends_in_failed_and_retry_starts_it_again(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        hosts = await bench.start()
        for _ in range(5):
            await until(lambda: hosts.status()[0].state == "ready")
            os.kill(hosts.status()[0].pid, signal.SIGKILL)
            await until(lambda: hosts.status()[0].state in ("backing-off", "failed"))
            if hosts.status()[0].state == "failed":
                break
            await _skip_pause(bench)
        assert hosts.status()[0].state == "failed"
        assert bench.seen.state().state == "failed" and "SIGKILL" in bench.seen.state().reason
        synced = bench.seen.synced()
        await hosts.retry("plant")
        await until(lambda: bench.seen.synced() > synced)

    async def _skip_pause(bench: Bench) -> None:
        link = bench.hosts._links["sample"]
        link._retry_wanted.set()  # As *retry*, but without forgetting the crashes.
        await until(lambda: bench.hosts.status()[0].state != "backing-off")

    play(scenario)


def test_a_plugin_without_an_interpreter_is_reported(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        bench.plugin = msgspec.structs.replace(bench.plugin, interpreter="/nowhere/python")
        hosts = await bench.start()
        assert hosts.status()[0].state == "backing-off"
        assert bench.seen.state().state == "unreachable" and "/nowhere/python" in bench.seen.state().reason

    play(scenario)


def test_a_host_that_cannot_be_prepared_is_ended_and_reported(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        hosts = await bench.start(unsendable=object())
        assert hosts.status()[0].state == "backing-off" and "could not handle it" in hosts.status()[0].reason

    play(scenario)


def test_a_flood_is_coalesced_and_ends_complete(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        hosts = await bench.start(mode="flood")
        await until(lambda: bench.seen.synced() == 1)
        assert all(len(changes) <= 201 for _, changes in bench.seen.batches)
        sent = [change for change in bench.seen.changes() if isinstance(change, Upsert)]
        assert len(sent) < 200_000
        latest = {change.resource.address: change.resource.cells[1] for change in sent}
        assert sorted(str(value) for value in latest.values()) == [str(number) for number in range(999_900, 1_000_000)]
        await describe(bench, "m0")
        assert hosts.status()[0].restarts == 0

    play(scenario)


def test_a_watch_that_raises_is_unreachable_and_watched_again(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.start(mode="flaky", folder=str(bench.folder))
        await until(lambda: bench.seen.synced() == 1)
        first = bench.seen.changes()[0]
        assert isinstance(first, Unreachable) and "the other side went away" in first.reason and first.remedy
        assert bench.seen.begun == ["plant", "plant"]

    play(scenario)


def test_a_backend_that_cannot_be_opened_is_tried_again(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.start(mode="refuse")
        await until(lambda: len([c for c in bench.seen.changes() if isinstance(c, Unreachable)]) >= 4)
        assert all(state.state == "connecting" for state in bench.seen.states), "retrying by itself opens no breaker"
        with pytest.raises(UnreachableError, match=r"plant is not open: .*nobody listens"):
            await describe(bench, "m0")

    play(scenario)


def test_a_factory_that_hangs_is_reported_and_can_be_retried(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        bench.limits = HostLimits(call_timeout=0.1)
        hosts = await bench.start(
            HostedBackend("plant", "sample.full", {"mode": "slow-open"}), HostedBackend("well", "sample.full", {})
        )
        await until(lambda: any(isinstance(change, Unreachable) for change in bench.seen.changes()))
        assert "did not open within 0.25 s" in bench.seen.changes()[0].reason  # type: ignore[union-attr]
        await hosts.retry("plant")
        await until(lambda: hosts.status()[0].stuck_calls == 1)
        await until(lambda: bench.seen.synced("well") == 1)

    play(scenario)


def test_a_deaf_watch_does_not_keep_a_backend_from_being_opened_anew(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        hosts = await bench.start(mode="deaf", folder=str(bench.folder))
        await until(lambda: bench.seen.synced() == 1)
        await hosts.retry("plant")
        await until(lambda: bench.seen.synced() == 2)
        assert (bench.folder / "closed").exists()

    play(scenario)


def test_interest_reaches_watch_also_after_a_restart(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        hosts = await bench.start(folder=str(bench.folder))
        await until(lambda: bench.seen.synced() == 1)
        hosts.set_interest("plant", Interest.FOREGROUND)
        trace = bench.folder / "interest-foreground"
        await until(trace.exists)
        trace.unlink()
        os.kill(hosts.status()[0].pid, signal.SIGKILL)
        await until(lambda: bench.seen.synced() == 2)
        hosts.set_interest("plant", Interest.NONE)
        await until((bench.folder / "interest-none").exists)

    play(scenario)


def test_a_polled_backend_syncs(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.start(mode="polled")
        await until(lambda: bench.seen.synced() == 1)
        assert len([change for change in bench.seen.changes() if isinstance(change, Upsert)]) == 3

    play(scenario)


def test_backends_come_and_go_and_plugins_stop_in_order(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        hosts = await bench.start(folder=str(bench.folder))
        await hosts.add_backend("sample", HostedBackend("second", "sample.full", {}))
        await until(lambda: bench.seen.synced() + bench.seen.synced("second") == 2)
        await hosts.remove_backend("second")
        with pytest.raises(NotFoundError):
            await hosts.retry("second")
        pid = hosts.status()[0].pid
        await hosts.stop_plugin("sample", "it was disabled")
        assert not psutil.pid_exists(pid) and hosts.status() == ()
        assert (bench.folder / "closed").exists()
        assert bench.seen.state().state == "unreachable" and bench.seen.state().reason == "it was disabled"

    play(scenario)


def test_a_host_beyond_its_memory_is_restarted_with_the_reason(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        bench.limits = HostLimits(memory=1024 * 1024)
        await bench.start()
        await until(lambda: any("MiB of memory" in state.reason for state in bench.seen.states))

    play(scenario)


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


def test_a_host_whose_loop_is_blocked_is_killed_and_restarted(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        bench.limits = HostLimits(heartbeat_timeout=4.0)
        await bench.start()
        await until(lambda: bench.seen.synced() == 1)
        await bench.run_job(bench.spec(1, "blocking"))
        await until(lambda: len(bench.seen.lost) == 1)
        assert "no sign of life" in bench.seen.lost[0][2].message
        await until(lambda: bench.seen.synced() == 2)

    play(scenario)


def test_a_host_ends_with_the_runtime(home: Path) -> None:
    ours, theirs = socket.socketpair()
    environment = {**os.environ, HOST_FD_VARIABLE: str(theirs.fileno())}
    command = [sys.executable, "-m", "quarterdeck_api.host"]
    process = subprocess.Popen(command, pass_fds=(theirs.fileno(),), env=environment, stderr=subprocess.PIPE)
    theirs.close()
    assert ours.recv(4096).startswith(b'{"jsonrpc":"2.0"')
    ours.close()
    _, errors = process.communicate(timeout=30)
    assert process.returncode == HostExit.RUNTIME_GONE and errors == b""


def test_a_host_without_a_runtime_says_so(home: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "quarterdeck_api.host"], capture_output=True, timeout=30, check=False)
    assert done.returncode == HostExit.USAGE and b"by it only" in done.stderr
