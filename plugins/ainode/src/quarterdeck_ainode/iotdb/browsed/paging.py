"""Pages of lists that come from several places one after the other: the tree's series, then those of tables.

A cursor is `PLACE:OFFSET`: which source, and how many of its rows stand before. Pure but for what the sources ask.
"""

import re
from collections.abc import Sequence
from typing import Protocol

from quarterdeck_api.browsing import BrowseRequest, Page
from quarterdeck_api.catalogue import Column
from quarterdeck_api.errors import UsageError
from quarterdeck_api.filters import Filter, TermKind, parse_filter
from quarterdeck_api.resources import Resource

_CURSOR = re.compile(r"(\d{1,3}):(\d{1,12})")


class Source(Protocol):
    """One list of resources, in an order of its own."""

    def rows(self, offset: int, limit: int) -> Sequence[Resource]:
        """At most `limit` resources from a place on; fewer only at the end."""
        ...

    def count(self) -> int | None:
        """How many there are; None where counting would be dear."""
        ...

    def exact_count(self) -> int:
        """How many there are, whatever it costs; raises UsageError when there are too many to count."""
        ...


class ListSource:
    """A list that is short enough to be had whole."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        self._resources = resources

    def rows(self, offset: int, limit: int) -> Sequence[Resource]:
        """Some of them."""
        return self._resources[offset : offset + limit]

    def count(self) -> int | None:
        """All are known."""
        return len(self._resources)

    def exact_count(self) -> int:
        """All are known."""
        return len(self._resources)


def page_of(sources: Sequence[Source], request: BrowseRequest, *, unfiltered: bool = False) -> Page:
    """The page that was asked for; raises UsageError for a cursor that was never given."""
    if not sources:
        return Page((), start=0, total=0)
    place, offset = _last(sources, request.limit) if request.last else _start(sources, request.cursor)
    found: list[Resource] = []
    first = (place, offset)
    following = ""
    while True:
        wanted = request.limit - len(found)
        rows = sources[place].rows(offset, wanted + 1)
        found.extend(rows[:wanted])
        if len(rows) > wanted:
            following = f"{place}:{offset + wanted}"
            break
        if place + 1 == len(sources):
            break
        place, offset = place + 1, 0
    counts = [source.count() for source in sources]
    start = _sum(counts[: first[0]])
    start = None if start is None else start + first[1]
    # Where the list ends is known better than how long it was when it was counted.
    ended = not following and start is not None and bool(found)
    total = (start or 0) + len(found) if ended else _sum(counts)
    return Page(tuple(found), following, _before(sources, first, request.limit), start, total, unfiltered)


def _sum(counts: Sequence[int | None]) -> int | None:
    return None if None in counts else sum(each or 0 for each in counts)


def _start(sources: Sequence[Source], cursor: str) -> tuple[int, int]:
    if not cursor:
        return 0, 0
    found = _CURSOR.fullmatch(cursor)
    if found is None or int(found[1]) >= len(sources):
        raise UsageError(f"{cursor!r} is no cursor of this list", "begin with the first page")
    return int(found[1]), int(found[2])


def _last(sources: Sequence[Source], limit: int) -> tuple[int, int]:
    """Where the page begins that ends with the last row."""
    wanted = limit
    for place in range(len(sources) - 1, -1, -1):
        count = sources[place].exact_count()
        if count >= wanted or place == 0:
            return place, max(count - wanted, 0)
        wanted -= count
    return 0, 0


def _before(sources: Sequence[Source], first: tuple[int, int], limit: int) -> str:
    """The cursor of the page that ends where this one begins."""
    place, offset = first
    missing = limit
    while True:
        step = min(offset, missing)
        offset -= step
        missing -= step
        if not missing or place == 0:
            return f"{place}:{offset}" if missing < limit else ""
        place -= 1
        offset = sources[place].exact_count()


class Narrowing:
    """What of a filter the server can narrow by, and what is left to whoever shows the page."""

    def __init__(self, text: str) -> None:
        self.filter: Filter = parse_filter(text)
        words = [term.text for term in self.filter.terms if term.kind is TermKind.WORD and not term.negated]
        #: The longest word, which names are narrowed by; empty for none.
        self.word: str = max(words, key=len, default="")
        #: Whether more than that word is asked for.
        self.more: bool = len(self.filter.terms) > (1 if self.word else 0)

    def values(self, field: str) -> list[str]:
        """What a field has to be equal to, as in `press=4`; names are compared without case."""
        return [
            term.text
            for term in self.filter.terms
            if term.kind is TermKind.TYPED and not term.negated and term.operator == "=" and term.field == field.lower()
        ]

    def passing(self, resources: Sequence[Resource], columns: Sequence[Column]) -> list[Resource]:
        """Those that pass the whole filter; a list that is had whole is filtered here."""
        return [each for each in resources if self.filter.matches(each, columns)]
