"""The form of an action: fields validated while typing, the request shown before it is sent, and the same as a command line."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from msgspec import Struct
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Input, Static

from quarterdeck.drawing.document import document_text
from quarterdeck.tui.form_fields import FieldInput, FormInput, LiveChoices
from quarterdeck.tui.form_model import FormField, FormModel, make_form
from quarterdeck.tui.one_line import OneLine
from quarterdeck.tui.session import Session
from quarterdeck.tui.status_bar import hint_parts
from quarterdeck.tui.style import Palette
from quarterdeck_api.catalogue import ActionInfo, Danger
from quarterdeck_api.documents import Document
from quarterdeck_api.errors import QuarterdeckError, UnknownOutcomeError
from quarterdeck_api.protocol import DO, PARAMETERS, DoParams, Outcome, ParametersParams
from quarterdeck_api.resources import Health
from quarterdeck_api.visible import visible

#: Seconds of quiet after a key before the preview is asked for.
_PREVIEW_DELAY = 0.25
#: Columns beside a label: its mark, and a gap before the field.
_LABEL_MARGIN = 5
#: Seconds that the runtime may take to carry out the request.
_DO_TIMEOUT = 60.0


_NAME_LABEL = "type its name"
_HINTS = (("enter", "do it"), ("esc", "back"), ("tab", "complete"), ("↑↓", "field"), ("ctrl+n", "next choice"))
_SCHEDULE_HINT = ("ctrl+t", "at times")
#: Keys that leave the form also while its fields are not known yet.
_LEAVING = ("escape",)


class ActionForm(Screen[tuple[Outcome, ...] | None]):
    """Asks for the parameters of one action; ends with the outcomes, or with None when it is left."""

    DEFAULT_CSS = """
    ActionForm { layout: vertical; }
    ActionForm VerticalScroll { height: 1fr; scrollbar-size: 1 1; }
    ActionForm .row { height: 1; }
    ActionForm.-plain Input > .input--cursor { text-style: reverse; }
    ActionForm .row Input { width: 1fr; }
    ActionForm #form-preview { height: auto; min-height: 1; max-height: 40%; padding: 0 1; }
    ActionForm #form-message { height: auto; min-height: 1; max-height: 4; padding: 0 1; }
    """

    #: The first field is not known yet.
    AUTO_FOCUS = ""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", id="form.leave"),
        Binding("enter,ctrl+s", "send", "do it", id="form.send"),
        Binding("ctrl+t", "schedule", "at times", id="form.schedule"),
    ]

    def __init__(
        self,
        session: Session,
        palette: Palette,
        action: ActionInfo,
        addresses: Sequence[str],
        *,
        schedule_action: ActionInfo | None = None,
        texts: Mapping[str, str] | None = None,
    ) -> None:
        """With the action that adds schedules the form can be turned into one; `texts` stand in the fields of their names at first."""
        super().__init__()
        self._session = session
        self._schedule_action = schedule_action
        self._texts = texts or {}
        self._palette = palette
        self._model = FormModel(action, tuple(addresses))
        self._inputs: list[FieldInput] = []
        #: Keys that came before the fields were there; None once they are.
        self._held: list[events.Key] | None = []
        self._labels: list[OneLine] = []
        self._rows: list[Horizontal] = []
        self._timer: Timer | None = None
        self._sending = False
        self._confirming = False
        self._focused_field = -1
        self._asked = False
        self._names_typed: list[str] = []
        self._danger = action.danger
        fill = palette.base
        self._name_label = OneLine(fill)
        self._name_input = FormInput()
        self._title = OneLine(fill, id="form-title")
        self._hint = OneLine(fill, id="form-hint")
        self._choices = OneLine(fill, id="form-choices")
        self._more = OneLine(fill)
        self._preview = Static(markup=False, id="form-preview")
        self._message = Static(markup=False, id="form-message")
        self._help = OneLine(palette.bar, id="form-help")

    def compose(self) -> ComposeResult:
        """Title, a row for each field once they are known, then hint, choices, preview and message."""
        yield self._title
        with VerticalScroll(can_focus=False, id="form-fields"), Horizontal(classes="row", id="form-name"):
            yield self._name_label
            yield self._name_input
        yield self._more
        yield self._hint
        yield self._choices
        yield self._preview
        yield self._message
        yield self._help

    def on_mount(self) -> None:
        """Shows what the form is for, and asks for its fields."""
        palette = self._palette
        self.styles.background = palette.screen_background
        self.set_class(palette.monochrome, "-plain")
        addresses = self._model.addresses
        where = f"{len(addresses)} marked" if len(addresses) > 1 else "".join(visible(each) for each in addresses)
        self._title.show(((f" {visible(self._model.action.title)} ", palette.accent), (where, palette.base)))
        self._name_label.show(((" ! ", palette.error), (_NAME_LABEL, palette.base)))
        self.query_one("#form-name").display = False
        self._message.update(Text("asking what it takes…", palette.muted))
        self.run_worker(self._load(), exit_on_error=False)

    async def _load(self) -> None:
        """Asks for the fields and shows them; keys that were typed meanwhile go into them."""
        action, addresses = self._model.action, self._model.addresses
        try:
            asked = await self._session.call(PARAMETERS, ParametersParams(action.id, addresses[0] if addresses else ""))
            # Parameters of its own belong to one resource; several get none of them.
            settings = asked.settings if len(addresses) < 2 else None
            self._model = make_form(action, addresses, asked.parameters, settings)
            self._model.fill(self._texts)
        except QuarterdeckError as error:
            self._say(f"{error.message}. {error.remedy}".strip(), Health.FAILED)
            self._held = []  # There is no field to type into; esc goes back.
            return
        self._message.update("")
        for index, each in enumerate(self._model.fields):
            label = OneLine(self._palette.base)
            self._labels.append(label)
            address = addresses[0] if addresses else ""
            choices = LiveChoices(
                self._session, action.id, address, each, self._model.given, partial(self._offer, index)
            )
            self._inputs.append(FieldInput(index, each, choices))
            self._rows.append(Horizontal(label, self._inputs[index], classes="row"))
        self._show_rows()
        await self.query_one("#form-fields").mount_all(self._rows, before=0)
        for index in range(len(self._rows)):
            self._show_label(index)
        self._require(self._danger)
        self._fit_labels()
        if self._inputs:
            self.set_focus(self._inputs[0])  # At once: `focus` lets the next key go elsewhere.
            self._inputs[0].select_all()
        held, self._held = self._held or [], None
        for key in held:
            self.post_message(FormInput.Pressed(key))
        self._ask_for_preview()

    def _forward_event(self, event: events.Event) -> None:
        if self._held is not None and isinstance(event, events.Key) and event.key not in _LEAVING:
            self._held.append(event)
        else:
            super()._forward_event(event)

    def on_resize(self) -> None:
        """Leaves the fields at least half of the width, and names as many keys as fit."""
        self._fit_labels()
        hints = (*_HINTS, _SCHEDULE_HINT) if self._schedule_action else _HINTS
        self._help.show(hint_parts(hints, self.size.width, self._palette))

    async def on_form_input_pressed(self, message: FormInput.Pressed) -> None:
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
        if isinstance(event.input, FieldInput):
            self._take_text(event.input)

    def _take_text(self, source: FieldInput) -> None:
        index = source.index
        if self._model.fields[index].text == source.value:
            return
        self._model.set_text(index, source.value)
        self._show_rows()
        self._confirming = self._asked = False
        self._preview.update("")
        self._message.update("")
        self._show_label(index)
        self._show_hint(index)
        self._ask_for_preview()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Says what the field takes."""
        if isinstance(event.widget, FieldInput):
            before, self._focused_field = self._focused_field, event.widget.index
            for index in {before, event.widget.index} - {-1}:
                self._show_label(index)
            self._show_hint(event.widget.index)
            self._choices.show(())
            if not event.widget.value:
                self.run_worker(event.widget.live.get_suggestion(""), group="choices", exclusive=True)

    def action_leave(self) -> None:
        """Leaves the form; nothing is done."""
        self.dismiss(None)

    def action_send(self) -> None:
        """Sends the request, once; a dangerous one has to be sent twice, and one that wants the name asks for it."""
        if self._held is not None:
            return
        for each in self._inputs:
            self._take_text(each)  # The message that says so may still be on its way.
        wrong = self._model.check_all()
        if wrong >= 0:
            for index in range(len(self._model.fields)):
                self._show_label(index)
            self._inputs[wrong].focus()
            self._show_hint(wrong)
            return
        if self._sending:
            return
        if self._danger is Danger.TYPE_NAME and not self._name_is_typed():
            return
        if self._danger is Danger.CONFIRM and not self._confirming:
            self._confirming = True
            many = f" on {len(self._model.addresses)} resources" if len(self._model.addresses) > 1 else ""
            what = f"{self._model.action.title}{many}: press enter once more to do it, esc to leave"
            self._say(what, Health.DEGRADED)
            return
        self._sending = True
        self.run_worker(self._send(), exclusive=True, group="send", exit_on_error=False)

    def action_schedule(self) -> None:
        """Opens the form of a schedule that requests the same at times; when one was added, this form is done."""
        if self._held is not None or self._schedule_action is None or self._sending:
            return
        for each in self._inputs:
            self._take_text(each)
        try:
            texts = self._model.schedule_texts()
        except QuarterdeckError as error:
            self._say(f"{error.message}. {error.remedy}".strip(), Health.FAILED)
            return
        form = ActionForm(self._session, self._palette, self._schedule_action, (), texts=texts)
        self.app.push_screen(form, self._scheduled)

    def _scheduled(self, outcomes: tuple[Outcome, ...] | None) -> None:
        if outcomes:
            self.dismiss(outcomes)

    async def _send(self) -> None:
        try:
            request = self._model.request(confirmed=self._confirming, typed_names=tuple(self._names_typed))
            result = await self._session.call(DO, request, _DO_TIMEOUT, changes_something=True)
        except UnknownOutcomeError as error:
            self.dismiss(lost_outcomes(self._model.addresses, error))
            return
        except QuarterdeckError as error:
            self._say(f"{error.message}. {error.remedy}".strip(), Health.FAILED)
            return
        finally:
            self._sending = False
        if any(each.status in ("done", "accepted", "unknown") for each in result.outcomes):
            self.dismiss(result.outcomes)
        else:
            outcome = result.outcomes[0]
            remedy = outcome.error.remedy if outcome.error else ""
            self._say(f"{outcome.status}: {outcome.message}. {remedy}".strip(), Health.FAILED)

    def _name_is_typed(self) -> bool:
        """Takes the name that stands in the row for it; whether every resource's has been typed, else the next one is asked for."""
        missing = [name for name in self._model.names if name not in self._names_typed]
        if missing and self._name_input.value == missing[0]:
            self._names_typed.append(missing.pop(0))
            if missing:
                self._name_input.value = ""
        if not missing:
            return True
        self.set_focus(self._name_input)
        place = f" ({len(self._names_typed) + 1} of {len(self._model.names)})" if len(self._model.names) > 1 else ""
        self._say(f"{self._model.action.title} needs a name to be typed{place}: {missing[0]}", Health.DEGRADED)
        return False

    def _ask_for_preview(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_PREVIEW_DELAY, self._start_preview)

    def _start_preview(self) -> None:
        if self._held is not None or self._model.check_all() >= 0:
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
        shown = preview_of(result.outcomes)
        statement = f"{visible(shown.statement)}  = " if shown.statement else ""
        text = Text.assemble(
            (statement, palette.base), ("$ ", palette.muted), (visible(result.command), palette.base), overflow="fold"
        )
        if shown.document is not None:
            text.append("\n" + document_text(shown.document, max(self.size.width - 2, 1)), palette.base)
        self._preview.update(text)
        if shown.wrong:
            self._say(shown.sentence, Health.FAILED)
        elif not self._asked:  # What the user was asked for stands until it is answered.
            self._message.update(Text(visible(shown.sentence), palette.muted, overflow="fold"))

    def _offer(self, index: int, text: str, choices: Sequence[str]) -> None:
        """Shows what a field may become, while it still says what was asked for."""
        source = self._inputs[index]
        if source.value != text or not source.has_focus:
            return
        source.offer(choices)
        parts = [(f" {choice} ", self._palette.accent if choice == text else self._palette.base) for choice in choices]
        self._choices.show(((" → ", self._palette.muted), *parts) if choices else ())

    def _require(self, danger: Danger) -> None:
        """Shows the row for the name when the action, or a guardrail, wants it to be typed."""
        self._danger = danger
        row = self.query_one("#form-name")
        row.display = danger is Danger.TYPE_NAME
        if row.display and not self._model.fields:
            self.set_focus(self._name_input)

    def _say(self, sentence: str, health: Health) -> None:
        self._asked = health is Health.DEGRADED
        self._message.update(Text(visible(sentence), self._palette.health[health], overflow="fold"))

    def _show_rows(self) -> None:
        """Shows the fields that mean something beside the others, and says how many do not."""
        shown = [self._model.counts(index) for index in range(len(self._rows))]
        for row, wanted in zip(self._rows, shown, strict=True):
            row.display = wanted
        hidden = shown.count(False)
        self._fit_labels()
        self._more.display = hidden > 0
        self._more.show(((f"     {hidden} more come with other choices above", self._palette.muted),))

    def _show_label(self, index: int) -> None:
        each, palette = self._model.fields[index], self._palette
        mark, style = (
            ("✖", palette.error) if each.error else ("*", palette.accent) if each.changed else (" ", palette.base)
        )
        here = "›" if index == self._focused_field else " "
        self._labels[index].show(((here, palette.accent), (f"{mark} ", style), (_label(each), palette.base)))

    def _fit_labels(self) -> None:
        shown = [each for index, each in enumerate(self._model.fields) if self._model.counts(index)]
        longest = max((len(_label(each)) for each in shown), default=0)
        for label in (*self._labels, self._name_label):
            label.styles.width = min(max(longest, len(_NAME_LABEL)) + _LABEL_MARGIN, max(self.size.width // 2, 1))

    def _show_hint(self, index: int) -> None:
        each, palette = self._model.fields[index], self._palette
        style = palette.error if each.error else palette.muted
        self._hint.show(((f" {each.error or each.hint}", style),))


def lost_outcomes(addresses: Sequence[str], error: UnknownOutcomeError) -> tuple[Outcome, ...]:
    """What came of a request whose answer was lost with the connection: nobody knows."""
    return tuple(Outcome(address, "unknown", error.message, error=error.report()) for address in addresses or ("",))


class Preview(Struct, frozen=True):
    """What would come of a request, in a sentence; of several resources those of which something is wrong are counted and one is quoted."""

    sentence: str
    wrong: bool
    statement: str = ""
    document: Document | None = None


def preview_of(outcomes: Sequence[Outcome]) -> Preview:
    """What the outcomes of a dry run say together."""
    wrong = [outcome for outcome in outcomes if outcome.error is not None]
    good = next((outcome for outcome in outcomes if outcome.error is None), None)
    if not wrong:
        many = f"{len(outcomes)} resources, each: " if len(outcomes) > 1 else ""
        first = outcomes[0]
        return Preview(f"{many}{first.message}", False, first.statement, first.document)
    error = wrong[0].error
    assert error is not None
    said = f"{error.message}. {error.remedy}".strip()
    if len(outcomes) == 1:
        return Preview(said, True, outcomes[0].statement)
    counted = f"{len(wrong)} of {len(outcomes)} resources would be refused, as {wrong[0].address}: {said}"
    return Preview(counted, True, good.statement if good else "")


def _label(each: FormField) -> str:
    return ("--set " if each.own else "") + each.field.name
