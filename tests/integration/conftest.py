"""A real runtime in an instance of its own, and connections to it that remember every byte they were sent."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from quarterdeck.client.blocking import BlockingConnection
from quarterdeck.client.launch import connect
from quarterdeck.config.paths import HOME_VARIABLE, instance_paths
from quarterdeck_api.jobs import JobState
from quarterdeck_api.protocol import (
    DESCRIBE,
    DO,
    GET,
    JOB_GET,
    JOURNAL,
    AddressParams,
    DescribeResult,
    DoParams,
    GetParams,
    GetResult,
    JobParams,
    JobRecord,
    JournalEntry,
    JournalParams,
    Outcome,
)
from quarterdeck_api.runtime_requests import STATUS, STOP, RuntimeStatus, StopParams
from quarterdeck_api.wire import Nothing

PLUGINS = Path(__file__).parents[1] / "plugins"

#: Seconds that anything awaited here may take; only a test that fails waits so long.
_PATIENCE = 60.0
_PAUSE = 0.02


class RecordingSocket:
    """A socket that keeps what it has received."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self.received = bytearray()

    def recv(self, size: int) -> bytes:
        data = self._inner.recv(size)
        self.received += data
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Client(BlockingConnection):
    """A connection with the requests that tests make again and again."""

    def __init__(self, connection: socket.socket) -> None:
        self.recording = RecordingSocket(connection)
        super().__init__(self.recording)  # type: ignore[arg-type]

    def do(self, action: str, *addresses: str, **more: Any) -> list[Outcome]:
        return list(self.call(DO, DoParams(action, addresses, **more), _PATIENCE).outcomes)

    def do_one(self, action: str, *addresses: str, **more: Any) -> Outcome:
        [outcome] = self.do(action, *addresses, **more)
        return outcome

    def get(self, kind: str, backend: str = "", filter: str = "") -> GetResult:
        return self.call(GET, GetParams(kind, backend, filter, 30.0), _PATIENCE)

    def describe(self, address: str) -> DescribeResult:
        return self.call(DESCRIBE, AddressParams(address), _PATIENCE)

    def job(self, address: str) -> JobRecord:
        return self.call(JOB_GET, JobParams(int(address.rsplit("/", 1)[1])), _PATIENCE)

    def finished(self, address: str) -> JobRecord:
        """The job once it has ended."""
        until(lambda: self.job(address).state.final)
        return self.job(address)

    def running(self, address: str) -> JobRecord:
        """The job once its first step has begun."""
        until(lambda: self.job(address).state is JobState.RUNNING and bool(self.job(address).steps))
        return self.job(address)

    def journal(self, filter: str = "") -> list[JournalEntry]:
        return list(self.call(JOURNAL, JournalParams(1000, 0, filter), _PATIENCE).entries)

    def status(self) -> RuntimeStatus:
        return self.call(STATUS, Nothing(), _PATIENCE)


class Instance:
    """One instance below a short path; `plugins` are names of folders beside this suite, `environment` is the runtime's own."""

    def __init__(self, config: str = "", plugins: tuple[str, ...] = ("exemplary",), **environment: str) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="qd-"))
        path = os.pathsep.join(str(PLUGINS / name) for name in plugins)
        self.environment = {
            **os.environ,
            HOME_VARIABLE: str(self.home),
            "QUARTERDECK_PLUGIN_PATH": path,
            "QUARTERDECK_IDLE_EXIT": "60",
            **environment,
        }
        self.paths = instance_paths(self.environment)
        self.clients: list[Client] = []
        self.process: subprocess.Popen[bytes] | None = None
        if config:
            self.paths.config_folder.mkdir(parents=True)
            self.paths.config_file.write_text(config, encoding="utf-8")

    def start(self) -> None:
        self.paths.logs.mkdir(parents=True, exist_ok=True)
        with (self.paths.logs / "runtime.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "quarterdeck.runtime.main"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def client(self, name: str = "test") -> Client:
        """A connection that has said hello; starts the runtime when it does not run."""
        if self.process is None:
            self.start()
        connection = Client(self.raw())
        self.clients.append(connection)
        connection.greet(name)
        return connection

    def raw(self) -> socket.socket:
        """A connection that has said nothing yet."""
        process = self.process
        assert process is not None
        found: list[socket.socket] = []

        def listens() -> bool:
            assert process.poll() is None, self.log()
            connection = connect(self.paths)
            found.extend([connection] if connection else [])
            return bool(found)

        until(listens)
        return found[0]

    def log(self) -> str:
        return (self.paths.logs / "runtime.log").read_text(encoding="utf-8")

    def host_pid(self, client: Client, plugin: str = "exemplary") -> int:
        return next(host.pid for host in client.status().hosts if host.plugin == plugin)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Ends the runtime as a crash would."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(_PATIENCE)
        self.process = None

    def stop(self) -> int:
        """Ends the runtime in an orderly way; its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.client("stopper").call(STOP, StopParams("the test ends"), _PATIENCE)
        code = self.process.wait(_PATIENCE)
        self.process = None
        return code

    def processes(self) -> list[psutil.Process]:
        """Every living process of the instance."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            try:
                ours = process.pid != os.getpid() and process.environ().get(HOME_VARIABLE) == str(self.home)
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def close(self) -> None:
        try:
            code = self.stop() if self.process is not None else 0
            for client in self.clients:
                client.close()
            deadline = time.monotonic() + 15
            while (left := self.processes()) and time.monotonic() < deadline:
                time.sleep(0.1)
            described = [f"{process.pid} {' '.join(process.cmdline())}" for process in left if process.is_running()]
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):  # It may end by itself at any moment.
                    process.kill()
            assert code == 0, self.log()
            assert not described, f"processes left behind: {described}"
        finally:
            shutil.rmtree(self.home, ignore_errors=True)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for does not come"
        time.sleep(_PAUSE)


@pytest.fixture(scope="session", name="until")
def _until() -> Callable[[Callable[[], bool]], None]:
    """Waits until a condition holds."""
    return until


@pytest.fixture(scope="module")
def make_instance() -> Iterator[Callable[..., Instance]]:
    """Makes instances; each is ended, and checked for processes left behind, when the module ends."""
    made: list[Instance] = []

    def make(config: str = "", plugins: tuple[str, ...] = ("exemplary",), **environment: str) -> Instance:
        made.append(Instance(config, plugins, **environment))
        return made[-1]

    yield make
    faults: list[Exception] = []
    for instance in made:
        try:
            instance.close()
        except Exception as fault:
            faults.append(fault)
    if faults:
        raise ExceptionGroup("instances did not end well", faults)
