"""The inputs of a form: completed from what really exists, masked where they hold a secret."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input

from quarterdeck.tui.form_model import FormField
from quarterdeck.tui.path_completion import matching_paths
from quarterdeck.tui.session import Session
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.parameters import FieldType
from quarterdeck_api.protocol import COMPLETE, CompleteParams
from quarterdeck_api.visible import visible

#: Seconds of quiet after a key before anybody is asked for choices, and seconds that the answer may take.
_QUIET = 0.12
_ANSWER = 3.0


class LiveChoices(Suggester):
    """Completes a field from what really exists: its own choices, files of this machine, or what runtime and backend know.

    `given` are the form's other parameters, by which choices may differ. `shown` is told the choices for a text; an answer that comes after other
    letters were typed is dropped.
    """

    def __init__(
        self,
        session: Session,
        action: str,
        address: str,
        field: FormField,
        given: Callable[[], dict[str, Any]],
        shown: Callable[[str, Sequence[str]], None],
    ) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._session, self._action, self._address, self._field = session, action, address, field
        self._given = given
        self._shown = shown
        self._newest = ""

    async def get_suggestion(self, value: str) -> str | None:
        """The first choice that goes on from the text."""
        self._newest = value
        choices = await self.choices(value)
        if self._newest != value:
            return None
        self._shown(value, choices)
        return next((each for each in choices if each.startswith(value) and each != value), None)

    async def choices(self, text: str) -> list[str]:
        """What the field may become, best first; empty when nobody can say."""
        schema = self._field.field
        if schema.choices:
            return [str(each) for each in schema.choices if str(each).startswith(text)]
        if schema.type is FieldType.BOOLEAN:
            return [each for each in ("true", "false") if each.startswith(text)]
        if schema.format in ("file", "folder"):
            return await asyncio.to_thread(matching_paths, text, Path.cwd(), folders_only=schema.format == "folder")
        if schema.format == "secret" or schema.type not in (FieldType.STRING, FieldType.ARRAY):
            return []
        await asyncio.sleep(_QUIET)
        if self._newest != text:
            return []
        try:
            asked = CompleteParams(self._action, self._address, schema.name, text, self._given())
            found = await self._session.call(COMPLETE, asked, _ANSWER)
        except QuarterdeckError:
            return []  # A completion that does not come is no fault: the field is checked anyway.
        # A value with a control character cannot be shown as it is, so it cannot be taken over either.
        return [choice.value for choice in found.choices if visible(choice.value) == choice.value]


class FormInput(Input):
    """An input of a form: tab takes the completion, what is typed first replaces the default.

    Keys go through the screen's one queue: sent to the field that had the focus when they arrived, text typed fast after a tab
    would land in the field before.
    """

    class Pressed(Message):
        """A key that a field was given."""

        def __init__(self, key: events.Key) -> None:
            super().__init__()
            self.key = key

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,ctrl+s", "screen.send", "do it", show=False, id="form.send"),
        Binding("tab", "complete_or_next", "complete, next field", show=False, id="form.complete"),
        Binding("ctrl+n", "cycle", "next choice", show=False, id="form.next-choice"),
        Binding("down", "app.focus_next", "next field", show=False, id="form.next"),
        Binding("up", "app.focus_previous", "field before", show=False, id="form.previous"),
    ]

    def __init__(self, text: str = "", suggester: Suggester | None = None, *, masked: bool = False) -> None:
        super().__init__(value=text, compact=True, suggester=suggester, select_on_focus=False, password=masked)
        self.cursor_blink = False
        self._choices: Sequence[str] = ()

    def _forward_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key):
            self.screen.post_message(FormInput.Pressed(event))
        else:
            super()._forward_event(event)

    def offer(self, choices: Sequence[str]) -> None:
        """What the cycling keys go through; those of the last text that was typed stay while they are gone through."""
        if self.value not in self._choices or not choices:
            self._choices = choices

    def action_complete_or_next(self) -> None:
        """Takes the completion that is shown; without one goes to the next field."""
        suggestion = self._suggestion
        if suggestion and suggestion != self.value:
            self._take(suggestion)
        else:
            self.app.action_focus_next()

    def action_cycle(self) -> None:
        """Takes the next choice."""
        if not self._choices:
            return
        place = self._choices.index(self.value) + 1 if self.value in self._choices else 0
        self._take(self._choices[place % len(self._choices)])

    def _take(self, value: str) -> None:
        self.value = value
        self.cursor_position = len(value)


class FieldInput(FormInput):
    """The input of one field, by its place in the form."""

    def __init__(self, index: int, field: FormField, choices: LiveChoices) -> None:
        super().__init__(field.text, choices, masked=field.field.format == "secret")
        self.index = index
        self.live = choices
