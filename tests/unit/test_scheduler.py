"""The scheduler with a clock of the test's own: claims, restarts at every moment, policies, and what the journal keeps."""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from quarterdeck.runtime.database import open_database
from quarterdeck.runtime.journal import Journal
from quarterdeck.runtime.schedules.rules import Misfire
from quarterdeck.runtime.schedules.schedule_store import Overlap, Schedule, ScheduleStore
from quarterdeck.runtime.schedules.scheduler import Scheduler
from quarterdeck.runtime.schedules.view import schedule_blocks, schedule_resource
from quarterdeck.runtime.schema import MIGRATIONS
from quarterdeck_api.errors import NotFoundError, RefusedError, UnreachableError
from quarterdeck_api.jobs import JobState
from quarterdeck_api.protocol import DoParams, DoResult, JobRecord, Outcome
from quarterdeck_api.resources import Health

T0 = 1_800_000_000.0
EXAMPLE = Schedule(
    name="tick",
    rule="every 10s",
    zone="UTC",
    action="node.ping",
    targets=("plant/node/n1",),
    parameters={"text": "hoy"},
    settings={},
    priority=0,
    confirmed=False,
    typed_names=(),
    misfire=Misfire.ALL,
    misfire_limit=100,
    overlap=Overlap.REFUSE,
    enabled=True,
    created=T0,
    changed=T0,
    handled=T0,
)


class World:
    """One database with a clock, and runtimes that come and go."""

    def __init__(self, folder: Path) -> None:
        self.now = T0
        self.path = folder / "state.db"
        self.asked: list[DoParams] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.tries = 0
        self.job = ""
        self.job_state = JobState.RUNNING
        self.crash_after_begin = False
        self.crash_before: str = ""
        self.begin()

    def begin(self) -> None:
        self.database: sqlite3.Connection = open_database(self.path)
        self.journal = Journal(self.database, lambda: self.now)
        self.schedules = ScheduleStore(self.database, lambda *_: None)
        self.scheduler = Scheduler(self.schedules, self.journal, self.request, self.record, lambda: self.now, [0, 0])

    def restart(self) -> None:
        self.database.close()
        self.begin()

    async def request(self, actor: str, request: DoParams) -> DoResult:
        await self.gate.wait()
        self.tries += 1
        if self.error is not None:
            raise self.error
        self.asked.append(request)
        outcomes: list[Outcome] = []
        for address in request.addresses:
            if address == self.crash_before:
                await asyncio.Event().wait()
            number = self.journal.begin(actor, request.action, address, "allowed")
            if self.crash_after_begin:
                await asyncio.Event().wait()
            status = "accepted" if self.job else "done"
            self.journal.finish(number, status, "pong", self.job)
            outcomes.append(Outcome(address, status, "pong", job=self.job))
        return DoResult(tuple(outcomes))

    def record(self, number: int) -> JobRecord:
        return JobRecord(number, f"core/job/{number}", "t", "p", "a", "", self.job_state, T0)

    async def settle(self) -> None:
        """Lets everything that can happen at this time happen."""
        for _ in range(50):
            self.scheduler.look()
            await asyncio.sleep(0)

    async def at(self, seconds: float) -> None:
        self.now = T0 + seconds
        await self.settle()

    def entries(self, actor: str = "schedule tick") -> list[tuple[str, str]]:
        return [(each.decision, each.outcome) for each in self.journal.list() if each.actor == actor]

    def tick(self) -> Schedule:
        return self.schedules.get("tick")


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Callable[[World], Coroutine[Any, Any, None]]], None]:
    def run(story: Callable[[World], Coroutine[Any, Any, None]]) -> None:
        async def begin() -> None:
            world = World(tmp_path)
            try:
                await story(world)
            finally:
                tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                world.database.close()

        asyncio.run(begin())

    return run


