"""Going into rows: child kinds, breadcrumbs, kinds without a pane, and kinds that come page by page."""

from typing import Any

import pytest
from textual.pilot import Pilot

from console_story import Make, Play, selected, story_player, text, until
from quarterdeck.tui.browsed_feed import PAGE_ROWS
from quarterdeck.tui.console_app import ConsoleApp
from quarterdeck.tui.paged_model import KEPT_ROWS
from quarterdeck.tui.pane_table import table_heights
from quarterdeck_api.resources import Health, Resource
from quarterdeck_api.timeline import TimelineEntry

play = pytest.fixture(story_player)

NODE = Resource("ainode/node/engine", "engine", Health.OK, "running", cells=("2",))


def version(model: str, number: int, health: Health = Health.OK) -> Resource:
    address = f"ainode/version/{model}-{number}"
    return Resource(address, address, health, "kept", cells=(1024,), parent=f"ainode/model/{model}")


def test_enter_shows_what_lies_below_and_esc_leads_out(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "models 2" in app.main.status_text, app)
        await pilot.press("j", "enter")
        await until(pilot, lambda: "naive-1" in text(app), app)
        lines = text(app).splitlines()
        assert lines[0].endswith("[models › naive]")
        assert lines[1].split()[0] == "VERSIONS"
        assert "arima-1" not in text(app)
        runtime.put(version("naive", 2, Health.FAILED), version("arima", 2))
        await until(pilot, lambda: "naive-2" in text(app), app)
        assert "arima-2" not in text(app)
        await pilot.press("slash", *"state=kept naive-2", "enter")
        assert "1/2" in app.main.status_text
        await pilot.press("escape", "escape")
        assert (app.main.current.name, selected(app)) == ("models", "naive")
        await pilot.press("right_square_bracket")
        assert "naive-2" in text(app)
        await pilot.press("enter")
        await until(pilot, lambda: "2,1,1" in text(app), app)

    play(story, make_model("arima"), make_model("naive"), version("arima", 1), version("naive", 1))


def test_child_tables_sort_mark_and_act(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "models 1" in app.main.status_text, app)
        await pilot.press("enter")
        await until(pilot, lambda: "arima 3" in app.main.status_text, app)
        await pilot.press("V", "V")
        assert selected(app) == "arima-3"
        await pilot.press("space", "space")
        assert "✓ 2 marked" in app.main.status_text
        assert [row.name for row in app.main.table.marked] == ["arima-3", "arima-2"]
        await pilot.press("escape")
        assert app.main.current.name == "models"

    play(story, make_model("arima"), *(version("arima", number) for number in (1, 2, 3)))


def test_cluster_has_nodes_and_processes_and_tab_goes_between_them(play: Play) -> None:
    process = Resource("core/process/stage", "stage", Health.FAILED, "crash loop", "it ends", cells=("ainode",))

    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await pilot.press("2")
        await until(pilot, lambda: "engine" in text(app) and "crash loop" in text(app), app)
        heads = [line.split()[0] for line in text(app).splitlines() if line.startswith(("NODES", "PROCESSES"))]
        assert heads == ["NODES", "PROCESSES"], text(app)
        assert selected(app) == "engine"
        await pilot.press("tab")
        assert selected(app) == "stage"
        await pilot.press("slash", *"nothing", "enter")
        await until(pilot, lambda: "none of the processes passes the filter" in text(app), app)
        assert "engine" in text(app)
        await pilot.press("escape", "1", "colon", *"nodes", "enter")
        assert selected(app) == "engine"
        await pilot.press("1", "colon", *"processes", "enter")
        assert (app.main.current.name, selected(app)) == ("cluster", "stage")

    play(story, NODE, process)


def test_a_pane_whose_kinds_nobody_has_says_so(play: Play) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await pilot.press("6")
        await until(pilot, lambda: "no plugin here has streams" in text(app), app)
        assert app.main.settled

    play(story)


