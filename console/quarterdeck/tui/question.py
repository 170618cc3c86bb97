"""A question with two answers, over what the user was doing."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from quarterdeck.tui.action_menu import VEIL
from quarterdeck.tui.style import Palette
from quarterdeck_api.visible import visible


class Question(ModalScreen[bool]):
    """Ends with True when the user says yes by enter, with False by escape."""

    DEFAULT_CSS = """
    Question { align: center middle; background: transparent; }
    Question Vertical { width: 72; max-width: 95%; height: auto; max-height: 90%; border: round $primary; padding: 0 1; }
    Question Static { height: auto; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "answer(True)", "yes", id="question.yes"),
        Binding("escape,n,q", "answer(False)", "no", id="question.no"),
    ]

    def __init__(self, palette: Palette, sentence: str, yes: str, no: str) -> None:
        super().__init__()
        self._text = Text.assemble(
            (f"{visible(sentence)}\n\n", palette.base),
            ("enter", palette.bar_key),
            (f" {yes}\n", palette.base),
            ("esc", palette.bar_key),
            (f" {no}", palette.base),
            overflow="fold",
        )
        self._background = palette.screen_background

    def compose(self) -> ComposeResult:
        """The sentence and its answers."""
        with Vertical():
            yield Static(self._text)

    def on_mount(self) -> None:
        """Leaves what the question is about visible behind it."""
        self.query_one(Vertical).styles.background = self._background
        if self._background is not None:
            self.styles.background = Color.parse(self._background).with_alpha(VEIL)

    def action_answer(self, yes: bool) -> None:
        """Ends with the answer."""
        self.dismiss(yes)
