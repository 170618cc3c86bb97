"""Plugins that hang, crash, raise or talk nonsense: each is a line with phase, reason and remedy, and everything else works."""

import json
from pathlib import Path
from typing import Any

import pytest

FOLDERS = Path(__file__).parents[2] / "plugins"
HOSTILE = sorted(FOLDERS.glob("hostile_*"))

#: How far each comes. Garbage on standard output is no fault: only the answer counts.
PHASES = {
    "hostile-duplicate": "import",
    "hostile-exits": "import",
    "hostile-future-api": "compatibility",
    "hostile-garbage": "ready",
    "hostile-hangs": "timeout",
    "hostile-nonsense": "validate",
    "hostile-osexit": "declare",
    "hostile-raises": "import",
    "hostile-segfault": "declare",
    "hostile-unknown-hook": "validate",
}


@pytest.fixture
def besieged(program: Any) -> Any:
    program.environment["QUARTERDECK_PLUGIN_PATH"] = ":".join(str(folder) for folder in HOSTILE)
    return program


def test_every_hostile_plugin_is_a_line_with_a_reason_and_the_rest_works(besieged: Any) -> None:
    plugins = {each["distribution"]: each for each in besieged.json("plugin", "list")}
    assert {name: plugins[name]["phase"] for name in PHASES} == PHASES
    for name, phase in PHASES.items():
        told = bool(plugins[name]["reason"]), bool(plugins[name]["remedy"])
        assert told == ((False, False) if phase == "ready" else (True, True)), plugins[name]
    assert plugins["quarterdeck-ainode"]["phase"] == "ready"
    listed = besieged.run("plugin", "list")
    assert listed.returncode == 0 and "\x1b" not in listed.stdout

    asked = besieged.json("do", "model.forecast", "ainode/model/naive_forecaster", "--dataset", "airline")
    assert asked["state"] == "succeeded"
    with besieged.console() as console:
        console.press("3")
        console.wait_for("models 13")


def test_doctor_names_each_fault_and_what_to_do(besieged: Any) -> None:
    ran = besieged.run("plugin", "doctor", "--json")
    assert ran.returncode == 1
    wrong = {each["plugin"]: each for each in json.loads(ran.stdout) if not each["ok"]}
    assert "ainode" not in wrong and len(wrong) == len([phase for phase in PHASES.values() if phase != "ready"])
    assert "SIGSEGV" in wrong["hostile-segfault"]["sentence"]
    assert "did you mean quarterdeck_actions?" in wrong["hostile-unknown-hook"]["remedy"]
    assert all(each["remedy"] for each in wrong.values())
