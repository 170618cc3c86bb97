"""What the shells complete, asked as the shells ask; bash itself runs the script that the program prints."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "quarterdeck"]


@pytest.fixture
def instance(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An instance whose runtime runs and knows its models."""
    monkeypatch.setenv("QUARTERDECK_IDLE_EXIT", "120")
    subprocess.run([*PROGRAM, "get", "models", "--json"], check=True, capture_output=True, timeout=90)
    yield home
    assert subprocess.run([*PROGRAM, "runtime", "stop"], capture_output=True, check=False, timeout=90).returncode == 0


def asked(shell: str, line: str) -> list[str]:
    """The values that the program gives a shell for a line whose last word is being typed."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "_QUARTERDECK_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": " ".join(words[:-1]) if shell == "fish" else line,
        "COMP_CWORD": words[-1] if shell == "fish" else str(len(words) - 1),
    }
    ran = subprocess.run(PROGRAM, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stderr == ""
    lines = ran.stdout.split("\n")
    if shell == "zsh":
        return lines[1::3]
    return [each.partition(",")[2].partition("\t")[0] for each in lines if each]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("quarterdeck sch", "schedules"),
        ("quarterdeck get mo", "models"),
        ("quarterdeck get models --backend ai", "ainode"),
        ("quarterdeck do model.fo", "model.forecast"),
        ("quarterdeck do model.forecast ainode/model/ari", "ainode/model/arima"),
        ("quarterdeck do model.forecast ainode/model/arima --hor", "--horizon"),
        ("quarterdeck do model.forecast ainode/model/arima --dataset airl", "airline"),
        ("quarterdeck do model.forecast ainode/model/arima --set ord", "order="),
        ("quarterdeck do model.forecast ainode/model/arima --dataset airline --set ord", "order="),
        ("quarterdeck describe core/dataset/air", "core/dataset/airline"),
        ("quarterdeck schedules add nightly daily model.ba", "model.backtest"),
    ],
)
def test_what_exists_is_offered(instance: Path, shell: str, line: str, expected: str) -> None:
    assert expected in asked(shell, line)


def test_only_what_an_action_is_for_is_offered(instance: Path) -> None:
    offered = asked("bash", "quarterdeck do model.forecast ")
    assert offered
    assert all("/model/" in each for each in offered)


def test_addresses_of_a_browsed_kind_are_asked_of_its_backend(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUARTERDECK_PLUGIN_PATH", str(Path(__file__).parents[1] / "plugins" / "million"))
    subprocess.run([*PROGRAM, "get", "store", "--json"], check=True, capture_output=True, timeout=90)
    try:
        assert asked("bash", "quarterdeck describe million/series/s0000123") == ["million/series/s0000123"]
        assert "million/series/s0000000" in asked("bash", "quarterdeck describe million/series/")
    finally:
        subprocess.run([*PROGRAM, "runtime", "stop"], check=True, capture_output=True, timeout=90)


def test_nothing_is_started_or_said_when_no_runtime_runs(home: Path) -> None:
    assert asked("bash", "quarterdeck describe ainode/") == []
    assert not (home / "state").exists()


def test_bash_completes_with_the_printed_script(instance: Path, tmp_path: Path) -> None:
    program = tmp_path / "quarterdeck"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m quarterdeck "$@"\n')
    program.chmod(0o700)
    script = """
eval "$(quarterdeck completion bash)"
COMP_WORDS=(quarterdeck do model.forecast ainode/model/ari)
COMP_CWORD=3
_quarterdeck_completion quarterdeck
printf '%s\\n' "${COMPREPLY[@]}"
"""
    bash = shutil.which("bash")
    assert bash is not None
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    ran = subprocess.run([bash, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout.split() == ["ainode/model/arima"], ran.stderr
