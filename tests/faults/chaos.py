"""Chaos: three clients give jobs while random processes of the instance are killed, then everything must be as if nothing had happened.

Part of the suite for a short time. `QUARTERDECK_CHAOS_SECONDS=300 pytest tests/faults/chaos.py` runs longer, `QUARTERDECK_CHAOS_SEED` repeats the
choices of a run.
"""

import os
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from quarterdeck_api.errors import UnknownOutcomeError
from quarterdeck_api.jobs import JobState

SECONDS = float(os.environ.get("QUARTERDECK_CHAOS_SECONDS", "15"))
SEED = int(os.environ.get("QUARTERDECK_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)

_CLIENTS = 3
_MOST_UNDER_WAY = 4
#: The share of jobs that their client cancels soon.
_CANCELLED = 0.1
#: A host that ends five times within minutes is taken for broken; a new runtime counts anew.
_MOST_HOST_KILLS = 3
_ENDS = (JobState.SUCCEEDED, JobState.CANCELLED, JobState.DEAD)
_PROGRAMS = {
    "quarterdeck.runtime.main": "runtime",
    "quarterdeck_api.host": "host",
    "quarterdeck_api.worker": "worker",
}


def role_of(process: psutil.Process) -> str:
    """What a process of the instance is; empty for what is none of the four, or has just ended."""
    try:
        command = process.cmdline()
    except psutil.NoSuchProcess:
        return ""
    if any(word.endswith("guard.py") for word in command):
        return "guard"
    if "quarterdeck_api.host" in command and "exemplary" not in command:
        return ""  # Another plugin's, which has no jobs here.
    return next((role for program, role in _PROGRAMS.items() if program in command), "")


class Killer:
    """Kills one or two random processes at a time."""

    def __init__(self, instance: Any, chance: random.Random) -> None:
        self.killed: Counter[str] = Counter()
        self._instance = instance
        self._chance = chance
        self._host_kills = 0

    def strike(self) -> None:
        """Chooses a role first, so that the many do not protect the few."""
        found: dict[str, list[psutil.Process]] = {}
        for process in self._instance.processes():
            found.setdefault(role_of(process), []).append(process)
        found.pop("", None)
        if self._host_kills >= _MOST_HOST_KILLS:
            found.pop("host", None)
        roles = self._chance.sample(sorted(found), min(self._chance.choice([1, 1, 1, 2]), len(found)))
        self._instance.kill(*(self._chance.choice(found[role]) for role in roles))
        self.killed.update(roles)
        self._host_kills += "host" in roles
        if "runtime" in roles:
            self._host_kills = 0


def give_jobs(instance: Any, chance: random.Random, end: threading.Event) -> list[int]:
    """A client that always has some jobs under way; the jobs that were acknowledged."""
    acknowledged: list[int] = []
    while not end.is_set():
        action = chance.choice(["node.sleep", "node.sleep", "node.host-sleep", "node.empty"])
        given = {"seconds": chance.uniform(0.0, 0.5), "trail": str(instance.trail), "artefact": chance.random() < 0.5}
        try:
            outcome = instance.do(action, **({} if action == "node.empty" else given))
            if outcome.status == "accepted":
                acknowledged.append(int(outcome.job.rpartition("/")[2]))
                if chance.random() < _CANCELLED:
                    time.sleep(chance.uniform(0.0, 0.5))
                    instance.do("job.cancel", outcome.job)
        except UnknownOutcomeError:
            continue  # It may have happened: all jobs are checked in the end, whoever knows of them.
        while (
            not end.is_set()
            and sum(not instance.job(each).state.final for each in acknowledged[-20:]) >= _MOST_UNDER_WAY
        ):
            time.sleep(chance.uniform(0.01, 0.1))
    return acknowledged


@pytest.mark.timeout(SECONDS * 3 + 180)
def test_whatever_is_killed_every_job_is_recorded_once(instance: Any) -> None:
    print(f"QUARTERDECK_CHAOS_SEED={SEED}")
    chance = random.Random(SEED)
    instance.host()
    end = threading.Event()
    killer = Killer(instance, chance)
    clients = [instance.another() for _ in range(_CLIENTS)]
    with ThreadPoolExecutor(_CLIENTS) as threads:
        giving = [threads.submit(give_jobs, each, random.Random(chance.random()), end) for each in clients]
        try:
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline and not any(each.done() for each in giving):
                time.sleep(chance.uniform(0.05, 0.8))
                killer.strike()
        finally:
            end.set()
    acknowledged = {number for each in giving for number in each.result()}
    for client in clients:
        client.disconnect()
    everything = instance.numbers()
    assert acknowledged <= set(everything)
    states = Counter(
        instance.check(number, *_ENDS, acknowledged=number in acknowledged).state.value for number in everything
    )
    print(f"killed {dict(killer.killed)}; {len(acknowledged)} jobs acknowledged, {dict(states)}")
    assert killer.killed and states["succeeded"] > states["dead"]
    instance.stop()
