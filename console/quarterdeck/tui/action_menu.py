"""The list of what can be done with the selection; what cannot be done now stays in it, with the reason."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from quarterdeck.tui.style import Palette, on_any_background
from quarterdeck_api.catalogue import ActionInfo
from quarterdeck_api.visible import visible

#: How much of the screen behind is covered, from 0 to 1.
VEIL = 0.7


class ActionMenu(ModalScreen[ActionInfo | None]):
    """Ends with the chosen action, or with None."""

    DEFAULT_CSS = """
    ActionMenu { align: center middle; }
    ActionMenu OptionList { width: 72; max-width: 95%; height: auto; max-height: 80%; border: round $primary; }
    ActionMenu OptionList:focus > .option-list--option-highlighted {
        background: $panel; color: $foreground; text-style: none;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "back", id="menu.leave")]

    def __init__(
        self,
        palette: Palette,
        subject: str,
        actions: Sequence[ActionInfo],
        off: dict[str, str],
        leaving: Callable[[], None],
    ) -> None:
        super().__init__()
        self._palette = palette
        self._subject = subject
        self._actions = list(actions)
        self._off = off
        self._leaving = leaving

    def compose(self) -> ComposeResult:
        """One line for each action."""
        options = [
            Option(self._label(action), id=str(index), disabled=action.id in self._off)
            for index, action in enumerate(self._actions)
        ]
        menu = OptionList(*options)
        menu.border_title = Text(visible(self._subject))
        yield menu

    def on_mount(self) -> None:
        """Leaves what the menu is about visible behind it."""
        background = self._palette.screen_background
        if background is not None:
            self.styles.background = Color.parse(background).with_alpha(VEIL)

    def on_key(self, event: events.Key) -> None:
        """A key that an action suggests chooses it."""
        for action in self._actions:
            if self.is_current and event.character and action.key == event.character and action.id not in self._off:
                event.stop()
                self._choose(action)
                return

    def action_leave(self) -> None:
        """Leaves the menu; nothing is done."""
        self.dismiss(None)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self._choose(self._actions[int(event.option_id or 0)])

    def _choose(self, action: ActionInfo) -> None:
        self._leaving()  # What is typed from now on is for what the action opens, which is not there yet.
        self.dismiss(action)

    @on(OptionList.OptionHighlighted)
    def _pointed_at(self, event: OptionList.OptionHighlighted) -> None:
        """Points at the line where it cannot be told by its colour."""
        if self._palette.selected.reverse:
            for index, action in enumerate(self._actions):
                label = self._label(action, pointed_at=index == event.option_index)
                event.option_list.replace_option_prompt_at_index(index, label)

    def _label(self, action: ActionInfo, *, pointed_at: bool = False) -> Text:
        palette = self._palette
        label = Text()
        plain = bool(palette.selected.reverse)  # Colours of the terminal's own may not be told from a reversed line.
        label.append("›" if pointed_at else " ", style="bold")
        label.append(f"{action.key or ' '}  ", style="" if plain else on_any_background(palette.accent))
        label.append(visible(action.title), style="bold underline" if pointed_at else "")
        reason = self._off.get(action.id, "")
        label.append(f"  {visible(reason or action.summary)}", style="" if plain else on_any_background(palette.muted))
        return label
