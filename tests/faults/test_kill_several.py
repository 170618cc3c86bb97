"""Two processes are killed at once; and a client while it waits."""

import subprocess
import sys
import time
from random import Random
from typing import Any

import pytest

from quarterdeck_api.protocol import DO, JOURNAL, DoParams, JournalParams
from quarterdeck_api.wire import Message, encode_message, encode_value

_PAIRS = [
    ("runtime", "worker"),
    ("worker", "runtime"),
    ("runtime", "guard"),
    ("guard", "runtime"),
    ("host", "runtime"),
    ("guard", "worker"),
]


@pytest.mark.parametrize("pair", _PAIRS, ids="+".join)
def test_two_kills_during_jobs(instance: Any, pair: tuple[str, str]) -> None:
    jobs = {"worker": instance.submit(seconds=1.0, steps=20)}
    jobs["host"] = instance.submit("node.host-sleep", seconds=1.0, steps=20)
    for number in jobs.values():
        instance.running(number)
    instance.kill(*[instance.process(role, jobs["worker"]) for role in pair])
    records = {where: instance.check(number) for where, number in jobs.items()}
    assert records["worker"].attempt == (2 if {"guard", "worker"} & set(pair) else 1)
    assert records["host"].attempt == (2 if {"host", "runtime"} & set(pair) else 1)
    instance.stop()


@pytest.mark.parametrize("role", ["worker", "guard", "host"])
def test_two_kills_while_the_result_is_stored_and_not_recorded(instance: Any, role: str) -> None:
    number = instance.submit("node.host-sleep" if role == "host" else "node.sleep", seconds=0.5)
    instance.running(number)
    victims = [instance.process(role, number), instance.runtime()]
    instance.freeze(victims[1])
    instance.spooled(number)
    instance.kill(*victims)
    assert instance.check(number).attempt == 1
    instance.stop()


@pytest.mark.parametrize("role", ["worker", "guard"])
def test_two_kills_at_random_moments(instance: Any, role: str, chance: Random) -> None:
    numbers: list[int] = []
    for _ in range(5):
        numbers += [instance.submit(seconds=chance.uniform(0.2, 0.6)), instance.submit("node.empty")]
        instance.running(numbers[-2])
        victims = [each for each in instance.status().workers if each.pid]
        time.sleep(chance.uniform(0.0, 0.5))
        pids = [chance.choice(victims).guard_pid if role == "guard" else chance.choice(victims).pid] if victims else []
        both = [instance.holder_pid(), *pids]
        chance.shuffle(both)
        instance.kill_pid(*both)
    for number in numbers:
        instance.check(number)
    instance.stop()


def test_a_client_killed_while_it_waits_changes_nothing(instance: Any) -> None:
    trail = f"--trail={instance.trail}"
    command = [sys.executable, "-m", "quarterdeck", "do", "node.sleep", "exemplary/node/n1", "--seconds=1", trail]
    client = subprocess.Popen([*command, "--artefact"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    instance.eventually(lambda: instance.trail_of(1), "a job that has begun")
    client.kill()
    client.wait()
    assert instance.check(1).attempt == 1
    instance.stop()


def test_a_client_gone_right_after_its_requests_leaves_them_done_and_journalled(instance: Any) -> None:
    host = instance.host()
    instance.freeze(host)

    def outcomes() -> list[str]:
        return [entry.outcome for entry in instance.ask(JOURNAL, JournalParams()).entries]

    connection = instance.connect("leaver")
    for number in range(1, 11):
        wanted = DoParams("node.ping", ("exemplary/node/n1",), {"text": f"ping {number}"})
        connection._socket.sendall(
            encode_message(Message(id=1000 + number, method=DO.name, params=encode_value(wanted)))
        )
    instance.eventually(lambda: len(outcomes()) == 10, "ten requests under way")
    connection.close()
    instance.eventually(lambda: len(instance.status().clients) == 1, "the end of the client")
    assert outcomes() == [""] * 10
    instance.thaw()
    instance.eventually(lambda: all(outcomes()), "an outcome of every request")
    assert outcomes() == ["done"] * 10
    instance.stop()
