"""Files of the instance by which tests steer the plugin, and in which it writes down what it was told."""

import os
from pathlib import Path

import msgspec


def folder() -> Path:
    """The plugin's folder in the instance."""
    found = Path(os.environ["QUARTERDECK_HOME"]) / "watchful"
    found.mkdir(exist_ok=True)
    return found


def orders(name: str) -> str:
    """What a test wants; empty when it wants nothing in particular."""
    file = folder() / name
    return file.read_text(encoding="utf-8").strip() if file.exists() else ""


def note(name: str, value: object) -> None:
    """Appends a value as one line of JSON."""
    with (folder() / name).open("ab") as file:
        file.write(msgspec.json.encode(value) + b"\n")
