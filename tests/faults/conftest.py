"""An instance under fire: the real runtime started as a client does, its processes by role, and what must hold of every job afterwards."""

import contextlib
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from quarterdeck.client.blocking import BlockingConnection
from quarterdeck.config.instance_lock import read_holder
from quarterdeck.config.paths import instance_paths
from quarterdeck_api.errors import QuarterdeckError, UnreachableError
from quarterdeck_api.jobs import JobState
from quarterdeck_api.protocol import (
    DO,
    GET,
    JOB_GET,
    JOURNAL,
    DoParams,
    GetParams,
    JobParams,
    JobRecord,
    JournalParams,
    Outcome,
)
from quarterdeck_api.runtime_requests import STATUS, STOP, RuntimeStatus, StopParams, WorkerStatus
from quarterdeck_api.wire import Method, Nothing

T = TypeVar("T")
P = TypeVar("P")
R = TypeVar("R")

EXEMPLARY = Path(__file__).parent.parent / "plugins" / "exemplary"
NODE = "exemplary/node/n1"
#: Seconds after which something that must happen is taken for lost; nothing is asserted about how long it takes.
PATIENCE = 60.0
_FINAL = {state.value for state in JobState if state.final}


class Instance:
    """One instance with the exemplary plugin; its connection comes back by itself, and starts the runtime when there is none."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.paths = instance_paths()
        self.trail = home / "trail"
        self.trail.mkdir(exist_ok=True)
        self._connection: BlockingConnection | None = None
        self._frozen: list[psutil.Process] = []

    def another(self) -> "Instance":
        """The same instance for another client."""
        return Instance(self.home)

    def configure(self, **runtime: int) -> None:
        """Settings of the runtime, to be read at its next start."""
        self.paths.config_folder.mkdir(parents=True, exist_ok=True)
        lines = ["[runtime]", *(f"{name} = {value}" for name, value in runtime.items())]
        self.paths.config_file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    # Asking

    def ask(self, method: Method[P, R], params: P) -> R:
        """Asks what changes nothing, again and again until a runtime answers."""
        return self.eventually(lambda: self._answer(method, params), f"an answer to {method.name}")

    def do(self, action: str, address: str = NODE, **parameters: Any) -> Outcome:
        """Requests an action once; an answer that is lost is raised as UnknownOutcomeError."""
        self.ask(STATUS, Nothing())  # So that it is sent to a runtime that lives, and nothing is lost by greeting.
        assert self._connection is not None
        wanted = DoParams(action, (address,), parameters)
        try:
            return self._connection.call(DO, wanted, PATIENCE, changes_something=True).outcomes[0]
        except QuarterdeckError:
            self.disconnect()
            raise

    def submit(self, action: str = "node.sleep", **parameters: Any) -> int:
        """Queues a job that leaves a trail and an artefact, and gives its number."""
        given = {"trail": str(self.trail), "artefact": True, **parameters}
        outcome = self.do(action, **({} if action == "node.empty" else given))
        assert outcome.status == "accepted", outcome
        return int(outcome.job.rpartition("/")[2])

    def job(self, number: int) -> JobRecord:
        """The job as recorded."""
        return self.ask(JOB_GET, JobParams(number))

    def status(self) -> RuntimeStatus:
        """The runtime at a glance."""
        return self.ask(STATUS, Nothing())

    def running(self, number: int, attempt: int = 1) -> JobRecord:
        """Waits until an attempt of the job is under way, and has said so in its trail."""

        def begun() -> JobRecord | None:
            record = self.job(number)
            return record if f"begin {attempt}" in self.trail_of(number) else None

        return self.eventually(begun, f"attempt {attempt} of job {number}")

    def ended(self, *numbers: int) -> list[JobRecord]:
        """Waits until the jobs have ended."""
        return [self.eventually(lambda n=n: self._ended(n), f"the end of job {n}") for n in numbers]

    def connect(self, client: str) -> BlockingConnection:
        """Another connection, which the caller closes."""
        return BlockingConnection.open(self.paths, client)

    def disconnect(self) -> None:
        """Leaves the runtime; the next question connects again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # Processes

    def runtime(self) -> psutil.Process:
        """The runtime's process."""
        return psutil.Process(self.status().pid)

    def host(self) -> psutil.Process:
        """The host of the exemplary plugin, once it is ready and has said what it has."""
        self.eventually(lambda: self.ask(GET, GetParams("node", "exemplary")).resources, "the nodes")
        return self.eventually(self._ready_host, "a host that is ready")

    def worker_status(self, job: int) -> WorkerStatus:
        """The worker that has a job (0: that has none)."""

        def find() -> WorkerStatus | None:
            return next((each for each in self.status().workers if each.job == job and each.pid), None)

        return self.eventually(find, f"the worker of job {job}")

    def process(self, role: str, job: int) -> psutil.Process:
        """The process with a role, which is runtime, host, guard or worker (of a job; 0 is an idle one)."""
        if role == "runtime":
            return self.runtime()
        if role == "host":
            return self.host()
        found = self.worker_status(job)
        return psutil.Process(found.guard_pid if role == "guard" else found.pid)

    def kill(self, *processes: psutil.Process) -> None:
        """Kills processes at once, frozen or not, and returns when they are gone."""
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):  # It may end by itself at any moment.
                process.send_signal(signal.SIGKILL)
        for process in processes:
            self.eventually(lambda p=process: _gone(p), f"the end of process {process.pid}")

    def kill_pid(self, *pids: int) -> None:
        """Kills processes by number; those that have ended already are left out."""
        self.kill(*[process for pid in pids if (process := _process(pid)) is not None])

    def freeze(self, process: psutil.Process) -> None:
        """Stops a process until `thaw`, so that what the others do meanwhile cannot reach it."""
        process.send_signal(signal.SIGSTOP)
        self.eventually(lambda: process.status() == psutil.STATUS_STOPPED, f"process {process.pid} stopped")
        self._frozen.append(process)

    def thaw(self) -> None:
        """Lets go on whatever was frozen and still lives."""
        while self._frozen:
            process = self._frozen.pop()
            if process.is_running():
                process.send_signal(signal.SIGCONT)

    def holder_pid(self) -> int:
        """The process that holds, or held last, the instance's lock; 0 for nobody."""
        holder = read_holder(self.paths)
        return holder.pid if holder else 0

    def processes(self) -> list[psutil.Process]:
        """Every living process of the instance but those of this test."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("QUARTERDECK_HOME") == str(self.home)
                if ours and process.pid not in _own() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    # What attempts leave

    def trail_of(self, number: int) -> list[str]:
        """What the attempts of a job wrote down."""
        path = self.trail / str(number)
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def spooled(self, number: int, token: int = 1) -> None:
        """Waits until an attempt has stored its result."""
        result = self.paths.spool / f"{number}.{token}" / "result.json"
        self.eventually(result.exists, f"the result of attempt {token} at job {number}")

    def check(self, number: int, *states: JobState, acknowledged: bool = True) -> JobRecord:
        """Waits for the job's end, and asserts everything that must hold of a job that has ended, however many processes died.

        `states` are the ends that may be, success unless they are named. A dead job must have lost as many attempts as it may. The client
        of a job that was not `acknowledged` lost the answer, so that the journal may not know the job.
        """
        record = self.ended(number)[0]
        seen = f"job {number}: {[(each.event, each.attempt) for each in record.history]}, trail {self.trail_of(number)}"
        state = record.state
        assert state in (states or (JobState.SUCCEEDED,)), f"{seen}, {record.error}"
        finals = [each for each in record.history if each.event in _FINAL]
        assert [each.event for each in finals] == [state.value], seen
        assert record.history[-1] == finals[0], seen
        started = [each.attempt for each in record.history if each.event == "started"]
        assert started == list(range(1, record.attempt + 1)), seen
        assert finals[0].attempt == record.attempt, seen
        assert not [line for line in self.trail_of(number) if line.startswith("overlap")], seen
        if state is JobState.DEAD:
            assert record.attempt == record.max_attempts, seen
        if state is JobState.SUCCEEDED:
            self._check_result(record, seen)
        self.eventually(lambda: not self._left_of(number), f"spool and lease of job {number} removed: {seen}")
        accepted = [each for each in self.ask(JOURNAL, JournalParams(10_000)).entries if each.job == record.address]
        assert [each.outcome for each in accepted] == ["accepted"] or not (accepted or acknowledged), accepted
        return record

    def numbers(self) -> list[int]:
        """Every job that is recorded, whoever knows of it."""
        with closing(sqlite3.connect(self.paths.database)) as database:
            return [number for (number,) in database.execute("SELECT number FROM job ORDER BY number")]

    def stop(self) -> None:
        """Stops the runtime as `runtime stop` does, waits until no process is left, and checks the database."""
        self.thaw()
        self.status()
        assert self._connection is not None
        self._connection.call(STOP, StopParams("test"))
        self.disconnect()
        self.eventually(lambda: not self.processes(), "no process left after the stop")
        with closing(sqlite3.connect(self.paths.database)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert database.execute("SELECT count(*) FROM job WHERE state = 'running'").fetchone() == (0,)

    def eventually(self, found: Callable[[], T | None], what: str) -> T:
        """The first value that is something; fails with the log when none came for long."""
        deadline = time.monotonic() + PATIENCE
        while True:
            value = found()
            if value:
                return value
            if time.monotonic() > deadline:
                pytest.fail(f"{what} did not come\n{self.told()}")
            time.sleep(0.01)

    def told(self) -> str:
        """The end of the runtime's log, and what runs."""
        log = self.paths.logs / "runtime.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:] if log.exists() else []
        return "\n".join([*lines, *(f"{each.pid} {each.status()} {each.cmdline()}" for each in self.processes())])

    def _answer(self, method: Method[P, R], params: P) -> R | None:
        try:
            if self._connection is None:
                self._connection = BlockingConnection.open(self.paths, "test")
            return self._connection.call(method, params, PATIENCE)
        except UnreachableError:
            self.disconnect()
            return None

    def _ended(self, number: int) -> JobRecord | None:
        record = self.job(number)
        return record if record.state.final else None

    def _ready_host(self) -> psutil.Process | None:
        found = next((each for each in self.status().hosts if each.plugin == "exemplary"), None)
        return _process(found.pid) if found is not None and found.state == "ready" else None

    def _check_result(self, record: JobRecord, seen: str) -> None:
        result = record.result
        assert result is not None, seen
        match record.action:
            case "node.empty":
                assert result == {}, seen
            case "node.sleep" | "node.host-sleep":
                self._check_sleep(record, result, seen)
            case "deployment.score":
                assert result["sum"] == sum(number * number for number in range(record.parameters["items"])), seen
            case "deployment.roll-out":
                assert result["attempt"] == record.attempt, seen
                steps = [(step.name, step.state) for step in record.steps]
                assert steps == [(name, JobState.SUCCEEDED) for name in ("build", "push", "wait")], (steps, seen)
            case action if action.endswith("release"):
                assert len(set(result["jobs"])) == record.parameters["scores"], seen
            case _:
                assert record.document is not None, seen

    def _check_sleep(self, record: JobRecord, result: dict[str, Any], seen: str) -> None:
        assert result["attempt"] == record.attempt, seen
        assert f"end {record.attempt}" in self.trail_of(record.job), seen
        wanted = {"slept.txt", f"by-attempt-{record.attempt}.txt"} if record.parameters.get("artefact") else set()
        assert {each.name for each in record.artefacts} == wanted, seen
        folder = self.paths.artefacts / str(record.job)
        assert {path.name for path in folder.iterdir()} == wanted if wanted else not folder.exists(), seen

    def _left_of(self, number: int) -> list[Path]:
        return [path for folder in (self.paths.spool, self.paths.leases) for path in folder.glob(f"{number}.*")]


def _own() -> set[int]:
    here = psutil.Process()
    return {here.pid, *(parent.pid for parent in here.parents())}


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid) if pid else None
    except psutil.NoSuchProcess:
        return None


def _gone(process: psutil.Process) -> bool:
    try:
        # The first thread is a zombie already while others still end, and hold the process's locks.
        return not process.is_running() or (process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1)
    except psutil.NoSuchProcess:
        return True


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Makes the chaos run a part of the suite under its own name."""
    if file_path.name == "chaos.py" and not parent.session.isinitpath(file_path):
        return pytest.Module.from_parent(parent, path=file_path)  # type: ignore[no-any-return]
    return None


@pytest.fixture
def instance(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    """An instance in which nothing runs yet; the runtime starts with the first question."""
    monkeypatch.setenv("QUARTERDECK_PLUGIN_PATH", str(EXEMPLARY))
    found = Instance(home)
    yield found
    found.thaw()
    found.disconnect()


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Random moments that are the same in every run of a test: the seed is the test's name."""
    return random.Random(request.node.nodeid)
