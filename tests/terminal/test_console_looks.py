"""How the console looks and is configured: themes, keys of the configuration, and no colour."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from console_story import Make, Play, story_player, text, until
from quarterdeck.config.paths import instance_paths
from quarterdeck.tui.console_app import ConsoleApp
from quarterdeck_api.resources import Health

play = pytest.fixture(story_player)


def test_keys_of_the_configuration_are_used_and_wrong_ones_are_said(play: Play, make_model: Make, home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text(
        '[console]\ntheme = "neon"\nkeys = { "resource.raw" = "w", "resource.rew" = "x" }\n'
    )

    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await until(pilot, lambda: "there is no key binding 'resource.rew'" in app.main.status_text, app)
        assert "there is no theme 'neon'" in app.main.status_text
        await pilot.press("3")
        await until(pilot, lambda: "arima" in text(app), app)
        await pilot.press("w")
        await until(pilot, lambda: '"health": "ok"' in text(app), app)

    play(story, make_model("arima"), size=(300, 30))


def test_theme_can_be_changed(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await until(pilot, lambda: "● ready" in text(app), app)
        await pilot.press("colon", *"theme light", "enter")
        await pilot.pause()
        assert app.palette.dark is False
        assert 'theme = "light"' in instance_paths().config_file.read_text()
        assert app.main.table.render_line(1)._segments[0].style.bgcolor.name == "#cfe3fa"  # type: ignore[union-attr]

    play(story, make_model("arima"))


def test_without_colour_states_and_selection_can_be_told(
    play: Play, make_model: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "✖ active" in text(app), app)
        strips = app.screen._compositor.render_strips()
        styles = [segment.style for strip in strips for segment in strip if segment.style is not None]
        assert any(style.reverse for style in styles)
        coloured = [style for style in styles if style.color is not None and not style.color.is_default]
        assert not coloured

    play(story, make_model("arima", health=Health.FAILED))
