"""What a user sees and does in the console, driven by keys, with a runtime that the test plays."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from textual.pilot import Pilot

from quarterdeck.config.paths import instance_paths
from quarterdeck.tui.app import make_console
from quarterdeck.tui.console_app import ConsoleApp
from quarterdeck.tui.snapshot import render_snapshot
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import Health, Resource

Make = Callable[..., Resource]
Story = Callable[[ConsoleApp, Pilot[None], Any], Awaitable[None]]
Play = Callable[..., None]


@pytest.fixture
def play(fake_runtime: Callable[..., Any]) -> Play:
    def run(story: Story, *rows: Resource, size: tuple[int, int] = (110, 24)) -> None:
        async def all_of_it() -> None:
            async with fake_runtime(*rows) as runtime:
                app = make_console(instance_paths())
                async with app.run_test(size=size) as pilot:
                    await story(app, pilot, runtime)

        asyncio.run(all_of_it())

    return run


def text(app: ConsoleApp) -> str:
    screen = app.screen
    return "\n".join(
        "".join(segment.text for segment in strip).rstrip() for strip in screen._compositor.render_strips()
    )


def selected(app: ConsoleApp) -> str:
    resource = app.main.table.selected
    return resource.name if resource is not None else ""


async def until(pilot: Pilot[None], condition: Callable[[], bool], app: ConsoleApp) -> None:
    for _ in range(500):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError(f"did not happen; the screen shows:\n{text(app)}")


def test_deck_shows_backend_with_counts(play: Play, make_model: Make, make_job: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await until(pilot, lambda: "● ready" in text(app), app)
        await until(pilot, lambda: "◐ running" in text(app), app)
        line = next(line for line in text(app).splitlines() if line.startswith("ainode"))
        assert line.split()[:5] == ["ainode", "●", "ready", "2", "1"]

    play(story, make_model("arima"), make_model("naive"), make_job(7), make_job(8, "succeeded"))


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


def test_unreachable_backend_is_a_chip_with_its_reason(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await until(pilot, lambda: "● ready" in text(app), app)
        broken = BackendState("plant", "x", "ainode", "Plant", "unreachable", "no route", since=1.0)
        runtime.set_backends(*runtime.backends, broken)
        await until(pilot, lambda: "✖ plant unreachable: no route" in app.main.status_text, app)
        await until(pilot, lambda: any(line.startswith("plant") for line in text(app).splitlines()), app)

    play(story, make_model("arima"))


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
        runtime.set_backends(*ready)
        await until(pilot, lambda: "● active" in row(), app)

    play(story, make_model("arima"))


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
