"""The line in which a filter is typed; it applies while typing."""

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class FilterBar(Input):
    """Says every change of its text as `Wanted`, and how it was left as `Left`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave(True)", "clear", id="filter.clear"),
        Binding("enter,down", "leave(False)", "keep", id="filter.keep"),
    ]

    class Wanted(Message):
        """This filter is wanted now."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The line was left; `clear` when the filter is to go."""

        def __init__(self, clear: bool) -> None:
            super().__init__()
            self.clear = clear

    def __init__(self, text: str, leaving: Callable[[], None]) -> None:
        super().__init__(text, placeholder="words, mae<2, state=failed, /regex/, ~fuzzy, !not", compact=True)
        self.cursor_blink = False
        self._said = text
        self._leaving = leaving

    def watch_value(self, value: str) -> None:
        """Says what is wanted now."""
        if value != self._said:
            self._said = value
            self.post_message(self.Wanted(value))

    def action_leave(self, clear: bool) -> None:
        """Leaves the line."""
        self._leaving()
        self.post_message(self.Left(clear))
