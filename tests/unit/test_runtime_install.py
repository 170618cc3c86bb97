"""What starts the runtime with the machine, for each system that can."""

import plistlib
import shlex
import sys
from pathlib import Path

import pytest

from quarterdeck.cli.runtime_install import installation, write_installation
from quarterdeck_api.errors import QuarterdeckError, UnsupportedError

VARIABLES = {
    "QUARTERDECK_HOME": "/srv/my 100% $home",
    "QUARTERDECK_PLUGIN_PATH": "",
    "PATH": "/bin",
    "SECRET": "swordfish",
}


def test_systemd_gets_a_unit(tmp_path: Path) -> None:
    found = installation("linux", True, VARIABLES, tmp_path)
    lines = found.text.splitlines()
    assert f"ExecStart={sys.executable} -P -m quarterdeck.runtime.main" in lines
    assert 'Environment="QUARTERDECK_HOME=/srv/my 100%% $home"' in lines
    assert "Environment=QUARTERDECK_IDLE_EXIT=0" in lines
    assert "KillMode=process" in lines and "WantedBy=default.target" in lines
    assert "swordfish" not in found.text and "PLUGIN_PATH" not in found.text
    assert found.path == tmp_path / ".config/systemd/user/quarterdeck.service"
    moved = installation("linux", True, {"XDG_CONFIG_HOME": str(tmp_path / "elsewhere")}, tmp_path)
    assert moved.path == tmp_path / "elsewhere/systemd/user/quarterdeck.service"


def test_only_asking_writes_nothing(tmp_path: Path) -> None:
    found = installation("linux", True, {}, tmp_path)
    assert list(tmp_path.iterdir()) == []
    written = write_installation(found)
    assert written == found.path and written.read_text(encoding="utf-8") == found.text


def test_a_unit_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / ".config").write_text("in the way", encoding="utf-8")
    with pytest.raises(QuarterdeckError, match="cannot be written"):
        write_installation(installation("linux", True, {}, tmp_path))


def test_launchd_gets_a_property_list(tmp_path: Path) -> None:
    found = installation("darwin", False, {"QUARTERDECK_HOME": "/srv/a & b"}, tmp_path)
    listed = plistlib.loads(found.text.encode())
    assert listed["ProgramArguments"] == [sys.executable, "-P", "-m", "quarterdeck.runtime.main"]
    assert listed["EnvironmentVariables"] == {"QUARTERDECK_HOME": "/srv/a & b", "QUARTERDECK_IDLE_EXIT": "0"}
    with pytest.raises(UnsupportedError):
        write_installation(found)


def test_without_either_cron_gets_a_line(tmp_path: Path) -> None:
    found = installation("linux", False, VARIABLES, tmp_path)
    assert found.text.startswith("@reboot ") and found.text.count("\n") == 1
    words = shlex.split(found.text.replace(r"\%", "%"))
    assert words[1] == "QUARTERDECK_HOME=/srv/my 100% $home" and words[-2:] == ["-m", "quarterdeck.runtime.main"]
    with pytest.raises(UnsupportedError, match="cron"):
        write_installation(found)
