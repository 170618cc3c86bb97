"""The rows of a live table: identity, order and filter, without any drawing."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from quarterdeck_api.catalogue import Column
from quarterdeck_api.filters import Filter, haystack
from quarterdeck_api.resources import Resource

#: What rows are ordered by; equal keys must not happen, so a key ends with the address.
OrderKey = Callable[[Resource], Any]

ColumnsOf = Callable[[Resource], Sequence[Column]]


_DIGITS = "0123456789"


def by_address(resource: Resource) -> Any:
    """The default order: by address, in which a number at the end counts as a number (core/job/2 before core/job/10)."""
    # Not every number in it: cutting addresses up takes three times as long, and 100,000 rows are sorted while somebody waits.
    address = resource.address
    stem = address.rstrip(_DIGITS)
    return stem, len(address) - len(stem), address


def by_number_downwards(resource: Resource) -> Any:
    """The newest first, for kinds whose names are rising numbers (jobs, journal entries)."""
    name = resource.name
    return (-int(name), "") if name.isascii() and name.isdigit() else (1, name)


class RowModel(Protocol):
    """The rows of a table as its widget sees them; positions count the shown ones from 0.

    `tail` stands below the last row, `filtering` says that rows are left which the filter has not seen.
    """

    @property
    def rows(self) -> Mapping[str, Resource]:
        """Every row that is here, by address."""
        ...

    @property
    def shown(self) -> Sequence[str]:
        """The addresses of the rows that pass the filter, in order."""
        ...

    @property
    def tail(self) -> str:
        """What stands below the last row."""
        ...

    @property
    def total(self) -> int | None:
        """How many rows there are without the filter; None while nobody knows."""
        ...

    @property
    def filter(self) -> Filter | None:
        """The filter that is applied."""
        ...

    @property
    def filtering(self) -> bool:
        """Whether rows are left that the filter has not seen."""
        ...

    @property
    def searchable(self) -> bool:
        """Whether the search texts of (nearly) all rows are prepared."""
        ...

    def set_filter(self, wanted: Filter | None) -> None:
        """Begins to apply a filter."""
        ...

    def set_order(self, key: OrderKey | None) -> None:
        """Sorts by another key; None gives the table's own order back."""
        ...

    def advance(self, rows: int) -> bool:
        """Applies the filter to at most so many more rows; True when some are left."""
        ...

    def prepare(self, rows: int) -> bool:
        """Prepares the search texts of at most so many more rows; True when some are left."""
        ...

    def position(self, address: str) -> int:
        """Where a row stands among the shown ones; -1 when it is not known."""
        ...

    def place_of(self, resource: Resource) -> int:
        """Where this resource would stand among the shown rows."""
        ...

    def at(self, position: int) -> Resource | None:
        """The shown row at a position."""
        ...


