"""The deck, driven by keys: backends with their counts, what is to be done about them, and jobs."""

from typing import Any

import pytest
from textual.pilot import Pilot

from console_story import Make, Play, selected, story_player, text, until
from quarterdeck.tui.console_app import ConsoleApp
from quarterdeck_api.protocol import BackendState

play = pytest.fixture(story_player)


def test_deck_shows_backend_with_counts(play: Play, make_model: Make, make_job: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await until(pilot, lambda: "● ready" in text(app), app)
        await until(pilot, lambda: "◐ running" in text(app), app)
        line = next(line for line in text(app).splitlines() if line.startswith("ainode"))
        assert line.split()[:5] == ["ainode", "●", "ready", "2", "1"]

    play(story, make_model("arima"), make_model("naive"), make_job(7), make_job(8, "succeeded"))


def test_unreachable_backend_is_a_chip_with_its_reason(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await until(pilot, lambda: "● ready" in text(app), app)
        broken = BackendState("plant", "x", "ainode", "Plant", "unreachable", "no route", since=1.0)
        runtime.set_backends(*runtime.backends, broken)
        await until(pilot, lambda: "✖ plant unreachable: no route" in app.main.status_text, app)
        await until(pilot, lambda: any(line.startswith("plant") for line in text(app).splitlines()), app)

    play(story, make_model("arima"))


def test_deck_shows_findings_with_remedy_and_jobs_that_have_just_ended(play: Play, make_job: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await until(pilot, lambda: "✖ failed" in text(app), app)
        jobs = [line.split()[0] for line in text(app).splitlines() if " forecast " in line]
        assert jobs == ["2", "9", "1"]
        ready, core = runtime.backends
        runtime.set_backends(
            ready,
            BackendState("plant", "ainode.iotdb", "ainode", "Plant", "unreachable", "refused", "start IoTDB"),
            core,
        )
        await until(pilot, lambda: "WHAT TO DO" in text(app), app)
        (line,) = [line for line in text(app).splitlines() if line.startswith("✖ critical") and "start IoTDB" in line]
        assert line.split()[:4] == ["✖", "critical", "refused", "plant"]
        await pilot.press("shift+tab", "X")
        await until(pilot, lambda: "What to do: start IoTDB" in text(app), app)
        await pilot.press("escape")
        runtime.set_backends(ready, core)
        await until(pilot, lambda: "WHAT TO DO" not in text(app), app)
        assert app.main.table.has_focus
        assert selected(app) == "ainode"

    play(story, make_job(1, "failed"), make_job(2), make_job(9, "succeeded"), make_job(10, "queued"))
