"""The console stays open while plugins come, change and go, and shows it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from terminal_session import TerminalSession

pytestmark = pytest.mark.timeout(300)

QUIET = '[plugins]\ndisabled = ["ainode", "rows"]\n'


def test_the_open_console_follows_plugins(
    make_instance: Callable[..., Any], index: Path, lodger: Callable[..., Path]
) -> None:
    instance = make_instance(QUIET, (), PIP_NO_INDEX="1", PIP_FIND_LINKS=str(index), TERM="xterm-256color")
    instance.client()

    def plugin(*words: str) -> None:
        command = [sys.executable, "-m", "quarterdeck", "plugin", *words, "--yes"]
        ended = subprocess.run(
            command, env=instance.environment, capture_output=True, text=True, timeout=150, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr

    with TerminalSession([sys.executable, "-m", "quarterdeck"], instance.environment, 120, 30) as console:
        console.wait_for(r"\[1 deck\]", 60.0)
        plugin("install", str(lodger("1.0")), "--own-environment")
        console.wait_for(r"lodger +● ready", 60.0)
        console.send(b":rooms\r")
        console.wait_for(r"r1 .* 1\.0", 60.0)
        plugin("upgrade", "lodger", "--from", str(lodger("2.0")))
        console.wait_for(r"r1 .* 2\.0", 60.0)
        console.send(b"9")
        console.wait_for(r"lodger +● ready +2\.0", 60.0)
        plugin("remove", "lodger")
        console.wait_for(r"\A(?:(?!\nlodger )[\s\S])*\Z", 60.0)
        console.send(b"q")
        assert console.wait_exit() == 0
