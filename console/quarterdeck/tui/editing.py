"""Editing a resource as text: the user's editor on a private file, the difference shown, and only then sent."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct
from textual.binding import Binding, BindingType
from textual.widgets import Input

from quarterdeck.config.paths import instance_paths, make_private
from quarterdeck.tui.terminal_programs import editor_command, run_in_terminal
from quarterdeck.tui.text_lines import StyledLine
from quarterdeck.tui.text_screen import TextScreen
from quarterdeck_api.backend import RunInTerminal
from quarterdeck_api.catalogue import Danger
from quarterdeck_api.editing import TEXT_GET, TEXT_PUT, EditableText, TextChange, TextParams, TextPut
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.resources import Address, Health
from quarterdeck_api.visible import visible

if TYPE_CHECKING:
    from quarterdeck.tui.console_app import ConsoleApp
    from quarterdeck.tui.style import Palette

#: Seconds that a text may take to be read or put.
_TEXT_TIMEOUT = 60.0

_SUFFIXES = {"yaml": ".yaml", "json": ".json", "toml": ".toml", "sql": ".sql", "python": ".py", "markdown": ".md"}


class Draft(Struct):
    """A text under way: as it was read, and as the user has it now."""

    address: str
    original: EditableText
    text: str


async def edit_resource(console: "ConsoleApp", address: str) -> None:
    """Has the user edit a resource's text and put it back; says what came of it. What was typed is never lost."""
    try:
        original = await console.session.call(TEXT_GET, TextParams(address), _TEXT_TIMEOUT)
    except QuarterdeckError as error:
        console.say(f"edit: {error.message}. {error.remedy}".strip(), error=True)
        return
    draft = Draft(address, original, original.text)
    while True:
        try:
            draft.text = await _edited(console, draft)
            if draft.text == original.text:
                console.say(f"{address} is as it was: nothing was changed in the editor")
                return
            change = await _put(console, draft, dry_run=True)
        except QuarterdeckError as error:
            console.say(_with_kept_text(draft, error), error=True)
            return
        end = await console.push_screen_wait(DiffScreen(console, draft, change))
        if end is None or not end.edit_on:
            _say_end(console, draft, end or Ending())
            return


def keep_text(draft: Draft) -> Path:
    """Writes what the user typed into a file that stays, which only the user may read; raises QuarterdeckError."""
    folder = make_private(instance_paths().state_folder / "kept-texts")
    stem = "".join(letter if letter.isalnum() else "-" for letter in draft.address)[:80]
    try:
        descriptor, name = tempfile.mkstemp(_suffix(draft.original), f"{stem}-", folder)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(draft.text)
    except OSError as error:
        raise QuarterdeckError(f"the text cannot be kept: {error}", "make room in the state folder") from error
    return Path(name)


def diff_lines(diff: str, palette: "Palette") -> list[StyledLine]:
    """A unified diff in colours; its marks tell additions from removals without them."""
    styles = {"+": palette.health[Health.OK], "-": palette.health[Health.FAILED], "@": palette.accent}
    return [(f" {visible(line)}", styles.get(line[:1], palette.base)) for line in diff.splitlines()]


class Ending(Struct, frozen=True):
    """How the look at a difference ended: put (`done` says what came of it), edited on, or left (`wrong` says why not put)."""

    done: str = ""
    wrong: str = ""
    edit_on: bool = False


class NameBar(Input):
    """The line in which the resource's name is typed when policy asks for it."""

    def __init__(self, name: str) -> None:
        super().__init__(placeholder=f"type its name: {visible(name)}", compact=True, id="name")
        self.cursor_blink = False


