"""Events for plugins' hooks: who is told what, in which order, and what happens when they take them too slowly."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from msgspec.structs import replace

from quarterdeck.runtime.events import HOOK_FAILED, Events
from quarterdeck.runtime.findings import Findings
from quarterdeck_api import API_VERSION
from quarterdeck_api.catalogue import Catalogue, PluginInfo, PluginPhase, PluginStatus
from quarterdeck_api.errors import CallTimeoutError, QuarterdeckError
from quarterdeck_api.events import FindingChanged, HealthChanged, JobFinished
from quarterdeck_api.findings import Finding
from quarterdeck_api.host_protocol import EventParams
from quarterdeck_api.jobs import JobState
from quarterdeck_api.protocol import JobRecord
from quarterdeck_api.resources import Health, Resource

EVERY = ("quarterdeck_health_changed", "quarterdeck_job_finished", "quarterdeck_finding")


def plugin(name: str, hooks: tuple[str, ...] = EVERY) -> PluginStatus:
    catalogue = Catalogue(PluginInfo(name, name, "1", API_VERSION), event_hooks=hooks)
    return PluginStatus(name, name, "1", PluginPhase.READY, catalogue=catalogue)


class World:
    """Hosts that take events, or do not."""

    def __init__(self, *plugins: PluginStatus, limit: int = 1000) -> None:
        self.plugins = list(plugins)
        self.told: list[tuple[str, EventParams]] = []
        self.ready = True
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.tasks: list[asyncio.Task[None]] = []
        self.events = Events(self, lambda: self.plugins, self.spawn, limit)  # type: ignore[arg-type]
        self.findings = Findings(lambda _: None, self.events.tell, lambda: 1.0)
        self.events.findings = self.findings

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    def is_ready(self, name: str) -> bool:
        return self.ready

    async def call_plugin(self, name: str, _: Any, told: EventParams, __: float) -> None:
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.told.append((name, told))

    async def settle(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)


@pytest.fixture
def play() -> Callable[[Callable[[], Coroutine[Any, Any, None]]], None]:
    return lambda story: asyncio.run(story())


def node(name: str, health: Health) -> Resource:
    return Resource(f"plant/node/{name}", name, health, health.value, "", 5.0)


def change(world: World, name: str, before: Health | None, after: Health, address: str = "") -> None:
    old = node(name, before) if before is not None else None
    new = node(name, after)
    if address:
        new = replace(new, address=address)
    world.events.condition(7.0, old, new)


def test_transitions_of_health_are_told_and_nothing_else(play: Any) -> None:
    async def story() -> None:
        world = World(plugin("a"), plugin("deaf", ("quarterdeck_finding",)))
        change(world, "new", None, Health.OK)
        change(world, "same", Health.OK, Health.OK)
        change(world, "worse", Health.OK, Health.FAILED)
        change(world, "job", Health.BUSY, Health.OK, "core/job/7")
        change(world, "process", Health.OK, Health.FAILED, "core/process/p")
        await world.settle()
        assert [(name, told.event.address) for name, told in world.told if isinstance(told.event, HealthChanged)] == [
            ("a", "plant/node/worse"),
            ("a", "core/process/p"),
        ]
        assert len(world.told) == 2

    play(story)


def test_a_job_ends_once_and_again_when_it_was_run_again(play: Any) -> None:
    async def story() -> None:
        world = World(plugin("a"))
        record = JobRecord(3, "core/job/3", "t", "p", "x.y", "", JobState.FAILED, 1.0, ended=9.0)
        for each in (record, record, replace(record, state=JobState.SUCCEEDED, ended=12.0)):
            world.events.job(each)
        await world.settle()
        states = [told.event.state for _, told in world.told if isinstance(told.event, JobFinished)]
        assert states == [JobState.FAILED, JobState.SUCCEEDED]

    play(story)


def test_a_slow_plugin_loses_the_oldest_events_and_is_told_how_many(play: Any) -> None:
    async def story() -> None:
        world = World(plugin("a"), limit=10)
        world.gate.clear()
        for number in range(31):
            change(world, f"n{number}", Health.OK, Health.FAILED)
            if not number:
                await world.settle()  # The first one is under way.
        world.gate.set()
        await world.settle()
        assert [told.dropped for _, told in world.told] == [0, 20, *[0] * 9]
        assert [told.event.address for _, told in world.told if isinstance(told.event, HealthChanged)] == [
            "plant/node/n0",
            *(f"plant/node/n{number}" for number in range(21, 31)),
        ]

    play(story)


@pytest.mark.parametrize("error", [QuarterdeckError("the hook raised", ""), CallTimeoutError("it hangs", "")])
def test_a_hook_that_fails_is_a_finding_until_one_works_and_no_plugin_is_told_of_it(
    play: Any, error: Exception
) -> None:
    async def story() -> None:
        world = World(plugin("a"))
        world.error = error
        change(world, "one", Health.OK, Health.FAILED)
        await world.settle()
        [finding] = world.findings.all()
        assert (finding.code, finding.address) == (HOOK_FAILED, "core/plugin/a")
        world.error = None
        change(world, "two", Health.OK, Health.FAILED)
        await world.settle()
        assert world.findings.all() == []
        assert not any(isinstance(told.event, FindingChanged) for _, told in world.told)
        assert [told.event.address for _, told in world.told if isinstance(told.event, HealthChanged)] == [
            "plant/node/two"
        ]  # What failed is not told again.

    play(story)


def test_events_of_a_plugin_that_is_gone_are_forgotten(play: Any) -> None:
    async def story() -> None:
        world = World(plugin("a"))
        world.ready = False
        world.events.tell(FindingChanged(Finding("low", "it is low", "fill it", "plant/node/n"), True))
        world.plugins.clear()
        await world.settle()
        assert all(task.done() for task in world.tasks)
        assert world.told == []

    play(story)