def test_every_due_time_is_requested_once_as_a_client_would(play: Any) -> None:
    async def story(world: World) -> None:
        world.schedules.add(EXAMPLE)
        await world.at(9.9)
        assert world.asked == []
        await world.at(10)
        await world.at(10.5)
        await world.at(35)
        assert len(world.asked) == 3 and world.entries() == [("allowed", "done")] * 3
        assert world.asked[0] == DoParams("node.ping", ("plant/node/n1",), {"text": "hoy"}, key="schedule/tick")
        kept = world.tick()
        assert (kept.handled, kept.claimed, kept.last, kept.last_outcome) == (T0 + 30, 0.0, T0 + 35, "done")

    play(story)


@pytest.mark.parametrize(
    ("misfire", "limit", "requests"), [(Misfire.SKIP, 9, 0), (Misfire.ONCE, 9, 1), (Misfire.ALL, 4, 4)]
)
def test_missed_times_after_a_restart(play: Any, misfire: Misfire, limit: int, requests: int) -> None:
    async def story(world: World) -> None:
        world.schedules.add(replace(EXAMPLE, rule="every 1h", misfire=misfire, misfire_limit=limit))
        world.restart()
        await world.at(20 * 3600 + 300)
        assert len(world.asked) == requests
        assert world.tick().handled == T0 + 20 * 3600
        await world.at(20 * 3600 + 600)
        assert len(world.asked) == requests

    play(story)


def test_a_runtime_that_dies_before_the_journal_entry_requests_again(play: Any) -> None:
    async def story(world: World) -> None:
        world.schedules.add(EXAMPLE)
        world.gate.clear()
        await world.at(10)
        assert world.tick().claimed == T0 + 10 and world.entries() == []
        world.restart()
        world.gate.set()
        await world.at(11)
        assert len(world.asked) == 1 and world.entries() == [("allowed", "done")]
        assert (world.tick().claimed, world.tick().handled) == (0.0, T0 + 10)

    play(story)


def test_a_runtime_that_dies_after_the_journal_entry_does_not_request_again(play: Any) -> None:
    async def story(world: World) -> None:
        world.schedules.add(EXAMPLE)
        world.crash_after_begin = True
        await world.at(10)
        world.restart()
        world.crash_after_begin = False
        await world.at(11)
        assert len(world.asked) == 1 and world.entries() == [("allowed", "unknown")]
        assert (world.tick().claimed, world.tick().last_outcome) == (0.0, "unknown")
        assert schedule_resource(world.tick()).health is Health.DEGRADED

    play(story)


def test_what_cannot_even_begin_is_journalled_as_failed(play: Any) -> None:
    async def story(world: World) -> None:
        world.schedules.add(EXAMPLE)
        world.error = UnreachableError("plant cannot be reached", "look at its network")
        await world.at(10)
        assert world.entries() == [("not begun", "failed")] and world.tries == 3
        assert world.tick().last_detail == "plant cannot be reached"
        world.error = None
        await world.at(20)
        assert world.entries()[0] == ("allowed", "done") and len(world.entries()) == 2

    play(story)


def test_a_backend_that_comes_late_is_tried_again(play: Any) -> None:
    async def story(world: World) -> None:
        world.schedules.add(EXAMPLE)
        world.error = UnreachableError("plant cannot be reached", "look at its network")
        world.now = T0 + 10
        world.scheduler.look()
        while not world.tries:
            await asyncio.sleep(0)
        world.error = None
        await world.settle()
        assert world.tries == 2 and world.entries() == [("allowed", "done")]

    play(story)


def test_a_fault_in_one_schedule_does_not_stop_another(play: Any) -> None:
    async def story(world: World) -> None:
        world.schedules.add(EXAMPLE)
        world.error = RuntimeError("broken")
        await world.at(10)
        world.error = None
        world.schedules.add(replace(EXAMPLE, name="other", handled=world.now))
        await world.at(20)
        assert len(world.entries("schedule other")) == 1

    play(story)


def test_while_a_request_is_under_way_the_next_one_waits(play: Any) -> None:
    async def story(world: World) -> None:
        world.schedules.add(EXAMPLE)
        world.gate.clear()
        await world.at(10)
        await world.at(20)
        assert world.tick().claimed == T0 + 10
        with pytest.raises(RefusedError, match="just requesting"):
            await world.scheduler.run_now("tick")
        world.gate.set()
        await world.settle()
        assert len(world.asked) == 2

    play(story)