class TableModel:
    """Rows by address, their order, and the addresses that pass the filter.

    A filter is applied in slices (`advance`), so that no keystroke waits for 100,000 rows; meanwhile `shown` holds what passed among the
    rows seen so far, and changes fall into place on either side of that border.
    """

    def __init__(self, columns_of: ColumnsOf, key: OrderKey = by_address) -> None:
        self.rows: dict[str, Resource] = {}
        self.order: list[str] = []
        self.shown: list[str] = self.order
        self.filter: Filter | None = None
        self._columns_of = columns_of
        self._key = self._own_key = key
        self._haystacks: dict[str, str] = {}
        self._words: tuple[str, ...] | None = None
        self._seen = 0
        self._prepared = 0

    def __len__(self) -> int:
        return len(self.order)

    @property
    def tail(self) -> str:
        """What stands below the last row: nothing, for all of the rows are here."""
        return ""

    @property
    def total(self) -> int:
        """How many rows there are without the filter."""
        return len(self.order)

    @property
    def filtering(self) -> bool:
        """Whether rows are left that the filter has not seen."""
        return self.filter is not None and self._seen < len(self.order)

    @property
    def searchable(self) -> bool:
        """Whether the search texts of (nearly) all rows are prepared."""
        return 2 * len(self._haystacks) > len(self.order)

    def clear(self) -> None:
        """Forgets every row; the filter stays."""
        self.rows.clear()
        self._haystacks.clear()
        self.order = []
        self.shown = self.order if self.filter is None else []
        self._seen = self._prepared = 0

    def load(self, resources: Iterable[Resource]) -> None:
        """Takes a part of a snapshot; cheap when parts come in order."""
        fresh: list[Resource] = []
        for resource in resources:
            if resource.address in self.rows:
                self.upsert(resource)
            else:
                fresh.append(resource)
                self.rows[resource.address] = resource
        if not fresh:
            return
        fresh.sort(key=self._key)
        added = [resource.address for resource in fresh]
        if not self.order or self._key_at(len(self.order) - 1) < self._key(fresh[0]):
            self.order.extend(added)
            return  # What lies behind the border is not filtered yet: `advance` will come to it.
        self.order[:] = sorted([*self.order, *added], key=self._key_of)
        if self.filter is not None:
            self.set_filter(self.filter)

    def upsert(self, resource: Resource) -> None:
        """Adds or replaces one row."""
        address = resource.address
        old = self.rows.get(address)
        if old is not None and self._key(old) != self._key(resource):
            self.remove(address)
            old = None
        if old is None:
            self.rows[address] = resource
            position = self._place(self.order, resource)
            self.order.insert(position, address)
            if self.filter is None:
                return
            if position >= self._seen:
                return  # Behind the border: `advance` will come to it.
            self._seen += 1
            if self._passes(resource):
                self.shown.insert(self._place(self.shown, resource), address)
            return
        self._haystacks.pop(address, None)
        if self.filter is None:
            self.rows[address] = resource
            return
        seen = self._place(self.order, old) < self._seen
        self.rows[address] = resource
        if not seen:
            return
        position = self._place(self.shown, resource)
        there = position < len(self.shown) and self.shown[position] == address
        passes = self._passes(resource)
        if passes and not there:
            self.shown.insert(position, address)
        elif there and not passes:
            del self.shown[position]

    def remove(self, address: str) -> None:
        """Removes one row; one that is not there is ignored."""
        resource = self.rows.get(address)
        if resource is None:
            return
        position = self._place(self.order, resource)
        if self.shown is not self.order:
            place = self._place(self.shown, resource)
            if place < len(self.shown) and self.shown[place] == address:
                del self.shown[place]
            if position < self._seen:
                self._seen -= 1
        del self.order[position]
        del self.rows[address]
        self._haystacks.pop(address, None)

    def set_order(self, key: OrderKey | None) -> None:
        """Sorts by another key; None gives the table's own order back."""
        self._key = key or self._own_key
        self.order = sorted(self.order, key=self._key_of)
        self._prepared = 0
        self.set_filter(self.filter)

    def set_filter(self, wanted: Filter | None) -> None:
        """Begins to apply a filter (None or an empty one: all rows); `advance` goes on with it."""
        self.filter = wanted if wanted is not None and wanted.terms else None
        self._words = self.filter.plain_words if self.filter is not None else None
        self._seen = 0
        self.shown = self.order if self.filter is None else []

    def advance(self, rows: int) -> bool:
        """Applies the filter to at most so many more rows; True when some are left."""
        if self.filter is None:
            return False
        part = self.order[self._seen : self._seen + rows]
        words = self._words
        if words is None:
            self.shown.extend(address for address in part if self._passes(self.rows[address]))
        else:
            texts = self._haystacks
            prepare = self._prepare
            if len(words) == 1:
                word = words[0]
                self.shown.extend(address for address in part if word in (texts.get(address) or prepare(address)))
            else:
                self.shown.extend(
                    address
                    for address in part
                    if (text := texts.get(address) or prepare(address)) and all(word in text for word in words)
                )
        self._seen += len(part)
        return self._seen < len(self.order)

    def prepare(self, rows: int) -> bool:
        """Prepares the search texts of at most so many more rows; True when some are left."""
        for address in self.order[self._prepared : self._prepared + rows]:
            if address not in self._haystacks:
                self._prepare(address)
        self._prepared = min(self._prepared + rows, len(self.order))
        return self._prepared < len(self.order)

    def position(self, address: str) -> int:
        """Where a row stands among the shown ones, or would stand when it were shown; -1 when it is not known."""
        resource = self.rows.get(address)
        return -1 if resource is None else self._place(self.shown, resource)

    def place_of(self, resource: Resource) -> int:
        """Where this resource would stand among the shown rows, whether it is still known or not."""
        return self._place(self.shown, resource)

    def at(self, position: int) -> Resource | None:
        """The shown row at a position."""
        return self.rows[self.shown[position]] if 0 <= position < len(self.shown) else None

    def _passes(self, resource: Resource) -> bool:
        if self.filter is None:
            return True
        if self._words is not None:
            text = self._haystacks.get(resource.address) or self._prepare(resource.address)
            return all(word in text for word in self._words)
        return self.filter.matches(resource, self._columns_of(resource))

    def _prepare(self, address: str) -> str:
        text = self._haystacks[address] = haystack(self.rows[address])
        return text

    def _key_of(self, address: str) -> Any:
        return self._key(self.rows[address])

    def _key_at(self, position: int) -> Any:
        return self._key(self.rows[self.order[position]])

    def _place(self, among: list[str], resource: Resource) -> int:
        return bisect_left(among, self._key(resource), key=self._key_of)
