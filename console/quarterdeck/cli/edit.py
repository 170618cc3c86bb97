"""`quarterdeck edit`."""

import sys
from pathlib import Path

import click

from quarterdeck.cli.choices import ADDRESS
from quarterdeck.cli.editing import Answer, edited_text, get_text, put_edited
from quarterdeck.cli.session import open_session
from quarterdeck.cli.streams import write_json, write_lines
from quarterdeck_api.errors import ExitCode, UsageError
from quarterdeck_api.visible import visible


@click.command("edit")
@click.argument("address", type=ADDRESS)
@click.option(
    "--file",
    "file",
    default="",
    metavar="FILE",
    help="Put this file's text instead of opening an editor; - reads standard input.",
)
@click.option("--show", is_flag=True, help="Only print the text as it is.")
@click.option(
    "--version",
    "version",
    default="",
    help="With --file: put it only in place of this version, as --show --json says it.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--yes", is_flag=True, help="Put it without asking.")
@click.option("--confirm", "typed_name", default="", metavar="NAME", help="Confirm by the resource's name.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    address: str, file: str, show: bool, version: str, dry_run: bool, yes: bool, typed_name: str, as_json: bool
) -> int:
    """Edit the resource at ADDRESS as text, with $VISUAL or $EDITOR.

    The difference is shown before anything is put. What was changed elsewhere meanwhile is not overwritten: your text is kept in a file then.
    """
    if version and not file:
        raise UsageError("--version is for a text from a file", "add --file FILE")
    if not file and not show and not sys.stdin.isatty():
        raise UsageError("there is no terminal for an editor", "give the new text with --file FILE, or --file -")
    with open_session("edit") as session:
        original = get_text(session, address)
        if show:
            if as_json:
                write_json({"text": original.text, "language": original.language, "version": original.version})
            else:
                write_lines(visible(line) for line in original.text.splitlines())
            return ExitCode.DONE
        text = _read(file) if file else edited_text(address, original)
        if version:
            from msgspec.structs import replace

            original = replace(original, version=version)
        answer = Answer(
            dry_run=dry_run,
            confirmed=yes,
            typed_name=typed_name,
            as_json=as_json,
            from_file=bool(file),
        )
        return put_edited(session, address, original, text, answer)


def _read(file: str) -> str:
    """The text of a file, or of standard input."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}", "name a file with UTF-8 text") from error
