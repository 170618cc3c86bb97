"""Commands that plugins add, run as a user runs them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

WATCHFUL = Path(__file__).parents[1] / "plugins" / "watchful"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs `quarterdeck` in an instance of its own."""
    import shutil
    import tempfile

    home = tempfile.mkdtemp(prefix="qd-")
    environment = {
        **os.environ,
        "QUARTERDECK_HOME": home,
        "QUARTERDECK_PLUGIN_PATH": str(WATCHFUL),
        "QUARTERDECK_IDLE_EXIT": "60",
        "NO_COLOR": "1",
    }

    def call(*words: str, **more: Any) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-P", "-m", "quarterdeck", *words],
            env=environment | more,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    yield call
    assert call("runtime", "stop").returncode == 0
    shutil.rmtree(home, ignore_errors=True)


def test_a_command_prints_a_table_and_json(run: Run) -> None:
    run("get", "gauge")
    done = run("watchful", "levels")
    assert (done.returncode, done.stdout.split()[:2]) == (0, ["GAUGE", "LEVEL"]), done.stderr
    documents = json.loads(run("watchful", "levels", "--json").stdout)
    assert [each["gauge"] for each in documents] == ["watchful/gauge/g1", "watchful/gauge/g2"]


def test_what_a_command_changes_is_journalled_as_its_users_request(run: Run) -> None:
    done = run("watchful", "fill", "--gauge", "g1", "--level", "42", "--token", "hush-hush")
    assert (done.returncode, json.loads(done.stdout)["message"], done.stderr) == (0, "g1 is at 42 %", "done\n")
    entry = json.loads(run("journal", "--json").stdout)[0]
    assert (entry["action"], entry["actor"].endswith("(watchful fill)")) == ("gauge.set", True)
    assert entry["parameters"] == {"level": 42.0, "token": "***"}


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("levels", "--fault", "raise"), 1, "ValueError: the command was told to raise"),
        (("levels", "--fault", "refuse"), 1, "error: the command was told to fail"),
        (("levels", "--fault", "exit"), 3, ""),
        (("levels", "--fault", "kill"), 1, "was ended by SIGKILL"),
        (("levels", "--fault", "7"), 7, ""),
        (("fill",), 2, "missing: gauge"),
        (("fill", "--gauge", "g1", "--level", "high"), 2, "level is a number"),
        (("fill", "--gauge", "nope"), 2, "there is no watchful/gauge/nope"),
        (("fill", "g1"), 2, "takes options only"),
        (("fil",), 2, "did you mean fill?"),
    ],
)
def test_errors_are_sentences_with_exit_codes(run: Run, words: tuple[str, ...], code: int, sentence: str) -> None:
    done = run("watchful", *words)
    assert (done.returncode, sentence in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_help_names_commands_and_their_options(run: Run) -> None:
    group, one = run("watchful", "--help"), run("watchful", "fill", "--help")
    assert (group.returncode, one.returncode) == (0, 0)
    assert "List gauges with their levels." in group.stdout
    assert "--gauge" in one.stdout
    assert "secret" in one.stdout
    assert run("watchfull", "fill").stderr.startswith("error: there is no command 'watchfull'; did you mean watchful?")


def test_a_command_gets_no_credentials_of_the_users_shell(run: Run) -> None:
    done = run("watchful", "levels", "--fault", "environment", QD_TEST_CREDENTIAL="hush-hush")
    assert done.returncode == 0
    assert "hush-hush" not in done.stdout
    assert "QD_TEST_CREDENTIAL" not in done.stdout
    assert "PATH" in done.stdout


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("quarterdeck watch", "watchful"),
        ("quarterdeck watchful le", "levels"),
        ("quarterdeck watchful fill --ga", "--gauge"),
        ("quarterdeck watchful fill --gauge g1 --le", "--level"),
        ("quarterdeck controllers enable watch", "watchful/refill"),
    ],
)
def test_shells_complete_plugins_their_commands_and_options(run: Run, line: str, expected: str) -> None:
    run("get", "gauge")
    words = line.split(" ")
    asked = run(_QUARTERDECK_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    assert asked.stderr == ""
    assert expected in [each.partition(",")[2] for each in asked.stdout.splitlines()]
