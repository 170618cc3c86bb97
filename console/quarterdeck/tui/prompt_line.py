"""The last line of the main screen: hints, or the line that is being typed into."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal

from quarterdeck.tui.one_line import OneLine
from quarterdeck.tui.status_bar import hint_parts
from quarterdeck.tui.style import Palette

if TYPE_CHECKING:
    from quarterdeck.tui.command_line import CommandLine
    from quarterdeck.tui.filter_bar import FilterBar

#: Why keys wait: a line was left, and what comes of it is not done yet.
PROMPT = "prompt"


class PromptLine(Horizontal):
    """Shows which keys work here, until a filter or a command is typed."""

    DEFAULT_CSS = """
    PromptLine { height: 1; }
    PromptLine #mark { width: 2; display: none; }
    PromptLine Input { height: 1; border: none; padding: 0; width: 1fr; }
    """

    def __init__(self, palette: Palette, *, id: str) -> None:
        super().__init__(id=id)
        self.prompt: FilterBar | CommandLine | None = None
        self._hints = OneLine(palette.bar, id="hints")
        self._mark = OneLine(palette.bar, id="mark")

    def compose(self) -> ComposeResult:
        """The mark in front of what is typed, and the hints."""
        yield self._mark
        yield self._hints

    async def open(self, mark: str, prompt: "FilterBar | CommandLine", palette: Palette) -> None:
        """Lets something be typed in place of the hints."""
        self.close()
        self.prompt = prompt
        self._mark.show(((f" {mark}", palette.bar_key),), fill=palette.bar)
        self._mark.display = True
        self._hints.display = False
        await self.mount(prompt)
        self.screen.set_focus(prompt)

    def close(self) -> bool:
        """Shows the hints again; False when nothing was being typed."""
        if self.prompt is None:
            return False
        self.prompt.remove()
        self.prompt = None
        self._mark.display = False
        self._hints.display = True
        return True

    def show_hints(self, width: int, palette: Palette) -> None:
        """Writes the hints from the live bindings, as many whole ones as fit."""
        hints = [
            (self.app.get_key_display(active.binding), active.binding.description)
            for active in self.screen.active_bindings.values()
            if active.binding.show and active.enabled
        ]
        self._hints.show(hint_parts(hints, width, palette), fill=palette.bar)
