"""Where an instance keeps its files."""

import os
import stat
from pathlib import Path

import pytest

from quarterdeck.config.paths import instance_paths, make_private
from quarterdeck_api.errors import QuarterdeckError


def test_a_home_selects_a_complete_instance(tmp_path: Path) -> None:
    paths = instance_paths({"QUARTERDECK_HOME": str(tmp_path)})
    places = (paths.config_file, paths.database, paths.lock, paths.logs, paths.spool, paths.leases, paths.artefacts)
    assert all(place.is_relative_to(tmp_path) for place in (*places, paths.datasets, paths.catalogues))
    assert not any(tmp_path.iterdir())


def test_two_homes_share_nothing(tmp_path: Path) -> None:
    one, two = (instance_paths({"QUARTERDECK_HOME": str(tmp_path / name)}) for name in ("one", "two"))
    assert not set(one) & set(two)


def test_sockets_of_a_deep_home_lie_in_a_short_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    paths = instance_paths({"QUARTERDECK_HOME": str(deep)})
    assert not paths.socket.is_relative_to(deep) and paths.database.is_relative_to(deep)
    assert len(os.fsencode(paths.guards / "0123456789abcdef.sock")) <= 104
    assert paths.socket_folder == instance_paths({"QUARTERDECK_HOME": str(deep)}).socket_folder
    assert paths.socket_folder != instance_paths({"QUARTERDECK_HOME": str(deep) + "e"}).socket_folder


def test_a_relative_home_is_made_absolute() -> None:
    assert Path(instance_paths({"QUARTERDECK_HOME": "here"}).home) == Path.cwd() / "here"


def test_without_a_home_the_runtime_folder_has_the_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = tmp_path / "r"
    short.mkdir()
    monkeypatch.delenv("QUARTERDECK_HOME", raising=False)
    paths = instance_paths({"XDG_RUNTIME_DIR": str(short)})
    assert paths.home == "" and paths.config_folder.name == "quarterdeck"
    expected = short / "quarterdeck"
    fits = len(os.fsencode(expected)) + len("/guards/0123456789abcdef.sock") <= 100
    assert (paths.socket_folder == expected) is fits


def test_private_folders_are_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "run"
    assert make_private(folder) == folder and stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    make_private(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_link_in_place_of_a_private_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "run"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(QuarterdeckError, match="does not belong to you"):
        make_private(link)
