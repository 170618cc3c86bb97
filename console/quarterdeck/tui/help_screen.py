"""Help, built from the bindings that are in force."""

from typing import TYPE_CHECKING

from textual.binding import ActiveBinding

from quarterdeck.tui.text_lines import StyledLine
from quarterdeck.tui.text_screen import TextScreen

if TYPE_CHECKING:
    from quarterdeck.tui.console_app import ConsoleApp

#: More keys than this for one thing are said by the first and the last of them.
_FEW = 6

_FILTERS = (
    ("word word", "rows with all of these words"),
    ("mae<2 age<2h state=failed", "rows whose fields compare so"),
    ("/regex/  ~fuzzy  !not", "regular expression, letters in order, negation"),
)

_COMMANDS = (
    (":models @ainode arima", "a pane, one backend, words to filter by"),
    (":ainode/model/arima", "one resource"),
    (":theme light", "another theme, kept: dark, light, high-contrast, deuteranopia, tritanopia, monochrome, terminal"),
    (":retry ainode", "connect to a backend again"),
    (":quit", "close the console; jobs and processes go on"),
)


class HelpScreen(TextScreen[None]):
    """Every key of the screen below, and what can be typed."""

    def __init__(self, console: "ConsoleApp", bindings: dict[str, ActiveBinding]) -> None:
        super().__init__(console, "help")
        self.lines.set_lines(self._lines(bindings))

    def _lines(self, bindings: dict[str, ActiveBinding]) -> list[StyledLine]:
        keys: dict[str, list[str]] = {}
        for active in bindings.values():
            # Textual's own bindings have no id: whoever looks for help looks for what this console does.
            if active.binding.description and active.binding.id:
                name = self.console.get_key_display(active.binding)
                held = keys.setdefault(active.binding.description, [])
                if name not in held:
                    held.append(name)
        rows = [
            (" ".join(names) if len(names) <= _FEW else f"{names[0]} … {names[-1]}", what)
            for what, names in keys.items()
        ]
        lines: list[StyledLine] = []
        for title, part in (("Keys", rows), ("Filters (/)", _FILTERS), ("Commands (:)", _COMMANDS)):
            lines.append((f"  {title}", self.palette.header))
            lines += [(f"    {left:<28}{what}", self.palette.base) for left, what in part]
            lines.append(("", self.palette.base))
        return lines
