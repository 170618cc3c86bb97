"""A widget that shows a document and scrolls through it."""

from msgspec import Struct
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from quarterdeck.drawing.document import CHART_HEIGHT, Line, block_lines
from quarterdeck.tui.style import Palette
from quarterdeck_api.documents import Block, Document
from quarterdeck_api.resources import Health

#: Below this many lines of the widget a chart shrinks with it.
_ROOMY_HEIGHT = 28


def role_styles(palette: Palette) -> dict[str, Style]:
    """The style of every role that a drawn line may have."""
    healths = {health.value: style for health, style in palette.health.items()}
    if palette.monochrome:
        styles = dict.fromkeys(("forecast", "anomaly", "title"), palette.accent)
        quiet = dict.fromkeys(("axis", "label", "interval"), palette.muted)
        return {**healths, **styles, **quiet}
    back = palette.colours["background"]
    return {
        **healths,
        "title": palette.accent + Style(bold=True),
        "label": palette.muted,
        "axis": palette.muted,
        "history": palette.base,
        "actual": palette.base,
        "forecast": Style(color=palette.colours["forecast"], bgcolor=back, bold=True),
        "baseline": Style(color=palette.colours["baseline"], bgcolor=back),
        "interval": Style(color=palette.colours["interval"], bgcolor=back),
        "anomaly": palette.health[Health.FAILED],
    }


class _Drawn(Struct, frozen=True):
    """A block as it was drawn last."""

    block: Block
    lines: list[Line]


class DocumentView(ScrollView, can_focus=True):
    """Draws a document in its own width and keeps the place when the document is replaced by a newer one.

    Only blocks that differ are drawn again, and only lines that differ are repainted. The place is the line of a block: what grows above it
    does not move it.
    """

    DEFAULT_CSS = """
    DocumentView { overflow-x: hidden; scrollbar-size: 1 1; }
    """

    def __init__(self, palette: Palette, id: str | None = None) -> None:
        super().__init__(id=id)
        self._palette = palette
        self._styles = role_styles(palette)
        self._document: Document | None = None
        self._drawn: list[_Drawn] = []
        self._drawn_size = (0, 0)
        self._lines: list[Line] = []

    def show(self, document: Document) -> None:
        """Replaces the document."""
        self._document = document
        self._draw()

    @property
    def text(self) -> str:
        """What is shown, as plain text."""
        return "\n".join("".join(span.text for span in line).rstrip() for line in self._lines)

    def on_resize(self) -> None:
        """Draws again when the width is another."""
        if self._drawn_size != (self.size.width, self.size.height):
            self._draw()

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        index = y + self.scroll_offset.y
        base = self._palette.base
        if index >= len(self._lines):
            return Strip.blank(self.size.width, base)
        segments = [Segment(" ", base)]
        segments += [Segment(span.text, self._styles.get(span.role, base)) for span in self._lines[index]]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _draw(self) -> None:
        width, height = self.size.width, self.size.height
        if self._document is None or not width:
            return
        known = self._drawn if self._drawn_size == (width, height) else []
        block_at_top, line_in_block = _place(known, self.scroll_offset.y)
        chart_height = CHART_HEIGHT if height >= _ROOMY_HEIGHT else max(height - 6, 8)
        drawn: list[_Drawn] = []
        for index, block in enumerate(self._document.blocks):
            before = known[index] if index < len(known) else None
            if before is None or before.block != block:
                before = _Drawn(block, block_lines(block, max(width - 2, 1), chart_height))
            drawn.append(before)
        self._drawn, self._drawn_size = drawn, (width, height)
        before_lines, self._lines = self._lines, _joined(drawn)
        if known:
            self._keep_place(block_at_top, line_in_block)
        if len(before_lines) == len(self._lines) and known:
            self._repaint_changed(before_lines)
        else:
            self.virtual_size = Size(width, len(self._lines))
            self.refresh()

    def _keep_place(self, block: int, line: int) -> None:
        """Scrolls so that the line of a block that stood at the top stands there again; the start stays the start."""
        top = self.scroll_offset.y
        if not top or block >= len(self._drawn):
            return
        wanted = _first_line(self._drawn, block) + min(line, len(self._drawn[block].lines))
        if wanted != top:
            self.virtual_size = Size(self.size.width, len(self._lines))
            self.scroll_to(y=wanted, animate=False, force=True)

    def _repaint_changed(self, before: list[Line]) -> None:
        top, height, width = self.scroll_offset.y, self.size.height, self.size.width
        for y in range(min(height, len(self._lines) - top)):
            if before[top + y] != self._lines[top + y]:
                self.refresh(Region(0, y, width, 1))


def _joined(drawn: list[_Drawn]) -> list[Line]:
    """The lines of all blocks, an empty one between two."""
    lines: list[Line] = []
    for number, each in enumerate(drawn):
        if number:
            lines.append([])
        lines += each.lines
    return lines


def _place(drawn: list[_Drawn], top: int) -> tuple[int, int]:
    """Which block's which line stands at a line of the document; an empty line belongs to the block before it."""
    for index, each in enumerate(drawn):
        if top <= len(each.lines):
            return index, top
        top -= len(each.lines) + 1
    return max(len(drawn) - 1, 0), 0


def _first_line(drawn: list[_Drawn], block: int) -> int:
    return sum(len(each.lines) + 1 for each in drawn[:block])
