"""A live table on a browsed kind: it asks for pages as the cursor comes near the end of what is here."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.timer import Timer

from quarterdeck.tui.live_table import LiveTable
from quarterdeck.tui.paged_model import PagedModel
from quarterdeck.tui.style import Palette
from quarterdeck_api.filters import Filter
from quarterdeck_api.resources import Resource

if TYPE_CHECKING:
    from quarterdeck.tui.browsed_feed import BrowsedFeed

#: Seconds without another letter before a backend is asked to filter.
_FILTER_PAUSE = 0.15

#: Pages of the screen between the cursor and the end of what is here, at which more is asked for.
_SCREENS_AHEAD = 3


class PagedTable(LiveTable[PagedModel]):
    """Rows in the backend's order: `home` and `end` ask for the first and the last page, marks stay while their rows are not here."""

    def __init__(
        self, feed: "BrowsedFeed", palette: Palette, clock: Callable[[], float], *, id: str | None = None
    ) -> None:
        super().__init__(feed.model, palette, clock, id=id)
        self.feed = feed
        self.sort_reason = f"{feed.kind} rows stand in the order of {feed.backend}: a browsed kind is not sorted here"
        self._timer: Timer | None = None

    @property
    def marked(self) -> list[Resource]:
        """Every marked row, those too whose page is not here now."""
        return [self.feed.model.rows.get(row.address, row) for row in self.marks.all()]

    @property
    def place(self) -> int | None:
        """The place of the selected row in the whole list, from 1; None when the backend does not say."""
        start = self.feed.model.start
        return None if start is None or self.selected is None else start + self.cursor + 1

    def action_first(self) -> None:
        """Goes to the first row of all."""
        from quarterdeck.tui.browsed_feed import Move

        if self.feed.model.before:
            self.feed.go(Move.FIRST)
        else:
            self.feed.stay()
            super().action_first()

    def action_last(self) -> None:
        """Goes to the last row of all."""
        from quarterdeck.tui.browsed_feed import Move

        if self.feed.model.after:
            self.feed.go(Move.LAST)
        else:
            self.feed.stay()
            super().action_last()

    def set_filter(self, wanted: Filter | None) -> None:
        """Has the backend filter, once nothing more is typed."""
        self.model.set_filter(wanted)
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_FILTER_PAUSE, lambda: self.feed.set_filter(wanted))

    def changed(self) -> None:
        """Looks at the rows again, and asks for more where the view comes near an end of them."""
        super().changed()
        self._ask_ahead()

    def stand(self, *, at_end: bool) -> None:
        """Other rows have come: goes to the first of them or to the last."""
        self._selected = self._top_row = None
        self.top = 0
        self.cursor = max(0, len(self.model.shown) - 1) if at_end else 0
        self.changed()

    def _go_to(self, position: int) -> None:
        super()._go_to(position)
        self._ask_ahead()

    def _ask_ahead(self) -> None:
        from quarterdeck.tui.browsed_feed import Move

        ahead = _SCREENS_AHEAD * max(1, self.page_rows)
        if self.cursor + ahead >= len(self.model.shown):
            self.feed.need(Move.AFTER)
        if self.cursor < ahead:
            self.feed.need(Move.BEFORE)
