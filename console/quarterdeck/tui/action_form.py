"""The form of an action: fields validated while typing, the request shown before it is sent, and the same as a command line."""

from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.screen import Screen
from textual.suggester import Suggester
from textual.timer import Timer
from textual.widgets import Input, Static

from quarterdeck.tui.form_model import FormField, FormModel
from quarterdeck.tui.one_line import OneLine
from quarterdeck.tui.session import Session
from quarterdeck.tui.style import Palette
from quarterdeck_api.catalogue import Danger
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.protocol import COMPLETE, DO, CompleteParams, DoParams, Outcome
from quarterdeck_api.resources import Health
from quarterdeck_api.visible import visible

#: Seconds of quiet after a key before the preview is asked for.
_PREVIEW_DELAY = 0.25
#: Columns beside a label: its mark, and a gap before the field.
_LABEL_MARGIN = 5
#: Seconds that the runtime may take to carry out the request.
_DO_TIMEOUT = 60.0


_NAME_LABEL = "type its name"


class _LiveChoices(Suggester):
    """Completes a field from what really exists."""

    def __init__(self, session: Session, model: FormModel, form_field: FormField) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._session, self._model, self._field = session, model, form_field

    async def get_suggestion(self, value: str) -> str | None:
        schema = self._field.field
        if schema.choices:
            return next((str(each) for each in schema.choices if str(each).startswith(value)), None)
        if self._field.own or not schema.format:
            return None
        address = self._model.addresses[0] if self._model.addresses else ""
        try:
            asked = CompleteParams(self._model.action.id, address, schema.name, value)
            found = await self._session.call(COMPLETE, asked, 2.0)
        except QuarterdeckError:
            return None  # A completion that does not come is no fault: the field is checked anyway.
        return next((choice.value for choice in found.choices), None)


