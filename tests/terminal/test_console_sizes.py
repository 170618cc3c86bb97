"""Every pane and the screens over them are usable from 40x12 to 300x100; and every kind of filter by keys."""

from typing import Any

import pytest
from textual.pilot import Pilot

from console_story import Make, Play, story_player, text, until
from quarterdeck.tui.console_app import ConsoleApp
from quarterdeck.tui.panes import PANES
from quarterdeck_api.metrics import MetricSample
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import Health, Resource

play = pytest.fixture(story_player)

SIZES = [(40, 12), (80, 24), (200, 60), (300, 100)]
NODE = Resource("ainode/node/engine", "engine", Health.OK, "running", cells=("2",))
PROCESS = Resource("core/process/stage", "stage", Health.FAILED, "crash loop", "it ends", cells=("ainode",))
VERSION = Resource("ainode/version/arima-1", "1", Health.OK, "kept", cells=(1024,), parent="ainode/model/arima")
PLUGIN = Resource("core/plugin/ainode", "ainode", Health.OK, "ready", cells=("1.0", ""))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_pane_is_usable(play: Play, make_model: Make, make_job: Make, size: tuple[int, int]) -> None:
    shown = {"cluster": "engine", "models": "arima", "jobs": "running", "plugins": "ready"}

    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await until(pilot, lambda: "● ready" in text(app), app)
        broken = BackendState("plant", "x", "ainode", "Plant", "unreachable", "no route to it", "look", since=1.0)
        runtime.set_backends(*runtime.backends, broken)
        await until(pilot, lambda: "plant" in text(app).splitlines()[-2], app)
        for pane in PANES:
            await pilot.press(pane.key)
            wanted = shown.get(pane.name, pane.name)
            await until(pilot, lambda wanted=wanted: wanted in text(app), app)
            lines = text(app).splitlines()
            assert len(lines) == size[1]
            assert f"[{pane.key} {pane.name}]" in lines[0]
            assert all(f" {each.key}" in lines[0].replace("[", " ") for each in PANES)
            assert lines[-2].startswith(f" {pane.name} ")
            assert "command" in lines[-1]
        await pilot.press("2")
        await until(pilot, lambda: "engine" in text(app) and "stage" in text(app), app)

    play(story, NODE, PROCESS, PLUGIN, make_model("arima"), make_job(7), size=size)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_screen_over_the_panes_is_usable(
    play: Play, make_model: Make, make_job: Make, size: tuple[int, int]
) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "models 1" in app.main.status_text, app)
        for key, words in (
            ("d", "2,1,1"),
            ("y", '"address"'),
            ("X", "ainode/model/arima"),
            ("T", "STATE"),
            ("question_mark", "Keys"),
            ("a", "Load"),
            ("ctrl+p", "action"),
        ):
            await pilot.press(key)
            await until(pilot, lambda words=words: words in text(app), app)
            assert app.screen is not app.main
            assert max(len(line) for line in text(app).splitlines()) <= size[0]
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.main, app)
        await pilot.press("enter")
        await until(pilot, lambda: "arima-1" in text(app), app)
        assert text(app).splitlines()[0].rstrip().endswith("arima]")
        await pilot.press("colon", *"mod", "tab")
        assert text(app).splitlines()[-1].startswith(" :models")
        await pilot.press("escape", "4", "l")
        await until(pilot, lambda: bool(runtime.logs), app)
        runtime.log("a line of it")
        await until(pilot, lambda: "a line of it" in text(app), app)

    play(story, make_model("arima"), make_job(7), VERSION, size=size)


def test_a_terminal_that_changes_its_size_keeps_row_and_pane(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "models 60" in app.main.status_text, app)
        await pilot.press("end")
        for width, height in (*SIZES, *reversed(SIZES)):
            await pilot.resize_terminal(width, height)
            await until(pilot, lambda height=height: len(text(app).splitlines()) == height, app)
            await until(pilot, lambda: "m-59" in text(app), app)
            assert "[3 models]" in text(app).splitlines()[0]

    play(story, *(make_model(f"m-{number}") for number in range(60)))


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("arima", ["arima", "auto-arima"]),
        ("arima auto", ["auto-arima"]),
        ("mae<2", ["arima", "naive"]),
        ("mae>=2 state=active", ["auto-arima"]),
        ("health=failed", ["naive"]),
        ("/^ainode.*na.ve$/", []),
        ("/na.ve/", ["naive"]),
        ("~atm", ["auto-arima"]),
        ("!arima", ["naive"]),
        ("!~atm !naive", ["arima"]),
        ("!/arima/", ["naive"]),
        ("size>=2k trained>1d", ["arima", "auto-arima", "naive"]),
    ],
)
def test_filters_by_keys(play: Play, make_model: Make, typed: str, found: list[str]) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "models 3" in app.main.status_text, app)
        await pilot.press("slash", *({" ": "space"}.get(letter, letter) for letter in typed), "enter")
        await until(pilot, lambda: f"{len(found)}/3" in app.main.status_text, app)
        assert [address.split("/", 2)[2] for address in app.main.table.model.shown] == found

    rows = (make_model("arima"), make_model("naive", health=Health.FAILED), make_model("auto-arima", mae=2.5))
    play(story, *(Resource(*_with_algorithm(row)) for row in rows))


def _with_algorithm(row: Resource) -> tuple[Any, ...]:
    """The row with its own name as its algorithm, so that words find it by nothing else."""
    return row.address, row.uid, row.health, row.state, row.reason, row.since, (row.name, *row.cells[1:])


def test_rates_are_columns_while_there_are_samples(play: Play) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await until(pilot, lambda: "● ready" in text(app), app)
        before = set(runtime.metrics)
        await pilot.press("2")
        await until(pilot, lambda: "engine" in text(app) and bool(set(runtime.metrics) - before), app)
        own = set(runtime.metrics) - before
        assert "RATE" not in text(app)
        for value in (1.0, 2.0, 8.0):
            runtime.measure(MetricSample(NODE.address, "rate", value, 1.0, "1/s"))
        await until(pilot, lambda: "8/s" in text(app) and "▁▂█" in text(app), app)
        assert "RATE" in text(app)
        await pilot.press("3")
        await until(pilot, lambda: not own & set(runtime.metrics), app)

    play(story, NODE)