def test_disabled_schedules_miss_nothing(play: Any) -> None:
    async def story(world: World) -> None:
        world.schedules.add(EXAMPLE)
        assert world.scheduler.live() == 1
        world.schedules.set_enabled("tick", False, world.now)
        assert world.scheduler.live() == 0
        await world.at(100)
        world.schedules.set_enabled("tick", True, world.now)
        await world.at(105)
        assert world.asked == []
        await world.at(110)
        assert len(world.asked) == 1

    play(story)


def test_run_now_is_beside_the_times(play: Any) -> None:
    async def story(world: World) -> None:
        world.schedules.add(EXAMPLE)
        [outcome] = await world.scheduler.run_now("tick")
        assert outcome.status == "done" and world.tick().handled == T0
        assert world.entries("schedule tick run now") == [("allowed", "done")]
        with pytest.raises(NotFoundError, match="tock") as caught:
            await world.scheduler.run_now("tock")
        assert "tick" in caught.value.remedy

    play(story)


def test_the_end_of_a_job_is_the_last_outcome_even_when_it_came_first(play: Any) -> None:
    async def story(world: World) -> None:
        world.schedules.add(EXAMPLE)
        world.job, world.job_state = "core/job/7", JobState.SUCCEEDED
        await world.at(10)
        assert world.tick().last_outcome == "succeeded"
        world.job, world.job_state = "core/job/8", JobState.RUNNING
        await world.at(20)
        assert world.tick().last_outcome == "accepted"
        world.schedules.job_ended(replace(world.record(8), state=JobState.DEAD))
        assert world.tick().last_outcome == "dead"
        world.restart()
        assert (world.tick().last_outcome, world.tick().last_job) == ("dead", "core/job/8")

    play(story)


def test_a_schedule_that_came_once_is_finished_and_keeps_nothing_alive(play: Any) -> None:
    async def story(world: World) -> None:
        world.schedules.add(replace(EXAMPLE, rule="once 2030-01-01T00:00"))
        assert world.scheduler.live() == 1
        world.now = 1_893_456_000.0
        await world.settle()
        assert len(world.asked) == 1 and world.scheduler.live() == 0
        assert (schedule_resource(world.tick()).state, world.tick().enabled) == ("finished", True)

    play(story)


def test_the_loop_follows_the_clock_and_changes(play: Any) -> None:
    async def story(world: World) -> None:
        task = asyncio.create_task(world.scheduler.run())
        await asyncio.sleep(0)
        world.schedules.add(EXAMPLE)
        world.now = T0 + 10
        world.scheduler.wake()
        while not world.asked:
            await asyncio.sleep(0)
        task.cancel()

    play(story)


def test_schedules_survive_a_restart_and_names_are_taken_once(play: Any) -> None:
    async def story(world: World) -> None:
        world.schedules.add(EXAMPLE)
        with pytest.raises(RefusedError, match="tick"):
            world.schedules.add(EXAMPLE)
        world.restart()
        assert world.schedules.all() == [EXAMPLE]
        world.schedules.remove("tick")
        world.restart()
        assert world.schedules.all() == []

    play(story)


def test_a_rule_that_cannot_be_read_any_more_is_said_and_does_nothing(play: Any) -> None:
    async def story(world: World) -> None:
        world.schedules.add(replace(EXAMPLE, zone="Nowhere/Gone"))
        await world.at(100)
        resource = schedule_resource(world.tick())
        assert (resource.health, resource.state) == (Health.FAILED, "broken") and "Nowhere/Gone" in resource.reason
        assert world.asked == [] and world.scheduler.live() == 0
        assert "Nowhere/Gone" in str(schedule_blocks(world.tick(), world.now))

    play(story)


THREE = replace(EXAMPLE, targets=("plant/node/n1", "plant/node/n2", "plant/node/n3"))