class _FormInput(Input):
    """The input of one field: right at the end takes the completion, what is typed first replaces the default.

    Keys go through the screen's one queue: sent to the field that had the focus when they arrived, text typed fast after a tab
    would land in the field before.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,ctrl+s", "screen.send", "do it", show=False, id="form.send"),
        Binding("tab", "complete_or_next", "complete, next field", show=False, id="form.complete"),
        Binding("down", "app.focus_next", "next field", show=False, id="form.next"),
        Binding("up", "app.focus_previous", "field before", show=False, id="form.previous"),
    ]

    def __init__(self, text: str = "", suggester: Suggester | None = None) -> None:
        super().__init__(value=text, compact=True, suggester=suggester, select_on_focus=False)
        self.cursor_blink = False

    def _forward_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key):
            self.screen.post_message(ActionForm.Pressed(event))
        else:
            super()._forward_event(event)

    def action_complete_or_next(self) -> None:
        """Takes the completion that is shown; without one goes to the next field."""
        suggestion = self._suggestion
        if suggestion and suggestion != self.value:
            self.value = suggestion
            self.cursor_position = len(suggestion)
        else:
            self.app.action_focus_next()


class _FieldInput(_FormInput):
    """The input of one field."""

    def __init__(self, index: int, text: str, suggester: Suggester) -> None:
        super().__init__(text, suggester)
        self.index = index


class ActionForm(Screen[tuple[Outcome, ...] | None]):
    """Asks for the parameters of one action; ends with the outcomes, or with None when it is left."""

    DEFAULT_CSS = """
    ActionForm { layout: vertical; }
    ActionForm VerticalScroll { height: 1fr; scrollbar-size: 1 1; }
    ActionForm .row { height: 1; }
    ActionForm .row Input { width: 1fr; }
    ActionForm #form-preview { height: auto; min-height: 1; max-height: 4; padding: 0 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", id="form.leave"),
        Binding("enter,ctrl+s", "send", "do it", id="form.send"),
    ]

    class Pressed(Message):
        """A key that a field was given."""

        def __init__(self, key: events.Key) -> None:
            super().__init__()
            self.key = key

    def __init__(self, session: Session, palette: Palette, model: FormModel) -> None:
        super().__init__()
        self._session = session
        self._palette = palette
        self._model = model
        self._labels: list[OneLine] = []
        self._timer: Timer | None = None
        self._sending = False
        self._confirming = False
        self._danger = model.action.danger
        fill = palette.base
        self._name_label = OneLine(fill)
        self._name_input = _FormInput()
        self._title = OneLine(fill, id="form-title")
        self._hint = OneLine(fill, id="form-hint")
        self._preview = Static(markup=False, id="form-preview")
        self._message = OneLine(fill, id="form-message")
        self._help = OneLine(palette.bar, id="form-help")

    def compose(self) -> ComposeResult:
        """Title, one row for each field, then hint, preview and message."""
        yield self._title
        with VerticalScroll(can_focus=False):
            for index, each in enumerate(self._model.fields):
                label = OneLine(self._palette.base)
                self._labels.append(label)
                with Horizontal(classes="row"):
                    yield label
                    yield _FieldInput(index, each.text, _LiveChoices(self._session, self._model, each))
            with Horizontal(classes="row", id="form-name"):
                yield self._name_label
                yield self._name_input
        yield self._hint
        yield self._preview
        yield self._message
        yield self._help

    def on_mount(self) -> None:
        """Shows what the form is for, and the request as it would be sent now."""
        palette = self._palette
        self.styles.background = palette.screen_background
        addresses = self._model.addresses
        where = f"{len(addresses)} marked" if len(addresses) > 1 else "".join(visible(each) for each in addresses)
        self._title.show(((f" {self._model.action.title} ", palette.accent), (where, palette.base)))
        keys = ((" enter", " do it"), ("  tab", " complete"), ("  ↑↓", " field"), ("  esc", " back"))
        self._help.show(tuple(part for key, what in keys for part in ((key, palette.bar_key), (what, palette.bar))))
        for index in range(len(self._model.fields)):
            self._show_label(index)
        self._name_label.show(((" ! ", palette.error), (_NAME_LABEL, palette.base)))
        self._require(self._danger)
        self._fit_labels()
        self._ask_for_preview()

    def on_resize(self) -> None:
        """Leaves the fields at least half of the width."""
        self._fit_labels()

    async def on_action_form_pressed(self, message: Pressed) -> None:
        """Types into the field that has the focus now, or does what the key is bound to."""
        key, target = message.key, self.focused
        if key.character and key.is_printable and isinstance(target, Input):
            target.replace(key.character, *target.selection)
        elif (active := self.active_bindings.get(key.key)) is not None and active.enabled:
            await self.app.run_action(active.binding.action, active.node)
            if self.focused is not target and isinstance(self.focused, Input):
                self.focused.select_all()  # Here, and not on the focus event, which comes after the next key.

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        if isinstance(event.input, _FieldInput):
            self._take_text(event.input)

    def _take_text(self, source: _FieldInput) -> None:
        index = source.index
        if self._model.fields[index].text == source.value:
            return
        self._model.set_text(index, source.value)
        self._confirming = False
        self._preview.update("")
        self._message.show(())
        self._show_label(index)
        self._show_hint(index)
        self._ask_for_preview()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Says what the field takes."""
        if isinstance(event.widget, _FieldInput):
            self._show_hint(event.widget.index)

    def action_leave(self) -> None:
        """Leaves the form; nothing is done."""
        self.dismiss(None)

    def action_send(self) -> None:
        """Sends the request, once; a dangerous one has to be sent twice, and one that wants the name asks for it."""
        for each in self.query(_FieldInput):
            self._take_text(each)  # The message that says so may still be on its way.
        wrong = self._model.check_all()
        if wrong >= 0:
            for index in range(len(self._model.fields)):
                self._show_label(index)
            self.query(_FieldInput)[wrong].focus()
            self._show_hint(wrong)
            return
        if self._sending:
            return
        if self._danger is Danger.TYPE_NAME and self._name_input.value != self._model.name:
            self._name_input.focus()
            self._say(f"{self._model.action.title} needs a name to be typed: {self._model.name}", Health.DEGRADED)
            return
        if self._danger is Danger.CONFIRM and not self._confirming:
            self._confirming = True
            self._say(f"{self._model.action.title}: press enter once more to do it, esc to leave", Health.DEGRADED)
            return
        self._sending = True
        self.run_worker(self._send(), exclusive=True, group="send", exit_on_error=False)

    async def _send(self) -> None:
        try:
            request = self._model.request(confirmed=self._confirming, typed_name=self._name_input.value)
            result = await self._session.call(DO, request, _DO_TIMEOUT, changes_something=True)
        except QuarterdeckError as error:
            self._say(f"{error.message}. {error.remedy}".strip(), Health.FAILED)
            return
        finally:
            self._sending = False
        good = [each for each in result.outcomes if each.status in ("done", "accepted")]
        if good:
            self.dismiss(result.outcomes)
        else:
            outcome = result.outcomes[0]
            remedy = outcome.error.remedy if outcome.error else ""
            self._say(f"{outcome.status}: {outcome.message}. {remedy}".strip(), Health.FAILED)

    def _ask_for_preview(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_PREVIEW_DELAY, self._start_preview)

    def _start_preview(self) -> None:
        if any(each.error for each in self._model.fields) or self._model.check_all() >= 0:
            return
        request = self._model.request(dry_run=True)
        self.run_worker(self._show_preview(request), exclusive=True, group="preview", exit_on_error=False)

    async def _show_preview(self, request: DoParams) -> None:
        try:
            result = await self._session.call(DO, request)
        except QuarterdeckError as error:
            self._say(f"{error.message}. {error.remedy}".strip(), Health.FAILED)
            return
        self._require(result.danger)
        palette = self._palette
        outcome = result.outcomes[0]
        statement = f"{visible(outcome.statement)}  = " if outcome.statement else ""
        self._preview.update(
            Text.assemble(
                (statement, palette.base),
                ("$ ", palette.muted),
                (visible(result.command), palette.base),
                overflow="fold",
            )
        )
        if outcome.error is not None:
            self._say(f"{outcome.error.message}. {outcome.error.remedy}".strip(), Health.FAILED)
        else:
            self._message.show(((f" {visible(outcome.message)}", palette.muted),))

    def _require(self, danger: Danger) -> None:
        """Shows the row for the name when the action, or a guardrail, wants it to be typed."""
        self._danger = danger
        row = self.query_one("#form-name")
        row.display = danger is Danger.TYPE_NAME
        if row.display and not self._model.fields:
            self._name_input.focus()

    def _say(self, sentence: str, health: Health) -> None:
        self._message.show(((f" {visible(sentence)}", self._palette.health[health]),))

    def _show_label(self, index: int) -> None:
        each, palette = self._model.fields[index], self._palette
        mark, style = (
            ("✖", palette.error) if each.error else ("*", palette.accent) if each.changed else (" ", palette.base)
        )
        self._labels[index].show(((f" {mark} ", style), (_label(each), palette.base)))

    def _fit_labels(self) -> None:
        longest = max((len(_label(each)) for each in self._model.fields), default=0)
        for label in (*self._labels, self._name_label):
            label.styles.width = min(max(longest, len(_NAME_LABEL)) + _LABEL_MARGIN, max(self.size.width // 2, 1))

    def _show_hint(self, index: int) -> None:
        each, palette = self._model.fields[index], self._palette
        style = palette.error if each.error else palette.muted
        self._hint.show(((f" {each.error or each.hint}", style),))


def _label(each: FormField) -> str:
    return ("--set " if each.own else "") + each.field.name
