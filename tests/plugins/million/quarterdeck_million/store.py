"""The store: what it has is computed, so that a page costs what a page costs and nothing is kept."""

import threading

from quarterdeck_api.backend import ProbeResult, WatchContext
from quarterdeck_api.browsing import BrowseRequest, Page, ResourceMaker
from quarterdeck_api.documents import Document, Fact, FactsBlock
from quarterdeck_api.errors import NotFoundError, UsageError
from quarterdeck_api.resources import Address, Resource, Synced, Upsert
from quarterdeck_million.plugin import StoreSettings

_UNITS = ("s", "By", "1")
_BEGIN = 1_700_000_000.0


class StoreBackend:
    """One store with `rows` series. Cursors are positions, as text."""

    def __init__(self, name: str, settings: StoreSettings) -> None:
        self._name = name
        self._settings = settings
        self._closed = threading.Event()

    def watch(self, context: WatchContext) -> None:
        cells = {"series": self._settings.rows}
        while not context.stopped:
            context.emit(Upsert(context.resource("store", "main", cells=cells, state=context.interest.value)))
            context.emit(Synced(("store",)))
            context.wait(60.0)

    def close(self) -> None:
        self._closed.set()

    def probe(self) -> ProbeResult:
        return ProbeResult("1.0", ("browse",))

    def browse(self, request: BrowseRequest, make: ResourceMaker) -> Page:
        self._closed.wait(self._settings.page_seconds)
        if request.kind == "sample":
            self._series_number(Address.parse(request.parent).name)
        selected = self._selected(request)
        start = self._start(request, len(selected))
        end = min(start + request.limit, len(selected))
        return Page(
            tuple(self._row(request, selected[position], make) for position in range(start, end)),
            next=str(end) if end < len(selected) else "",
            previous=str(max(start - request.limit, 0)) if start else "",
            start=start,
            total=len(selected),
            unfiltered=bool(request.filter) and not self._settings.filters,
        )

    def describe(self, address: str) -> Document:
        found = Address.parse(address)
        if found.kind == "store":
            if found.name != "main":
                raise NotFoundError(f"there is no {address}", "see `quarterdeck get store`", address)
            return Document("Store", (FactsBlock((Fact("series", self._settings.rows),)),))
        name, _, number = found.name.partition("@")
        facts = [Fact("number", self._series_number(name))]
        if number:
            facts.append(Fact("value", self._row_number(number) / 2))
        return Document(found.name, (FactsBlock(tuple(facts)),))

    def _selected(self, request: BrowseRequest) -> range:
        """The numbers of the rows that pass the filter: digits select those that end with them, a name what bears it."""
        digits = request.filter.strip()
        if not digits or not self._settings.filters:
            return range(self._settings.rows)
        if digits.startswith("s"):
            digits = digits.rpartition("@")[2].removeprefix("s")
            found = int(digits) if digits.isdecimal() else self._settings.rows
            return range(found, min(found + 1, self._settings.rows))
        if not digits.isdecimal():
            return range(0)
        return range(int(digits), self._settings.rows, 10 ** len(digits))

    def _start(self, request: BrowseRequest, total: int) -> int:
        if request.last:
            return max(total - request.limit, 0)
        if not request.cursor:
            return 0
        if not request.cursor.isdecimal() or int(request.cursor) > total:
            raise UsageError(f"{request.cursor!r} is not a cursor of {self._name}", "begin with the first page")
        return int(request.cursor)

    def _row(self, request: BrowseRequest, number: int, make: ResourceMaker) -> Resource:
        if request.kind == "series":
            unit = _UNITS[number % len(_UNITS)]
            parent = f"{self._name}/store/main"
            return make("series", f"s{number:07d}", cells={"number": number, "unit": unit}, parent=parent)
        name = f"{Address.parse(request.parent).name}@{number}"
        cells = {"time": _BEGIN + number, "value": number / 2}
        return make("sample", name, cells=cells, parent=request.parent)

    def _series_number(self, name: str) -> int:
        number = name.removeprefix("s")
        if not name.startswith("s") or not number.isdecimal() or int(number) >= self._settings.rows:
            address = f"{self._name}/series/{name}"
            raise NotFoundError(f"there is no {address}", "browse `series` for those that exist", address)
        return int(number)

    def _row_number(self, text: str) -> int:
        if not text.isdecimal() or int(text) >= self._settings.rows:
            raise NotFoundError(f"{self._name} has no sample {text!r}", "browse `sample` for those that exist")
        return int(text)


def open_store(name: str, settings: StoreSettings) -> StoreBackend:
    """Opens a store."""
    return StoreBackend(name, settings)
