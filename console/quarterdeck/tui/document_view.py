"""A widget that shows a document and scrolls through it."""

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from quarterdeck.drawing.chart import Span
from quarterdeck.drawing.document import CHART_HEIGHT, document_lines
from quarterdeck.tui.style import Palette
from quarterdeck_api.documents import Document
from quarterdeck_api.resources import Health

#: Below this many lines of the widget a chart shrinks with it.
_ROOMY_HEIGHT = 28


def role_styles(palette: Palette) -> dict[str, Style]:
    """The style of every role that a drawn line may have."""
    if palette.monochrome:
        styles = dict.fromkeys(("forecast", "anomaly", "title"), palette.accent)
        return {**styles, "axis": palette.muted, "label": palette.muted, "interval": palette.muted}
    back = palette.colours["background"]
    return {
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


class DocumentView(ScrollView, can_focus=True):
    """Draws a document in its own width and keeps the place when the document is replaced by a newer one."""

    DEFAULT_CSS = """
    DocumentView { overflow-x: hidden; scrollbar-size: 1 1; }
    """

    def __init__(self, palette: Palette, id: str | None = None) -> None:
        super().__init__(id=id)
        self._palette = palette
        self._styles = role_styles(palette)
        self._document: Document | None = None
        self._lines: list[list[Span]] = []
        self._drawn_size = (0, 0)

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

    def _draw(self) -> None:
        width, height = self.size.width, self.size.height
        if self._document is None or not width:
            return
        self._drawn_size = (width, height)
        chart_height = CHART_HEIGHT if height >= _ROOMY_HEIGHT else max(height - 6, 8)
        self._lines = document_lines(self._document, max(width - 2, 1), chart_height)
        self.virtual_size = Size(width, len(self._lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        index = y + self.scroll_offset.y
        base = self._palette.base
        if index >= len(self._lines):
            return Strip.blank(self.size.width, base)
        segments = [Segment(" ", base)]
        segments += [Segment(span.text, self._styles.get(span.role, base)) for span in self._lines[index]]
        return Strip(segments).adjust_cell_length(self.size.width, base)
