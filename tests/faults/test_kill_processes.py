"""Runtime, guard, host and instances of managed processes are killed: what is wanted runs again, each instance once, and nothing is left."""

import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest

from quarterdeck_api.errors import UnknownOutcomeError
from quarterdeck_api.protocol import DO, GET, DoParams, GetParams
from quarterdeck_api.resources import Resource
from quarterdeck_api.runtime_requests import STATUS
from quarterdeck_api.wire import Nothing

STAGES = Path(__file__).parent.parent / "plugins" / "stages"


class Stages:
    """Processes of the plugin `stages` in an instance under fire."""

    def __init__(self, instance: Any) -> None:
        self.instance = instance
        self.trail = instance.trail

    def do(self, action: str, *addresses: str, **parameters: Any) -> None:
        self.instance.ask(STATUS, Nothing())
        asked = DoParams(action, addresses, parameters, confirmed=True)
        [outcome] = self.instance.ask(DO, asked).outcomes
        assert outcome.status == "done", outcome

    def create(self, name: str = "one", count: int = 1, kind: str = "stage") -> None:
        given = {"trail": str(self.trail)}
        self.do("process.create", type=f"stages.{kind}", name=name, count=count, parameters=given)

    def rows(self, kind: str) -> list[tuple[Resource, dict[str, Any]]]:
        found = self.instance.ask(GET, GetParams(kind))
        return [(each, dict(zip(found.columns[each.backend], each.cells, strict=True))) for each in found.resources]

    def pids(self, name: str = "one") -> dict[str, int]:
        """The process of each instance that runs and is ready."""
        rows = [each for each in self.rows("instance") if each[0].parent == f"core/process/{name}"]
        return {row.name: cells["pid"] for row, cells in rows if row.state == "running"}

    def running(self, count: int = 1, name: str = "one", other_than: tuple[int, ...] = ()) -> dict[str, int]:
        """Waits until so many instances run that are none of those given."""

        def all_run() -> dict[str, int] | None:
            found = self.pids(name)
            new = len(found) == count and not set(found.values()) & set(other_than)
            return found if new and all(map(psutil.pid_exists, found.values())) else None

        return self.instance.eventually(all_run, f"{count} instances of {name}")

    def guard(self, pid: int) -> psutil.Process:
        return psutil.Process(psutil.Process(pid).ppid())

    def host(self) -> psutil.Process:
        def ready() -> psutil.Process | None:
            status = self.instance.status()
            pid = next((each.pid for each in status.hosts if each.plugin == "stages" and each.state == "ready"), 0)
            return next((each for each in self.instance.processes() if each.pid == pid), None)

        return self.instance.eventually(ready, "a host that is ready")

    def heard(self, name: str) -> None:
        """Waits until the backend hears of an instance, and goes on to."""

        def seen() -> float:
            found = [cells for row, cells in self.rows("stage") if row.name == name and cells["connected"]]
            return float(found[0]["seen"]) if found else 0.0

        before = self.instance.eventually(seen, f"the backend hears of {name}")
        self.instance.eventually(lambda: seen() > before, f"{name} goes on to be heard")

    def check(self, *names: str) -> None:
        """No two processes have ever been the same instance at once, and each that lives is one of the kept."""
        for name in names:
            lines = (self.trail / name).read_text(encoding="utf-8").splitlines()
            assert not [line for line in lines if line.startswith("overlap")], lines
        alive = [each for each in self.instance.processes() if "process_program" in " ".join(each.cmdline())]
        assert sorted(each.cmdline()[each.cmdline().index("--name") + 1] for each in alive) == sorted(names)


@pytest.fixture
def stages(instance: Any, monkeypatch: pytest.MonkeyPatch) -> Stages:
    """An instance with the plugin `stages`, in which nothing runs yet."""
    monkeypatch.setenv("QUARTERDECK_PLUGIN_PATH", str(STAGES))
    return Stages(instance)


def test_a_killed_runtime_finds_its_processes_again(stages: Stages) -> None:
    stages.create(count=2)
    before = stages.running(2)
    for _ in range(3):
        stages.instance.kill(stages.instance.runtime())
        assert stages.running(2) == before
        stages.heard("one.2")
    stages.check("one.1", "one.2")
    stages.instance.stop()


def test_a_killed_guard_takes_its_process_along_which_is_started_again(stages: Stages) -> None:
    stages.create(count=2)
    before = stages.running(2)
    for _ in range(3):
        stages.instance.kill(stages.guard(before["one.1"]))
        now = stages.running(2, other_than=(before["one.1"],))
        assert now["one.2"] == before["one.2"]
        before = now
    stages.check("one.1", "one.2")
    stages.instance.stop()