def test_a_kind_without_a_pane_is_a_command(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await until(pilot, lambda: "● ready" in text(app), app)
        await pilot.press("colon", *"vers", "tab", *" @ainode /arima", "enter")
        await until(pilot, lambda: "1/2  /backend=ainode arima" in app.main.status_text, app)
        assert "[versions]" in text(app).splitlines()[0]
        await pilot.press("escape", "escape")
        assert app.main.current.name == "deck"

    play(story, make_model("arima"), version("arima", 1), version("naive", 1))


async def into_series(app: ConsoleApp, pilot: Pilot[None]) -> None:
    await pilot.press("2")
    await until(pilot, lambda: "engine" in text(app), app)
    await pilot.press("enter")
    await until(pilot, lambda: "s-0" in text(app), app)


def test_a_million_rows_come_page_by_page(play: Play) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await into_series(app, pilot)
        assert "1 of 1,000,000" in app.main.status_text
        assert {request.parent for request in runtime.browsed} == {"ainode/node/engine"}
        await pilot.press("end")
        await until(pilot, lambda: selected(app) == "s-999999", app)
        assert "1,000,000 of 1,000,000" in app.main.status_text
        await pilot.press("pageup")
        assert selected(app) == f"s-{999_999 - app.main.table.page_rows}"
        await pilot.press("home")
        await until(pilot, lambda: selected(app) == "s-0", app)
        for _ in range(180):
            place = app.main.table.place or 0
            await pilot.press("pagedown")
            await until(pilot, lambda before=place: (app.main.table.place or 0) > before, app)
        place = app.main.table.place or 0
        assert place > KEPT_ROWS
        assert selected(app) == f"s-{place - 1}"
        assert len(app.main.table.model.rows) <= KEPT_ROWS
        while (app.main.table.place or 0) > PAGE_ROWS:
            before = app.main.table.place or 0
            await pilot.press("pageup")
            await until(pilot, lambda before=before: (app.main.table.place or 0) < before, app)
            assert selected(app) == f"s-{(app.main.table.place or 0) - 1}"

    play(story, NODE, series=1_000_000)


def test_a_slow_page_blocks_no_key_and_a_newer_wish_goes_first(play: Play) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await into_series(app, pilot)
        await until(pilot, lambda: len(app.main.table.model.rows) >= 200, app)
        runtime.browsing.clear()
        await pilot.press("end")
        await pilot.press("j", "j")
        assert selected(app) == "s-2"
        await pilot.press("home", "3")
        assert app.main.current.name == "models"
        runtime.browsing.set()
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "asking" not in text(app), app)
        assert "s-0" in text(app)

    play(story, NODE, series=5_000)


def test_the_backend_filters_what_is_browsed(play: Play) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await into_series(app, pilot)
        await pilot.press("slash", *"99", "enter")
        await until(pilot, lambda: "of 100  /99" in app.main.status_text, app)
        assert selected(app) == "s-99"
        assert runtime.browsed[-1].filter == "99"
        await pilot.press("escape")
        await until(pilot, lambda: "of 10,000" in app.main.status_text, app)
        runtime.can_filter = False
        await pilot.press("slash", *"number=450", "enter")
        await until(pilot, lambda: selected(app) == "s-450", app)
        await until(pilot, lambda: "ainode cannot filter by this" in app.main.status_text, app)

    play(story, NODE, series=10_000)


def test_browsed_rows_are_marked_across_pages_and_not_sorted(play: Play) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], _: Any) -> None:
        await into_series(app, pilot)
        await pilot.press("space", "N")
        assert "not sorted here" in app.main.status_text
        await pilot.press("end")
        await until(pilot, lambda: selected(app) == "s-49999", app)
        await pilot.press("space")
        assert [row.name for row in app.main.table.marked] == ["s-0", "s-49999"]
        assert "✓ 2 marked" in app.main.status_text

    play(story, NODE, series=50_000)


def test_a_browsed_kind_is_a_command_too(play: Play) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await until(pilot, lambda: "● ready" in text(app), app)
        await pilot.press("colon", *"series", "enter")
        await until(pilot, lambda: "s-0" in text(app), app)
        assert runtime.browsed[0].parent == ""
        await pilot.press("enter")
        await until(pilot, lambda: "nothing bears the address" in text(app), app)

    play(story, NODE, series=3)


def test_a_browsed_resource_is_described_without_a_state_that_nobody_knows(play: Play) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        await until(pilot, lambda: "● ready" in text(app), app)
        await pilot.press("colon", *"series", "enter")
        await until(pilot, lambda: "s-0" in text(app), app)
        runtime.rows["ainode/series/s-0"] = Resource("ainode/series/s-0", "s-0")
        await pilot.press("enter")
        await until(pilot, lambda: "Parameters" in text(app), app)
        assert "unknown" not in text(app)

    play(story, NODE, series=3)


@pytest.mark.parametrize(
    ("needed", "room", "heights"),
    [
        ([3, 4], 20, [3]),
        ([30, 4], 20, [16]),
        ([30, 40], 20, [10]),
        ([3, 40], 8, [3]),
        ([9, 9, 9], 9, [3, 3]),
        ([5], 4, []),
    ],
)
def test_tables_share_their_room(needed: list[int], room: int, heights: list[int]) -> None:
    assert table_heights(needed, room) == heights


def test_the_timeline_of_a_row_is_shown_and_follows_it(play: Play, make_model: Make) -> None:
    async def story(app: ConsoleApp, pilot: Pilot[None], runtime: Any) -> None:
        runtime.timeline = [TimelineEntry(1_700_000_000.0, Health.OK, "active")]
        await pilot.press("3")
        await until(pilot, lambda: "models 1" in app.main.status_text, app)
        await pilot.press("T")
        await until(pilot, lambda: "timeline ainode/model/arima" in text(app) and "● active" in text(app), app)
        assert "1 entry" in text(app) and "entries" not in text(app)
        runtime.timeline.insert(0, TimelineEntry(1_700_000_060.0, Health.FAILED, "down", "no \x1b[31mroute"))
        runtime.put(make_model("arima", health=Health.FAILED))
        await until(pilot, lambda: "✖ down  no ␛[31mroute" in text(app), app)
        assert "1m" in next(line for line in text(app).splitlines() if "active" in line)
        await pilot.press("escape")
        assert app.screen is app.main

    play(story, make_model("arima"))
