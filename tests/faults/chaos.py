"""Chaos: clients give jobs, watch, and want processes while random processes of the instance are killed; then everything must be as if nothing had happened.

Part of the suite for a short time. `QUARTERDECK_CHAOS_SECONDS=300 pytest tests/faults/chaos.py` runs longer, `QUARTERDECK_CHAOS_SEED` repeats the
choices of a run.
"""

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from quarterdeck.client.blocking import BlockingConnection
from quarterdeck_api.errors import UnknownOutcomeError, UnreachableError
from quarterdeck_api.jobs import JobState
from quarterdeck_api.protocol import DO, GET, WATCH_OPEN, Delta, DoParams, GetParams, SnapshotChunk, WatchParams
from quarterdeck_api.resources import Resource

SECONDS = float(os.environ.get("QUARTERDECK_CHAOS_SECONDS", "15"))
SEED = int(os.environ.get("QUARTERDECK_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)

_PLUGINS = Path(__file__).parent.parent / "plugins"
_QUARTERDECK = Path(sys.executable).with_name("quarterdeck")
_CLIENTS = 3
_MOST_UNDER_WAY = 4
#: The share of jobs that their client cancels soon.
_CANCELLED = 0.1
#: A host that ends five times within minutes is taken for broken; a new runtime counts anew.
_MOST_HOST_KILLS = 3
_ENDS = (JobState.SUCCEEDED, JobState.CANCELLED, JobState.DEAD)
_PROCESSES = {"one": 2, "two": 1}
_SHOP = "rollout/deployment/shop"
_NODE = "exemplary/node/n1"
#: What may come of a command whose runtime is killed meanwhile: done, failed, unreachable, unknown.
_EXPLAINED = (0, 1, 3, 5)
_PROGRAMS = {
    "quarterdeck.runtime.main": "runtime",
    "quarterdeck_api.host": "host",
    "quarterdeck_api.worker": "worker",
    "quarterdeck_api.map_child": "map child",
    "quarterdeck_api.process_program": "managed process",
    str(_QUARTERDECK): "client",
}


def role_of(process: psutil.Process) -> str:
    """What a process of the instance is; empty for what is none of these, or has just ended."""
    try:
        command = process.cmdline()
    except psutil.NoSuchProcess:
        return ""
    if any(word.endswith("process_guard.py") for word in command):
        return "guard of a managed process"
    if any(word.endswith("guard.py") for word in command):
        return "guard"
    return next((role for program, role in _PROGRAMS.items() if program in command), "")


class Killer:
    """Kills one or two random processes at a time."""

    def __init__(self, instance: Any, chance: random.Random) -> None:
        self.killed: Counter[str] = Counter()
        self._instance = instance
        self._chance = chance
        self._host_kills: Counter[str] = Counter()

    def strike(self) -> None:
        """Chooses a role first, so that the many do not protect the few."""
        found: dict[str, list[psutil.Process]] = {}
        for process in self._instance.processes():
            role = role_of(process)
            if role and not (role == "host" and self._host_kills[_plugin_of(process)] >= _MOST_HOST_KILLS):
                found.setdefault(role, []).append(process)
        roles = self._chance.sample(sorted(found), min(self._chance.choice([1, 1, 1, 2]), len(found)))
        victims = [self._chance.choice(found[role]) for role in roles]
        self._host_kills.update(
            _plugin_of(victim) for role, victim in zip(roles, victims, strict=True) if role == "host"
        )
        self._instance.kill(*victims)
        self.killed.update(roles)
        if "runtime" in roles:
            self._host_kills.clear()


def _plugin_of(process: psutil.Process) -> str:
    try:
        return process.cmdline()[-1]
    except (psutil.NoSuchProcess, IndexError):
        return ""


def wanted_job(chance: random.Random, trail: Path) -> tuple[str, str, dict[str, Any]]:
    """What to ask for next: an action, its resource and its parameters."""
    sleep = {"seconds": chance.uniform(0.0, 0.5), "trail": str(trail), "artefact": chance.random() < 0.5}
    folder = str(trail / "rollout")
    return chance.choice(
        [
            ("node.sleep", _NODE, sleep),
            ("node.sleep", _NODE, sleep),
            ("node.host-sleep", _NODE, sleep),
            ("node.empty", _NODE, {}),
            ("deployment.score", _SHOP, {"items": chance.randrange(0, 120), "seconds": chance.uniform(0.0, 0.03)}),
            ("deployment.roll-out", _SHOP, {"folder": folder}),
            ("deployment.release", _SHOP, {"folder": folder, "scores": chance.randrange(1, 4)}),
            ("deployment.host-release", _SHOP, {"folder": folder, "scores": chance.randrange(1, 4)}),
        ]
    )


def give_jobs(instance: Any, chance: random.Random, end: threading.Event) -> list[int]:
    """A client that always has some jobs under way; the jobs that were acknowledged."""
    acknowledged: list[int] = []
    while not end.is_set():
        action, address, given = wanted_job(chance, instance.trail)
        try:
            outcome = instance.do(action, address, **given)
            if outcome.status == "accepted":
                acknowledged.append(int(outcome.job.rpartition("/")[2]))
                if chance.random() < _CANCELLED:
                    time.sleep(chance.uniform(0.0, 0.5))
                    instance.do("job.cancel", outcome.job)
            else:
                assert outcome.error is not None and outcome.error.message, outcome
        except UnknownOutcomeError:
            continue  # It may have happened: all jobs are checked in the end, whoever knows of them.
        while (
            not end.is_set()
            and sum(not instance.job(each).state.final for each in acknowledged[-20:]) >= _MOST_UNDER_WAY
        ):
            time.sleep(chance.uniform(0.01, 0.1))
    return acknowledged


def run_commands(instance: Any, end: threading.Event) -> Counter[int]:
    """A user of the command line, whose commands may be killed too; the exit codes. A command that fails says why."""
    codes: Counter[int] = Counter()
    command = [
        str(_QUARTERDECK),
        "do",
        "node.sleep",
        _NODE,
        "--seconds",
        "0.3",
        "--trail",
        str(instance.trail),
        "--json",
    ]
    while not end.is_set():
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
        if done.returncode >= 0:  # Else it was killed.
            told = f"{done.returncode}: {done.stdout} {done.stderr}"
            assert done.returncode in _EXPLAINED and (done.stdout or done.stderr), told
            assert "Traceback" not in done.stderr, told
        codes[done.returncode] += 1
    return codes


class Watcher:
    """A client that watches all jobs and comes back whenever its runtime is gone."""

    def __init__(self, instance: Any) -> None:
        self.rows: dict[str, Resource] = {}
        self.losses = 0
        self._instance = instance

    def run(self, end: threading.Event, complete: Callable[[dict[str, Resource]], bool]) -> None:
        """Watches until `end` is set and what it has seen is complete."""
        while not (end.is_set() and complete(self.rows)):
            try:
                with BlockingConnection.open(self._instance.paths, "watcher") as connection:
                    connection.call(WATCH_OPEN, WatchParams(1, "job"))
                    while not (end.is_set() and complete(self.rows)):
                        self._take(connection)
            except UnreachableError:
                self.losses += 1

    def _take(self, connection: BlockingConnection) -> None:
        told = connection.next_notification(0.5)
        match told.params if told is not None else None:
            case SnapshotChunk() as chunk:
                if chunk.first:
                    self.rows.clear()
                self.rows.update((each.address, each) for each in chunk.resources)
            case Delta() as delta:
                self.rows.update((each.address, each) for each in delta.upserts)
                for address in delta.removes:
                    self.rows.pop(address, None)
            case _:
                pass


def want_processes(instance: Any) -> None:
    """Creates the managed processes."""
    for name, count in _PROCESSES.items():
        given = {"type": "stages.stage", "name": name, "count": count, "parameters": {"trail": str(instance.trail)}}
        [outcome] = instance.ask(DO, DoParams("process.create", (), given)).outcomes
        assert outcome.status == "done", outcome


def check_processes(instance: Any) -> None:
    """Every wanted instance runs, once; one that was killed too often is started as its user would."""
    names = {f"{name}.{number}" for name, count in _PROCESSES.items() for number in range(1, count + 1)}

    def all_run() -> bool:
        for each in instance.ask(GET, GetParams("process")).resources:
            if each.state == "crash-loop":
                instance.ask(DO, DoParams("process.start", (each.address,), confirmed=True))
        rows = instance.ask(GET, GetParams("instance")).resources
        return {each.name for each in rows if each.state == "running"} == names

    instance.eventually(all_run, f"the processes {sorted(names)}")
    alive = [each.cmdline() for each in instance.processes() if role_of(each) == "managed process"]
    assert sorted(command[command.index("--name") + 1] for command in alive) == sorted(names)
    for name in names:
        lines = (instance.trail / name).read_text(encoding="utf-8").splitlines()
        assert not [line for line in lines if line.startswith("overlap")], (name, lines)


def check_jobs(instance: Any, acknowledged: set[int]) -> Counter[str]:
    """Every job has ended once, in a way that can be explained; the number of each state."""
    checked: dict[int, JobState] = {}
    while new := set(instance.numbers()) - set(checked):  # Jobs that start others may do so until they have ended.
        for number in sorted(new):
            ends = _ENDS
            if instance.ended(number)[0].action.endswith("release"):
                ends = (*_ENDS, JobState.FAILED)  # One of its jobs was cancelled, or is dead.
            record = instance.check(number, *ends, acknowledged=number in acknowledged)
            if record.state is JobState.FAILED:
                assert record.error is not None and "ended as" in record.error.message, record
            checked[number] = record.state
    assert acknowledged <= set(checked)
    return Counter(state.value for state in checked.values())


@pytest.mark.timeout(SECONDS * 3 + 300)
def test_whatever_is_killed_everything_is_as_wanted_afterwards(instance: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    print(f"QUARTERDECK_CHAOS_SEED={SEED}")
    path = os.pathsep.join(str(_PLUGINS / name) for name in ("exemplary", "rollout", "stages"))
    monkeypatch.setenv("QUARTERDECK_PLUGIN_PATH", path)
    instance.configure(max_workers=2, map_processes=2)
    (instance.trail / "rollout").mkdir()
    chance = random.Random(SEED)
    instance.host()
    want_processes(instance)
    end, all_ended = threading.Event(), threading.Event()
    killer = Killer(instance, chance)
    watcher = Watcher(instance)
    clients = [instance.another() for _ in range(_CLIENTS)]
    with ThreadPoolExecutor(_CLIENTS + 2) as threads:
        giving = [threads.submit(give_jobs, each, random.Random(chance.random()), end) for each in clients]
        commands = threads.submit(run_commands, instance, end)
        watching = threads.submit(watcher.run, all_ended, lambda rows: all(_has_ended(each) for each in rows.values()))
        try:
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline and not any(each.done() for each in (*giving, commands, watching)):
                time.sleep(chance.uniform(0.1, 1.4))
                killer.strike()
            end.set()
            acknowledged = {number for each in giving for number in each.result()}
            codes = commands.result()
            states = check_jobs(instance, acknowledged)
            check_processes(instance)
        finally:
            end.set()
            all_ended.set()
        watching.result()
    told = (
        f"killed {dict(killer.killed)}; {len(acknowledged)} jobs acknowledged, {dict(states)}; commands {dict(codes)}"
    )
    print(f"{told}; the watcher came back {watcher.losses} times")
    for client in clients:
        client.disconnect()
    assert set(watcher.rows) == {each.address for each in instance.ask(GET, GetParams("job")).resources}
    assert killer.killed and states["succeeded"] > states["dead"]
    instance.stop()


def _has_ended(row: Resource) -> bool:
    return JobState(row.state).final
