"""The runtime is killed before, during and after jobs, while it starts, and again and again."""

import subprocess
import sys
import time
from random import Random
from typing import Any

import pytest

from quarterdeck_api.jobs import JobState

_OPEN = """
from quarterdeck.client.blocking import BlockingConnection
from quarterdeck.config.paths import instance_paths
with BlockingConnection.open(instance_paths(), "racer") as connection:
    print(connection.hello.pid)
    input()
"""


def test_a_queued_job_waits_and_a_running_one_is_adopted(instance: Any) -> None:
    instance.configure(max_workers=1)
    first = instance.submit(seconds=2.0)
    instance.running(first)
    second = instance.submit(seconds=0.1)
    worker = instance.process("worker", first)
    instance.kill(instance.runtime())
    assert instance.job(second).state is JobState.QUEUED
    record = instance.check(first)
    assert record.attempt == 1
    assert record.result["pid"] == worker.pid
    assert instance.check(second).attempt == 1
    instance.stop()


def test_an_attempt_is_adopted_by_one_runtime_after_another(instance: Any) -> None:
    number = instance.submit(seconds=5.0, steps=20)
    instance.running(number)
    worker = instance.process("worker", number)
    for _ in range(2):
        instance.kill(instance.runtime())
        assert instance.job(number).state is JobState.RUNNING
        assert instance.process("worker", number) == worker
    record = instance.check(number)
    assert record.attempt == 1
    assert record.result["pid"] == worker.pid
    assert [step.name for step in record.steps] == [f"step-{step}" for step in range(1, 21)]
    instance.stop()


def test_a_host_job_goes_on_from_its_checkpoint_and_no_death_of_the_runtime_counts(instance: Any) -> None:
    number = instance.submit("node.host-sleep", seconds=3.0, steps=60)
    for attempt in range(1, 5):
        instance.running(number, attempt)
        instance.eventually(lambda: len(instance.job(number).steps) > 1, "a second step")
        instance.kill(instance.runtime())
    record = instance.check(number)
    assert record.attempt == 5
    assert record.result["first_step"] >= 4
    assert [each.event for each in record.history].count("interrupted") == 4
    instance.stop()


@pytest.mark.parametrize("action", ["node.sleep", "node.host-sleep"])
def test_a_result_that_was_stored_counts_although_nobody_recorded_it(instance: Any, action: str) -> None:
    instance.host()
    number = instance.submit(action, seconds=0.5)
    instance.running(number)
    runtime = instance.runtime()
    instance.freeze(runtime)
    instance.spooled(number)
    instance.kill(runtime)
    assert instance.check(number).attempt == 1
    instance.stop()


@pytest.mark.parametrize("action", ["node.sleep", "node.host-sleep"])
def test_killed_right_after_the_end(instance: Any, action: str) -> None:
    number = instance.submit(action, seconds=0.1)
    instance.ended(number)
    instance.kill(instance.runtime())
    assert instance.check(number).attempt == 1
    instance.stop()


def test_killed_at_random_moments(instance: Any, chance: Random) -> None:
    numbers: list[int] = []
    for _ in range(8):
        for action in ("node.sleep", "node.host-sleep", "node.empty"):
            numbers.append(instance.submit(action, seconds=chance.uniform(0.0, 0.4)))
        time.sleep(chance.uniform(0.0, 0.4))
        instance.kill(instance.runtime())
    for number in numbers:
        instance.check(number)
    instance.stop()


def test_killed_while_it_starts(instance: Any, chance: Random) -> None:
    number = instance.submit(seconds=3.0)
    instance.running(number)
    instance.kill(instance.runtime())
    for _ in range(6):
        started = subprocess.Popen(
            [sys.executable, "-P", "-m", "quarterdeck.runtime.main"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(chance.uniform(0.05, 0.9))
        started.kill()
        started.wait()
    assert instance.check(number).attempt == 1
    instance.stop()


def test_of_clients_that_race_after_a_kill_one_starts_the_runtime(instance: Any) -> None:
    number = instance.submit(seconds=3.0)
    instance.running(number)
    killed = instance.runtime()
    instance.disconnect()
    instance.kill(killed)
    racers = [
        subprocess.Popen([sys.executable, "-c", _OPEN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    try:
        seen = {int(racer.stdout.readline()) for racer in racers if racer.stdout is not None}
        runtimes = [each.pid for each in instance.processes() if "quarterdeck.runtime.main" in each.cmdline()]
    finally:
        for racer in racers:
            racer.communicate("\n")
    assert seen == set(runtimes)
    assert len(runtimes) == 1
    assert killed.pid not in runtimes
    assert instance.check(number).attempt == 1
    instance.stop()
