"""Which columns a table shows and how wide: declared widths first, else what the rows seen so far need."""

from collections.abc import Iterable, Sequence
from enum import Enum

from msgspec import Struct

from quarterdeck.drawing.quantities import RIGHT_ALIGNED
from quarterdeck_api.catalogue import Catalogue, Column

#: Cells between two columns.
GAP = 2

_WIDEST = 44
_WIDEST_NAME = 64


class Source(Enum):
    """Where a column's value comes from."""

    NAME = "name"
    BACKEND = "backend"
    STATE = "state"
    REASON = "reason"
    CELL = "cell"
    RATE = "rate"
    TREND = "trend"


#: Columns whose values change without their rows: rows are not sorted by them.
UNSORTED = frozenset((Source.RATE, Source.TREND))


class ColumnView(Struct, frozen=True):
    """One column of a table: what it shows. `column` has title and type; for cells it is the one that the catalogue declares."""

    source: Source
    column: Column

    @property
    def right(self) -> bool:
        """Whether values end at the column's right edge."""
        return self.column.type in RIGHT_ALIGNED


class PlacedColumn(Struct, frozen=True):
    """A column with its place on the line, in terminal cells."""

    view: ColumnView
    x: int
    width: int


def table_columns(kind: str, catalogues: Iterable[Catalogue], *, backend: bool) -> tuple[ColumnView, ...]:
    """The columns of a kind: name, state, the union of what all plugins declare in their order, and the reason at the end."""
    cells: dict[str, Column] = {}
    for catalogue in catalogues:
        found = catalogue.kind(kind)
        for column in found.columns if found else ():
            cells.setdefault(column.id, column)
    views = [ColumnView(Source.NAME, Column("name", "Name"))]
    if backend:
        views.append(ColumnView(Source.BACKEND, Column("backend", "Backend")))
    views.append(ColumnView(Source.STATE, Column("state", "State")))
    views += [ColumnView(Source.CELL, column) for column in cells.values() if column.id not in ("state", "phase")]
    views.append(ColumnView(Source.REASON, Column("reason", "Reason")))
    return tuple(views)


class ColumnWidths:
    """Widths that only grow while rows pass by, so that columns do not jump at every change."""

    def __init__(self, views: Sequence[ColumnView]) -> None:
        self.views = tuple(views)
        self._needed = [view.column.width or len(view.column.title) for view in self.views]

    def see(self, lengths: Sequence[int]) -> bool:
        """Makes room for values of these lengths, one for each column; True when a width changed."""
        changed = False
        for index, length in enumerate(lengths):
            view = self.views[index]
            if view.column.width:
                continue
            limit = _WIDEST_NAME if view.source in (Source.NAME, Source.REASON) else _WIDEST
            if self._needed[index] < min(length, limit):
                self._needed[index] = min(length, limit)
                changed = True
        return changed

    def place(self, width: int) -> tuple[PlacedColumn, ...]:
        """The columns that fit into `width` terminal cells, dropped from the right; the first is always there."""
        placed: list[PlacedColumn] = []
        x = 0
        for index, view in enumerate(self.views):
            needed = self._needed[index]
            if index == 0:
                needed = max(1, min(needed, width, max(16, width // 2)))
            left = width - x
            if placed and left < needed:
                if (view.source is Source.REASON or index == len(self.views) - 1) and left >= 12:
                    placed.append(PlacedColumn(view, x, left))
                break
            placed.append(PlacedColumn(view, x, needed))
            x += needed + GAP
        return tuple(placed)
