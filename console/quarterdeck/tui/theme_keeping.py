"""Keeps the theme that was chosen in the console: in the configuration file, whose other lines stay as they are."""

import os
from pathlib import Path

from quarterdeck_api.errors import QuarterdeckError


def with_theme(text: str, name: str) -> str:
    """A configuration's TOML text with `console.theme` set; everything else stays, comments too. Raises QuarterdeckError for text that is no TOML."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        console = document.get("console")
        if console is None:
            console = document["console"] = tomlkit.table()
        console["theme"] = name
        return tomlkit.dumps(document)
    except (TOMLKitError, TypeError) as error:
        raise QuarterdeckError(
            f"the theme is not kept: the configuration cannot be read: {error}",
            "correct it: quarterdeck config validate",
        ) from error


def keep_theme(file: Path, name: str) -> None:
    """Writes the theme into the configuration file, all of it or nothing; makes the file when there is none.

    Raises QuarterdeckError when it cannot be read or written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        changed = with_theme(text, name)
        target = file.resolve()  # A link into somebody's own repository of settings stays one.
        fresh = target.with_name(f".{target.name}.{os.getpid()}")
        fresh.write_text(changed, encoding="utf-8")
        if target.is_file():
            fresh.chmod(target.stat().st_mode)
        fresh.replace(target)
    except (OSError, UnicodeDecodeError) as error:
        raise QuarterdeckError(f"the theme is not kept: {error}", f"make {file} writable") from error
