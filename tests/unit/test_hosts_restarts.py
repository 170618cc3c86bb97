"""Real hosts that crash, hang, eat memory or cannot start: restarted with the reason, until that is of no use."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from host_bench import Bench, Play, describe, scenario_player, until
from quarterdeck.runtime.hosts.supervisor import HostLimits
from quarterdeck_api.backend import Interest
from quarterdeck_api.errors import UnreachableError
from quarterdeck_api.host.exits import HostExit
from quarterdeck_api.host_protocol import HOST_FD_VARIABLE

play = pytest.fixture(scenario_player)


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


def test_a_host_beyond_its_memory_is_restarted_with_the_reason(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        bench.limits = HostLimits(memory=1024 * 1024)
        await bench.start()
        await until(lambda: any("MiB of memory" in state.reason for state in bench.seen.states))

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
