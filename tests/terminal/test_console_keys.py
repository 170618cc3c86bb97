"""Keys: typed in one burst, they reach what the keys before them opened; remapped, clashing, listed by the help; palette and redrawing."""

from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from console_story import Make, Play, story_player, text, until
from quarterdeck.tui.console_app import ConsoleApp

play = pytest.fixture(story_player)


def burst(app: ConsoleApp, *keys: str) -> None:
    """All of these keys at once, as a terminal sends what was typed while the console was busy."""
    for key in keys:
        app.post_message(events.Key(key, {"space": " "}.get(key, key if len(key) == 1 else None)))


def test_a_command_typed_in_one_burst_is_done(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await until(pilot, lambda: "● ready" in text(app), app)
        burst(app, "colon", *"models", "space", *"naive", "enter", "j", "d")
        await until(pilot, lambda: "ainode/model/naive" in text(app) and app.screen is not app.main, app)

    play(story, make_model("arima"), make_model("naive"))


def test_a_command_is_given_from_a_resource_too(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await until(pilot, lambda: "● ready" in text(app), app)
        burst(app, "3", "d", "colon", *"jobs", "enter")
        await until(pilot, lambda: app.screen is app.main and "[4 jobs]" in text(app), app)
        assert app.main.prompt is None

    play(story, make_model("naive"))


def test_a_filter_typed_in_one_burst_with_what_is_done_then(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await until(pilot, lambda: "● ready" in text(app), app)
        burst(app, "3", "slash", *"nai", "enter")
        await until(pilot, lambda: "models 1/2  /nai" in app.main.status_text, app)
        await until(pilot, lambda: app.main.prompt is None, app)

    play(story, make_model("arima"), make_model("naive"))


def test_keys_after_a_go_to_the_menu_that_opens(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "models 2" in app.main.status_text, app)
        burst(app, "j", "a", "o")
        await until(pilot, lambda: bool(runtime.done), app)
        assert runtime.done[0].action == "model.load"
        assert runtime.done[0].addresses == ("ainode/model/naive",)

    play(story, make_model("arima"), make_model("naive"))


def test_keys_go_on_after_a_menu_without_anything_to_choose(play: Play) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await pilot.press("8")
        await until(pilot, lambda: app.main.settled, app)
        burst(app, "a", "3")
        await until(pilot, lambda: app.main.current.name == "models", app)

    play(story)


def test_the_palette_finds_panes_actions_and_resources_by_letters(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await until(pilot, lambda: "● ready" in text(app), app)
        burst(app, "ctrl+p", *"jrnl", "enter")
        await until(pilot, lambda: app.main.current.name == "journal" and app.screen is app.main, app)
        await pilot.press("3")
        await until(pilot, lambda: "models 2" in app.main.status_text, app)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: "Loads the model." in text(app), app)
        await pilot.press(*"load", "enter")
        await until(pilot, lambda: bool(runtime.done), app)
        assert runtime.done[0].addresses == ("ainode/model/arima",)
        await until(pilot, lambda: app.screen is app.main, app)
        burst(app, "ctrl+p", *"naiv", "enter")
        await until(pilot, lambda: "2,1,1" in text(app), app)
        assert "ainode/model/naive" in text(app)
        await pilot.press("escape")
        burst(app, "ctrl+p", *"mark", "enter")
        await until(pilot, lambda: "1 marked" in app.main.status_text, app)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: app.screen is not app.main, app)
        await pilot.press(*"qqqq")
        await until(pilot, lambda: "nothing" in text(app), app)
        await pilot.press("enter", "escape")
        await until(pilot, lambda: app.screen is app.main, app)

    play(story, make_model("arima"), make_model("naive"))


def test_the_palette_finds_one_among_many_resources(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "models 30,000" in app.main.status_text, app)
        burst(app, "ctrl+p", *"m-029876", "enter")
        await until(pilot, lambda: "ainode/model/m-029876" in text(app) and "2,1,1" in text(app), app)

    play(story, *(make_model(f"m-{number:06}") for number in range(30_000)))


def test_ctrl_l_sends_the_whole_screen(play: Play, make_model: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "models 1" in app.main.status_text, app)
        written: list[str] = []
        assert app._driver is not None
        monkeypatch.setattr(app._driver, "write", written.append)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "\x1b[2J" in written, app)

    play(story, make_model("arima"))


def configure(home: Path, text: str) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text(text)


def test_keys_of_every_screen_can_be_changed_and_clashes_are_said_once(
    play: Play, make_model: Make, home: Path
) -> None:
    configure(home, '[console]\nkeys = { "log.follow" = "F", "text.end" = "E", "resource.logs" = "d" }\n')

    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await until(pilot, lambda: "claimed by" in app.main.status_text, app)
        said = app.main.status_text
        assert "there is no key binding" not in said
        assert said.count("claimed by") == 1
        assert "the key d is claimed by resource.describe and by resource.logs" in said
        await pilot.press("4", "question_mark")
        await until(pilot, lambda: "Keys" in text(app), app)
        assert "lost their key" not in text(app)
        await pilot.press("E")
        assert "close the console" in text(app)

    play(story, make_model("arima"), size=(200, 40))


def test_help_lists_only_what_this_console_does(play: Play, make_model: Make, home: Path) -> None:
    configure(home, '[console]\nkeys = { "resource.raw" = "f5" }\n')

    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await pilot.press("3", "question_mark")
        await until(pilot, lambda: "Keys" in text(app), app)
        lines = [line.split() for line in text(app).splitlines()]
        assert ["f5", "raw"] in lines
        assert ["^p", "palette"] in lines
        for foreign in ("Focus Next", "Copy selected text", "Scroll", "Minimize", "Cursor"):
            assert foreign.lower() not in text(app).lower(), text(app)

    play(story, make_model("arima"), size=(110, 70))


def test_built_in_keys_of_each_place_are_told_apart() -> None:
    from quarterdeck.tui.key_contexts import key_contexts
    from quarterdeck.tui.keys import check_keys

    contexts = key_contexts()
    for place in ("panes", "logs", "texts", "descriptions", "palette"):
        assert check_keys({}, contexts[place]) == [], place


def test_the_keymap_of_a_plugin_is_used_below_the_users_own_keys(play: Play, make_model: Make, home: Path) -> None:
    configure(home, '[console]\nkeymap = "emacs"\nkeys = { "resource.raw" = "w" }\n')

    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await until(pilot, lambda: "● ready" in text(app), app)
        await pilot.press("3")
        await until(pilot, lambda: "models 2" in app.main.status_text, app)
        await pilot.press("ctrl+n")
        assert app.main.table.cursor == 1
        await pilot.press("w")
        await until(pilot, lambda: '"health": "ok"' in text(app), app)

    play(story, make_model("arima"), make_model("naive"))
