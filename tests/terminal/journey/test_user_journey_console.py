"""The console as its user meets it: filters, commands, help, themes, sizes, the journal, cancelling, and leaving."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from terminal_session import TerminalSession

OpenForm = Callable[[TerminalSession, str], None]

#: A fit that goes on for minutes.
SLOW = ("order=5,1,5", "seasonal_order=2,1,2,12", "method=basinhopping", "maxiter=5000")

_COLOUR = re.compile(rb"\x1b\[[0-9;:]*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:[;:][0-9;:]*)?m")


def test_filters_commands_and_help_by_keys(program: Any) -> None:
    with program.console() as console:
        console.press("3")
        console.wait_for("models 13")
        console.press("/")
        console.type("task=detection")
        console.wait_for(r"models 3/13  /task=detection")
        console.press("ctrl+u")
        console.type("parameters<<")
        console.wait_for("parameters is a number, not '<'")
        console.press("esc")
        console.wait_for("models 13$")

        console.press(":")
        console.type("datas")
        console.press("tab")
        console.wait_for(":datasets")
        console.press("enter")
        console.wait_for(r"\[7 datasets\]")
        console.wait_for(r"^airline .*Passengers")
        console.press(":")
        console.type("modles\r")
        console.wait_for(r"there is no command 'modles': did you mean models\?")
        console.press(":")
        console.type("ainode/model/stray\r")
        console.wait_for(r"^ ainode/model/stray")
        console.wait_for("sktime.detection.stray.STRAY")
        console.press("esc")
        console.wait_for(r"\[7 datasets\]")

        console.press("?")
        console.wait_for(r"filter")
        console.wait_for(r"first row")
        console.press("esc", "[")
        console.wait_for(r"\[3 models\]")


def test_an_action_that_cannot_be_done_says_why(program: Any) -> None:
    with program.console() as console:
        console.press("3")
        console.wait_for("models 13")
        console.press("G")
        console.press("a")
        console.wait_for(r"Forecast\s+.*label")
        console.press("enter", "f", "esc")
        console.wait_for("models 13")
    assert program.json("jobs") == []


def test_a_running_job_is_watched_and_cancelled(program: Any) -> None:
    sets = [part for each in SLOW for part in ("--set", each)]
    address = program.json("do", "model.forecast", "ainode/model/arima", "--dataset", "airline", *sets, "--no-wait")[
        "job"
    ]
    with program.console() as console:
        console.press("4")
        console.wait_for(r"◐ running\s+model\.forecast", 60)
        console.press("enter")
        console.wait_for(rf"^ {address}[\s\S]*◐ running.*fitting arima", 60)
        console.press("a")
        console.wait_for("x  Cancel")
        console.press("x")
        console.wait_for("■ cancelled", 30)
        console.press("esc")
        console.wait_for(r"■ cancelled\s+model\.forecast")
    assert program.run("jobs", "wait", address).returncode == 1
    assert program.json("jobs", "show", address)["state"] == "cancelled"


def test_the_log_of_a_job_on_the_screen_and_in_the_shell(program: Any) -> None:
    address = program.json("do", "model.forecast", "ainode/model/naive_forecaster", "--dataset", "airline")["address"]
    logged = program.run("logs", address)
    assert logged.returncode == 0 and "read 144 observations of Passengers from core/dataset/airline" in logged.stdout
    with program.console() as console:
        console.press("4")
        console.wait_for(r"● succeeded\s+model\.forecast")
        console.press("l")
        console.wait_for(r"read 144 observations of Passengers[\s\S]*— end —")
        console.press("esc")
        console.wait_for(r"\[4 jobs\]")


def test_without_colour_nothing_is_coloured_and_everything_is_said(program: Any) -> None:
    with program.console(NO_COLOR="1") as console:
        console.press("3")
        console.wait_for("● active")
        assert _COLOUR.search(bytes(console.raw)) is None
    with program.console() as console:
        console.press("3")
        console.wait_for("● active")
        assert _COLOUR.search(bytes(console.raw)) is not None


def test_the_light_theme_by_command_and_by_environment(program: Any) -> None:
    light = b"251;251;249"
    with program.console() as console:
        assert light not in bytes(console.raw)
        console.press(":")
        console.type("theme light\r")
        console.wait_for(r"deck 1")
        console.settle(0.3)
        assert light in bytes(console.raw)
    with program.console(QUARTERDECK_THEME="light") as console:
        assert light in bytes(console.raw)


@pytest.mark.parametrize(("columns", "rows"), [(40, 12), (80, 24), (300, 100)])
def test_every_pane_on_every_size(program: Any, columns: int, rows: int) -> None:
    with program.console(columns, rows) as console:
        for key, pane, row in (
            ("3", "models", "arima"),
            ("4", "jobs", ""),
            ("7", "datasets", "airline"),
            ("8", "journal", ""),
        ):
            console.press(key)
            console.wait_for(rf"^ {pane} \d+")
            console.wait_for(rf"^{row}")
        console.press("3", "d")
        console.wait_for(r"^ ainode/model/arima")
        console.wait_for(r"● active")
        console.press("esc")
        console.wait_for(r"^ models 13")


def test_closing_the_console_leaves_the_runtime_and_its_work(program: Any) -> None:
    with program.console() as console:
        pid = program.json("runtime", "status")["pid"]
        console.press("ctrl+c")
        assert console.wait_exit() == 0
    assert program.json("runtime", "status")["pid"] == pid
