"""A scrollable view of plain lines: documents, logs, raw text and help."""

from collections.abc import Iterable
from typing import ClassVar

from rich.cells import chop_cells
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.scroll_view import ScrollView
from textual.strip import Strip

from quarterdeck.tui.cell_text import fit
from quarterdeck.tui.keys import LINES_BINDINGS

StyledLine = tuple[str, Style]


class TextLines(ScrollView, can_focus=True, inherit_bindings=False):
    """Lines with one style each; holds at most `limit` of them, the oldest go first. `follow` keeps the end in
    view until the user scrolls away from it. `lines` are what was given; long ones take several rows of the screen when wrapped."""

    DEFAULT_CSS = """
    TextLines { overflow: hidden hidden; height: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [*LINES_BINDINGS]

    def __init__(
        self,
        base: Style,
        *,
        found: Style | None = None,
        limit: int = 50_000,
        follow: bool = False,
        wrap: bool = False,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.lines: list[StyledLine] = []
        self.top = 0
        self.left = 0
        self.follow = follow
        self.wrap = wrap
        self.needle = ""
        self._rows = self.lines
        self._rows_width = 0
        self._may_follow = follow
        self._base = base
        self._found = found or Style(reverse=True)
        self._limit = limit

    def set_lines(self, lines: Iterable[StyledLine]) -> None:
        """Shows other lines; the view stays where it is as far as there are lines."""
        self.lines = list(lines)[-self._limit :]
        self._make_rows()
        self.top = self._last_top() if self.follow else min(self.top, self._last_top())
        self.refresh()

    def append(self, lines: Iterable[StyledLine]) -> None:
        """Adds lines at the end."""
        before = len(self._rows)
        fresh = list(lines)
        self.lines.extend(fresh)
        dropped = max(0, len(self.lines) - self._limit)
        if self._rows is not self.lines:
            self._rows.extend(row for line in fresh for row in self._rows_of(line))
        if dropped:
            if self._rows is not self.lines:
                gone = sum(len(self._rows_of(line)) for line in self.lines[:dropped])
                del self._rows[:gone]
                del self.lines[:dropped]
                dropped = gone
            else:
                del self.lines[:dropped]
        old_top = self.top
        self.top = self._last_top() if self.follow else max(0, self.top - dropped)
        if self.top != old_top or before - self.top < self.size.height or dropped:
            self.refresh()

    def set_wrap(self, wrap: bool) -> None:
        """Whether long lines go on in the next row; the line at the top stays there."""
        line = self._line_at(self.top)
        self.wrap = wrap
        self.left = 0
        self._make_rows()
        self.top = min(self._row_of(line), self._last_top())
        self.refresh()

    def set_follow(self, follow: bool) -> None:
        """Whether the end stays in view."""
        self.follow = follow
        if follow:
            self._go_to(self._last_top())
            self.follow = True

    def search(self, needle: str) -> int:
        """Shows where a text stands (empty: nowhere), whatever its case; goes to the first place in view or after it. Returns in how many lines it is."""
        self.needle = needle.lower()
        places = self._places()
        if places and not self._in_view(places):
            self._go_to(next((row for row in places if row >= self.top), places[0]))
        self.refresh()
        return len(places)

    def search_on(self, step: int) -> bool:
        """Goes to the next place (step 1) or the one before (-1), round the ends; False when there is none."""
        places = self._places()
        if not places:
            return False
        if step > 0:
            self._go_to(next((row for row in places if row > self.top), places[0]))
        else:
            self._go_to(next((row for row in reversed(places) if row < self.top), places[-1]))
        return True

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width = self.size.width
        position = self.top + y
        if position >= len(self._rows):
            return Strip([Segment(" " * width, self._base)], width)
        text, style = self._rows[position]
        shown = fit(text[self.left :], width)
        if self.needle and self.needle in shown.lower():
            return Strip(self._with_finds(shown, style), width)
        return Strip([Segment(shown, style)], width)

    def on_resize(self, event: events.Resize) -> None:
        """Keeps the view inside the text."""
        if self.wrap and self._rows_width != self.size.width:
            self.set_wrap(True)
        self.top = self._last_top() if self.follow else min(self.top, self._last_top())

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scrolls."""
        self.action_move(3)
        event.stop()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scrolls."""
        self.action_move(-3)
        event.stop()

    def action_move(self, lines: int) -> None:
        """Moves the view by lines."""
        self._go_to(self.top + lines)

    def action_page(self, pages: int) -> None:
        """Moves the view by pages."""
        self._go_to(self.top + pages * max(1, self.size.height - 1))

    def action_start(self) -> None:
        """Shows the start."""
        self._go_to(0)

    def action_end(self) -> None:
        """Shows the end."""
        self._go_to(self._last_top())

    def action_shift(self, cells: int) -> None:
        """Moves the view sideways; wrapped lines have nothing there."""
        if not self.wrap:
            self.left = max(0, self.left + cells)
            self.refresh()

    def _go_to(self, top: int) -> None:
        new = max(0, min(top, self._last_top()))
        self.follow = self._may_follow and new == self._last_top()
        if new != self.top:
            self.top = new
            self.refresh()

    def _last_top(self) -> int:
        return max(0, len(self._rows) - max(1, self.size.height))

    def _make_rows(self) -> None:
        self._rows_width = self.size.width
        if self.wrap and self._rows_width > 0:
            self._rows = [row for line in self.lines for row in self._rows_of(line)]
        else:
            self._rows = self.lines

    def _rows_of(self, line: StyledLine) -> list[StyledLine]:
        text, style = line
        width = self._rows_width
        if text.isascii():
            return [(text[start : start + width], style) for start in range(0, max(len(text), 1), width)]
        return [(part, style) for part in chop_cells(text, width)] or [line]

    def _line_at(self, row: int) -> int:
        if self._rows is self.lines:
            return row
        rows = 0
        for index, line in enumerate(self.lines):
            rows += len(self._rows_of(line))
            if rows > row:
                return index
        return len(self.lines)

    def _row_of(self, index: int) -> int:
        if self._rows is self.lines:
            return index
        return sum(len(self._rows_of(line)) for line in self.lines[:index])

    def _places(self) -> list[int]:
        if not self.needle:
            return []
        return [row for row, (text, _) in enumerate(self._rows) if self.needle in text.lower()]

    def _in_view(self, places: list[int]) -> bool:
        return any(self.top <= row < self.top + self.size.height for row in places)

    def _with_finds(self, shown: str, style: Style) -> list[Segment]:
        segments: list[Segment] = []
        place, low = 0, shown.lower()
        # A letter whose small form is longer would shift every place after it; such lines are marked as a whole.
        if len(low) != len(shown):
            return [Segment(shown, self._found)]
        while (found := low.find(self.needle, place)) >= 0:
            segments.append(Segment(shown[place:found], style))
            place = found + len(self.needle)
            segments.append(Segment(shown[found:place], self._found))
        segments.append(Segment(shown[place:], style))
        return [segment for segment in segments if segment.text]
