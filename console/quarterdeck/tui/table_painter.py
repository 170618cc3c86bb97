"""What a live table has on the screen, line by line, and which cells of it have to be repainted."""

from collections.abc import Callable, Collection

from msgspec import Struct
from rich.cells import cell_len
from rich.segment import Segment
from textual.geometry import Region, Size
from textual.strip import Strip

from quarterdeck.tui.cell_text import fit
from quarterdeck.tui.columns import ColumnWidths, PlacedColumn
from quarterdeck.tui.row_marks import RowMarks
from quarterdeck.tui.schema import KindSchema
from quarterdeck.tui.sorting import SortOrder, sort_letters
from quarterdeck.tui.style import Palette
from quarterdeck.tui.table_lines import HeaderLook, changed_width, header_strip, row_strip
from quarterdeck.tui.table_model import RowModel
from quarterdeck_api.resources import Resource


class View(Struct, frozen=True):
    """What of the rows is in view: the first of them, the row of the cursor, and whether the cursor is shown."""

    top: int
    cursor: int
    active: bool


class _Line(Struct, frozen=True):
    """What a line of the screen shows."""

    resource: Resource | None
    selected: bool
    marked: bool
    strip: Strip


class TablePainter:
    """Makes the lines of a table, keeps them while they show the same, and compares them with new ones."""

    def __init__(self, model: RowModel, marks: RowMarks, palette: Palette, clock: Callable[[], float]) -> None:
        self.palette = palette
        self.schema: KindSchema | None = None
        self.placed: tuple[PlacedColumn, ...] = ()
        self.letters: dict[str, int] = {}
        self.order: SortOrder | None = None
        self.picked = -1
        self.empty_text = ""
        #: Backends that are not reached: what is known of their resources may be old.
        self.unreached: frozenset[str] = frozenset()
        self.size = Size(-1, -1)
        self._model = model
        self._marks = marks
        self._clock = clock
        self._widths: ColumnWidths | None = None
        self._lines: list[_Line | None] = []

    def set_schema(self, schema: KindSchema, *, sortable: bool) -> None:
        """Other columns; the lines have to be made anew."""
        self.schema = schema
        self._widths = ColumnWidths(schema.views)
        self.letters = sort_letters(schema.views) if sortable else {}
        self._place()

    def forget(self) -> None:
        """Every line has to be made anew."""
        self._lines = [None] * max(self.size.height, 0)

    def forget_size(self) -> None:
        """Everything is looked at again when the table is painted the next time."""
        self.size = Size(-1, -1)

    def lay_out(self, size: Size, view: View) -> None:
        """Fits the columns into a size."""
        self.size = size
        self.forget()
        self._see_widths(view)
        self._place()

    def line(self, y: int, view: View) -> Strip:
        """One line of the screen; the first is the header."""
        line = self._lines[y] if y < len(self._lines) else None
        if line is None:
            line = self._make(y, view)
            if y < len(self._lines):
                self._lines[y] = line
        return line.strip

    def changes(self, view: View, stale: Collection[str] = ()) -> list[Region] | None:
        """The cells that differ from what the screen shows; None when all of it has to be painted.

        `stale` are addresses of rows that look otherwise although their resource is the same.
        """
        if self._see_widths(view) and self._place():
            return None
        regions: list[Region] = []
        before = self._lines_by_row()
        for y in range(1, min(len(self._lines), self.size.height)):
            old = self._lines[y]
            position = view.top + y - 1
            resource = self._model.at(position)
            selected = view.active and resource is not None and position == view.cursor
            marked = resource is not None and self._marks.has(resource)
            fresh = resource is not None and resource.address in stale
            same_row = old is not None and old.resource is resource and (old.selected, old.marked) == (selected, marked)
            if same_row and not fresh and resource is not None:
                continue
            # A row that only moves, as all do when the view scrolls, looks as it did.
            line = before.get(id(resource)) if resource is not None and not fresh else None
            if line is None or (line.selected, line.marked) != (selected, marked):
                line = self._make(y, view)
            self._lines[y] = line
            width = self.size.width if old is None else changed_width(old.strip, line.strip)
            if width:
                regions.append(Region(0, y, width, 1))
        return regions

    def text(self, resource: Resource, column: int) -> str | None:
        """What one of the columns that are there to see says of a resource; None when there is no such column."""
        if self.schema is None or not 0 <= column < len(self.placed):
            return None
        return self.schema.text(resource, self.placed[column].view, self._clock())

    def _place(self) -> bool:
        placed = self._widths.place(self.size.width) if self._widths is not None and self.size.width > 0 else ()
        changed, self.placed = placed != self.placed, placed
        if changed:
            self.forget()
        return changed

    def _lines_by_row(self) -> dict[int, _Line]:
        """The lines on the screen by the identity of their resource, which they keep alive."""
        return {id(line.resource): line for line in self._lines if line is not None and line.resource is not None}

    def _see_widths(self, view: View) -> bool:
        """Makes room for what is in view now; True when a column grew."""
        if self._widths is None or self.schema is None:
            return False
        now, grown, before = self._clock(), False, self._lines_by_row()
        for position in range(view.top, min(view.top + max(0, self.size.height - 1), len(self._model.shown))):
            resource = self._model.at(position)
            if resource is None or id(resource) in before:
                continue
            lengths = [cell_len(self.schema.text(resource, each, now)) for each in self._widths.views]
            grown = self._widths.see(lengths) or grown
        return grown

    def _make(self, y: int, view: View) -> _Line:
        width = self.size.width
        if y == 0:
            look = HeaderLook(self.order, self.picked, self.letters)
            return _Line(None, False, False, header_strip(self.placed, look, self.palette, width))
        position = view.top + y - 1
        resource = self._model.at(position)
        if resource is None or self.schema is None:
            text = self.empty_text if y == 1 and not self._model.shown else ""
            if position == len(self._model.shown):
                text = text or self._model.tail
            strip = Strip([Segment(fit(f"  {text}" if text else "", width), self.palette.muted)], width)
            return _Line(None, False, False, strip)
        selected = view.active and position == view.cursor
        marked = self._marks.has(resource)
        strip = row_strip(
            self.schema,
            self.placed,
            resource,
            self.palette,
            width,
            self._clock(),
            selected=selected,
            marked=marked,
            outdated=resource.backend in self.unreached,
        )
        return _Line(resource, selected, marked, strip)
