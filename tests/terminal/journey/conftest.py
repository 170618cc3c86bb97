"""The installed program as its users have it: commands, and the console on a terminal, against a real runtime of the test's own."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from terminal_session import TerminalSession

_PROGRAM = [sys.executable, "-m", "quarterdeck"]
_SECONDS = 90.0

#: What a user's shell may have set and a test must not inherit.
_FOREIGN = ("NO_COLOR", "COLUMNS", "LINES", "QUARTERDECK_PLUGIN_PATH")


class Program:
    """Runs `quarterdeck`; every method works in the instance of the test."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home = home
        self.environment = environment

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command without a terminal."""
        return subprocess.run(
            [*_PROGRAM, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            env=self.environment,
            cwd=self.home,
        )

    def json(self, *arguments: str) -> Any:
        """What a command that must succeed says as JSON."""
        ran = self.run(*arguments, "--json")
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    @contextmanager
    def console(self, columns: int = 120, rows: int = 40, **environment: str) -> Iterator[TerminalSession]:
        """The console on a terminal, connected, with `ainode` ready."""
        variables = {"TERM": "xterm-256color", "COLORTERM": "truecolor", **self.environment, **environment}
        with TerminalSession(_PROGRAM, variables, columns, rows) as session:
            session.wait_for(r"ainode\s+. ready", 60)
            yield session


def _open_form(console: TerminalSession, model: str) -> None:
    console.press("3")
    console.wait_for(rf"^{model} ")
    console.press("/")
    console.type(model)
    console.wait_for(rf"models \d+/13  /{model}")
    console.press("enter")
    console.wait_for(r"describe")
    console.press("a")
    console.wait_for("f  Forecast")
    console.press("f")
    console.wait_for(rf"^ Forecast ainode/model/{model}[\s\S]*horizon")


@pytest.fixture
def open_form() -> Callable[[TerminalSession, str], None]:
    """Goes from the first screen to the forecast form of a model, by keys alone."""
    return _open_form


@pytest.fixture
def screen_values() -> Callable[[str], dict[str, str]]:
    """Reads the table of a forecast for 1961 off a screen: day to forecast, as they are written there."""

    def read(screen: str) -> dict[str, str]:
        return dict(re.findall(r"^ (1961-\d{2}-\d{2}) +([\d.,]+)", screen, re.MULTILINE))

    return read


@pytest.fixture
def program(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """The program, with a runtime that runs until the test ends."""
    monkeypatch.setenv("QUARTERDECK_IDLE_EXIT", "120")
    environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    made = Program(home, environment)
    yield made
    made.run("runtime", "stop")
