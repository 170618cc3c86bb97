"""A plugin as `plugin new` writes it: built, installed beside the core, used, and tested by its own tests, unchanged."""

import ast
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.loading.scaffolding import new_plugin, rendered, write_plugin
from quarterdeck_api.errors import RefusedError, UsageError

pytestmark = pytest.mark.timeout(300)


def test_a_new_plugin_installs_works_and_passes_its_tests(
    fresh: Any, build: Callable[[Path, Path], Path], tmp_path: Path, until: Callable[..., None]
) -> None:
    project = tmp_path / "harbour"
    written = json.loads(fresh.done("plugin", "new", "harbour-two", "--folder", str(project), "--json"))
    assert written["distribution"] == "quarterdeck-harbour-two" and "tests/test_contract.py" in written["files"]
    wheel = build(project, tmp_path)
    assert "harbour-two 0.1.0 is ready" in fresh.done("plugin", "install", str(wheel), "--yes")
    assert "WRONG" not in fresh.done("plugin", "doctor", "harbour-two")
    north = "harbour-two/sensor/north"
    assert json.loads(fresh.done("get", "sensor", "--json"))[1]["address"] == north
    code, _, said = fresh.run("do", "sensor.calibrate", north, "--offset", "2")
    assert code == 4 and "--yes" in said
    assert "CALIBRATE north +2" in fresh.done("do", "sensor.calibrate", north, "--offset", "2", "--yes")
    page = json.loads(fresh.done("get", "reading", "--parent", north, "--limit", "3", "--json"))
    assert [each["name"] for each in page["resources"]] == ["north@0", "north@1", "north@2"]
    summary = json.loads(fresh.done("do", "sensor.summarise", north, "--count", "1440", "--json"))
    assert summary["result"]["count"] == 1440 and summary["result"]["mean"] == pytest.approx(20.0, abs=0.1)
    fresh.done("processes", "create", "harbour-two.watcher", "w1", "--set", "interval=0.1")
    until(lambda: "watches north" in fresh.done("processes", "list"))
    fresh.done("processes", "remove", "w1", "--yes")
    tested = subprocess.run(
        [str(fresh.python), "-m", "pytest", "-q", "-p", "no:cacheprovider", str(project)],
        cwd=project,
        env={**fresh.environment, "QUARTERDECK_HOME": str(tmp_path / "other")},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout[-4000:]
    assert " passed" in tested.stdout and "skipped" not in tested.stdout


def test_every_file_is_whole_and_names_the_plugin() -> None:
    files = rendered(new_plugin("mill"))
    assert not [path for path, text in files.items() if re.search(r"@[A-Z_]+@", f"{path} {text}")]
    for path, text in files.items():
        assert text.endswith("\n") and "harbour" not in text
        if path.suffix == ".py":
            ast.parse(text)


def test_a_new_plugin_needs_a_name_and_an_empty_folder(tmp_path: Path) -> None:
    for wrong in ("Mill", "mill_two", "-mill", "mill-", "2mill", "mill--two", "", "core", "api", "../mill"):
        with pytest.raises(UsageError):
            new_plugin(wrong)
    plugin = new_plugin("mill")
    write_plugin(plugin, tmp_path / "mill")
    with pytest.raises(RefusedError, match="not empty"):
        write_plugin(plugin, tmp_path / "mill")
    (tmp_path / "empty").mkdir()
    assert write_plugin(plugin, tmp_path / "empty")
