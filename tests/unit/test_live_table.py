"""The table repaints what changed and nothing else; counted in lines, not in time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.strip import Strip

from quarterdeck.tui.live_table import LiveTable
from quarterdeck.tui.schema import kind_schema
from quarterdeck.tui.style import make_palette
from quarterdeck.tui.table_lines import changed_width
from quarterdeck.tui.table_model import TableModel
from quarterdeck.tui.theme_files import DEFAULT_THEME
from quarterdeck_api.catalogue import Catalogue, Column, ColumnType, KindInfo, PluginInfo, PluginPhase, PluginStatus
from quarterdeck_api.filters import parse_filter
from quarterdeck_api.protocol import BackendState, CatalogueResult
from quarterdeck_api.resources import Health, Resource

COLUMNS = (Column("mae", "MAE", ColumnType.NUMBER, 6), Column("note", "Note"))
KNOWN = CatalogueResult(
    (
        PluginStatus(
            "p",
            "p",
            "1",
            PluginPhase.READY,
            catalogue=Catalogue(PluginInfo("p", "P", "1", "1.0"), kinds=(KindInfo("model", "Models", COLUMNS),)),
        ),
    ),
    (BackendState("b", "p", "p", "B", "ready"),),
)


def row(number: int, mae: float = 1.5, health: Health = Health.OK, note: str = "") -> Resource:
    return Resource(f"b/model/m-{number:06}", str(number), health, "active", cells=(mae, note))


class TableApp(App[None]):
    def __init__(self, rows: Sequence[Resource]) -> None:
        super().__init__()
        self.model = TableModel(lambda _: COLUMNS)
        self.model.load(rows)
        self.table = LiveTable(self.model, make_palette(DEFAULT_THEME), lambda: 1_700_000_000.0)

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.set_schema(kind_schema("model", KNOWN))
        self.table.focus()

    def line(self, y: int) -> str:
        return self.table.render_line(y).text.rstrip()


Story = Callable[[TableApp, Pilot[None]], Awaitable[None]]


def play(story: Story, rows: Sequence[Resource], size: tuple[int, int] = (80, 11)) -> None:
    async def run() -> None:
        app = TableApp(rows)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await pilot.pause()
            await story(app, pilot)

    asyncio.run(run())


async def repainted(app: TableApp, pilot: Pilot[None], act: Callable[[], None]) -> int:
    await pilot.pause()
    before = app.table.repainted_lines
    act()
    await pilot.pause()
    await pilot.pause(0.03)
    return app.table.repainted_lines - before


def test_lines_show_header_and_rows() -> None:
    async def story(app: TableApp, pilot: Pilot[None]) -> None:
        assert app.line(0).split() == ["NAME", "BACKEND", "STATE", "MAE", "NOTE", "REASON"]
        assert app.line(1).split() == ["m-000000", "b", "●", "active", "1.5"]
        assert app.line(2) == "m-000001  b        ✖ active     2.5  plum"

    play(story, [row(0), row(1, 2.5, Health.FAILED, "plum")])


def test_one_changed_visible_row_repaints_one_line() -> None:
    async def story(app: TableApp, pilot: Pilot[None]) -> None:
        def change() -> None:
            app.model.upsert(row(3, 9.5))
            app.table.changed()

        assert await repainted(app, pilot, change) == 1
        assert "9.5" in app.line(4)

    play(story, [row(number) for number in range(50)])


def test_an_invisible_change_repaints_nothing() -> None:
    async def story(app: TableApp, pilot: Pilot[None]) -> None:
        def change() -> None:
            app.model.upsert(row(40, 9.5))
            app.model.upsert(row(100))
            app.model.remove(row(45).address)
            app.table.changed()

        assert await repainted(app, pilot, change) == 0

    play(story, [row(number) for number in range(50)])


def test_a_new_object_with_the_same_content_repaints_nothing() -> None:
    async def story(app: TableApp, pilot: Pilot[None]) -> None:
        def change() -> None:
            app.model.upsert(row(3))
            app.table.changed()

        assert await repainted(app, pilot, change) == 0

    play(story, [row(number) for number in range(5)])


def test_moving_the_cursor_repaints_two_lines_and_takes_the_terminals_cursor_along() -> None:
    async def story(app: TableApp, pilot: Pilot[None]) -> None:
        assert await repainted(app, pilot, lambda: app.table.action_move(1)) == 2
        assert app.cursor_position == (0, 2)
        assert await repainted(app, pilot, app.table.action_last) == 10
        assert app.cursor_position == (0, 10)

    play(story, [row(number) for number in range(50)])


def test_idle_repaints_nothing() -> None:
    async def story(app: TableApp, pilot: Pilot[None]) -> None:
        await pilot.pause(0.1)
        before = app.table.repainted_lines
        await pilot.pause(0.5)
        assert app.table.repainted_lines == before

    play(story, [row(number) for number in range(50)])


def test_selection_and_view_stay_on_their_rows_when_others_come_and_go() -> None:
    async def story(app: TableApp, pilot: Pilot[None]) -> None:
        await pilot.press("end", "k")
        assert app.table.selected is not None
        chosen, top = app.table.selected.address, app.line(1)

        def change() -> None:
            for number in range(5):
                app.model.remove(row(number).address)
            app.table.changed()

        assert await repainted(app, pilot, change) == 0
        assert app.table.selected.address == chosen
        assert app.line(1) == top
        app.model.remove(chosen)
        app.table.changed()
        assert app.table.selected.address == row(49).address

    play(story, [row(number) for number in range(50)])


@pytest.mark.parametrize(("key", "position"), [("end", 99_999), ("G", 99_999), ("pagedown", 10), ("j", 1), ("home", 0)])
def test_keys_in_a_large_table_format_only_what_is_visible(key: str, position: int) -> None:
    async def story(app: TableApp, pilot: Pilot[None]) -> None:
        before = app.table.repainted_lines
        await pilot.press(key)
        await pilot.pause(0.03)
        assert app.table.cursor == position
        assert app.table.repainted_lines - before <= 10

    play(story, [row(number) for number in range(100_000)])


def test_filter_keeps_the_selected_row_selected() -> None:
    async def story(app: TableApp, pilot: Pilot[None]) -> None:
        await pilot.press("end")
        app.table.set_filter(parse_filter("m-00001"))
        assert [app.line(y).split()[0] for y in (1, 10)] == ["m-000010", "m-000019"]
        app.table.set_filter(None)
        app.table.select(row(7).address)
        app.table.set_filter(parse_filter("m-000007"))
        assert app.table.selected is not None
        assert app.table.selected.address == row(7).address

    play(story, [row(number) for number in range(50)])


def test_the_selected_row_stays_selected_while_a_slow_filter_comes_to_it() -> None:
    async def story(app: TableApp, pilot: Pilot[None]) -> None:
        app.table.select(row(29_999).address)
        app.table.set_filter(parse_filter("mae<2"))
        assert app.model.filtering
        while app.model.filtering:
            await pilot.pause(0.01)
        await pilot.pause(0.01)
        assert app.table.selected is not None
        assert app.table.selected.address == row(29_999).address

    play(story, [row(number) for number in range(30_000)])


def test_control_characters_and_wide_letters_keep_the_columns() -> None:
    async def story(app: TableApp, pilot: Pilot[None]) -> None:
        assert "␛[2J" in app.line(1)
        assert app.table.render_line(1).cell_length == 80
        assert app.table.render_line(2).cell_length == 80
        assert "プラム" in app.line(2)

    play(story, [row(0, note="\x1b[2J"), row(1, note="プラム")])


def test_columns_are_dropped_from_the_right() -> None:
    async def story(app: TableApp, pilot: Pilot[None]) -> None:
        assert app.line(0).split() == ["NAME", "BACKEND", "STATE"]
        await pilot.resize_terminal(80, 11)
        assert app.line(0).split()[-1] == "REASON"

    play(story, [row(0)], size=(32, 11))


def test_changed_width_ends_at_the_last_difference() -> None:
    old = Strip([Segment("aa"), Segment("bb"), Segment("cc")])
    assert changed_width(old, Strip([Segment("aa"), Segment("bb"), Segment("cc")])) == 0
    assert changed_width(old, Strip([Segment("ax"), Segment("bb"), Segment("cc")])) == 2
    assert changed_width(old, Strip([Segment("aa"), Segment("bb", Style(bold=True)), Segment("cc")])) == 4
    assert changed_width(old, Strip([Segment("aabbcc")])) == 6


def shown(app: TableApp) -> list[str]:
    return [resource.rsplit("/", 1)[1] for resource in app.model.shown]


def test_shift_and_a_letter_sorts_by_a_column_with_a_visible_mark() -> None:
    async def story(app: TableApp, pilot: Pilot[None]) -> None:
        await pilot.press("M")
        assert shown(app) == ["m-000001", "m-000000", "m-000002"]
        assert "MAE↓" in app.line(0)
        assert app.line(1).startswith("m-000001")
        await pilot.press("M")
        assert shown(app) == ["m-000002", "m-000000", "m-000001"]
        assert "MAE↑" in app.line(0)
        app.model.upsert(row(2, 7.0))
        app.table.changed()
        assert shown(app) == ["m-000000", "m-000001", "m-000002"]
        await pilot.press("M")
        assert shown(app) == ["m-000000", "m-000001", "m-000002"]
        assert "↑" not in app.line(0)

    play(story, [row(0, 2.0), row(1, 3.0), row(2, 1.0)])


def test_any_column_is_picked_and_sorted_by_and_read() -> None:
    async def story(app: TableApp, pilot: Pilot[None]) -> None:
        assert app.table.picked_text is None
        await pilot.press("shift+left", "shift+left", "O")
        assert app.table.picked_text == "apple"
        assert shown(app) == ["m-000001", "m-000000", "m-000002"]
        await pilot.press("O")
        assert shown(app) == ["m-000000", "m-000001", "m-000002"]
        assert app.table.unpick()
        assert not app.table.unpick()

    play(story, [row(0, note="plum"), row(1, note="apple"), row(2)])


def test_the_selected_row_stays_selected_when_the_order_changes_unless_it_is_the_first() -> None:
    async def story(app: TableApp, pilot: Pilot[None]) -> None:
        await pilot.press("j", "M")
        assert app.table.selected is not None
        assert app.table.selected.name == "m-000001"
        assert app.table.cursor == 48
        await pilot.press("home", "M")
        assert app.table.cursor == 0

    play(story, [row(number, float(number)) for number in range(50)])


def test_marks_are_kept_by_identity_and_only_what_is_shown_counts() -> None:
    async def story(app: TableApp, pilot: Pilot[None]) -> None:
        await pilot.press("space", "j", "j", "ctrl+@")
        assert [each.name for each in app.table.marked] == ["m-000000", "m-000001", "m-000002", "m-000003"]
        assert [app.line(y).count("✓") for y in (1, 4, 5)] == [1, 1, 0], [app.line(y) for y in range(6)]
        app.table.set_filter(parse_filter("m-000003"))
        assert [each.name for each in app.table.marked] == ["m-000003"]
        app.table.set_filter(None)
        app.model.remove(row(1).address)
        app.model.upsert(Resource(row(2).address, "another one", Health.OK, "active", cells=(1.5, "")))
        app.table.changed()
        assert [each.name for each in app.table.marked] == ["m-000000", "m-000003"]
        await pilot.press("ctrl+backslash")
        assert app.table.marked == []
        assert "✓" not in app.line(1)

    play(story, [row(number) for number in range(20)])


def test_marking_repaints_only_the_lines_that_it_changes() -> None:
    async def story(app: TableApp, pilot: Pilot[None]) -> None:
        assert await repainted(app, pilot, app.table.action_mark) == 2

    play(story, [row(number) for number in range(20)])


def test_a_range_is_marked_upwards_too_and_has_an_end() -> None:
    async def story(app: TableApp, pilot: Pilot[None]) -> None:
        await pilot.press("end", "space", "k", "k", "ctrl+@")
        assert [each.name for each in app.table.marked] == ["m-002997", "m-002998", "m-002999"]
        await pilot.press("home", "ctrl+@")
        assert len(app.table.marked) == 1_000

    play(story, [row(number) for number in range(3_000)])
