"""The pseudo-terminal harness itself, on programs that every machine has."""

import os

from terminal_session import TerminalSession


def test_screen_keys_and_exit_code() -> None:
    with TerminalSession(
        ["sh", "-c", "printf ready; read word; echo got $word; exit 3"], os.environ, 40, 10
    ) as session:
        session.wait_for("ready")
        session.type("plums\r")
        session.wait_for("got plums")
        assert session.wait_exit() == 3


def test_a_burst_counts_the_bytes_of_an_echo() -> None:
    with TerminalSession(["cat"], os.environ, 40, 10) as session:
        burst = session.burst(b"x")
        assert burst.count == 1
        assert 0 < burst.first <= burst.last
