"""The floor: a Textual application that shows one word."""

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.widgets import Static


class EmptyApp(App[None]):
    """Shows that it is there, and ends with q."""

    BINDINGS: ClassVar = [("q", "quit", "Quit")]

    def compose(self) -> ComposeResult:
        yield Static("floor-ready")


if __name__ == "__main__":
    EmptyApp().run()
