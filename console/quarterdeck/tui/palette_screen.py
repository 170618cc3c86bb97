"""The palette: panes, kinds, commands, keys, actions of the selection and resources, found by some of their letters."""

from collections.abc import Callable, Iterable
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from quarterdeck.tui.palette_entries import Entry, Search
from quarterdeck.tui.style import Palette
from quarterdeck_api.visible import visible

#: Lines that are shown, and entries that are looked at before the next key is read.
_SHOWN = 50
_SLICE = 3_000

_VEIL = 0.7


class PaletteScreen(ModalScreen[Entry | None]):
    """Ends with the chosen entry, or with None. `entries` gives all of them anew."""

    DEFAULT_CSS = """
    PaletteScreen { align: center top; }
    PaletteScreen Vertical { width: 90; max-width: 100%; height: auto; max-height: 90%; border: round $primary; }
    PaletteScreen Input { height: 1; border: none; padding: 0 1; }
    PaletteScreen OptionList { height: auto; max-height: 20; border: none; padding: 0; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", id="palette.leave"),
        Binding("down", "move(1)", "down", show=False, id="palette.down"),
        Binding("up", "move(-1)", "up", show=False, id="palette.up"),
    ]

    def __init__(self, palette: Palette, entries: Callable[[], Iterable[Entry]], leaving: Callable[[], None]) -> None:
        super().__init__()
        self._palette = palette
        self._entries = entries
        self._leaving = leaving
        self._text = ""
        self._search: Search | None = None
        self._shown: list[Entry] = []
        self._timer: Timer | None = None
        self._input = Input(placeholder="a pane, an action, a resource …", compact=True)
        self._input.cursor_blink = False
        self._list = OptionList()
        self._list.can_focus = False

    def compose(self) -> ComposeResult:
        """The line to type into, and what it finds."""
        with Vertical():
            yield self._input
            yield self._list

    def on_mount(self) -> None:
        """Shows everything that can be done, before anything is typed."""
        background = self._palette.screen_background
        if background is not None:
            self.styles.background = Color.parse(background).with_alpha(_VEIL)
        self._begin("")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        if event.value != self._text:
            self._begin(event.value)

    def action_leave(self) -> None:
        """Leaves the palette; nothing is done."""
        self.dismiss(None)

    def action_move(self, lines: int) -> None:
        """Moves among what was found."""
        if self._shown:
            highlighted = self._list.highlighted or 0
            self._list.highlighted = max(0, min(highlighted + lines, len(self._shown) - 1))

    @on(Input.Submitted)
    def _choose(self, event: Input.Submitted) -> None:
        """Takes what is highlighted; what is still being looked for is looked for to the end first."""
        if event.value != self._text:
            self._begin(event.value)
        self._look(None)
        self._take(self._list.highlighted or 0)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self._take(event.option_index)

    def _take(self, index: int) -> None:
        if index < len(self._shown):
            self._leaving()
            self.dismiss(self._shown[index])

    def _begin(self, text: str) -> None:
        self._text = text
        self._search = Search(self._entries(), text, _SHOWN)
        self._list.highlighted = 0
        self._look(_SLICE)

    def _look(self, entries: int | None) -> None:
        """Looks at some more entries, or (None) at all of them, and shows the best so far."""
        search = self._search
        if search is None:
            return
        if self._timer is not None:
            self._timer.stop()
        more = search.advance(entries or _SLICE)
        while more and entries is None:
            more = search.advance(_SLICE)
        self._search = search if more else None
        self._show(search.best())
        if more:
            self._timer = self.set_timer(0.001, lambda: self._look(_SLICE))

    def _show(self, found: list[Entry]) -> None:
        if found == self._shown and self._list.option_count:
            return
        highlighted = self._list.highlighted or 0
        self._shown = found
        self._list.clear_options()
        self._list.add_options([Option(self._label(entry)) for entry in found] or [Option("nothing", disabled=True)])
        if found:
            self._list.highlighted = min(highlighted, len(found) - 1)

    def _label(self, entry: Entry) -> Text:
        palette = self._palette
        label = Text(no_wrap=True, overflow="ellipsis")
        label.append(f" {entry.kind.value:<9}", style=palette.muted)
        label.append(visible(entry.name), style=palette.accent)
        label.append(f"  {visible(entry.detail)}", style=palette.muted)
        return label
