"""A resource's text changed in an editor or from a file: what it was, what it shall be, and what becomes of it when it cannot be put."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

import click

from quarterdeck.cli.session import Session
from quarterdeck.cli.streams import asks, narrate, painted, wants_colour, write_json, write_lines
from quarterdeck.config.paths import instance_paths, make_private
from quarterdeck_api.catalogue import Danger
from quarterdeck_api.editing import TEXT_GET, TEXT_PUT, EditableText, TextChange, TextParams, TextPut
from quarterdeck_api.errors import ExitCode, QuarterdeckError, UsageError
from quarterdeck_api.resources import Address
from quarterdeck_api.visible import visible

#: Seconds that a text may take to be read or put: a little more than the runtime gives it.
_TEXT_TIMEOUT = 60.0

_SUFFIXES = {"yaml": ".yaml", "json": ".json", "toml": ".toml", "sql": ".sql", "python": ".py", "markdown": ".md"}
_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def get_text(session: Session, address: str) -> EditableText:
    """The text as it is now."""
    session.await_backends([Address.parse(address)])
    return session.call(TEXT_GET, TextParams(address), _TEXT_TIMEOUT)


def put_edited(session: Session, address: str, original: EditableText, text: str, answer: "Answer") -> int:
    """Shows what the text changes, asks, and puts it; a text that cannot be put is kept in a file, and the error says where.

    With `answer.dry_run` nothing is put. Without anybody to ask, the runtime refuses what is not confirmed.
    """
    if text == original.text:
        narrate(f"{address} is as it was: nothing was changed")
        return ExitCode.DONE
    wanted = TextPut(address, text, original.version)
    try:
        change = session.call(TEXT_PUT, _with(wanted, dry_run=True), _TEXT_TIMEOUT)
        if answer.dry_run:
            _show(change, answer)
            return ExitCode.DONE
        if not answer.as_json:
            _show(change, answer)
        confirmed = _confirmed(wanted, change, answer)
        if confirmed is None:
            raise QuarterdeckError(f"{address} is as it was", "edit it again, or put the kept text with --file")
        done = session.call(TEXT_PUT, confirmed, _TEXT_TIMEOUT, changes_something=True)
    except QuarterdeckError as error:
        if answer.from_file:
            raise
        kept = keep_text(address, original, text)
        raise type(error)(f"{error.message}; your text is kept in {kept}", error.remedy, error.address) from error
    if answer.as_json:
        write_json(_change_document(address, "done", done))
    else:
        narrate(f"{address}: done {visible(done.message)}".rstrip())
    return ExitCode.DONE


class Answer:
    """How to go about a text: what was confirmed beforehand, and where it comes from."""

    def __init__(
        self,
        *,
        dry_run: bool = False,
        confirmed: bool = False,
        typed_name: str = "",
        as_json: bool = False,
        from_file: bool = False,
    ) -> None:
        self.dry_run = dry_run
        self.confirmed = confirmed
        self.typed_name = typed_name
        self.as_json = as_json
        self.from_file = from_file


def edited_text(address: str, original: EditableText) -> str:
    """What the user's editor makes of a text; raises UsageError when there is no editor, QuarterdeckError when it fails."""
    command = editor_command()
    with tempfile.TemporaryDirectory(prefix="quarterdeck-edit-") as folder:  # Only its owner can enter it.
        stem = "".join(letter if letter.isalnum() else "-" for letter in Address.parse(address).name)[:60]
        file = Path(folder) / f"{stem or 'text'}{_SUFFIXES.get(original.language, '.txt')}"
        file.write_text(original.text, encoding="utf-8")
        try:
            code = subprocess.run([*command, str(file)], check=False).returncode
        except OSError as error:
            raise UsageError(
                f"the editor {command[0]} cannot be started: {error.strerror}", "set VISUAL or EDITOR"
            ) from error
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise QuarterdeckError(f"what the editor wrote cannot be read: {error}", "edit it again") from error
        if code:
            kept = f"; your text is kept in {keep_text(address, original, text)}" if text != original.text else ""
            raise QuarterdeckError(
                f"the editor ended with {code}, so nothing is put{kept}", "set VISUAL or EDITOR to one that works"
            )
        return text


def editor_command() -> list[str]:
    """The user's editor as a command: VISUAL, else EDITOR, else vi."""
    wanted = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        return shlex.split(wanted) or ["vi"]
    except ValueError as error:
        raise UsageError(f"the editor {wanted!r} cannot be read: {error}", "correct VISUAL or EDITOR") from error


def keep_text(address: str, original: EditableText, text: str) -> Path:
    """Writes what the user typed into a file that stays, which only the user may read; raises QuarterdeckError."""
    try:
        folder = make_private(instance_paths().state_folder / "kept-texts")
        stem = "".join(letter if letter.isalnum() else "-" for letter in address)[:80]
        descriptor, name = tempfile.mkstemp(_SUFFIXES.get(original.language, ".txt"), f"{stem}-", folder)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise QuarterdeckError(f"the text cannot be kept: {error}", "make room in the state folder") from error
    return Path(name)


def _confirmed(wanted: TextPut, change: TextChange, answer: Answer) -> TextPut | None:
    """The text as it is to be put, with the user's answer; None when the user said no."""
    name = answer.typed_name
    confirmed = answer.confirmed
    if asks():
        if change.danger is Danger.TYPE_NAME and not name:
            question = f"put this text of {wanted.address}? Type the resource's name"
            name = click.prompt(question, err=True, default="", show_default=False)
            if not name:
                return None
        elif change.danger is not Danger.TYPE_NAME and not confirmed and not name:
            confirmed = click.confirm(f"put this text of {wanted.address}?", err=True)
            if not confirmed:
                return None
    return _with(wanted, confirmed=confirmed, typed_name=name)


def _with(wanted: TextPut, *, dry_run: bool = False, confirmed: bool = False, typed_name: str = "") -> TextPut:
    return TextPut(wanted.address, wanted.text, wanted.version, dry_run, confirmed, typed_name)


def _show(change: TextChange, answer: Answer) -> None:
    """The difference: data on standard output of a dry run, narration before a question."""
    if answer.as_json:
        write_json(_change_document("", "preview", change))
        return
    import sys

    stream = sys.stdout if answer.dry_run else sys.stderr
    colour = wants_colour(stream)
    lines = [painted(visible(line), _STYLES.get(line[:1], ""), colour) for line in change.diff.splitlines()]
    if answer.dry_run:
        write_lines(lines)
    else:
        for line in lines:
            narrate(line)
    narrate(visible(change.message) if change.diff else "this changes nothing")


def _change_document(address: str, status: str, change: TextChange) -> dict[str, str]:
    return {
        "address": address,
        "status": status,
        "diff": change.diff,
        "message": change.message,
        "version": change.version,
    }