class DiffScreen(TextScreen[Ending]):
    """What putting the text would change; ends with what the user made of it."""

    DEFAULT_CSS = """
    DiffScreen #name { height: 1; border: none; padding: 0 1; display: none; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "put", "put it", id="edit.put", priority=True),
        Binding("e", "edit", "edit on", id="edit.again"),
        Binding("escape", "leave", "leave, keep the text", id="edit.leave"),
    ]

    def __init__(self, console: "ConsoleApp", draft: Draft, change: TextChange) -> None:
        super().__init__(console, f"edit {draft.address}", wrap=True)
        self._draft = draft
        self._change = change
        self._name = NameBar(Address.parse(draft.address).name)
        self._putting = False

    def on_mount(self) -> None:
        """Shows the difference."""
        super().on_mount()
        said = [(f" {visible(self._change.message)}", self.palette.muted), ("", self.palette.base)]
        nothing = [(" this changes nothing", self.palette.base)]
        self.lines.set_lines(
            [*(said if self._change.message else []), *(diff_lines(self._change.diff, self.palette) or nothing)]
        )
        self.mount(self._name, before=self.query_one("#hints"))
        if self._change.danger is Danger.TYPE_NAME:
            self._name.styles.display = "block"
            self._name.focus()
            self.note("its name has to be typed")

    def action_edit(self) -> None:
        """Goes back into the editor."""
        self.dismiss(Ending(edit_on=True))

    def action_leave(self) -> None:
        """Puts nothing; the text is kept in a file."""
        self.dismiss(Ending(wrong=f"{self._draft.address} is as it was"))

    def action_put(self) -> None:
        """Sends the text, once; one that wants the name waits until it is typed."""
        if self._change.danger is Danger.TYPE_NAME and self._name.value != Address.parse(self._draft.address).name:
            self.note("the name is not typed yet")
        elif not self._putting:
            self._putting = True
            self.run_worker(self._put(), exit_on_error=False)

    async def _put(self) -> None:
        try:
            done = await _put(self.console, self._draft, dry_run=False, typed_name=self._name.value)
        except QuarterdeckError as error:
            self.dismiss(Ending(wrong=f"{error.message}. {error.remedy}".strip()))
        else:
            self.dismiss(Ending(done=f"edit: done {done.message}".rstrip()))
        finally:
            self._putting = False


def _say_end(console: "ConsoleApp", draft: Draft, end: Ending) -> None:
    """Says what came of it; a text that was not put is kept."""
    if end.done:
        console.say(end.done)
    else:
        console.say(_with_kept_text(draft, QuarterdeckError(end.wrong or f"{draft.address} is as it was")), error=True)


async def _edited(console: "ConsoleApp", draft: Draft) -> str:
    """What the user's editor makes of the text; raises QuarterdeckError when the editor fails."""
    with tempfile.TemporaryDirectory(prefix="quarterdeck-edit-") as folder:  # Only its owner can enter it.
        stem = "".join(letter if letter.isalnum() else "-" for letter in Address.parse(draft.address).name)[:60]
        file = Path(folder) / f"{stem or 'text'}{_suffix(draft.original)}"
        file.write_text(draft.text, encoding="utf-8")
        program = RunInTerminal((*editor_command(), str(file)), folder)
        code = await run_in_terminal(console, program, shown_if_brief=False)
        try:
            draft.text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise QuarterdeckError(f"what the editor wrote cannot be read: {error}", "edit it again") from error
        if code:
            raise QuarterdeckError("the editor failed, so nothing is put", "set VISUAL or EDITOR to one that works")
        return draft.text


async def _put(console: "ConsoleApp", draft: Draft, *, dry_run: bool, typed_name: str = "") -> TextChange:
    put = TextPut(
        draft.address, draft.text, draft.original.version, dry_run, confirmed=not dry_run, typed_name=typed_name
    )
    return await console.session.call(TEXT_PUT, put, _TEXT_TIMEOUT, changes_something=not dry_run)


def _with_kept_text(draft: Draft, error: QuarterdeckError) -> str:
    said = f"{error.message}. {error.remedy}".strip().rstrip(".")
    if draft.text == draft.original.text:
        return said
    try:
        return f"{said}; your text is kept in {keep_text(draft)}"
    except QuarterdeckError as failure:
        return f"{said}; {failure.message}: {failure.remedy}"


def _suffix(original: EditableText) -> str:
    return _SUFFIXES.get(original.language, ".txt")
