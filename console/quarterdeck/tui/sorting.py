"""In which order a table's rows stand when the user sorts them by a column."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from quarterdeck.tui.columns import UNSORTED, ColumnView, Source
from quarterdeck.tui.keys import TAKEN_LETTERS
from quarterdeck.tui.schema import KindSchema
from quarterdeck.tui.table_model import OrderKey, by_address
from quarterdeck_api.catalogue import ColumnType
from quarterdeck_api.resources import Cell, Health, Resource

#: Every byte to its opposite, so that texts sorted by what they become stand the other way round.
_OPPOSITE = bytes(range(255, -1, -1))
_WORST_FIRST = (Health.FAILED, Health.DEGRADED, Health.UNKNOWN, Health.BUSY, Health.STOPPED, Health.OK)
_BADNESS = {health: place for place, health in enumerate(_WORST_FIRST)}
_TEXTS = (ColumnType.TEXT, ColumnType.BOOLEAN)


class SortOrder(Struct, frozen=True):
    """Sorted by this column (source and id), rising or falling."""

    source: Source
    column: str
    falling: bool

    def is_by(self, view: ColumnView) -> bool:
        """Whether this is the column that rows are sorted by."""
        return (view.source, view.column.id) == (self.source, self.column)


def next_order(now: SortOrder | None, view: ColumnView) -> SortOrder | None:
    """What asking for a column (once more) gives: its usual direction, the other one, then the table's own order.

    Texts rise first, numbers and times fall first: the largest and the newest are what is looked for.
    """
    usual = SortOrder(view.source, view.column.id, view.source is Source.CELL and view.column.type not in _TEXTS)
    if now is None or not now.is_by(view):
        return usual
    return SortOrder(now.source, now.column, not usual.falling) if now.falling is usual.falling else None


def sort_letters(views: Sequence[ColumnView]) -> dict[str, int]:
    """The letter that sorts by each column, to the column's index: the first letter of its title that is still free."""
    letters: dict[str, int] = {}
    for index, view in enumerate(views):
        if view.source in UNSORTED:
            continue
        for letter in view.column.title.upper():
            if "A" <= letter <= "Z" and letter not in TAKEN_LETTERS and letter not in letters:
                letters[letter] = index
                break
    return letters


def order_key(schema: KindSchema, order: SortOrder) -> OrderKey | None:
    """The key of an order; None when the schema has no such column. Rows without a value stand last in both directions."""
    view = next((view for view in schema.views if order.is_by(view)), None)
    if view is None:
        return None
    falling = order.falling

    def key(resource: Resource) -> Any:
        value = _value(schema, view, resource)
        if value is None or value == "" or value != value:  # The last is how a number says that it is none.
            return 1, 0, 0, by_address(resource)
        if isinstance(value, str):
            text = value.lower().encode("utf-8", "surrogatepass")
            # The byte at the end lets a text stand behind the longer ones that begin with it.
            return 0, 1, text.translate(_OPPOSITE) + b"\xff" if falling else text, by_address(resource)
        return 0, 0, -value if falling else value, by_address(resource)

    def name_key(resource: Resource) -> Any:
        _, digits, address = by_address(resource)
        if not falling:
            return resource.name[: len(resource.name) - digits], digits, resource.name, address
        parts = (resource.name[: len(resource.name) - digits], resource.name, address)
        inverted = [part.encode("utf-8", "surrogatepass").translate(_OPPOSITE) + b"\xff" for part in parts]
        return inverted[0], -digits, inverted[1], inverted[2]

    return name_key if view.source is Source.NAME else key


def _value(schema: KindSchema, view: ColumnView, resource: Resource) -> Cell:
    match view.source:
        case Source.STATE:
            return f"{_BADNESS[resource.health]} {resource.state}"
        case Source.REASON:
            return resource.reason
        case Source.BACKEND:
            return resource.backend
        case _:
            index = schema.indexes.get(resource.backend, {}).get(view.column.id, -1)
            return resource.cells[index] if 0 <= index < len(resource.cells) else None
