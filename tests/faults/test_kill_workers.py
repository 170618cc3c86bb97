"""Guards and workers are killed before, during and after worker jobs: the attempt is lost or counts, never both."""

import time
from random import Random
from typing import Any

import pytest

from quarterdeck_api.jobs import JobState

pytestmark = pytest.mark.parametrize("role", ["guard", "worker"])


def test_killed_while_warm_and_without_a_job(instance: Any, role: str) -> None:
    first = instance.submit(seconds=0.0)
    instance.check(first)
    instance.kill(instance.process(role, 0))
    instance.check(instance.submit(seconds=0.1))
    instance.stop()


def test_killed_just_before_the_next_job_comes_costs_no_attempt(instance: Any, role: str) -> None:
    instance.check(instance.submit(seconds=0.0))
    victims = [instance.process(each, 0) for each in ("guard", "worker")]
    instance.freeze(victims[0])  # So that nobody hears of the death before the job has been given away.
    instance.kill(victims[1])
    number = instance.submit("node.empty")
    if role == "guard":
        instance.kill(victims[0])
    instance.thaw()
    assert instance.check(number).attempt == 1
    instance.stop()


def test_killed_while_another_job_waits_for_its_place(instance: Any, role: str) -> None:
    instance.configure(max_workers=1)
    first = instance.submit(seconds=0.5, steps=10)
    instance.running(first)
    second = instance.submit(seconds=0.0)
    instance.kill(instance.process(role, first))
    assert instance.check(first).attempt == 2
    assert instance.check(second).attempt == 1
    instance.stop()


def test_killed_during_a_job(instance: Any, role: str) -> None:
    number = instance.submit(seconds=1.0, steps=20)
    instance.running(number)
    instance.eventually(lambda: len(instance.job(number).steps) > 2, "a third step")
    victims = [instance.process(each, number) for each in ("guard", "worker")]
    instance.kill(victims[role == "worker"])
    record = instance.check(number)
    assert record.attempt == 2
    assert record.result["first_step"] > 0
    assert [each.event for each in record.history].count("retrying") == 1
    assert not set(victims) & set(instance.processes())
    instance.stop()


def test_killed_in_every_attempt_ends_dead_and_says_why(instance: Any, role: str) -> None:
    number = instance.submit(seconds=30.0)
    for attempt in (1, 2, 3):
        instance.running(number, attempt)
        instance.kill(instance.process(role, number))
    record = instance.check(number, JobState.DEAD)
    assert record.error is not None
    assert "killed" in record.error.message or "SIGKILL" in record.error.message
    instance.stop()


def test_killed_between_the_stored_result_and_its_record(instance: Any, role: str) -> None:
    number = instance.submit(seconds=0.5)
    instance.running(number)
    victim = instance.process(role, number)
    # Whoever would pass the news on is stopped meanwhile, so that the kill comes first for certain.
    instance.freeze(victim if role == "guard" else instance.runtime())
    instance.spooled(number)
    instance.kill(victim)
    instance.thaw()
    assert instance.check(number).attempt == 1
    instance.stop()


def test_killed_right_after_the_end(instance: Any, role: str) -> None:
    number = instance.submit(seconds=0.0)
    instance.ended(number)
    instance.kill(instance.process(role, 0))
    assert instance.check(number).attempt == 1
    instance.stop()


def test_killed_at_random_moments(instance: Any, role: str, chance: Random) -> None:
    numbers: list[int] = []
    for _ in range(8):
        numbers += [instance.submit(seconds=chance.uniform(0.0, 0.3)), instance.submit("node.empty")]
        time.sleep(chance.uniform(0.0, 0.5))
        workers = [each for each in instance.status().workers if each.pid]
        if workers:
            victim = chance.choice(workers)
            instance.kill_pid(victim.guard_pid if role == "guard" else victim.pid)
    for number in numbers:
        instance.check(number, JobState.SUCCEEDED, JobState.DEAD)
    instance.stop()
