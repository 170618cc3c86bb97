"""Rows of a browsed kind for one table: pages are asked for as the cursor comes near them, one at a time."""

from collections.abc import Awaitable, Callable, Coroutine
from enum import Enum
from typing import Any
from weakref import WeakSet

from quarterdeck.tui.paged_model import PagedModel, only
from quarterdeck.tui.paged_table import PagedTable
from quarterdeck.tui.schema import KindSchema
from quarterdeck_api.browsing import BROWSE, BrowseRequest, Page
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.filters import Filter

#: Rows of one page.
PAGE_ROWS = 200

#: Pages without a row that passes that are looked at in one go, where the backend cannot filter.
_EMPTY_PAGES = 10

#: Seconds that a backend may take for a page.
_TIMEOUT = 60.0

Ask = Callable[[Any, BrowseRequest, float], Awaitable[Any]]


class Move(Enum):
    """Which page is wanted."""

    FIRST = "first"
    LAST = "last"
    AFTER = "after"
    BEFORE = "before"


class BrowsedFeed:
    """Asks one backend for the pages of one kind, below one parent (or none), that pass one filter.

    A newer wish for the first or the last page, or for another filter, goes before what is still being asked for. `note` says what is
    worth knowing about what is shown, `missing` what went wrong.
    """

    def __init__(
        self, kind: str, backend: str, parent: str, ask: Ask, spawn: Callable[[Coroutine[Any, Any, None]], object]
    ) -> None:
        self.kind = kind
        self.backend = backend
        self.parent = parent
        self.schema: KindSchema | None = None
        self.ready = False
        self.missing = ""
        self.note = ""
        self.model = PagedModel()
        self.tables: WeakSet[PagedTable] = WeakSet()
        self._ask = ask
        self._spawn = spawn
        self._wish = 0
        self._asking = False
        self._begun = False

    def set_schema(self, schema: KindSchema) -> None:
        """Other columns."""
        self.schema = schema
        for table in self.tables:
            table.set_schema(schema)

    def begin(self) -> None:
        """Asks for the first page, unless that has been done and has gone well."""
        if not self._begun or self.missing:
            self._begun = True
            self.go(Move.FIRST)

    def go(self, move: Move) -> None:
        """Shows the first or the last page, whatever was asked for before."""
        self._wish += 1
        self._begin(move)

    def stay(self) -> None:
        """What is here is wanted after all: a page that is still asked for is not shown."""
        self._wish += 1
        self._asking = False
        self.model.tail = ""

    def ask_again(self) -> None:
        """Shows the first page as it is now."""
        self.go(Move.FIRST)

    def need(self, move: Move) -> None:
        """The cursor comes near an end of what is here."""
        if not self._asking and not self.missing:
            cursor = self.model.after if move is Move.AFTER else self.model.before
            if cursor:
                self._begin(move)

    def set_filter(self, wanted: Filter | None) -> None:
        """Shows the first page of what passes."""
        self.model.set_filter(wanted)
        self.go(Move.FIRST)

    def _begin(self, move: Move) -> None:
        self._asking = True
        self.missing = ""
        self.model.tail = f"asking {self.backend}…"
        for table in self.tables:
            table.changed()
        self._spawn(self._fetch(move, self._wish))

    async def _fetch(self, move: Move, wish: int) -> None:
        cursor = {Move.AFTER: self.model.after, Move.BEFORE: self.model.before}.get(move, "")
        try:
            page = await self._page(cursor, move, wish)
        except QuarterdeckError as error:
            if wish == self._wish:
                self._asking = False
                self.missing = f"{error.message}; {error.remedy}" if error.remedy else error.message
                self._show(None, move)
            return
        if wish == self._wish:
            self._asking = False
            self._show(page, move)

    async def _page(self, cursor: str, move: Move, wish: int) -> Page:
        """The next page with a row that passes, as far as it is found within a few pages."""
        wanted = self.model.filter
        text = wanted.text.strip() if wanted is not None else ""
        backwards = move in (Move.LAST, Move.BEFORE)
        self.note = ""
        looked_at = 0
        while True:
            last = move is Move.LAST and not cursor
            request = BrowseRequest(self.backend, self.kind, self.parent, text, cursor, PAGE_ROWS, last)
            page: Page = (await self._ask(BROWSE, request, _TIMEOUT)).page
            if wanted is None or not page.unfiltered:
                return page
            self.note = f"{self.backend} cannot filter by this: its pages are filtered here as they come"
            schema = self.schema
            passing = [row for row in page.resources if wanted.matches(row, schema.columns_of(row) if schema else ())]
            cursor = page.previous if backwards else page.next
            looked_at += 1
            if passing or not cursor or looked_at == _EMPTY_PAGES or wish != self._wish:
                return only(page, passing)

    def _show(self, page: Page | None, move: Move) -> None:
        self.ready = True
        self.model.tail = self.missing
        if page is not None:
            match move:
                case Move.AFTER:
                    self.model.append(page)
                case Move.BEFORE:
                    self.model.prepend(page)
                case _:
                    self.model.replace(page)
        for table in self.tables:
            if page is not None and move in (Move.FIRST, Move.LAST):
                table.stand(at_end=move is Move.LAST)
            else:
                table.changed()
