"""Screens over the panes, driven by keys: description, raw, help, logs, explanations, and what is copied from them."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from console_story import Make, Play, story_player, text, until
from quarterdeck.tui.console_app import ConsoleApp
from quarterdeck_api.resources import Health

play = pytest.fixture(story_player)


def test_describe_raw_help_and_back(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "arima" in text(app), app)
        await pilot.press("d")
        await until(pilot, lambda: "2,1,1" in text(app), app)
        await pilot.press("escape", "y")
        await until(pilot, lambda: '"address": "ainode/model/arima"' in text(app), app)
        await pilot.press("escape", "question_mark")
        await until(pilot, lambda: "Keys" in text(app), app)
        assert "describe" in text(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main, app)

    play(story, make_model("arima"), size=(100, 40))


def test_logs_follow(play: Play, make_job: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await pilot.press("4")
        await until(pilot, lambda: "running" in text(app), app)
        await pilot.press("l")
        await until(pilot, lambda: bool(runtime.logs), app)
        runtime.log("one", "\x1b[31mred")
        await until(pilot, lambda: "␛[31mred" in text(app), app)
        await pilot.press("escape")
        await until(pilot, lambda: not runtime.logs, app)

    play(story, make_job(7))


def written_by(app: ConsoleApp, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    written: list[str] = []
    assert app._driver is not None
    monkeypatch.setattr(app._driver, "write", written.append)
    return written


def copied(written: list[str]) -> list[str]:
    from base64 import b64decode

    return [b64decode(each[7:-1]).decode() for each in written if each.startswith("\x1b]52;c;")]


def test_address_cell_marks_and_document_are_copied(
    play: Play, make_model: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMUX", raising=False)

    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        written = written_by(app, monkeypatch)
        await pilot.press("3")
        await until(pilot, lambda: "models 2" in app.main.status_text, app)
        await pilot.press("c")
        assert "given to the terminal to copy: ainode/model/arima" in app.main.status_text
        await pilot.press("shift+right", "shift+right", "shift+right", "shift+right", "c", "escape")
        await pilot.press("space", "space", "c")
        await pilot.press("d")
        await until(pilot, lambda: "order" in text(app), app)
        await pilot.press("c")
        assert "given to the terminal" in text(app)
        await pilot.press("escape")
        first, cell, marks, document = copied(written)
        assert (first, cell, marks) == ("ainode/model/arima", "arima", "ainode/model/arima\nainode/model/naive")
        assert "order" in document

    play(story, make_model("arima"), make_model("naive"))


def test_what_is_explained_are_reason_and_jobs(play: Play, make_model: Make, make_job: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await until(pilot, lambda: "◐ running" in text(app), app)
        await pilot.press("3")
        await until(pilot, lambda: "models 1" in app.main.status_text, app)
        await pilot.press("X")
        await until(pilot, lambda: "why ainode/model/arima" in text(app), app)
        assert "ainode/model/arima has failed (active)." in text(app)
        assert "core/job/7 is running for it." in text(app)
        await pilot.press("escape", "1", "X")
        await until(pilot, lambda: "The backend ainode (ainode) is ready." in text(app), app)

    play(story, make_model("arima", health=Health.FAILED), make_job(7))


def test_a_log_is_searched_wrapped_held_and_saved(
    play: Play, make_job: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await pilot.press("4")
        await until(pilot, lambda: "jobs 1" in app.main.status_text, app)
        await pilot.press("l")
        await until(pilot, lambda: bool(runtime.logs), app)
        runtime.log(*(f"line {number} " + ("needle" if number % 50 == 7 else "hay") for number in range(200)))
        await until(pilot, lambda: "line 199" in text(app), app)
        await pilot.press("slash", *"NEEDLE")
        await until(pilot, lambda: "4 lines" in text(app), app)
        assert "line 7 needle" in text(app)
        await pilot.press("enter", "n")
        assert text(app).splitlines()[1] == "line 57 needle"
        await pilot.press("N")
        assert text(app).splitlines()[1] == "line 7 needle"
        runtime.log("x" * 150 + " end")
        await pilot.press("escape", "f", "w")
        await until(pilot, lambda: " end" in text(app), app)
        await pilot.press("f")
        runtime.log("one more")
        await pilot.pause(0.1)
        assert "one more" not in text(app)
        await pilot.press("ctrl+s")
        assert "202 lines saved as" in text(app)
        saved = (tmp_path / "core-job-7.log").read_text().splitlines()
        assert (len(saved), saved[-1]) == (202, "one more")
        await pilot.press("escape")
        assert app.screen is app.main

    play(story, make_job(7), size=(160, 24))


def test_help_names_the_keys_of_the_screen_below(play: Play, make_job: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await pilot.press("4")
        await until(pilot, lambda: "jobs 1" in app.main.status_text, app)
        await pilot.press("question_mark")
        await until(pilot, lambda: "Keys" in text(app), app)
        for words in ("sort by the column", "mark up to here", "explain", "pick a column"):
            assert words in text(app), words
        await pilot.press("escape", "l", "question_mark")
        await until(pilot, lambda: "found before" in text(app), app)

    play(story, make_job(7), size=(110, 60))
