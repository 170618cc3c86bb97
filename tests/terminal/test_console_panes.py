"""Panes of the console, driven by keys: columns, filters, commands, marks, and rows that change, are lost and come back."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from textual.pilot import Pilot

from console_story import Make, Play, selected, story_player, text, until
from quarterdeck.tui.console_app import ConsoleApp
from quarterdeck.tui.snapshot import render_snapshot
from quarterdeck_api.resources import Health, Resource

play = pytest.fixture(story_player)


def test_models_pane_has_the_plugins_columns(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "arima" in text(app), app)
        header = text(app).splitlines()[1].split()
        assert header == ["NAME", "BACKEND", "STATE", "ALGORITHM", "MAE", "SIZE", "TRAINED", "REASON"]
        assert "2.0KiB" in text(app)
        assert "models 1" in app.main.status_text

    play(story, make_model("arima"))


def test_filter_applies_while_typing_and_esc_clears_it(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "m-5" in text(app), app)
        await pilot.press("slash", *"m-5")
        await until(pilot, lambda: "1/9" in app.main.status_text, app)
        assert "m-4" not in text(app)
        await pilot.press("enter")
        assert app.main.table.has_focus
        await pilot.press("escape")
        await until(pilot, lambda: "m-4" in text(app), app)

    play(story, *(make_model(f"m-{number}") for number in range(9)))


def test_bad_filter_says_what_is_wrong(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "arima" in text(app), app)
        await pilot.press("slash", *"maee<2")
        await until(pilot, lambda: "there is no field 'maee'" in app.main.status_text, app)
        assert "did you mean mae" in app.main.status_text
        await pilot.press("backspace", "backspace", "backspace", *"<2")
        await until(pilot, lambda: "there is no field" not in app.main.status_text, app)
        assert "arima" in text(app)

    play(story, make_model("arima"))


def test_command_goes_to_a_pane_with_a_backend(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await until(pilot, lambda: "● ready" in text(app), app)
        await pilot.press("colon", *"models @ainode naive", "enter")
        await until(pilot, lambda: "1/2" in app.main.status_text, app)
        assert app.main.current.name == "models"
        await pilot.press("colon", *"modles", "enter")
        await until(pilot, lambda: "did you mean models?" in app.main.status_text, app)

    play(story, make_model("arima"), make_model("naive"))


def test_tab_completes_what_exists(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await until(pilot, lambda: "● ready" in text(app), app)
        await pilot.press("colon", *"mod", "tab", *" @a", "tab", "enter")
        await until(pilot, lambda: "/backend=ainode" in app.main.status_text, app)

    play(story, make_model("arima"))


def test_changes_arrive_and_the_selection_stays_by_identity(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "m-3" in text(app), app)
        await pilot.press("j", "j")
        assert selected(app) == "m-3"
        runtime.put(make_model("m-0"), make_model("m-3", health=Health.FAILED))
        await until(pilot, lambda: "✖ active" in text(app), app)
        assert selected(app) == "m-3"
        runtime.remove("ainode/model/m-3")
        await until(pilot, lambda: "m-3" not in text(app), app)
        assert selected(app) == "m-2"

    play(story, *(make_model(f"m-{number}") for number in (1, 2, 3)))


def test_lost_connection_is_said_and_comes_back(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "arima" in text(app), app)
        runtime.rows.pop("ainode/model/naive")
        runtime.drop()
        await until(pilot, lambda: "connection lost" in app.main.status_text, app)
        assert "arima" in text(app)
        await until(pilot, lambda: "connection" not in app.main.status_text, app)
        await until(pilot, lambda: "naive" not in text(app), app)
        runtime.put(make_model("zeta"))
        await until(pilot, lambda: "zeta" in text(app), app)

    play(story, make_model("arima"), make_model("naive"))


def test_rows_of_a_backend_that_is_not_reached_say_no_health(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        def row() -> str:
            return next((line for line in text(app).splitlines() if "arima" in line), "")

        await pilot.press("3")
        await until(pilot, lambda: "● active" in row(), app)
        ready = runtime.backends
        runtime.set_backends(*(structs.replace(each, state="unreachable", reason="no route") for each in ready))
        await until(pilot, lambda: "? active" in row() and "●" not in row(), app)
        await pilot.press("4", "3")
        await until(pilot, lambda: "? active" in row(), app)
        await pilot.press("d")
        await until(pilot, lambda: "? active  as it was seen last: ainode is unreachable" in text(app), app)
        runtime.set_backends(*ready)
        await until(pilot, lambda: "● active" in text(app), app)
        await pilot.press("escape")
        runtime.set_backends(*ready)
        await until(pilot, lambda: "● active" in row(), app)

    play(story, make_model("arima"))


def test_action_without_parameters_is_sent_once(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "arima" in text(app), app)
        await pilot.press("a")
        await until(pilot, lambda: "Loads the model." in text(app), app)
        await pilot.press("o")
        await until(pilot, lambda: "done it is loaded" in app.main.status_text, app)
        assert [(request.action, request.addresses) for request in runtime.done] == [
            ("model.load", ("ainode/model/arima",))
        ]

    play(story, make_model("arima"))


def test_smallest_terminal(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "arima" in text(app), app)
        lines = text(app).splitlines()
        assert max(len(line) for line in lines) <= 40
        assert lines[1].split() == ["NAME", "BACKEND", "STATE", "ALGORITHM", "MAE"]
        assert "models 1" in lines[-2]

    play(story, make_model("arima"), size=(40, 12))


def test_hundred_thousand_rows(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "models 100,000" in app.main.status_text, app)
        await pilot.press("end")
        await until(pilot, lambda: "m-099999" in text(app), app)
        await pilot.press("slash", *"09999")
        await until(pilot, lambda: "models 11/100,000 " in app.main.status_text, app)

    play(story, *(make_model(f"m-{number:06}") for number in range(100_000)))


@pytest.mark.parametrize("pane", ["models", "3"])
def test_snapshot_waits_for_rows(fake_runtime: Callable[..., Any], make_model: Make, pane: str) -> None:
    async def both() -> tuple[str, str]:
        async with fake_runtime(make_model("arima")):
            plain = await asyncio.to_thread(render_snapshot, width=90, height=12, svg=False, pane=pane)
            image = await asyncio.to_thread(render_snapshot, width=90, height=12, svg=True, pane=pane)
        return plain, image

    plain, image = asyncio.run(both())
    assert "arima" in plain
    assert len(plain.splitlines()) == 12
    assert image.startswith("<svg")
    assert "arima" in image


def test_keys_work_before_anything_is_connected(home: Path) -> None:
    async def story() -> None:
        started: list[bool] = []

        def never(**_: Any) -> Any:
            started.append(True)
            return _Silent()

        app = ConsoleApp(never)
        async with app.run_test(size=(80, 12)) as pilot:
            assert "deck" in text(app)
            await pilot.press("3", "slash", *"arima", "enter")
            assert app.main.current.name == "models"
            assert "/arima" in app.main.status_text

    asyncio.run(story())


class _Silent:
    def on_notification(self, *_: Any) -> None: ...

    def start(self) -> None: ...

    async def close(self) -> None: ...


def test_what_happened_while_a_pane_was_hidden_is_there_when_it_is_shown(play: Play, make_job: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await pilot.press("4")
        await until(pilot, lambda: "forecast" in text(app), app)
        await pilot.press("3")
        runtime.put(make_job(8, "succeeded"), make_job(7, "failed"))
        await pilot.pause(0.2)
        await pilot.press("4")
        await until(pilot, lambda: "succeeded" in text(app) and "failed" in text(app), app)
        assert selected(app) == "7"
        runtime.put(make_job(9, "queued"))
        await until(pilot, lambda: "queued" in text(app), app)

    play(story, make_job(7))


def test_cluster_and_plugins_are_panes_with_details(play: Play) -> None:
    node = Resource("ainode/node/engine", "engine", Health.OK, "running", cells=("2",))
    plugin = Resource("core/plugin/broken", "broken", Health.FAILED, "timeout", "it hangs", cells=("1.0", "repair it"))

    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await pilot.press("2")
        await until(pilot, lambda: "engine" in text(app) and "CORES" in text(app), app)
        await pilot.press("9")
        await until(pilot, lambda: "✖ timeout" in text(app) and "repair it" in text(app), app)
        await pilot.press("d")
        await until(pilot, lambda: "order" in text(app), app)
        await pilot.press("escape")
        assert app.main.current.name == "plugins"

    play(story, node, plugin)


def test_an_action_is_done_with_all_marked_rows_and_what_is_not_for_several_is_greyed(
    play: Play, make_job: Make, make_model: Make
) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await pilot.press("4")
        await until(pilot, lambda: "jobs 3" in app.main.status_text, app)
        await pilot.press("space", "space")
        assert "✓ 2 marked" in app.main.status_text
        await pilot.press("a")
        await until(pilot, lambda: "2 marked" in text(app) and "Cancel" in text(app), app)
        await pilot.press("x")
        await until(pilot, lambda: "Cancel: 2 done" in app.main.status_text, app)
        assert runtime.done[-1].addresses == ("core/job/3", "core/job/2")
        assert app.main.table.marked == []
        await pilot.press("3")
        await until(pilot, lambda: "models 2" in app.main.status_text, app)
        await pilot.press("space", "space", "a")
        await until(pilot, lambda: "for one at a time" in text(app), app)
        await pilot.press("o")
        await pilot.pause()
        assert len(runtime.done) == 1

    play(story, *(make_job(number) for number in (1, 2, 3)), make_model("arima"), make_model("naive"))
