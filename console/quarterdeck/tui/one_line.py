"""A widget of one line that repaints only when its text changes."""

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

Part = tuple[str, Style]


class OneLine(Widget):
    """One line made of styled parts; what does not fit is cut at the right."""

    DEFAULT_CSS = """
    OneLine { height: 1; width: 1fr; }
    """

    def __init__(self, fill: Style, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._parts: tuple[Part, ...] = ()
        self._right: tuple[Part, ...] = ()
        self._fill = fill

    @property
    def text(self) -> str:
        """What the line says, for tests and snapshots."""
        return "".join(text for text, _ in (*self._parts, *self._right))

    def show(self, parts: tuple[Part, ...], right: tuple[Part, ...] = (), fill: Style | None = None) -> None:
        """Sets the line's parts; `right` stands at the right edge when there is room."""
        if (parts, right) != (self._parts, self._right) or (fill is not None and fill != self._fill):
            self._parts, self._right = parts, right
            self._fill = fill or self._fill
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line, in exactly the widget's width."""
        width = self.size.width
        left = _cut(self._parts, width)
        used = sum(cell_len(text) for text, _ in left)
        right_width = sum(cell_len(text) for text, _ in self._right)
        if right_width and used + right_width + 1 <= width:
            left += [(" " * (width - used - right_width), self._fill), *self._right]
        elif used < width:
            left.append((" " * (width - used), self._fill))
        return Strip([Segment(text, style) for text, style in left], width)


def _cut(parts: tuple[Part, ...], width: int) -> list[Part]:
    kept: list[Part] = []
    left = width
    for text, style in parts:
        length = cell_len(text)
        if length > left:
            if left > 0:
                kept.append((set_cell_size(text, left), style))
            break
        kept.append((text, style))
        left -= length
    return kept
