"""A table of live rows that repaints only what changed."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Generic, TypeVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Offset
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from quarterdeck.tui.columns import UNSORTED
from quarterdeck.tui.keys import TABLE_BINDINGS
from quarterdeck.tui.row_marks import RowMarks
from quarterdeck.tui.schema import KindSchema
from quarterdeck.tui.sorting import SortOrder, next_order, order_key
from quarterdeck.tui.style import Palette
from quarterdeck.tui.table_model import RowModel
from quarterdeck.tui.table_painter import TablePainter, View
from quarterdeck_api.filters import Filter
from quarterdeck_api.resources import Resource

M = TypeVar("M", bound=RowModel)

#: Rows that a filter looks at before the next key is read: words are looked for in prepared texts, other terms are tested row by row.
_WORDS_SLICE = 60_000
_TERMS_SLICE = 10_000

#: Rows whose search texts are prepared at a time while nothing else happens; a key waits for at most one slice (0.7 ms, median).
_PREPARE_SLICE = 500
_PREPARE_PAUSE = 0.005


class LiveTable(ScrollView, Generic[M], can_focus=True, inherit_bindings=False):
    """Rows of one kind, by identity: only lines whose content changed are repainted, and within them only the cells that did.

    `changed` is to be called after the model was changed. The terminal's cursor stands on the selected row.
    """

    DEFAULT_CSS = """
    LiveTable { overflow: hidden hidden; height: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [*TABLE_BINDINGS]

    class Opened(Message):
        """The user asked to go into a row."""

        def __init__(self, table: "LiveTable[Any]", resource: Resource) -> None:
            super().__init__()
            self.table = table
            self.resource = resource

    class Refused(Message):
        """Something that the user asked for is not done here, with the reason."""

        def __init__(self, reason: str) -> None:
            super().__init__()
            self.reason = reason

    class Moved(Message):
        """Selection, count or filter changed."""

        def __init__(self, table: "LiveTable[Any]") -> None:
            super().__init__()
            self.table = table

    def __init__(self, model: M, palette: Palette, clock: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.model = model
        self.active = True
        self.repainted_lines = 0
        self.top = 0
        self.cursor = 0
        self.sort_reason = ""
        self.dress: Callable[[KindSchema], KindSchema] | None = None
        self.marks = RowMarks()
        self._painter = TablePainter(model, self.marks, palette, clock)
        self._stale: set[str] = set()
        self._marked: list[Resource] | None = None
        self._selected: Resource | None = None
        self._top_row: Resource | None = None
        self._working = False
        self._preparing = False

    @property
    def schema(self) -> KindSchema | None:
        """The columns that are shown; None before the catalogue is known."""
        return self._painter.schema

    @property
    def order(self) -> SortOrder | None:
        """What the user has sorted by."""
        return self._painter.order

    @property
    def selected(self) -> Resource | None:
        """The row under the cursor as it is now."""
        return self.model.at(self.cursor)

    @property
    def place(self) -> int | None:
        """The place of the selected row in a list of which only a part is here; None when all of it is."""
        return None

    @property
    def page_rows(self) -> int:
        """How many rows fit below the header."""
        return max(0, self.size.height - 1)

    def set_schema(self, schema: KindSchema) -> None:
        """Shows other columns."""
        schema = self.dress(schema) if self.dress is not None else schema
        painter = self._painter
        if painter.schema is not None and painter.schema == schema:
            return
        painter.set_schema(schema, sortable=not self.sort_reason)
        if painter.order is not None:
            self.model.set_order(order_key(schema, painter.order))
        self._repaint_all()
        self.changed()

    def set_palette(self, palette: Palette) -> None:
        """Shows the same in other colours."""
        self._painter.palette = palette
        self._repaint_all()

    def set_unreached(self, backends: frozenset[str]) -> None:
        """Which backends are not reached: their rows are shown as they were."""
        if backends != self._painter.unreached:
            self._painter.unreached = backends
            self._repaint_all()

    def set_active(self, active: bool) -> None:
        """Whether the selection is shown."""
        if active is not self.active:
            self.active = active
            self.changed()

    def set_empty_text(self, text: str) -> None:
        """What stands where the first row would be while there is none."""
        if text != self._painter.empty_text:
            self._painter.empty_text = text
            if not self.model.shown:
                self.changed()

    def look_again(self, addresses: Iterable[str]) -> None:
        """Repaints rows that look otherwise although their resources are the same."""
        self._stale.update(addresses)
        self.changed()

    def set_filter(self, wanted: Filter | None) -> None:
        """Shows only what passes; the selected row stays selected when it does."""
        self.model.set_filter(wanted)
        self._top_row = None
        self.changed()

    def changed(self) -> None:
        """Looks at the model again and repaints what differs."""
        self._marked = None
        if self.model.filtering:
            self._filter_slice()
            self._go_on()
        if self.size.height:
            self._follow_selection()
            self._repaint_changes()
        else:
            self._painter.forget_size()  # Hidden: everything is looked at again when it is shown.
        self.post_message(self.Moved(self))

    def prepare_search(self) -> None:
        """Prepares texts to search in, in slices between other work, so that the first filter is as quick as the next."""
        if self._preparing:
            return
        self._preparing = self.model.prepare(_PREPARE_SLICE)
        if self._preparing:
            self.set_timer(_PREPARE_PAUSE, self._prepare_more)

    def _prepare_more(self) -> None:
        self._preparing = False
        self.prepare_search()

    def select(self, address: str) -> None:
        """Puts the cursor on a row, if it is shown."""
        position = self.model.position(address)
        found = self.model.at(position)
        if found is not None and found.address == address:
            self._go_to(position)

    def action_move(self, rows: int) -> None:
        """Moves the cursor by rows."""
        self._go_to(self.cursor + rows)

    def action_page(self, pages: int) -> None:
        """Moves cursor and view by pages."""
        rows = pages * max(1, self.page_rows)
        self.top = self._clamp_top(self.top + rows)
        self._go_to(self.cursor + rows)

    def action_first(self) -> None:
        """Moves to the first row."""
        self._go_to(0)

    def action_last(self) -> None:
        """Moves to the last row."""
        self._go_to(len(self.model.shown) - 1)

    def action_enter(self) -> None:
        """Goes into the selected row."""
        resource = self.selected
        if resource is not None:
            self.post_message(self.Opened(self, resource))

    def action_sort(self, letter: str) -> None:
        """Sorts by the column with that letter; again: the other way round, then in the table's own order."""
        if self.sort_reason:
            self.post_message(self.Refused(self.sort_reason))
        elif letter in self._painter.letters:
            self._sort(self._painter.letters[letter])

    def action_sort_picked(self) -> None:
        """Sorts by the picked column."""
        if self.sort_reason:
            self.post_message(self.Refused(self.sort_reason))
        elif self._painter.picked >= 0:
            self._sort(self._painter.picked)

    def action_pick(self, columns: int) -> None:
        """Picks the column beside the picked one, among those that are there to see."""
        painter = self._painter
        if painter.placed:
            last = len(painter.placed) - 1
            first = 0 if columns > 0 else last
            painter.picked = first if painter.picked < 0 else max(0, min(painter.picked + columns, last))
            self._repaint_all()

    def unpick(self) -> bool:
        """Picks no column; False when none was picked."""
        picked, self._painter.picked = self._painter.picked, -1
        if picked >= 0:
            self._repaint_all()
        return picked >= 0

    @property
    def picked_text(self) -> str | None:
        """What the picked column says of the selected row; None when no column is picked."""
        resource = self.selected
        return None if resource is None else self._painter.text(resource, self._painter.picked)

    @property
    def marked(self) -> list[Resource]:
        """The marked rows among the shown ones, in their order; nothing is done to rows that nobody sees."""
        if self._marked is None:
            self._marked = self.marks.shown(self.model)
        return self._marked

    def action_mark(self) -> None:
        """Marks the selected row, or takes its mark away, and goes to the next."""
        resource = self.selected
        if resource is not None:
            self.marks.toggle(resource)
            self._marked = None
            self._go_to(self.cursor + 1)

    def action_mark_range(self) -> None:
        """Marks every row between the one marked last and the selected one, as far as so many can be marked at once."""
        self.marks.mark_range(self.model, self.cursor)
        self.changed()

    def action_clear_marks(self) -> None:
        """Takes every mark away."""
        self.marks.clear()
        self.changed()

    def render_line(self, y: int) -> Strip:
        """One line of the screen; the first is the header."""
        self.repainted_lines += 1
        if self._painter.size != self.size:
            self._lay_out()
        return self._painter.line(y, self._view)

    def on_resize(self, event: events.Resize) -> None:
        """Lays the columns out again, unless painting came first and has done it."""
        if self._painter.size != self.size:
            self._lay_out()
            self.refresh()
        self._place_terminal_cursor()

    def on_focus(self) -> None:
        """Puts the terminal's cursor on the selected row."""
        self._place_terminal_cursor()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scrolls the view; the cursor comes along when it would leave."""
        self._scroll_view(3)
        event.stop()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scrolls the view; the cursor comes along when it would leave."""
        self._scroll_view(-3)
        event.stop()

    def on_click(self, event: events.Click) -> None:
        """Selects the row that was clicked; a second click opens it."""
        position = self.top + event.y - 1
        if event.y < 1 or position >= len(self.model.shown):
            return
        if position == self.cursor and event.chain == 2:
            self.action_enter()
        else:
            self._go_to(position)

    @property
    def _view(self) -> View:
        return View(self.top, self.cursor, self.active)

    def _sort(self, index: int) -> None:
        painter = self._painter
        if painter.schema is None or index >= len(painter.schema.views):
            return
        if painter.schema.views[index].source in UNSORTED:
            self.post_message(self.Refused("rates change all the time: sort by another column"))
            return
        painter.order = next_order(painter.order, painter.schema.views[index])
        if self.cursor == 0:
            self._selected = None  # Who stands at the top wants to see what comes to the top.
        self._top_row = None
        self.model.set_order(order_key(painter.schema, painter.order) if painter.order is not None else None)
        self._repaint_all()
        self.changed()

    def _scroll_view(self, rows: int) -> None:
        self.top = self._clamp_top(self.top + rows)
        self._go_to(min(max(self.cursor, self.top), self.top + self.page_rows - 1))

    def _go_to(self, position: int) -> None:
        self.cursor = max(0, min(position, len(self.model.shown) - 1))
        self._keep_cursor_in_view()
        self._remember()
        self._place_terminal_cursor()
        self._repaint_changes()
        self.post_message(self.Moved(self))

    def _follow_selection(self) -> None:
        """After a change of the model: cursor and view follow the rows that they stood on."""
        model = self.model
        if self._selected is not None:
            known = model.rows.get(self._selected.address)
            self.cursor = model.place_of(known or self._selected)
        self.cursor = max(0, min(self.cursor, len(model.shown) - 1))
        if self.top > 0 and self._top_row is not None:
            known = model.rows.get(self._top_row.address)
            self.top = model.place_of(known or self._top_row)
        self.top = self._clamp_top(self.top)
        self._keep_cursor_in_view()
        if not model.filtering:
            self._remember()  # Before, the row to stay on may only not have been seen yet.
        self._place_terminal_cursor()

    def _remember(self) -> None:
        self._selected = self.model.at(self.cursor)
        self._top_row = self.model.at(self.top)

    def _keep_cursor_in_view(self) -> None:
        rows = max(1, self.page_rows)
        if self.cursor < self.top:
            self.top = self.cursor
        elif self.cursor >= self.top + rows:
            self.top = self.cursor - rows + 1
        self.top = self._clamp_top(self.top)

    def _clamp_top(self, top: int) -> int:
        return max(0, min(top, len(self.model.shown) - max(1, self.page_rows)))

    def _place_terminal_cursor(self) -> None:
        if self.has_focus:
            self.app.cursor_position = self.region.offset + Offset(0, 1 + self.cursor - self.top)

    def _go_on(self) -> None:
        if self.model.filtering and not self._working:
            self._working = True
            self.set_timer(0.001, self._next_slice)

    def _filter_slice(self) -> None:
        wanted = self.model.filter
        words = wanted is not None and wanted.plain_words is not None and self.model.searchable
        self.model.advance(_WORDS_SLICE if words else _TERMS_SLICE)

    def _next_slice(self) -> None:
        self._working = False
        self.changed()

    def _lay_out(self) -> None:
        """Fits columns, view and cursor into the size that the widget has now."""
        self._painter.size = self.size
        self._follow_selection()
        self._painter.lay_out(self.size, self._view)

    def _repaint_all(self) -> None:
        self._painter.forget()
        self.refresh()

    def _repaint_changes(self) -> None:
        """Asks for a repaint of exactly the cells that differ from what the screen shows."""
        if self._painter.size != self.size:
            return  # Not on the screen yet, or about to be painted anyway.
        regions = self._painter.changes(self._view, self._stale)
        self._stale.clear()
        if regions is None:
            self.refresh()
        elif regions:
            self.refresh(*regions)
