"""A screen of lines over the panes: the base of help, details, logs and raw text."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen, ScreenResultType

from quarterdeck.tui.hints import NOTE_SECONDS, live_hints, show_note
from quarterdeck.tui.keys import DETAIL_BINDINGS
from quarterdeck.tui.one_line import OneLine
from quarterdeck.tui.status_bar import hint_parts
from quarterdeck.tui.style import Palette
from quarterdeck.tui.text_lines import StyledLine, TextLines
from quarterdeck_api.visible import visible

if TYPE_CHECKING:
    from quarterdeck.tui.console_app import ConsoleApp


class TextScreen(Screen[ScreenResultType]):
    """A title, lines, and the keys that work here; `escape` goes back to where the user was."""

    DEFAULT_CSS = """
    TextScreen { layout: vertical; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [*DETAIL_BINDINGS]

    def __init__(self, console: "ConsoleApp", title: str, *, follow: bool = False, wrap: bool = False) -> None:
        super().__init__()
        self.console = console
        self.lines = TextLines(self.palette.base, found=self.palette.selected, follow=follow, wrap=wrap, id="lines")
        self._heading = OneLine(self.palette.bar, id="heading")
        self._hints = OneLine(self.palette.bar, id="hints")
        self._heading_text = title
        self._noted = False
        self.note("")

    @property
    def palette(self) -> Palette:
        """The styles in use."""
        return self.console.palette

    def compose(self) -> ComposeResult:
        """Title, lines, hints."""
        yield self._heading
        yield self.lines
        yield self._hints

    def on_mount(self) -> None:
        """Gives the keys to the lines."""
        self.bindings_updated_signal.subscribe(self, lambda _: self.show_hints())
        self.lines.focus()
        self.app.cursor_position = self.lines.region.offset
        self.show_hints()

    def on_resize(self) -> None:
        """Fits the hints into the new width."""
        self.show_hints()

    def title_text(self, title: str) -> None:
        """Another title."""
        self._heading_text = title
        self.note("")

    def note(self, sentence: str, *, error: bool = False) -> None:
        """Says something at the right of the title; where there is no room, in place of the keys for a while."""
        style = self.palette.error if error else self.palette.muted
        title = (f" {visible(self._heading_text)}", self.palette.bar_key)
        self._noted = show_note(self._heading, self._hints, title, sentence, style)
        if self._noted:
            self.set_timer(NOTE_SECONDS, self._end_note)
        elif self.is_mounted:
            self.show_hints()

    def show_text(self, lines: Iterable[str]) -> None:
        """Shows plain lines."""
        self.lines.set_lines(self.plain(lines))

    def plain(self, lines: Iterable[str]) -> list[StyledLine]:
        """Lines in the ordinary style, safe for a terminal."""
        return [(visible(line), self.palette.base) for line in lines]

    def show_hints(self) -> None:
        """Writes the hint line from the live bindings; a sentence that stands there stays until its time is over."""
        if self._noted:
            return
        self._hints.show(hint_parts(live_hints(self), self.size.width, self.palette))

    def _end_note(self) -> None:
        self._noted = False
        self.show_hints()

    def action_copy(self) -> None:
        """Copies every line."""
        self.note(self.console.copied("\n".join(text for text, _ in self.lines.lines), self._heading_text))

    def action_help(self) -> None:
        """Shows the keys of this screen."""
        if self._heading_text != "help":
            self.console.open_help()

    def action_leave(self) -> None:
        """Goes back."""
        self.dismiss()
