"""A pane that is one live table."""

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Container

from quarterdeck.tui.feeds import Feed
from quarterdeck.tui.live_table import LiveTable
from quarterdeck.tui.style import Palette


class TablePane(Container):
    """Shows the rows of one kind."""

    DEFAULT_CSS = """
    TablePane { height: 1fr; }
    """

    def __init__(self, feed: Feed, palette: Palette, clock: Callable[[], float], *, id: str) -> None:
        super().__init__(id=id)
        self.feed = feed
        self.table = LiveTable(feed.model, palette, clock, id=f"{id}-table")
        self.filter_text = ""

    def compose(self) -> ComposeResult:
        """The table."""
        yield self.table

    def on_mount(self) -> None:
        """Begins to show rows."""
        self.feed.tables.add(self.table)
        if self.feed.schema is not None:
            self.table.set_schema(self.feed.schema)
        if self.feed.ready:
            self.table.prepare_search()  # While rows still come, they go first.

    def set_palette(self, palette: Palette) -> None:
        """Shows the same in other colours."""
        self.table.set_palette(palette)

    @property
    def focus_table(self) -> LiveTable:
        """The table that keys go to."""
        return self.table
