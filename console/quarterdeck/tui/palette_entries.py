"""What the palette offers, and in which order for what was typed. Decisions only."""

from collections.abc import Iterable, Iterator
from enum import Enum

from msgspec import Struct


class EntryKind(Enum):
    """What choosing an entry does."""

    PANE = "pane"
    KIND = "kind"
    ACTION = "action"
    KEY = "key"
    COMMAND = "command"
    RESOURCE = "resource"


class Entry(Struct, frozen=True):
    """One line of the palette: `name` is looked for, `detail` stands beside it, `value` is what it is for."""

    kind: EntryKind
    name: str
    detail: str
    value: str


#: The place of each kind among entries that match alike.
_PLACE = {kind: place for place, kind in enumerate(EntryKind)}


def rank(name: str, wanted: str) -> int | None:
    """How well a name matches, 0 best; None when its letters are not there in order. Both in lower case."""
    if not wanted:
        return 0
    if name.startswith(wanted):
        return 0
    start = name.find(wanted)
    if start > 0:
        return 1 if not name[start - 1].isalnum() else 2
    letters = iter(name)
    return 3 if all(letter in letters for letter in wanted) else None


class Search:
    """Finds the best `limit` of many entries, some at a time, so that no key waits for all of them."""

    def __init__(self, entries: Iterable[Entry], wanted: str, limit: int) -> None:
        self._entries: Iterator[Entry] = iter(entries)
        self._wanted = "".join(wanted.lower().split())
        self._limit = limit
        self._seen = 0
        self._found: list[tuple[int, int, int, str, Entry]] = []

    def advance(self, entries: int) -> bool:
        """Looks at so many more; True when some are left."""
        for _ in range(entries):
            entry = next(self._entries, None)
            if entry is None:
                return False
            found = rank(entry.name.lower(), self._wanted)
            if found is not None:
                # While nothing is typed, entries stand in the order in which they are offered.
                length = len(entry.name) if self._wanted else self._seen
                self._found.append((found, _PLACE[entry.kind], length, entry.name, entry))
            self._seen += 1
        if len(self._found) > 4 * self._limit:
            self._found = sorted(self._found, key=lambda each: each[:4])[: self._limit]
        return True

    def best(self) -> list[Entry]:
        """The best of those that were looked at."""
        return [each[4] for each in sorted(self._found, key=lambda each: each[:4])[: self._limit]]
