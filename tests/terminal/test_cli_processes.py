"""`quarterdeck processes` as a user and as a script write it, against a real runtime with a plugin that has processes."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

STAGES = Path(__file__).parents[1] / "plugins" / "stages"
PATIENCE = 60.0


def quarterdeck(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "quarterdeck", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def data(*arguments: str, code: int = 0) -> Any:
    ran = quarterdeck(*arguments, "--json")
    assert ran.returncode == code, ran.stderr
    return json.loads(ran.stdout)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for does not come"
        time.sleep(0.05)


@pytest.fixture
def runtime(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An instance with the plugin `stages`, whose runtime runs until the test ends."""
    monkeypatch.setenv("QUARTERDECK_IDLE_EXIT", "120")
    monkeypatch.setenv("QUARTERDECK_PLUGIN_PATH", str(STAGES))
    assert quarterdeck("runtime", "start").returncode == 0
    yield home
    assert quarterdeck("runtime", "stop").returncode == 0


def states(*arguments: str) -> dict[str, str]:
    return {row["name"]: row["state"] for row in data("processes", "list", *arguments)}


def test_a_process_is_created_told_scaled_stopped_and_removed(runtime: Path) -> None:
    assert quarterdeck("processes").stdout.splitlines()[0].startswith("ADDRESS")
    created = data("processes", "create", "stages.stage", "cheap", "--count", "2", "--set", "threshold=0.6")
    assert (created["status"], created["message"]) == ("done", "process cheap is created")
    until(lambda: states("--instances") == {"cheap.1": "running", "cheap.2": "running"})
    [row] = data("processes")
    assert row["cells"]["type"] == "stages.stage"
    assert (row["cells"]["running"], row["cells"]["wanted"], row["cells"]["message"]) == (2, 2, "threshold 0.6")

    until(lambda: quarterdeck("processes", "control", "cheap", "judge", "--body", '{"health": "ok"}').returncode == 0)
    told = data("processes", "control", "cheap.2", "threshold", "--body", '{"value": 0.75}')
    assert told["message"] == 'threshold: {"threshold":0.75}'
    for written, echoed in (("5", "5"), ('["a"]', '["a"]'), ("true", "true"), ("plain text", '"plain text"')):
        assert data("processes", "control", "cheap.2", "echo", "--body", written)["message"] == f"echo: {echoed}"
    lost = data("processes", "control", "cheap.2", "sleep", "--body", '{"seconds": 2}', "--timeout", "0.2", code=5)
    assert lost["status"] == "unknown"

    status = data("runtime", "status")
    assert status["processes"] == {"running": 1, "stopped": 0, "instances": 2}
    assert "  processes 1 wanted, 2 instances running, 0 stopped" in quarterdeck("runtime", "status").stdout

    assert quarterdeck("processes", "scale", "cheap", "1").returncode == 0
    until(lambda: states("--instances") == {"cheap.1": "running"})
    assert quarterdeck("processes", "configure", "cheap", "--set", "threshold=0.1").returncode == 0
    until(lambda: data("processes")[0]["cells"]["message"] == "threshold 0.1")
    shown = quarterdeck("processes", "show", "cheap")
    assert "threshold  0.1" in shown.stdout
    assert quarterdeck("processes", "restart", "cheap.1").returncode == 0

    assert data("processes", "stop", "cheap")["message"] == "process cheap is stopped"
    assert states() == {"cheap": "stopped"}
    unsure = quarterdeck("processes", "remove", "cheap")
    assert unsure.returncode == 4
    assert quarterdeck("processes", "remove", "cheap", "--yes").returncode == 0
    assert states() == {}
    assert not list((runtime / "state" / "logs").glob("process-cheap*"))


def test_the_same_by_do_and_a_process_that_cannot_be(runtime: Path) -> None:
    words = ("process.create", "--type", "stages.stage", "--name", "a", "--set", "threshold=0.3")
    assert "would keep 1 of stages.stage for stages as a" in quarterdeck("do", *words, "--dry-run").stderr
    assert quarterdeck("do", *words).returncode == 0
    until(lambda: states() == {"a": "running"})
    assert data("processes")[0]["cells"]["message"] == "threshold 0.3"
    again = quarterdeck("do", *words)
    assert again.returncode == 4
    assert "there is a process a already" in again.stderr
    unknown = quarterdeck("processes", "create", "stages.stag", "b")
    assert unknown.returncode == 2
    assert "did you mean stages.stage" in unknown.stderr
    assert quarterdeck("processes", "create", "stages.stage", "b", "--set", "thresh=1").returncode == 2
    assert quarterdeck("processes", "create", "stages.stage", "B b").returncode == 2
    assert quarterdeck("processes", "scale", "a", "65").returncode == 2
    assert quarterdeck("processes", "stop", "nobody").returncode == 2


def test_logs_of_an_instance(runtime: Path) -> None:
    assert quarterdeck("processes", "create", "stages.failing", "bad", "--set", "how=exit").returncode == 0
    until(lambda: "bad.1 ended: exit code 3" in quarterdeck("processes", "logs", "bad").stdout)
    assert "about to end" in quarterdeck("processes", "logs", "bad", "--tail", "1000").stdout
    assert quarterdeck("processes", "scale", "bad", "2").returncode == 0
    several = quarterdeck("processes", "logs", "bad")
    assert several.returncode == 2
    assert "name one, as in core/instance/bad.1" in several.stderr
    assert json.loads(quarterdeck("processes", "logs", "bad.1", "--json").stdout.splitlines()[0]) == {
        "line": "about to end"
    }
