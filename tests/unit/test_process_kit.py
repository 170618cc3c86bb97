"""The kit of a managed process against a real host's side, over real sockets: greeting, beats, telemetry, messages, draining, reconnecting."""

import asyncio
import contextlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quarterdeck_api.errors import QuarterdeckError, RefusedError, UnknownOutcomeError, UnreachableError, UsageError
from quarterdeck_api.host.process_listening import ProcessFollower
from quarterdeck_api.host.processes import HostProcesses
from quarterdeck_api.peer import Peer
from quarterdeck_api.process import ManagedProcess
from quarterdeck_api.processes import (
    PROCESS_CONTROL,
    PROCESS_DRAIN_ONE,
    PROCESS_EXPECT,
    PROCESS_FORGET,
    PROCESS_REPORT,
    ControlAnswer,
    ControlMessage,
    ProcessControl,
    ProcessExpected,
    ProcessName,
    ProcessReport,
    ProcessStart,
    Telemetry,
)
from quarterdeck_api.resources import Health

PATIENCE = 60.0
START = ProcessStart("one.1", 1, "a.b", "m:f", {"threshold": 0.5}, "plant", "", {})


class Follower(ProcessFollower):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__("one.1", lambda: None)
        self.reports: list[ProcessReport] = []
        self.told: list[Telemetry] = []

    def changed(self, report: ProcessReport) -> None:
        self.reports.append(report)

    def telemetry(self, told: Telemetry) -> None:
        self.told.append(told)

    def close(self, last: ProcessReport) -> None:
        self.reports.append(last)


