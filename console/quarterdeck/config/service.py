"""Whether the runtime of an instance starts with the machine: where its service lies, and whether it is switched on."""

import sys
from collections.abc import Mapping
from pathlib import Path

from quarterdeck.config.paths import HOME_VARIABLE

UNIT_NAME = "quarterdeck.service"


def unit_file(variables: Mapping[str, str], home: Path) -> Path:
    """The unit of a user's systemd."""
    folder = Path(variables.get("XDG_CONFIG_HOME") or home / ".config")
    return folder / "systemd" / "user" / UNIT_NAME


def agent_file(home: Path) -> Path:
    """The property list of a user's launchd."""
    return home / "Library" / "LaunchAgents" / "quarterdeck.runtime.plist"


def starts_with_machine(variables: Mapping[str, str], home: Path, platform: str = sys.platform) -> bool:
    """Whether the service of the instance that the variables select is installed and on.

    A line for cron cannot be seen here: then schedules are told to be lost at a reboot although they are not.
    """
    file = agent_file(home) if platform == "darwin" else unit_file(variables, home)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    selected = variables.get(HOME_VARIABLE, "")
    ours = selected in text if selected else HOME_VARIABLE not in text
    if platform == "darwin":
        return ours
    return ours and (file.parent / "default.target.wants" / UNIT_NAME).is_symlink()