def test_several_targets_are_requested_together_and_each_is_remembered(play: Any) -> None:
    async def story(world: World) -> None:
        world.schedules.add(THREE)
        await world.at(10)
        assert [request.addresses for request in world.asked] == [THREE.targets]
        runs = world.schedules.runs("tick")
        assert [(run.due, run.target, run.outcome) for run in reversed(runs)] == [
            (T0 + 10, target, "done") for target in THREE.targets
        ]
        assert (world.tick().last_outcome, world.tick().last_detail) == ("done", "3 resources")

    play(story)


def test_after_a_death_in_the_middle_only_the_targets_left_are_requested(play: Any) -> None:
    async def story(world: World) -> None:
        world.schedules.add(THREE)
        world.crash_before = "plant/node/n2"
        await world.at(10)
        assert len(world.entries()) == 1
        world.restart()
        world.crash_before = ""
        await world.at(11)
        assert [request.addresses for request in world.asked] == [THREE.targets, THREE.targets[1:]]
        assert world.entries() == [("allowed", "done")] * 3
        assert {run.target for run in world.schedules.runs("tick")} == set(THREE.targets)

    play(story)


def test_the_worst_of_several_is_the_schedules_outcome(play: Any) -> None:
    async def story(world: World) -> None:
        world.schedules.add(THREE)
        world.job = "core/job/7"
        await world.at(10)
        assert world.tick().last_outcome == "accepted"
        error = UnreachableError("the plant is gone", "").report()
        world.schedules.job_ended(replace(world.record(7), state=JobState.FAILED, error=error))
        assert world.tick().last_outcome == "failed"
        assert "the plant is gone" in world.tick().last_detail

    play(story)


def test_what_was_left_out_is_remembered_and_the_past_is_bounded(play: Any) -> None:
    async def story(world: World) -> None:
        world.schedules.add(replace(EXAMPLE, misfire=Misfire.ONCE))
        await world.at(95)
        outcomes = [(run.occasion.value, run.outcome) for run in world.schedules.runs("tick")]
        assert outcomes == [("due", "done"), ("left out", "left out")]
        assert "8 due times" in world.schedules.runs("tick")[1].detail
        for turn in range(10, 310):
            await world.at(turn * 10)
        assert len(world.schedules.runs("tick", 10_000)) == 200
        world.schedules.remove("tick")
        assert world.schedules.runs("tick") == []

    play(story)


def test_an_edited_schedule_keeps_its_past(play: Any) -> None:
    async def story(world: World) -> None:
        world.schedules.add(EXAMPLE)
        await world.at(10)
        world.schedules.edit(replace(world.tick(), rule="every 1h", handled=world.now))
        await world.at(60)
        assert len(world.asked) == 1
        assert (world.tick().last, world.tick().created) == (T0 + 10, T0)
        assert len(world.schedules.runs("tick")) == 1
        world.restart()
        assert world.tick().rule == "every 1h"

    play(story)


def test_schedules_of_an_earlier_version_keep_their_target_and_the_name_that_was_typed(tmp_path: Path) -> None:
    several = next(number for number, each in enumerate(MIGRATIONS) if "schedule ADD COLUMN targets" in each[0])
    path = tmp_path / "state.db"
    earlier = open_database(path, migrations=MIGRATIONS[:several])
    values = msgspec.structs.asdict(EXAMPLE) | {
        "target": "plant/node/n 1",
        "typed_name": "n 1",
        "parameters": "{}",
        "settings": "{}",
        "misfire": "once",
        "overlap": "refuse",
    }
    values = {name: value for name, value in values.items() if name not in ("targets", "typed_names")}
    names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    earlier.execute(f"INSERT INTO schedule ({names}) VALUES ({places})", values)
    nothing = values | {"name": "made", "target": "", "typed_name": ""}
    earlier.execute(f"INSERT INTO schedule ({names}) VALUES ({places})", nothing)
    earlier.close()
    database = open_database(path)
    schedules = ScheduleStore(database, lambda *_: None)
    assert (schedules.get("tick").targets, schedules.get("tick").typed_names) == (("plant/node/n 1",), ("n 1",))
    assert (schedules.get("made").targets, schedules.get("made").typed_names) == ((), ())
    database.close()
