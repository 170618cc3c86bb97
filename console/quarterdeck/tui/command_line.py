"""The line in which a command is typed, completed from what really exists."""

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input

from quarterdeck.tui.commands import World, common_start, complete_command


class _FromWorld(Suggester):
    def __init__(self, world: Callable[[], World]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._world = world

    async def get_suggestion(self, value: str) -> str | None:
        lines = complete_command(value, self._world())
        return lines[0] if lines else None


class CommandLine(Input):
    """Says the finished line as `Given`, and `Left` when it was left without one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave", id="command.leave"),
        Binding("enter", "give", "do it", id="command.give"),
        Binding("tab", "complete", "complete", id="command.complete"),
    ]

    class Given(Message):
        """This command is wanted."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The line was left."""

    class Choices(Message):
        """What the text could become; nothing when it is not to be completed."""

        def __init__(self, lines: list[str]) -> None:
            super().__init__()
            self.lines = lines

    def __init__(self, world: Callable[[], World], leaving: Callable[[], None]) -> None:
        super().__init__(placeholder="models @ainode arima", compact=True, suggester=_FromWorld(world))
        self.cursor_blink = False
        self._world = world
        self._leaving = leaving

    def action_leave(self) -> None:
        """Leaves the line without a command."""
        self._leaving()
        self.post_message(self.Left())

    def action_give(self) -> None:
        """Gives the command."""
        self._leaving()
        self.post_message(self.Given(self.value))

    def action_complete(self) -> None:
        """Completes as far as it is certain, and says the choices."""
        lines = complete_command(self.value, self._world())
        start = common_start(lines)
        if len(start) > len(self.value):
            self.value = start
        elif lines:
            self.value = lines[0]
        self.cursor_position = len(self.value)
        self.post_message(self.Choices(lines))
