"""`doctor`: every fault is a line with a remedy, and nothing is started by looking."""

import json
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from quarterdeck.cli.instance_checks import (
    LEAST_FREE,
    all_checks,
    disk_check,
    folder_check,
    plugin_checks,
    status_checks,
)
from quarterdeck.cli.main import run
from quarterdeck.cli.screens import Screens
from quarterdeck.config.instance_lock import try_lock
from quarterdeck.config.paths import instance_paths
from quarterdeck_api import __version__
from quarterdeck_api.catalogue import PluginPhase, PluginStatus
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.runtime_requests import ConfigurationState, HostStatus, RuntimeStatus

STATUS = RuntimeStatus(1, __version__, "1.0", "home", "socket", 0.0, 1, 1, False, 0.0, (), (), (), {})

SCREENS = Screens(lambda: 0, lambda *_: "")


def test_a_fresh_instance_is_well_and_nothing_is_made(home: Path) -> None:
    checks = list(all_checks(instance_paths()))
    assert [each for each in checks if not each.ok and each.check in ("folder", "configuration", "runtime")] == []
    assert not instance_paths().lock.exists()
    assert {"folder", "disk", "configuration", "plugin", "runtime"} <= {each.check for each in checks}


def test_wrong_folders_are_told_with_what_to_do(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o755)
    assert "chmod go-rwx" in folder_check(open_to_all, private=True).remedy
    assert folder_check(open_to_all, private=False).ok
    file = tmp_path / "file"
    file.touch()
    assert "not a folder" in folder_check(file, private=False).sentence
    assert not folder_check(file / "below", private=False).ok
    assert folder_check(tmp_path / "a" / "b", private=True).ok


def test_little_room_is_a_fault() -> None:
    assert disk_check(Path("/x"), LEAST_FREE).ok
    assert not disk_check(Path("/x"), LEAST_FREE - 1).ok


def test_plugins_that_did_not_come_far_are_faults() -> None:
    ready = PluginStatus("a", "quarterdeck-a", "1", PluginPhase.READY)
    hangs = replace(ready, id="b", phase=PluginPhase.TIMEOUT, reason="it hangs", remedy="correct it")
    found = list(plugin_checks((ready, replace(ready, phase=PluginPhase.DISABLED), hangs)))
    assert [each.ok for each in found] == [True, True, False]
    assert ("it hangs" in found[2].sentence, found[2].remedy) == (True, "correct it")
    assert not next(plugin_checks(())).ok


def test_what_the_runtime_says_becomes_checks() -> None:
    backends = (
        BackendState("core", "core", "core", "Quarterdeck", "ready"),
        BackendState("up", "t", "p", "T", "ready"),
        BackendState("down", "t", "p", "T", "unreachable", "no route", "plug it in"),
    )
    status = replace(
        STATUS,
        version="0.0.1",
        hosts=(HostStatus("p", "ready"), HostStatus("q", "failed", reason="it ended too often")),
        configuration=ConfigurationState("f.toml", 1.0, False, ("f.toml:1: wrong",)),
    )
    wrong = [each for each in status_checks(status, backends) if not each.ok]
    assert [each.check for each in wrong] == ["runtime", "configuration", "host", "backend"]
    assert all(each.remedy for each in wrong)
    assert "no route" in wrong[3].sentence
    assert all(each.ok for each in status_checks(STATUS, backends[:2]))


def test_the_command_exits_with_one_when_something_is_wrong(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = instance_paths()
    paths.config_folder.mkdir(parents=True)
    paths.config_file.write_text("[runtime]\nidle_exti = 3\n")
    assert run(["doctor"], SCREENS) == 1
    said = capsys.readouterr().out
    assert f"WRONG  configuration: {paths.config_file}:2:" in said and "idle_exit" in said
    assert run(["doctor", "--json"], SCREENS) == 1
    [wrong] = [each for each in json.loads(capsys.readouterr().out) if each["check"] == "configuration"]
    assert set(wrong) == {"check", "ok", "sentence", "remedy"} and wrong["ok"] is False


def test_a_lock_whose_holder_does_not_listen_is_told(home: Path) -> None:
    paths = instance_paths()
    lock = try_lock(paths)
    assert lock is not None
    try:
        [found] = [each for each in all_checks(paths) if each.check == "runtime"]
    finally:
        os.close(lock)
    assert not found.ok and found.remedy
