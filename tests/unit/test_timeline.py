"""The timeline keeps what changed, within its bounds, across restarts of the runtime."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck.runtime.database import open_database
from quarterdeck.runtime.store import Store
from quarterdeck.runtime.timeline import Timeline
from quarterdeck_api.errors import NotFoundError
from quarterdeck_api.jobs import JobState
from quarterdeck_api.protocol import JobEvent, JobRecord
from quarterdeck_api.resources import Health, Remove, Resource, Upsert
from quarterdeck_api.timeline import TimelineParams

ADDRESS = "b/node/n"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_database(tmp_path / "state.db", mounts="")
    yield connection
    connection.close()


class Runtime:
    """A store with its timeline, as one life of the runtime has them."""

    def __init__(self, database: sqlite3.Connection, clock: Clock, kept: int = 100, kept_of_one: int = 50) -> None:
        self.clock = clock
        self.store = Store(clock)
        self.timeline = Timeline(database, self.store.resource, _no_job, kept, kept_of_one)
        self.store.subscribe_conditions(self.timeline.take)

    def say(self, health: Health, state: str, reason: str = "", address: str = ADDRESS) -> None:
        self.clock.now += 10
        self.store.apply("b", (Upsert(Resource(address, "1", health, state, reason)),))

    def read(self, address: str = ADDRESS, limit: int = 100) -> list[tuple[float, str]]:
        return [(entry.time, entry.state) for entry in self.timeline.read(TimelineParams(address, limit)).entries]


def _no_job(number: int) -> JobRecord:
    raise NotFoundError(f"there is no job {number}", "see `quarterdeck jobs`")


def test_what_changes_is_kept_with_what_was_before(database: sqlite3.Connection) -> None:
    runtime = Runtime(database, Clock())
    runtime.say(Health.OK, "active")
    assert runtime.read() == [(1_010.0, "active")]
    runtime.say(Health.OK, "active")
    runtime.say(Health.FAILED, "down", "no route")
    runtime.say(Health.OK, "active")
    assert runtime.read() == [(1_040.0, "active"), (1_030.0, "down"), (1_010.0, "active")]
    newest = runtime.timeline.read(TimelineParams(ADDRESS, 2))
    assert newest.more
    assert newest.entries[1].reason == "no route"


def test_cells_are_not_part_of_it_and_what_never_changes_costs_nothing(database: sqlite3.Connection) -> None:
    runtime = Runtime(database, Clock())
    for cell in range(5):
        runtime.store.apply("b", (Upsert(Resource(ADDRESS, "1", Health.OK, "active", cells=(cell,))),))
    runtime.timeline.flush()
    assert database.execute("SELECT count(*) FROM timeline").fetchone()[0] == 0


def test_a_restart_adds_only_what_is_otherwise(database: sqlite3.Connection) -> None:
    clock = Clock()
    runtime = Runtime(database, clock)
    runtime.say(Health.OK, "active")
    runtime.say(Health.FAILED, "down")
    runtime.timeline.flush()
    same = Runtime(database, clock)
    same.say(Health.FAILED, "down")
    same.timeline.flush()
    assert [state for _, state in same.read()] == ["down", "active"]
    other = Runtime(database, clock)
    other.say(Health.OK, "active")
    assert [state for _, state in other.read()] == ["active", "down", "active"]


def test_what_is_gone_is_still_known_and_what_never_was_is_not(database: sqlite3.Connection) -> None:
    runtime = Runtime(database, Clock())
    runtime.say(Health.OK, "active")
    runtime.say(Health.FAILED, "down")
    runtime.store.apply("b", (Remove(ADDRESS),))
    found = runtime.timeline.read(TimelineParams(ADDRESS))
    assert found.gone
    assert found.entries[0].state == "down"
    with pytest.raises(NotFoundError, match="b/node/other"):
        runtime.read("b/node/other")


def test_bounds_of_one_and_of_all(database: sqlite3.Connection) -> None:
    runtime = Runtime(database, Clock(), kept=20, kept_of_one=5)
    for number in range(40):
        runtime.say(Health.OK, f"state {number}")
    assert [state for _, state in runtime.read()] == [f"state {number}" for number in (39, 38, 37, 36, 35)]
    for number in range(10):
        for state in ("one", "two", "three"):
            runtime.say(Health.OK, state, address=f"b/node/{number}")
    runtime.timeline.flush()
    assert database.execute("SELECT count(*) FROM timeline").fetchone()[0] == 20
    assert [state for _, state in runtime.read("b/node/9")] == ["three", "two", "one"]


def test_a_job_has_its_own_history(database: sqlite3.Connection) -> None:
    history = (JobEvent(1.0, "submitted", 0), JobEvent(2.0, "started", 1), JobEvent(3.0, "failed", 1, "it is late"))
    record = JobRecord(7, "core/job/7", "t", "p", "a", "x", JobState.FAILED, 1.0, history=history)
    timeline = Timeline(database, lambda _: None, lambda _: record)
    found = timeline.read(TimelineParams("core/job/7", 2))
    assert [(entry.state, entry.health) for entry in found.entries] == [
        ("failed", Health.FAILED),
        ("started", Health.BUSY),
    ]
    assert found.entries[0].reason == "it is late"
    assert found.more and not found.gone
