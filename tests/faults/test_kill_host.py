"""The host is killed before, during and after host jobs; worker jobs go on meanwhile."""

import fcntl
import time
from random import Random
from typing import Any

from quarterdeck_api.jobs import JobState


def test_killed_before_the_job_begins(instance: Any) -> None:
    instance.kill(instance.host())
    number = instance.submit("node.host-sleep", seconds=0.1)
    assert instance.check(number).attempt == 1
    instance.stop()


def test_killed_during_a_job_which_goes_on_from_its_checkpoint(instance: Any) -> None:
    number = instance.submit("node.host-sleep", seconds=1.0, steps=20)
    bystander = instance.submit(seconds=1.0)
    instance.running(number)
    instance.running(bystander)
    instance.eventually(lambda: len(instance.job(number).steps) > 2, "a third step")
    instance.kill(instance.host())
    record = instance.check(number)
    assert record.attempt == 2
    assert record.result["first_step"] > 0
    assert instance.check(bystander).attempt == 1
    instance.stop()


def test_killed_between_the_stored_result_and_its_record(instance: Any) -> None:
    number = instance.submit("node.host-sleep", seconds=0.5)
    instance.running(number)
    host = instance.host()
    instance.freeze(instance.runtime())
    instance.spooled(number)
    instance.kill(host)
    instance.thaw()
    assert instance.check(number).attempt == 1
    instance.stop()


def test_killed_right_after_the_end(instance: Any) -> None:
    number = instance.submit("node.host-sleep", seconds=0.0)
    instance.ended(number)
    instance.kill(instance.host())
    assert instance.check(number).attempt == 1
    instance.stop()


def test_killed_at_random_moments(instance: Any, chance: Random) -> None:
    numbers: list[int] = []
    for _ in range(3):  # A host that ends more often is taken for broken.
        host = instance.host()
        numbers += [instance.submit("node.host-sleep", seconds=chance.uniform(0.0, 0.3)) for _ in range(3)]
        time.sleep(chance.uniform(0.0, 0.3))
        instance.kill(host)
    for number in numbers:
        instance.check(number)
    instance.stop()


def test_a_host_that_cannot_see_the_runtimes_death_ends_with_it(instance: Any) -> None:
    number = instance.submit("node.host-sleep", seconds=1.0, steps=10)
    instance.running(number)
    host = instance.host()
    instance.freeze(host)
    instance.kill(instance.runtime())
    instance.eventually(lambda: host not in instance.processes(), "the end of the frozen host")
    assert instance.check(number).attempt == 2
    instance.stop()


def test_a_host_that_ends_late_is_waited_for_and_costs_no_attempt(instance: Any) -> None:
    number = instance.submit("node.host-sleep", seconds=1.0, steps=10)
    instance.running(number)
    host, runtime = instance.host(), instance.runtime()
    instance.freeze(runtime)
    instance.kill(host)
    with (instance.paths.leases / f"{number}.1").open("a") as lease:
        fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)  # As the host's process would until it is gone.
        instance.kill(runtime)
        instance.host()
        assert instance.job(number).state is JobState.RUNNING
    record = instance.check(number)
    assert [each.event for each in record.history] == ["submitted", "started", "interrupted", "started", "succeeded"]
    instance.stop()


def test_a_job_that_kills_its_host_each_time_ends_dead_and_others_go_on(instance: Any) -> None:
    instance.host()
    poison = instance.submit("node.host-sleep", seconds=0.1, crash=True)
    record = instance.check(poison, JobState.DEAD)
    assert record.error is not None and "the host of plugin exemplary ended" in record.error.message
    instance.host()
    instance.check(instance.submit("node.host-sleep", seconds=0.1))
    instance.stop()
