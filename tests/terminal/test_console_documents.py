"""Documents, forms and logs in the console, driven by keys, with a runtime that the test plays."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from console_story import Make, Play, story_player, text, until
from quarterdeck.tui.console_app import ConsoleApp
from quarterdeck.tui.detail_screen import DetailScreen
from quarterdeck.tui.document_view import DocumentView
from quarterdeck_api.backend import Choice
from quarterdeck_api.documents import (
    Document,
    Fact,
    FactsBlock,
    FlowBlock,
    FlowEdge,
    FlowNode,
    TextBlock,
    TreeBlock,
    TreeNode,
)
from quarterdeck_api.errors import ErrorReport
from quarterdeck_api.logs import LogSourceInfo
from quarterdeck_api.metrics import MetricSample
from quarterdeck_api.protocol import JournalEntry, Outcome
from quarterdeck_api.resources import Health, Resource

play = pytest.fixture(story_player)

ARIMA = "ainode/model/arima"


def squeezed(app: ConsoleApp) -> str:
    return " ".join(text(app).split())


async def open_detail(app: ConsoleApp, pilot: Pilot[None]) -> None:
    await pilot.press("3")
    await until(pilot, lambda: "arima" in text(app), app)
    await pilot.press("d")
    await until(pilot, lambda: isinstance(app.screen, DetailScreen) and app.screen.settled, app)


def long_document(newest: str, before: int = 0) -> Document:
    facts = tuple(Fact(f"fact {number}", number) for number in range(before))
    lines = "\n".join(f"line {number}" for number in range(100))
    return Document("d", (FactsBlock(facts, "Facts"), TextBlock(lines, title="Text"), TextBlock(newest)))


def test_a_document_lives_while_it_is_shown_and_is_closed_when_it_is_not(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        runtime.document_of[ARIMA] = Document("d", (FactsBlock((Fact("order", "1,0,0"),)),))
        await open_detail(app, pilot)
        assert "1,0,0" in text(app) and len(runtime.documents) == 1
        runtime.document_of[ARIMA] = Document("d", (FactsBlock((Fact("order", "2,1,1"),)),))
        runtime.show_document(ARIMA)
        await until(pilot, lambda: "2,1,1" in text(app), app)
        await pilot.press("l")
        await until(pilot, lambda: not runtime.documents, app)
        await pilot.press("escape")
        await until(pilot, lambda: len(runtime.documents) == 1, app)
        await pilot.press("escape")
        await until(pilot, lambda: not runtime.documents, app)

    play(story, make_model("arima"))


def test_a_newer_document_keeps_the_place_that_is_read(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        runtime.document_of[ARIMA] = long_document("old end", before=3)
        await open_detail(app, pilot)
        await pilot.press("pagedown", "pagedown")
        top = next(line for line in text(app).splitlines() if "line " in line)
        runtime.document_of[ARIMA] = long_document("new end", before=9)
        runtime.show_document(ARIMA)
        view = app.screen.query_one(DocumentView)
        await until(pilot, lambda: "new end" in view.text, app)
        await pilot.pause()
        assert next(line for line in text(app).splitlines() if "line " in line) == top

    play(story, make_model("arima"))


def test_only_lines_that_differ_are_drawn_again(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        def counted(number: int) -> Document:
            return Document("d", (FactsBlock((Fact("seen", number), Fact("name", "arima"))), TextBlock("stays")))

        runtime.document_of[ARIMA] = counted(1)
        await open_detail(app, pilot)
        view = app.screen.query_one(DocumentView)
        drawn: list[int] = []
        render = view.render_line
        view.render_line = lambda y: (drawn.append(y), render(y))[1]  # type: ignore[method-assign]
        runtime.document_of[ARIMA] = counted(2)
        runtime.show_document(ARIMA)
        await until(pilot, lambda: bool(drawn), app)
        await pilot.pause()
        assert set(drawn) == {0}

    play(story, make_model("arima"))


def test_trees_flows_and_hostile_bytes_are_shown_in_forty_columns(play: Play, make_model: Make) -> None:
    flow = FlowBlock(
        (
            FlowNode("a", "Kamera \x1b[2J漢字漢字漢字", Health.OK, "detail " * 20),
            FlowNode("b", "B" * 60, Health.FAILED),
        ),
        (FlowEdge("a", "b", 30.0, label="\x07rate"),),
        "Flow \x9b31m",
    )
    tree = TreeBlock((TreeNode("root", 0, Health.BUSY), TreeNode("child \u202e", 1)), "Tree")

    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        runtime.document_of[ARIMA] = Document("d", (flow, tree))
        await open_detail(app, pilot)
        seen = text(app)
        await pilot.press("end")
        await pilot.pause()
        seen += text(app)
        assert "└─ ␇rate 30/s ─▶" in seen and "◐ root" in seen and "└─ child �" in seen
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(seen)

    play(story, make_model("arima"), size=(40, 12))


def test_metrics_of_a_resource_are_lines_that_move(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await open_detail(app, pilot)
        for number in range(4):
            runtime.measure(MetricSample(ARIMA, "requests", float(number), float(number), "1/s"))
        await until(pilot, lambda: "▁▃▆█" in text(app), app)
        assert "3/s" in text(app)

    play(story, make_model("arima"))


def test_a_document_that_cannot_be_had_says_why_and_keeps_what_is_shown(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await open_detail(app, pilot)
        assert "2,1,1" in text(app)
        runtime.rows.pop(ARIMA)
        runtime.show_document(ARIMA)
        await until(pilot, lambda: "nothing bears the address" in text(app), app)
        assert "2,1,1" in text(app)

    play(story, make_model("arima"))


FIELDS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "dataset": {"type": "string", "format": "dataset", "description": "What to forecast."},
        "file": {"type": "string", "format": "file", "default": ""},
        "token": {"type": "string", "format": "secret", "default": ""},
        "method": {"type": "string", "enum": ["lbfgs", "powell"], "default": "lbfgs"},
    },
    "required": ["dataset"],
}


async def open_form(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
    runtime.parameters = FIELDS
    await pilot.press("3")
    await until(pilot, lambda: "arima" in text(app), app)
    await pilot.press("a")
    await until(pilot, lambda: "Train" in text(app), app)
    await pilot.press("t")


def test_letters_typed_before_the_form_knows_its_fields_are_not_lost(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        runtime.hold = asyncio.Event()
        await open_form(app, pilot, runtime)
        await until(pilot, lambda: "asking what it takes" in text(app), app)
        await pilot.press(*"ships")
        runtime.hold.set()
        await until(pilot, lambda: "dataset ships" in squeezed(app), app)
        await pilot.press("enter")
        await until(pilot, lambda: any(not request.dry_run for request in runtime.done), app)
        assert [request.parameters for request in runtime.done if not request.dry_run] == [{"dataset": "ships"}]

    play(story, make_model("arima"))


def test_choices_come_while_typing_and_a_stale_answer_is_dropped(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        runtime.choices = {"dataset": (Choice("airline"), Choice("airports"), Choice("births"))}
        await open_form(app, pilot, runtime)
        await until(pilot, lambda: "→  airline  airports  births" in text(app), app)
        runtime.slow_prefix = "a"
        runtime.slow = asyncio.Event()
        await pilot.press("a")
        await until(pilot, lambda: "a" in runtime.completing, app)
        await pilot.press("backspace", "b")
        await until(pilot, lambda: "→  births" in text(app), app)
        runtime.slow.set()
        await pilot.pause(0.1)
        assert "airline" not in text(app)
        await pilot.press("tab")
        await until(pilot, lambda: "dataset births" in squeezed(app), app)

    play(story, make_model("arima"))


def test_files_are_completed_and_sent_as_absolute_paths_and_secrets_are_never_shown(
    play: Play, make_model: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "series.csv").touch()
    (tmp_path / "series-old").mkdir()
    monkeypatch.chdir(tmp_path)

    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await open_form(app, pilot, runtime)
        await until(pilot, lambda: "dataset" in text(app), app)
        await pilot.press(*"ships", "down", *"ser")
        await until(pilot, lambda: "series-old/  series.csv" in text(app), app)
        await pilot.press(*"ies.", "tab")
        await until(pilot, lambda: "file series.csv" in squeezed(app), app)
        await pilot.press("down", *"cucumber")
        await until(pilot, lambda: "token ••••••••" in squeezed(app), app)
        assert "cucumber" not in text(app)
        await pilot.press("enter")
        await until(pilot, lambda: any(not request.dry_run for request in runtime.done), app)
        sent = next(request.parameters for request in runtime.done if not request.dry_run)
        assert sent == {"dataset": "ships", "file": str(tmp_path / "series.csv"), "token": "cucumber"}

    play(story, make_model("arima"))


def test_what_a_dry_run_says_of_several_is_counted(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        runtime.refused = {"ainode/model/b"}
        runtime.parameters = FIELDS
        await pilot.press("3")
        await until(pilot, lambda: "models 3" in app.main.status_text, app)
        await pilot.press("space", "space", "space", "a")
        await until(pilot, lambda: "Train" in text(app), app)
        await pilot.press("t")
        await until(pilot, lambda: "3 marked" in text(app) and "dataset" in text(app), app)
        await pilot.press(*"ships")
        await until(pilot, lambda: "1 of 3 resources would be refused, as ainode/model/b: it is busy" in text(app), app)

    play(story, make_model("a"), make_model("b"), make_model("c"))


def test_a_key_goes_through_the_logs_of_a_resource(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        runtime.sources = (LogSourceInfo("out", "standard output"), LogSourceInfo("err", "errors"))
        await open_detail(app, pilot)
        await pilot.press("l")
        await until(pilot, lambda: bool(runtime.logs), app)
        runtime.log("from the first")
        await until(pilot, lambda: "from the first" in text(app), app)
        await pilot.press("s")
        await until(pilot, lambda: "errors (2/2)" in text(app), app)
        await until(pilot, lambda: [each.source for each in runtime.log_params.values()] == ["err"], app)
        assert "from the first" not in text(app)
        runtime.log("from the second")
        await until(pilot, lambda: "from the second" in text(app), app)
        await pilot.press("s")
        await until(pilot, lambda: "standard output (1/2)" in text(app), app)

    play(story, make_model("arima"))


def test_a_lost_connection_opens_log_and_document_again(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await open_detail(app, pilot)
        await pilot.press("l")
        await until(pilot, lambda: bool(runtime.logs), app)
        runtime.log("before")
        await until(pilot, lambda: "before" in text(app), app)
        runtime.logs.clear()
        runtime.drop()
        await until(pilot, lambda: bool(runtime.logs), app)
        runtime.log("before", "after")
        await until(pilot, lambda: "after" in text(app), app)
        assert text(app).count("before") == 1
        await pilot.press("escape")
        await until(pilot, lambda: len(runtime.documents) == 1, app)

    play(story, make_model("arima"))


def test_an_unreadable_log_says_why(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await open_detail(app, pilot)
        await pilot.press("l")
        await until(pilot, lambda: bool(runtime.logs), app)
        runtime.log("last words", error=ErrorReport("unreachable", "the container is gone", "start it"))
        await until(pilot, lambda: "— the container is gone. start it —" in text(app), app)
        assert "last words" in text(app)

    play(story, make_model("arima"))


def test_outcome_of_an_action_that_needs_a_terminal_is_said_where_there_is_none(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        runtime.outcome = lambda address: Outcome(address, "done", "ready", run=runtime.program("ssh", "n1"))
        await pilot.press("3")
        await until(pilot, lambda: "arima" in text(app), app)
        await pilot.press("s")
        await until(pilot, lambda: "run it yourself: ssh n1" in app.main.status_text, app)

    play(story, make_model("arima"))


def test_each_name_of_several_is_typed_before_they_go(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "models 2" in app.main.status_text, app)
        await pilot.press("space", "space", "a")
        await until(pilot, lambda: "Drop" in text(app), app)
        await pilot.press("D")
        await until(pilot, lambda: "type its name" in text(app), app)
        await pilot.press("enter")
        await until(pilot, lambda: "(1 of 2): a" in text(app), app)
        await pilot.press("a", "enter")
        await until(pilot, lambda: "(2 of 2): b" in text(app), app)
        await pilot.press("x", "enter")
        await pilot.pause(0.1)
        assert not [request for request in runtime.done if not request.dry_run]
        await pilot.press("backspace", "b", "enter")
        await until(pilot, lambda: any(not request.dry_run for request in runtime.done), app)
        sent = next(request for request in runtime.done if not request.dry_run)
        assert sent.typed_names == ("a", "b") and len(sent.addresses) == 2

    play(story, make_model("a"), make_model("b"))


def test_an_unknown_outcome_offers_to_be_checked_and_nothing_is_repeated(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        lost = ErrorReport("unknown-outcome", "the answer was lost", "check before doing it again")
        runtime.outcome = lambda address: (
            Outcome(address, "unknown", "the answer was lost", error=lost)
            if address == ARIMA
            else Outcome(address, "done", "it did not happen")
        )
        runtime.entries = (
            JournalEntry(9, 0.0, "me", "model.load", "ainode/model/other", "allowed", "unknown"),
            JournalEntry(8, 0.0, "me", "model.load", ARIMA, "allowed", "unknown"),
        )
        await pilot.press("3")
        await until(pilot, lambda: "arima" in text(app), app)
        await pilot.press("a")
        await until(pilot, lambda: "Loads the model." in text(app), app)
        await pilot.press("o")
        await until(pilot, lambda: "enter check now" in text(app), app)
        await pilot.press("enter")
        await until(pilot, lambda: "it did not happen" in app.main.status_text, app)
        assert [(request.action, request.addresses) for request in runtime.done] == [
            ("model.load", (ARIMA,)),
            ("journal.check", ("core/journal/8",)),
        ]

    play(story, make_model("arima"))


def test_what_is_typed_right_after_the_slash_is_searched_for(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await open_detail(app, pilot)
        await pilot.press("l")
        await until(pilot, lambda: bool(runtime.logs), app)
        runtime.log("some lines", "no news", "winsome")
        await until(pilot, lambda: "winsome" in text(app), app)
        for key in "/wins":
            app.simulate_key(key if key != "/" else "slash")
        await until(pilot, lambda: "1 lines" in text(app), app)

    play(story, make_model("arima"))


def test_the_log_of_a_process_is_that_of_its_instances(play: Play, make_model: Make) -> None:
    process = Resource("core/process/stage", "stage", Health.OK, "running")
    instances = [
        Resource(f"core/instance/{name}", name, Health.OK, "running", parent=f"core/process/{name.split('.')[0]}")
        for name in ("stage.1", "stage.2", "other.1")
    ]

    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await until(pilot, lambda: "● ready" in text(app), app)
        app.open_logs_of(process.address)
        for title, address in (("stage.1 (1/2)", "core/instance/stage.1"), ("stage.2 (2/2)", "core/instance/stage.2")):
            await until(pilot, lambda title=title: title in text(app), app)
            wanted = [address]
            await until(
                pilot,
                lambda wanted=wanted: [each.address for each in runtime.log_params.values()] == wanted,
                app,
            )
            await pilot.press("s")
        await until(pilot, lambda: "stage.1 (1/2)" in text(app), app)

    play(story, process, *instances)
