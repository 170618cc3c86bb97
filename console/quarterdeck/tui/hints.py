"""The keys that work on a screen now, for the line at its bottom."""

from typing import Any, Protocol, runtime_checkable

from rich.cells import cell_len
from rich.style import Style
from textual.screen import Screen

from quarterdeck.tui.one_line import OneLine, Part
from quarterdeck_api.visible import visible

#: Seconds for which a sentence stands in place of the keys.
NOTE_SECONDS = 6.0


@runtime_checkable
class Noting(Protocol):
    """A screen that can say something to its reader."""

    def note(self, sentence: str, *, error: bool = False) -> None:
        """Says a sentence."""
        ...


def show_note(heading: OneLine, bottom: OneLine, title: Part, sentence: str, style: Style) -> bool:
    """Puts a sentence at the right of a title, or into the line at the bottom where the title leaves no room for it; whether it is there."""
    said = visible(sentence)
    fits = cell_len(title[0]) + cell_len(said) + 3 <= heading.size.width or not heading.size.width
    heading.show((title,), ((f"{said} ", style),) if said and fits else ())
    if fits:
        return False
    bottom.show(((f" {said}", style),))
    return True


def live_hints(screen: Screen[Any]) -> list[tuple[str, str]]:
    """Keys and what they do, from the live bindings; of several keys for the same the first is named."""
    hints: dict[str, tuple[str, str]] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if binding.show and active.enabled:
            hints.setdefault(binding.action, (screen.app.get_key_display(binding), binding.description))
    return list(hints.values())
