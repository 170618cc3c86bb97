"""A pane of live tables, one for each of its kinds, below one another."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Container

from quarterdeck.tui.feed_shelf import RowSource
from quarterdeck.tui.feeds import Feed
from quarterdeck.tui.live_table import LiveTable
from quarterdeck.tui.schema import KindSchema
from quarterdeck.tui.style import Palette
from quarterdeck_api.protocol import BackendState

if TYPE_CHECKING:
    from quarterdeck.tui.row_rates import RowRates
    from quarterdeck.tui.streams import Streams
    from quarterdeck_api.metrics import MetricsChanged

#: Kinds of the core whose resources have no metrics.
_WITHOUT_RATES = frozenset(("job", "journal", "dataset", "plugin", "schedule", "controller", "process"))


class TablePane(Container):
    """Shows the rows of its sources. `title_of` says what many of a kind are called; with `titled` that stands over the names."""

    DEFAULT_CSS = """
    TablePane { height: 1fr; }
    """

    def __init__(
        self,
        sources: Sequence[RowSource],
        title_of: Callable[[str], str],
        palette: Palette,
        clock: Callable[[], float],
        *,
        titled: bool,
        id: str,
    ) -> None:
        super().__init__(id=id)
        self.sources = list(sources)
        self.tables: list[LiveTable[Any]] = []
        self._title_of = title_of
        self._titled = titled
        self._rates: dict[str, RowRates] = {}
        self._streams: list[int] = []
        self._filters: dict[LiveTable[Any], str] = {}
        for number, source in enumerate(sources):
            table = _table_of(source, palette, clock, f"{id}-{number}")
            table.dress = partial(self._dress, source)
            table.set_active(not number)
            self.tables.append(table)

    def compose(self) -> ComposeResult:
        """The tables."""
        yield from self.tables

    def on_mount(self) -> None:
        """Begins to show rows."""
        for source, table in zip(self.sources, self.tables, strict=True):
            source.tables.add(table)  # type: ignore[arg-type]
            if source.schema is not None:
                table.set_schema(source.schema)
            if isinstance(source, Feed) and source.ready:
                table.prepare_search()  # While rows still come, they go first.
        self._fit()

    @property
    def ready(self) -> bool:
        """Whether the rows of every table have come."""
        return all(source.ready for source in self.sources)

    @property
    def notes(self) -> str:
        """What is worth knowing about the rows of the table that keys go to."""
        source = self.sources[self.tables.index(self.focus_table)]
        return "" if isinstance(source, Feed) else source.missing or source.note

    @property
    def filter_text(self) -> str:
        """The filter of the table that keys go to."""
        return self._filters.get(self.focus_table, "")

    @filter_text.setter
    def filter_text(self, text: str) -> None:
        self._filters[self.focus_table] = text

    @property
    def focus_table(self) -> LiveTable[Any]:
        """The table that keys go to."""
        return next((table for table in self.tables if table.active), self.tables[0])

    def set_palette(self, palette: Palette) -> None:
        """Shows the same in other colours."""
        for table in self.tables:
            table.set_palette(palette)

    def set_backends(self, backends: Sequence[BackendState]) -> None:
        """Other states of backends: rows of those that are not reached are shown as they were."""
        unreached = frozenset(each.name for each in backends if each.state != "ready")
        for table in self.tables:
            table.set_unreached(unreached)

    def follow(self, streams: "Streams") -> None:
        """The pane is shown: rates of its rows are followed, where there are any."""
        from quarterdeck.tui.row_rates import RowRates

        for source, table in zip(self.sources, self.tables, strict=True):
            if isinstance(source, Feed) and source.kind not in _WITHOUT_RATES:
                rates = self._rates.setdefault(source.kind, RowRates())
                take = partial(self._take, source, table, rates)
                # A runtime that has no metrics costs the table its rates, and nothing else.
                self._streams.append(streams.metrics(take, lambda _: None, kind=source.kind))

    def leave(self, streams: "Streams") -> None:
        """The pane is hidden."""
        for number in self._streams:
            streams.close(number)
        self._streams.clear()

    def _take(self, source: Feed, table: LiveTable[Any], rates: "RowRates", message: "MetricsChanged") -> None:
        before = len(rates)
        changed = rates.take(message.samples, source.model.rows)
        if changed and not before and source.schema is not None:
            table.set_schema(source.schema)
        elif changed:
            table.look_again(changed)

    def _dress(self, source: RowSource, schema: KindSchema) -> KindSchema:
        """The columns as this pane shows them: with the kind over its names, and with rates."""
        schema = schema.named(self._title_of(source.kind)) if self._titled else schema
        rates = self._rates.get(source.kind)
        if rates is None:
            return schema
        from quarterdeck.tui.row_rates import with_rates

        return with_rates(schema, rates)

    def ask_again(self) -> bool:
        """Asks for the rows of the table that keys go to; False when they come by themselves."""
        source = self.sources[self.tables.index(self.focus_table)]
        if isinstance(source, Feed):
            return False
        source.ask_again()
        return True

    def table_of_kind(self, kind: str) -> LiveTable[Any] | None:
        """The table of a kind."""
        return next(
            (table for source, table in zip(self.sources, self.tables, strict=True) if source.kind == kind), None
        )

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Only the table that keys go to shows its selection."""
        if event.widget in self.tables:
            for table in self.tables:
                table.set_active(table is event.widget)

    def on_live_table_moved(self, _: LiveTable.Moved) -> None:
        """Rows have come or gone."""
        self._fit()

    def on_resize(self) -> None:
        """There is other room."""
        self._fit()

    def _fit(self) -> None:
        """Gives each table the height that its rows need, as far as there is room; an empty one says so."""
        for source, table in zip(self.sources, self.tables, strict=True):
            if not table.model.shown:
                table.set_empty_text(self._nothing(source, table))
        needed = [max(len(table.model.shown), 1) + 1 for table in self.tables]
        for table, height in zip(self.tables, table_heights(needed, self.size.height), strict=False):
            if table.styles.height is None or table.styles.height.value != height:
                table.styles.height = height

    def _nothing(self, source: RowSource, table: LiveTable[Any]) -> str:
        if source.missing:
            return source.missing
        if not source.ready:
            return ""
        title = self._title_of(source.kind)
        return f"none of the {title} passes the filter" if table.model.filter is not None else f"no {title}"


def table_heights(needed: Sequence[int], room: int) -> list[int]:
    """The heights of all tables but the last, which has the rest: what they need, unless that leaves the others less than their share."""
    heights: list[int] = []
    for number, need in enumerate(needed[:-1]):
        below = sum(needed[number + 1 :])
        share = room // (len(needed) - number)
        heights.append(min(need, max(room - below, share, 2)))
        room -= heights[-1]
    return heights


def _table_of(source: RowSource, palette: Palette, clock: Callable[[], float], name: str) -> LiveTable[Any]:
    if isinstance(source, Feed):
        return LiveTable(source.model, palette, clock, id=name)
    from quarterdeck.tui.paged_table import PagedTable

    return PagedTable(source, palette, clock, id=name)
