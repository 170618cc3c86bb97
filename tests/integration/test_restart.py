"""`runtime restart` and `runtime stop` as a user types them, while a worker job runs."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

N1 = "exemplary/node/n1"


class Commands:
    """Commands on one instance; the runtime is started by the first of them, as a user has it."""

    def __init__(self, instance: Any) -> None:
        self._environment = instance.environment

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "quarterdeck", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self) -> dict[str, Any]:
        return json.loads(self.run("runtime", "status", "--json"))

    def job(self, address: str) -> dict[str, Any]:
        return json.loads(self.run("jobs", "show", address.rpartition("/")[2], "--json"))

    def sleep(self, seconds: float) -> str:
        steps = str(int(seconds * 10))
        output = self.run("do", "node.sleep", N1, "--seconds", str(seconds), "--steps", steps, "--no-wait")
        return output.strip()


@pytest.fixture
def commands(make_instance: Callable[..., Any]) -> Iterator[Commands]:
    commands = Commands(make_instance())
    yield commands
    commands.run("runtime", "stop")


def test_a_worker_job_goes_on_through_a_restart(commands: Commands, until: Callable[..., None]) -> None:
    address = commands.sleep(6.0)
    until(lambda: commands.job(address)["state"] == "running")
    before = commands.status()
    commands.run("runtime", "restart")
    after = commands.status()
    assert after["pid"] != before["pid"]
    assert [worker["pid"] for worker in after["workers"]] == [worker["pid"] for worker in before["workers"]]
    until(lambda: commands.job(address)["state"] != "running")
    record = commands.job(address)
    assert (record["state"], record["attempt"]) == ("succeeded", 1)


def test_a_stop_ends_the_job_and_the_next_start_runs_it_again(commands: Commands, until: Callable[..., None]) -> None:
    address = commands.sleep(600.0)
    until(lambda: commands.job(address)["state"] == "running")
    commands.run("runtime", "stop")
    commands.run("runtime", "start")
    until(lambda: commands.job(address)["state"] == "running")
    events = [event["event"] for event in commands.job(address)["history"]]
    assert events.count("started") == 2
    commands.run("do", "job.cancel", address)
    until(lambda: commands.job(address)["state"] == "cancelled")


def test_a_crash_below_python_leaves_where_it_happened_in_the_log(make_instance: Callable[..., Any]) -> None:
    instance = make_instance()
    instance.client().status()
    instance.kill(signal.SIGSEGV)
    assert "Fatal Python error: Segmentation fault" in instance.log() and "Current thread" in instance.log()
    assert instance.client().status().pid
