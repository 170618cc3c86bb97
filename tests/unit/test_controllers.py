"""Controllers with a clock of the test's own: when they look, what is kept, and what a death leaves."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any

import pytest

from quarterdeck.runtime.controllers.controller_store import ControllerRecord, ControllerStore
from quarterdeck.runtime.controllers.rules import LONGEST_BACKOFF, next_after, resumed
from quarterdeck.runtime.controllers.service import Controllers, KnownController
from quarterdeck.runtime.controllers.view import controller_resource
from quarterdeck.runtime.database import open_database
from quarterdeck_api.catalogue import ControllerInfo
from quarterdeck_api.controllers import Decision
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, RefusedError, UsageError
from quarterdeck_api.host_protocol import ControllerLook
from quarterdeck_api.protocol import DoParams
from quarterdeck_api.resources import Health

SCHEMA = {
    "type": "object",
    "properties": {"below": {"type": "number", "default": 20.0}, "token": {"type": "string", "format": "secret"}},
    "required": [],
}
INFO = ControllerInfo("refill", "Refill", "m:f", SCHEMA, interval=60.0)
NAME = "plant/refill"


class World:
    """One database, and services that come and go."""

    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.path = folder / "state.db"
        self.looks: list[ControllerLook] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.answer: Decision | Exception = Decision(False, "all is well", {"n": 1})
        self.why_not = ""
        self.known = [KnownController("p", "plant", INFO)]
        self.shown: dict[str, ControllerRecord] = {}
        self.gone: list[str] = []
        self.begin()

    def begin(self) -> None:
        self.database = open_database(self.path)
        self.service = Controllers(
            ControllerStore(self.database, lambda record: self.service.published(record)),
            lambda: self.known,
            lambda _: self.why_not,
            self.look,
            {"TOKEN": "hush"}.get,
            lambda record, _, __: self.shown.update({record.name: record}),
            lambda address: self.gone.append(str(address)),
            lambda: self.now,
            Random(1),
        )
        self.service.follow()
        self.task = asyncio.ensure_future(self.service.run())

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await asyncio.sleep(0)
        self.database.close()

    async def look(self, plugin: str, asked: ControllerLook) -> Decision:
        self.looks.append(asked)
        await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def settle(self, now: float | None = None) -> None:
        if now is not None:
            self.now = now
        self.service.follow()
        for _ in range(30):
            await asyncio.sleep(0)

    @property
    def record(self) -> ControllerRecord:
        return self.service.record(NAME)


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Callable[[World], Coroutine[Any, Any, None]]], None]:
    def run(story: Callable[[World], Coroutine[Any, Any, None]]) -> None:
        async def begin() -> None:
            world = World(tmp_path)
            try:
                await story(world)
            finally:
                await world.end()

        asyncio.run(begin())

    return run


def test_the_interval_starts_at_the_end_of_a_look(play: Any) -> None:
    async def story(world: World) -> None:
        await world.settle()
        assert world.looks == []
        world.gate.clear()
        world.service.set_enabled(NAME, True)
        await world.settle()
        assert len(world.looks) == 1
        await world.settle(1500.0)
        assert len(world.looks) == 1  # Never two at once, however late it is.
        world.gate.set()
        await world.settle()
        assert (world.record.last, world.record.next_look, world.record.looks) == (1500.0, 1560.0, 1)
        await world.settle(1559.0)
        assert len(world.looks) == 1
        await world.settle(1560.0)
        assert [look.state for look in world.looks] == [None, {"n": 1}]
        world.service.set_enabled(NAME, False)
        await world.settle(5000.0)
        assert len(world.looks) == 2

    play(story)


def test_failures_back_off_and_are_forgotten_after_a_good_look(play: Any) -> None:
    async def story(world: World) -> None:
        world.answer = QuarterdeckError("it broke", "")
        world.service.set_enabled(NAME, True)
        await world.settle()
        assert (world.record.decision, world.record.sentence, world.record.failures) == ("failed", "it broke", 1)
        assert 120.0 <= world.record.next_look - world.now <= 132.0
        world.answer = Decision(True, "acted", None)
        await world.settle(world.record.next_look)
        assert (world.record.failures, world.record.acts, world.record.looks) == (0, 1, 2)
        assert world.record.next_look == world.now + 60.0

    play(story)


def test_a_backend_that_is_not_there_is_waited_for_and_no_failure(play: Any) -> None:
    async def story(world: World) -> None:
        world.why_not = "backend plant is unreachable"
        world.service.set_enabled(NAME, True)
        await world.settle(9000.0)
        assert (world.looks, world.record.failures) == ([], 0)
        resource = controller_resource(world.record, INFO, world.why_not)
        assert (resource.health, resource.state) == (Health.UNKNOWN, "waiting")
        world.why_not = ""
        await world.settle()
        assert len(world.looks) == 1

    play(story)


def test_a_look_that_is_cut_off_is_not_made_again_before_its_time(play: Any) -> None:
    async def story(world: World) -> None:
        world.gate.clear()
        world.service.set_enabled(NAME, True)
        await world.settle()
        assert world.record.looking == 1000.0
        await world.end()
        world.gate.set()
        world.begin()
        await world.settle(1001.0)
        assert (len(world.looks), world.record.looks, world.record.looking) == (1, 0, 0.0)
        assert "cut off" in world.record.sentence
        await world.settle(1060.0)
        assert (len(world.looks), world.record.looks, world.record.decision) == (2, 1, "kept")

    play(story)


def test_only_a_controller_that_looks_may_ask_and_confirms_only_as_its_user_did(play: Any) -> None:
    async def story(world: World) -> None:
        with pytest.raises(RefusedError, match="does not look now"):
            world.service.actor("p", NAME)
        world.gate.clear()
        world.service.set_enabled(NAME, True)
        await world.settle()
        assert world.service.actor("p", NAME) == "controller plant/refill"
        with pytest.raises(RefusedError):
            world.service.actor("another plugin", NAME)
        bold = DoParams("gauge.empty", ("plant/gauge/g1",), confirmed=True, typed_name="g1", typed_names=("g1",))
        asked = world.service.request("controller plant/refill", bold)
        assert (asked.confirmed, asked.typed_name, asked.typed_names) == (False, "", ())
        world.service.set_enabled(NAME, True, confirmed=True)
        assert world.service.request("controller plant/refill", bold).confirmed
        with pytest.raises(RefusedError, match="looks just now"):
            await world.service.look_now(NAME)
        world.gate.set()
        await world.settle()

    play(story)


def test_parameters_have_defaults_and_secrets_are_references(play: Any) -> None:
    async def story(world: World) -> None:
        with pytest.raises(UsageError, match="secret"):
            world.service.configure(NAME, {"token": "in clear"}, 0.0, False)
        world.service.configure(NAME, {"token": "env:TOKEN"}, 5.0, False)
        await world.service.look_now(NAME)
        assert world.looks[0].parameters == {"below": 20.0, "token": "hush"}
        assert world.record.parameters == {"token": "env:TOKEN"}
        assert b"hush" not in world.path.read_bytes()
        world.service.configure(NAME, {"below": 3.0}, 0.0, False)
        assert (world.record.parameters, world.record.interval) == ({"token": "env:TOKEN", "below": 3.0}, 5.0)
        world.service.configure(NAME, {}, 0.0, True)
        assert (world.record.parameters, world.record.interval) == ({}, 0.0)

    play(story)


def test_controllers_go_with_their_backend_and_come_back_as_they_were(play: Any) -> None:
    async def story(world: World) -> None:
        world.service.set_enabled(NAME, True)
        await world.settle()
        assert world.service.live() == 1
        known, world.known = world.known, []
        await world.settle(9000.0)
        assert (world.gone, world.service.live(), len(world.looks)) == (["core/controller/plant/refill"], 0, 1)
        with pytest.raises(NotFoundError):
            world.service.known(NAME)
        world.known = known
        await world.settle()
        assert (world.record.enabled, len(world.looks)) == (True, 2)

    play(story)


@pytest.mark.parametrize("failures", [0, 1, 2, 5, 50])
@pytest.mark.parametrize("interval", [0.1, 60.0, 86_400.0])
def test_the_next_look_is_never_sooner_than_the_interval_nor_much_later_than_the_longest_backoff(
    failures: int, interval: float
) -> None:
    found = next_after(1000.0, interval, failures, Random(failures)) - 1000.0
    assert interval <= found + 1e-9
    assert found <= max(LONGEST_BACKOFF, interval) * 1.1
    assert found == pytest.approx(interval) or failures


def test_a_clock_that_was_set_back_does_not_put_a_look_off_for_ever() -> None:
    assert resumed(5000.0, 60.0, 6000.0) == 6000.0
    assert resumed(5000.0, 60.0, 4990.0) == 5000.0
    assert resumed(9_000_000.0, 60.0, 1000.0) == 1000.0 + LONGEST_BACKOFF
