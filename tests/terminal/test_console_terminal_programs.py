"""Programs that the console lends its terminal to: an editor and a shell, with a real runtime on a real pseudo-terminal."""

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from terminal_session import TerminalSession

_PLUGINS = Path(__file__).parent.parent / "plugins"

#: Stands in for an editor: appends what it is told to the file that it is given.
_EDITOR = """
import sys
with open(sys.argv[-1], "a") as file:
    file.write(sys.argv[1] + chr(10))
raise SystemExit(int(sys.argv[2]))
"""

_QUARTERDECK = [sys.executable, "-m", "quarterdeck"]


@pytest.fixture
def console(home: Path) -> Iterator[Callable[..., TerminalSession]]:
    """Starts the console on a pseudo-terminal, with an editor that appends `typed` and ends with `status`."""
    sessions: list[TerminalSession] = []

    def start(typed: str = "a new line", status: int = 0) -> TerminalSession:
        editor = shlex.join([sys.executable, "-c", _EDITOR, typed, str(status)])
        environment = {
            **os.environ,
            "TERM": "xterm-256color",
            "VISUAL": editor,
            "QUARTERDECK_PLUGIN_PATH": os.pathsep.join([str(_PLUGINS / "editable")]),
        }
        session = TerminalSession(_QUARTERDECK, environment, 110, 30)
        sessions.append(session)
        session.wait_for(r"editable +● ready", 60)
        return session

    yield start
    for session in sessions:
        session.close()


def open_note(session: TerminalSession) -> None:
    session.type(":")
    session.wait_for("^ *:")
    session.type("editable/note/a\r")
    session.wait_for("note 0", 30)


def quit_console(session: TerminalSession) -> None:
    session.press("esc")
    session.wait_for(re.escape("[1 deck]"))
    session.send(b"q")
    assert session.wait_exit() == 0


def test_an_edit_is_shown_as_a_difference_before_it_is_put(console: Callable[..., TerminalSession]) -> None:
    session = console()
    open_note(session)
    session.send(b"e")
    session.wait_for(r"\+a new line", 30)
    assert "+++ after" in session.text()
    session.press("enter")
    session.wait_for(r"^ version +2", 30)
    assert "a new line" in session.text()
    quit_console(session)


def test_a_text_that_is_refused_or_not_put_is_kept_in_a_private_file(
    console: Callable[..., TerminalSession], home: Path
) -> None:
    session = console("!! wrong")
    open_note(session)
    session.send(b"e")
    session.wait_for("your text is kept in", 30)
    (kept,) = (home / "state" / "kept-texts").iterdir()
    assert kept.read_text(encoding="utf-8") == "note 0\n!! wrong\n"
    assert kept.stat().st_mode & 0o777 == 0o600
    quit_console(session)


def test_an_editor_that_fails_puts_nothing(console: Callable[..., TerminalSession]) -> None:
    session = console("typed", 3)
    open_note(session)
    session.send(b"e")
    session.wait_for("it ended with exit code 3; enter goes back", 30)
    session.send(b"\r")
    session.wait_for("the editor failed, so nothing is put", 30)
    session.wait_for(r"^ version +1")
    quit_console(session)


def test_a_program_has_the_terminal_for_itself_and_the_console_comes_back(
    console: Callable[..., TerminalSession],
) -> None:
    session = console()
    open_note(session)
    begun = len(session.raw)
    session.send(b"s")
    session.wait_for("The exit status", 30)
    session.press("down", *"4")
    session.send(b"\r")
    session.wait_for("shell of a /", 30)
    session.wait_for("it ended with exit code 4", 30)
    assert b"\x1b[?1049l" in session.raw[begun:], "the program sees the terminal as it was before the console"
    session.send(b"\x03")  # It belongs to the program; the console stays.
    session.settle(0.3)
    session.send(b"\r")
    session.wait_for("Shell of a ended with exit code 4", 30)
    session.wait_for("note 0")
    quit_console(session)


def test_the_terminal_is_left_as_it_was_found_after_a_program(console: Callable[..., Any]) -> None:
    session = console()
    open_note(session)
    session.send(b"e")
    session.wait_for(r"\+a new line", 30)
    session.press("esc")
    session.wait_for("your text is kept in", 30)
    quit_console(session)
    for entered, left in ((b"?1049h", b"?1049l"), (b"?25l", b"?25h"), (b"?1003h", b"?1003l"), (b"?2004h", b"?2004l")):
        assert session.raw.count(entered) >= 2
        assert session.raw.rfind(left) > session.raw.rfind(entered)
