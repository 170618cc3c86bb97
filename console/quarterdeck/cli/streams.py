"""Standard output is data, standard error is narration; colour only on a terminal that wants it."""

import os
import sys
from collections.abc import Iterable
from typing import TextIO

import msgspec

from quarterdeck_api.visible import visible

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def write_lines(lines: Iterable[str]) -> None:
    """Writes lines of data."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def write_json(value: object, *, compact: bool = False) -> None:
    """Writes one JSON document; `compact` puts it on one line, for streams of documents."""
    encoded = msgspec.json.encode(value)
    text = encoded if compact else msgspec.json.format(encoded, indent=2)
    write_lines([text.decode()])


def narrate(text: str) -> None:
    """Says something beside the data."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def wants_colour(stream: TextIO) -> bool:
    """Whether colour may be written: a terminal, and neither `NO_COLOR` nor a dumb terminal."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def painted(text: str, style: str, colour: bool) -> str:
    """The text in a style when colour is wanted."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if colour and style else text


def asks() -> bool:
    """Whether somebody is there who can answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def narrate_error(message: str, remedy: str) -> None:
    """Says what failed and what to do."""
    colour = wants_colour(sys.stderr)
    narrate(f"{painted('error:', 'red', colour)} {visible(message)}")
    if remedy:
        narrate(f"  {painted('try:', 'dim', colour)} {visible(remedy)}")


def terminal_width() -> int:
    """Columns of the terminal that shows standard output; 100 for a pipe, so that what is written there is always alike."""
    if not sys.stdout.isatty():
        return 100
    try:
        return max(os.get_terminal_size(sys.stdout.fileno()).columns, 20)
    except OSError:
        return 80
