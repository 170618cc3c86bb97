"""How the runtime starts with the machine: a systemd user unit, or the line that another system takes."""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from quarterdeck.client.launch import RUNTIME_ARGUMENTS
from quarterdeck.config.paths import HOME_VARIABLE
from quarterdeck.config.service import agent_file, unit_file
from quarterdeck_api.errors import QuarterdeckError, UnsupportedError

_UNIT = """\
[Unit]
Description=Quarterdeck runtime

[Service]
Type=exec
ExecStart={command}
{environment}Restart=on-failure
RestartSec=5
# Guards keep running jobs when the runtime crashes, and the next one finds them.
KillMode=process

[Install]
WantedBy=default.target
"""

_PLIST = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key><string>quarterdeck.runtime</string>
  <key>ProgramArguments</key>
  <array>{arguments}</array>
  <key>EnvironmentVariables</key>
  <dict>{environment}</dict>
  <key>RunAtLoad</key><true/>
</dict>
</plist>
"""

#: Variables that decide which instance and which plugins the runtime serves; they are kept with it.
_KEPT = (HOME_VARIABLE, "QUARTERDECK_PLUGIN_PATH")


class Installation(NamedTuple):
    """What starts the runtime with the machine: its text, the file that holds it (None: there is none to write), and what to do then."""

    system: str
    text: str
    path: Path | None
    steps: tuple[str, ...]


def installation(platform: str, has_systemd: bool, variables: Mapping[str, str], home: Path) -> Installation:
    """The unit for systemd, the property list for launchd, or a line for cron. A runtime that is installed never ends because it is idle."""
    kept = {name: variables[name] for name in _KEPT if variables.get(name)} | {"QUARTERDECK_IDLE_EXIT": "0"}
    command = [sys.executable, *RUNTIME_ARGUMENTS]
    if platform == "darwin":
        from xml.sax.saxutils import escape

        arguments = "".join(f"<string>{escape(word)}</string>" for word in command)
        environment = "".join(f"<key>{name}</key><string>{escape(value)}</string>" for name, value in kept.items())
        path = agent_file(home)
        steps = (f"save this as {path}", f"launchctl load {shlex.quote(str(path))}")
        return Installation("launchd", _PLIST.format(arguments=arguments, environment=environment), None, steps)
    if has_systemd:
        lines = "".join(f"Environment={_quoted(f'{name}={value}')}\n" for name, value in kept.items())
        text = _UNIT.format(command=" ".join(_quoted(word.replace("$", "$$")) for word in command), environment=lines)
        steps = (
            "quarterdeck runtime stop",
            "systemctl --user daemon-reload",
            "systemctl --user enable --now quarterdeck.service",
            "loginctl enable-linger   # so that it starts before you log in",
        )
        return Installation("systemd", text, unit_file(variables, home), steps)
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in kept.items())
    line = f"@reboot {settings} {shlex.join(command)}".replace("%", r"\%")
    return Installation("cron", f"{line}\n", None, ("crontab -e   # and add this line",))


def this_installation() -> Installation:
    """The installation for this machine and the instance that the environment selects."""
    return installation(sys.platform, Path("/run/systemd/system").is_dir(), os.environ, Path.home())


def write_installation(found: Installation) -> Path:
    """Writes the unit; raises UnsupportedError where there is none to write, QuarterdeckError when it cannot be written."""
    if found.path is None:
        raise UnsupportedError(
            f"there is no unit to write for {found.system}", "leave --write out, and do what it says"
        )
    try:
        found.path.parent.mkdir(parents=True, exist_ok=True)
        found.path.write_text(found.text, encoding="utf-8")
    except OSError as error:
        raise QuarterdeckError(
            f"{found.path} cannot be written: {error.strerror}", "check its owner and permissions"
        ) from error
    return found.path


def _quoted(word: str) -> str:
    """A word for systemd: `%` stands for itself, and it is quoted when it has blanks or quotes."""
    plain = word.replace("%", "%%")
    if any(letter in plain for letter in " \t'\"\\"):
        return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return plain
