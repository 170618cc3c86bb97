"""Rows of a browsed kind: the pages around the cursor, in the backend's own order, and never more than so many of them."""

from collections import deque
from collections.abc import Sequence

from quarterdeck.tui.table_model import OrderKey
from quarterdeck_api.browsing import Page
from quarterdeck_api.filters import Filter
from quarterdeck_api.resources import Resource

#: Rows that are kept; whole pages are dropped, from the end that the cursor has left behind.
KEPT_ROWS = 2_000


class PagedModel:
    """A window on a list that nobody has whole; positions count the rows of the window.

    `start` is the place of the window's first row in the list and `total` the list's length, None where the backend does not say.
    """

    def __init__(self, kept: int = KEPT_ROWS) -> None:
        self.rows: dict[str, Resource] = {}
        self.shown: list[str] = []
        self.filter: Filter | None = None
        self.total: int | None = None
        self.tail = ""
        self._kept = kept
        self._pages: deque[Page] = deque()
        self._places: dict[str, int] = {}

    @property
    def start(self) -> int | None:
        """The place of the first row that is here in the whole list."""
        return self._pages[0].start if self._pages else None

    @property
    def before(self) -> str:
        """The cursor of the page before the first one that is here; empty when there is none."""
        return self._pages[0].previous if self._pages else ""

    @property
    def after(self) -> str:
        """The cursor of the page after the last one that is here; empty when there is none."""
        return self._pages[-1].next if self._pages else ""

    @property
    def filtering(self) -> bool:
        """Whether rows are left that the filter has not seen: the backend filters, so what is here has passed."""
        return False

    @property
    def searchable(self) -> bool:
        """Whether search texts are prepared: none are needed."""
        return False

    def set_filter(self, wanted: Filter | None) -> None:
        """Remembers what the backend is asked to filter by."""
        self.filter = wanted if wanted is not None and wanted.terms else None

    def set_order(self, key: OrderKey | None) -> None:
        """Rows stay in the backend's order."""

    def advance(self, rows: int) -> bool:
        """There is nothing left to filter."""
        return False

    def prepare(self, rows: int) -> bool:
        """There is nothing to prepare."""
        return False

    def replace(self, page: Page) -> None:
        """Shows this page and nothing else."""
        self._pages = deque((page,))
        self._look_again(page)

    def append(self, page: Page) -> None:
        """Adds the page after the last one, and lets go of the first ones when there are too many."""
        self._pages.append(page)
        while self._count() > self._kept and len(self._pages) > 2:
            self._pages.popleft()
        self._look_again(page)

    def prepend(self, page: Page) -> None:
        """Adds the page before the first one, and lets go of the last ones when there are too many."""
        self._pages.appendleft(page)
        while self._count() > self._kept and len(self._pages) > 2:
            self._pages.pop()
        self._look_again(page)

    def clear(self) -> None:
        """Forgets every row."""
        self._pages.clear()
        self.total = None
        self._look_again(None)

    def position(self, address: str) -> int:
        """Where a row stands among those that are here; -1 when it is not."""
        return self._places.get(address, -1)

    def place_of(self, resource: Resource) -> int:
        """Where a resource stands, or the first place when it is not here any more."""
        return self._places.get(resource.address, 0)

    def at(self, position: int) -> Resource | None:
        """The row at a position."""
        return self.rows[self.shown[position]] if 0 <= position < len(self.shown) else None

    def _count(self) -> int:
        return sum(len(page.resources) for page in self._pages)

    def _look_again(self, newest: Page | None) -> None:
        # A list that changes between two pages may bring a row twice; its later state is the one of the newer page.
        rows: dict[str, Resource] = {}
        for page in self._pages:
            for resource in page.resources:
                rows[resource.address] = resource
        if newest is not None:
            rows.update((resource.address, resource) for resource in newest.resources)
            self.total = newest.total if newest.total is not None else self.total
        self.rows = rows
        self.shown = list(rows)
        self._places = {address: place for place, address in enumerate(self.shown)}


def only(page: Page, passing: Sequence[Resource]) -> Page:
    """The page with these of its rows; where it stands in the list is no longer known."""
    return Page(tuple(passing), page.next, page.previous, None, None, page.unfiltered)
