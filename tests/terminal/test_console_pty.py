"""The console on a real pseudo-terminal: keys, silence, and a terminal left as it was found."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal_session import TerminalSession

_PROGRAM = """
from quarterdeck.tui.app import make_console, instance_paths
import quarterdeck.tui.connecting as connecting

class Silent:
    def on_notification(self, *_): pass
    def start(self): pass
    async def close(self): pass

connecting.connector = lambda paths: lambda **_: Silent()
app = make_console(instance_paths(), on_terminal=True)
app.run()
raise SystemExit(app.return_code or 0)
"""


@pytest.fixture
def console(home: Path) -> Iterator[TerminalSession]:
    environment = {**os.environ, "TERM": "xterm-256color"}
    with TerminalSession([sys.executable, "-c", _PROGRAM], environment, 100, 20) as session:
        yield session


def test_keys_and_a_lone_escape_on_a_legacy_terminal(console: TerminalSession) -> None:
    console.wait_for(re.escape("[1 deck]"))
    console.send(b"3")
    console.wait_for(re.escape("[3 models]"))
    console.send(b"/arima")
    console.wait_for(re.escape("/arima"))
    console.send(b"\x1b")
    console.wait_for(re.escape("describe"))
    assert not any("arima" in line for line in console.lines())
    console.send(b"\x1b")
    console.wait_for(re.escape("[1 deck]"))
    console.send(b"q")
    assert console.wait_exit() == 0


def test_idle_console_writes_nothing(console: TerminalSession) -> None:
    console.wait_for(re.escape("quit"))
    console.settle(0.5)
    assert console.settle(1.5) == 0


def test_terminal_is_left_as_it_was_found(console: TerminalSession) -> None:
    console.wait_for(re.escape("quit"))
    console.send(b"q")
    assert console.wait_exit() == 0
    for entered, left in ((b"?1049h", b"?1049l"), (b"?25l", b"?25h"), (b"?1003h", b"?1003l"), (b"?2004h", b"?2004l")):
        assert console.raw.rindex(left) > console.raw.rindex(entered)


def test_ctrl_c_leaves_too(console: TerminalSession) -> None:
    console.wait_for(re.escape("quit"))
    console.send(b"\x03")
    assert console.wait_exit() == 0