def test_a_killed_host_costs_no_process(stages: Stages) -> None:
    stages.create()
    before = stages.running()
    for _ in range(3):
        stages.instance.kill(stages.host())
        stages.host()
        stages.heard("one.1")
        assert stages.running() == before
    stages.check("one.1")
    stages.instance.stop()


def test_a_killed_instance_is_started_again(stages: Stages) -> None:
    stages.create(count=2)
    before = stages.running(2)
    for _ in range(3):
        stages.instance.kill(psutil.Process(before["one.1"]))
        now = stages.running(2, other_than=(before["one.1"],))
        assert now["one.2"] == before["one.2"]
        before = now
    stages.check("one.1", "one.2")
    stages.instance.stop()


@pytest.mark.parametrize("victim", ["guard", "instance", "both"])
def test_killed_while_no_runtime_is_there(stages: Stages, victim: str) -> None:
    stages.create()
    [pid] = stages.running().values()
    guard = stages.guard(pid)
    stages.instance.kill(stages.instance.runtime())
    stages.instance.kill(
        *([guard] if victim in ("guard", "both") else []),
        *([psutil.Process(pid)] if victim in ("instance", "both") else []),
    )
    stages.instance.eventually(lambda: not guard.is_running() or guard.status() == "zombie", "the end of the guard")
    stages.running(other_than=(pid,))
    stages.check("one.1")
    stages.instance.stop()


def test_everything_is_killed_at_once(stages: Stages) -> None:
    stages.create(count=3)
    for _ in range(3):
        before = stages.running(3)
        stages.instance.kill(*stages.instance.processes())
        stages.running(3, other_than=tuple(before.values()))
    stages.check("one.1", "one.2", "one.3")
    stages.instance.stop()


def test_a_process_that_is_bound_to_the_runtime_drains_without_it(stages: Stages) -> None:
    stages.create(kind="bound")
    [pid] = stages.running().values()
    stages.instance.kill(stages.instance.runtime())
    stages.instance.disconnect()
    stages.instance.eventually(lambda: not psutil.pid_exists(pid), "the end of the process")
    assert f"drained {pid}" in (stages.trail / "one.1").read_text(encoding="utf-8").splitlines()
    stages.running(other_than=(pid,))  # The next runtime keeps it as it is wanted.
    stages.check("one.1")
    stages.instance.stop()


def test_a_stop_survives_the_runtime(stages: Stages) -> None:
    stages.do("process.create", type="stages.stuck", name="deaf", parameters={"how": "deaf"})
    [pid] = stages.running(name="deaf").values()
    runtime = stages.instance.runtime()
    connection = stages.instance.connect("test")
    with pytest.raises(UnknownOutcomeError):  # It is asked to drain for longer than this waits.
        connection.call(DO, DoParams("process.stop", ("core/process/deaf",)), 0.3, changes_something=True)
    connection.close()
    stages.instance.kill(runtime)
    stages.instance.eventually(lambda: not psutil.pid_exists(pid), "the end of the process")

    def stopped() -> bool:
        return [row.state for row, _ in stages.rows("process")] == ["stopped"]

    stages.instance.eventually(stopped, "the process stopped")
    assert not stages.pids("deaf")
    stages.instance.stop()


def test_a_removed_process_stays_removed(stages: Stages) -> None:
    stages.create(count=2)
    stages.running(2)
    stages.instance.freeze(stages.guard(stages.pids()["one.1"]))  # So that it cannot be ended in good order.
    stages.instance.freeze(psutil.Process(stages.pids()["one.1"]))
    runtime = stages.instance.runtime()
    stages.do("process.remove", "core/process/one")
    stages.instance.kill(runtime)
    stages.instance.eventually(lambda: not stages.rows("process"), "the process removed")
    stages.instance.thaw()
    stages.check()
    stages.instance.stop()


def test_random_kills_leave_what_is_wanted(stages: Stages, chance: Random) -> None:
    stages.create(count=2)
    stages.create("two", kind="bound")
    victims: list[Callable[[], psutil.Process]] = [
        stages.instance.runtime,
        stages.instance.runtime,
        stages.host,
        lambda: stages.guard(chance.choice(list(stages.running(2).values()))),
        lambda: stages.guard(stages.running(1, "two")["two.1"]),
        lambda: psutil.Process(stages.running(2)["one.2"]),
    ]
    chance.shuffle(victims)
    for victim in victims:
        stages.instance.kill(victim())
        time.sleep(chance.uniform(0.0, 0.4))
    stages.running(2)
    stages.running(1, "two")
    stages.heard("one.1")
    stages.check("one.1", "one.2", "two.1")
    stages.instance.stop()