class Host:
    """A host's side of processes, and the runtime's connection to it."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "h.sock")
        self.reports: list[ProcessReport] = []
        self.times: list[float] = []
        self.follower = Follower()
        self.runtime: Peer
        self.processes: HostProcesses
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> "Host":
        ours, theirs = socket.socketpair()
        self.runtime = Peer(*await asyncio.open_connection(sock=ours), "the host", _fault)
        host_peer = Peer(*await asyncio.open_connection(sock=theirs), "the runtime", _fault)
        self.processes = HostProcesses(
            lambda report: host_peer.notify(PROCESS_REPORT, report), lambda wanted: self.follower
        )
        self.processes.register(host_peer)
        self.runtime.on_notification(PROCESS_REPORT, self._report)
        self._tasks = [asyncio.create_task(peer.run()) for peer in (self.runtime, host_peer)]
        return self

    async def expect(self, name: str = "one.1", token: str = "secret") -> None:
        await self.runtime.call(PROCESS_EXPECT, ProcessExpected(name, "a.b", "plant", token, self.path), PATIENCE)

    async def control(self, message: str, body: Any = None, timeout: float = PATIENCE) -> Any:
        asked = ProcessControl("one.1", ControlMessage(message, body), timeout)
        return (await self.runtime.call(PROCESS_CONTROL, asked, PATIENCE)).body

    async def close(self) -> None:
        await self.processes.close()
        for task in self._tasks:
            task.cancel()
        self.runtime.close()

    def _report(self, report: ProcessReport) -> None:
        self.reports.append(report)
        self.times.append(asyncio.get_running_loop().time())


def _fault(method: str, error: BaseException) -> None:
    raise AssertionError(method) from error


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="qd-") as name:
        yield Path(name)


def run(folder: Path, test: Callable[[Host, ManagedProcess], Awaitable[None]], start: ProcessStart = START) -> None:
    """Runs a test with a host and a process that has begun to connect."""

    async def whole() -> None:
        host = await Host(folder).open()
        process = ManagedProcess(start, host.path, "secret")
        try:
            process.connect()
            await test(host, process)
        finally:
            process.close()
            await host.close()

    asyncio.run(whole())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


def test_an_instance_is_unknown_until_it_is_ready_and_then_beats(folder: Path) -> None:
    async def test(host: Host, process: ManagedProcess) -> None:
        await host.expect()
        await until(lambda: bool(host.reports))
        assert host.reports[0] == ProcessReport("one.1", True, Health.UNKNOWN, "starting")
        process.ready("warm")
        await until(lambda: host.reports[-1] == ProcessReport("one.1", True, Health.OK, "warm"))
        beats = len(host.reports)
        await until(lambda: len(host.reports) >= beats + 2)  # It goes on to beat by itself.
        process.health(Health.DEGRADED, "cold")
        await until(lambda: host.reports[-1].message == "cold")
        assert next(each.health for each in host.follower.reports if each.message == "cold") is Health.DEGRADED

    run(folder, test)


def test_telemetry_is_coalesced_and_rationed(folder: Path) -> None:
    async def test(host: Host, process: ManagedProcess) -> None:
        await host.expect()
        for number in range(300):
            process.telemetry({"number": float(number), f"own-{number % 3}": 1.0}, {"number": "1"}, {"phase": "busy"})
            await asyncio.sleep(0.002)
        await until(lambda: any(each.values.get("number") == 299.0 for each in host.reports))
        last = [each for each in host.reports if "number" in each.values][-1]
        assert last.units == {"number": "1"}
        names = {name for each in host.reports for name in each.values}
        assert names == {"number", "own-0", "own-1", "own-2"}
        took = host.times[-1] - host.times[0]
        assert len(host.reports) <= took * 10 + 12  # Ten a second, and what the limits let through at their edges.
        assert len(host.follower.told) < 300
        assert host.follower.told[-1].notes == {"phase": "busy"}
        assert host.reports[-1].health is Health.OK  # Whoever reports numbers is ready.

    run(folder, test)


def test_what_is_no_number_is_refused() -> None:
    process = ManagedProcess(START, "/nowhere", "secret")
    with pytest.raises(UsageError, match="reports x = nan"):
        process.telemetry({"x": float("nan")})
    with pytest.raises(UsageError, match="1001 numbers at once"):
        process.telemetry({str(number): 0.0 for number in range(1001)})
    with pytest.raises(UsageError, match=r"the parameters of one\.1 are wrong"):
        process.parameters_as(msgspec.defstruct("P", [("threshold", int)]))


def test_messages_are_answered_one_at_a_time(folder: Path) -> None:
    async def test(host: Host, process: ManagedProcess) -> None:
        inside = threading.Semaphore(1)

        def handle(message: ControlMessage) -> Any:
            assert inside.acquire(blocking=False)
            time.sleep(0.01)
            inside.release()
            match message.name:
                case "add":
                    return ControlAnswer(message.body["a"] + 1)
                case "none":
                    return None
                case "object":
                    return object()
                case "usage":
                    raise UsageError("no such knob", "turn another one")
                case _:
                    raise ValueError("broken")

        await host.expect()
        await until(lambda: bool(host.reports))
        with pytest.raises(QuarterdeckError, match="takes no control messages"):
            await host.control("add", {"a": 1})
        process.on_message(handle)
        assert await asyncio.gather(*(host.control("add", {"a": number}) for number in range(5))) == [1, 2, 3, 4, 5]
        assert await host.control("none") is None
        with pytest.raises(UsageError, match="no such knob"):
            await host.control("usage")
        with pytest.raises(QuarterdeckError, match="ValueError: broken"):
            await host.control("other")
        with pytest.raises(QuarterdeckError, match=r"one\.1 failed at 'object'"):
            await host.control("object")

    run(folder, test)


def test_a_lost_answer_is_an_unknown_outcome(folder: Path) -> None:
    async def test(host: Host, process: ManagedProcess) -> None:
        go_on = threading.Event()
        process.on_message(lambda message: go_on.wait(PATIENCE))
        await host.expect()
        await until(lambda: bool(host.reports))
        with pytest.raises(UnknownOutcomeError, match=r"one\.1 did not answer 'x' within 0\.1 s"):
            await host.control("x", timeout=0.1)
        loop = asyncio.get_running_loop()
        send = host.processes.send_from_thread
        with pytest.raises(UnknownOutcomeError):
            await loop.run_in_executor(None, send, "plant", "one.1", ControlMessage("y"), 0.1)
        with pytest.raises(RefusedError, match="belongs to plant, not to other"):
            await loop.run_in_executor(None, send, "other", "one.1", ControlMessage("y"), 0.1)
        go_on.set()

    run(folder, test)


def test_only_the_token_opens(folder: Path) -> None:
    async def test(host: Host, process: ManagedProcess) -> None:
        await host.expect(token="another")
        await host.expect("two.1")
        await asyncio.sleep(0.5)
        assert not host.reports
        with pytest.raises(UnreachableError, match="has not connected"):
            await host.control("x")
        await host.expect()  # The right one, at last: the process tries again by itself.
        await until(lambda: bool(host.reports))

    run(folder, test)
    assert (folder / "h.sock").stat().st_mode & 0o077 == 0


def test_draining_is_asked_for_by_the_host(folder: Path) -> None:
    async def test(host: Host, process: ManagedProcess) -> None:
        await host.expect()
        await until(lambda: bool(host.reports))
        assert not process.wait_drain(0.01)
        host.runtime.notify(PROCESS_DRAIN_ONE, ProcessName("one.1"))
        await until(lambda: process.draining)

    run(folder, test)


def test_a_process_survives_its_host_and_finds_the_next(folder: Path) -> None:
    async def test(host: Host, process: ManagedProcess) -> None:
        await host.expect()
        process.ready("first")
        await until(lambda: bool(host.reports))
        await host.close()
        process.health(Health.OK, "meanwhile")
        again = await Host(folder).open()
        try:
            await again.expect()
            await until(lambda: bool(again.reports) and again.reports[-1].message == "meanwhile")
            process.telemetry({"x": 1.0})
            await until(lambda: any(each.values == {"x": 1.0} for each in again.reports))
        finally:
            await again.close()

    run(folder, test)


def test_what_is_forgotten_is_let_in_no_more(folder: Path) -> None:
    async def test(host: Host, process: ManagedProcess) -> None:
        await host.expect()
        await until(lambda: bool(host.reports))
        host.runtime.notify(PROCESS_FORGET, ProcessName("one.1"))
        await until(lambda: bool(host.follower.reports) and not host.follower.reports[-1].connected)
        seen = len(host.reports)
        await asyncio.sleep(0.5)
        assert len(host.reports) == seen

    run(folder, test)


def test_nonsense_ends_only_its_own_connection(folder: Path) -> None:
    async def test(host: Host, process: ManagedProcess) -> None:
        await host.expect()
        await until(lambda: bool(host.reports))
        for line in (b"nonsense\n", b'{"method":"process.telemetry","params":{"values":{"a":1}}}\n', b"x" * 5_000_000):
            reader, writer = await asyncio.open_unix_connection(host.path)
            writer.write(line)
            writer.close()
            with contextlib.suppress(ConnectionError):  # Of a line that is too long not all is read.
                assert (await reader.read()).count(b"\n") <= 1
        assert not any("a" in each.values for each in host.reports)
        seen = len(host.reports)
        await until(lambda: len(host.reports) > seen)

    run(folder, test)


def test_the_program_drains_on_sigterm_and_ends_with_its_guard(folder: Path) -> None:
    """As a guard starts it: a start file that it removes, standard input as the life pipe."""
    (folder / "impl.py").write_text(
        "import time\n"
        "def run(process):\n"
        "    print('got', process.parameters, flush=True)\n"
        "    process.wait_drain()\n"
        "    print('drained', flush=True)\n"
        "def fail(process):\n"
        "    raise ValueError('broken')\n"
    )

    def start(function: str) -> "subprocess.Popen[str]":
        told = ProcessStart("one.1", 1, "a.b", f"impl:{function}", {"a": 1}, "plant", "", {})
        path = folder / "start.json"
        path.write_bytes(msgspec.json.encode(told))
        command = [sys.executable, "-P", "-m", "quarterdeck_api.process_program", "--start", str(path)]
        return subprocess.Popen(
            [*command, "--path", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    program = start("run")
    assert program.stdout is not None
    assert program.stdout.readline() == "got {'a': 1}\n"
    assert not (folder / "start.json").exists()
    program.terminate()
    assert program.stdout.readline() == "drained\n"
    assert program.wait(PATIENCE) == 0
    program.stdout.close()

    program = start("fail")
    assert program.stdout is not None
    assert "ValueError: broken" in program.stdout.read()
    assert program.wait(PATIENCE) == 1

    program = start("run")
    assert program.stdout is not None
    assert program.stdout.readline().startswith("got")
    assert program.stdin is not None
    program.stdin.close()  # The guard's end of the life pipe.
    assert program.wait(PATIENCE) == 1
    assert "drained" not in program.stdout.read()
