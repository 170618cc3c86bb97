"""Colour themes as TOML files: reading, checking, and falling back to the default with a message."""

import re
import tomllib
from importlib import resources

import msgspec
from msgspec import Struct

from quarterdeck.tui.style import REVERSED, TERMINAL_BACKGROUND
from quarterdeck_api.catalogue import ThemeInfo

#: What a colour is for. A theme gives all of them.
ROLES = (
    "background",
    "foreground",
    "accent",
    "muted",
    "selection",
    "ok",
    "busy",
    "degraded",
    "failed",
    "stopped",
    "unknown",
    "forecast",
    "baseline",
    "interval",
)

#: The theme that is used when the wanted one is broken; it is written down here so that it always exists.
DEFAULT_THEME = ThemeInfo(
    "dark",
    {
        "background": "#14171c",
        "foreground": "#d5d9e0",
        "accent": "#6cb6ff",
        "muted": "#8a93a3",
        "selection": "#2b3f5c",
        "ok": "#6fcf7c",
        "busy": "#6cb6ff",
        "degraded": "#e5b454",
        "failed": "#ff7b72",
        "stopped": "#9aa3b2",
        "unknown": "#c39af2",
        "forecast": "#6cb6ff",
        "baseline": "#9aa3b2",
        "interval": "#34506f",
    },
)

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_TERMINAL = re.compile(r"default|(bright_)?(black|red|green|yellow|blue|magenta|cyan|white)")


class ThemeChoice(Struct, frozen=True):
    """The theme to use, and what was wrong with the wanted one (empty when nothing was)."""

    theme: ThemeInfo
    message: str = ""


def check_theme(theme: ThemeInfo) -> str:
    """What is wrong with a theme, as a sentence; empty when nothing is."""
    missing = [role for role in ROLES if role not in theme.colours]
    if missing:
        return f"theme {theme.name!r} lacks the colours {', '.join(missing)}"
    terminal = theme.colours["background"] == TERMINAL_BACKGROUND
    for role, value in theme.colours.items():
        if role not in ROLES:
            return f"theme {theme.name!r} has an unknown colour {role!r}"
        if terminal and (_TERMINAL.fullmatch(value) or (role == "selection" and value == REVERSED)):
            continue
        if not _HEX.fullmatch(value):
            return f"theme {theme.name!r}: {role} is {value!r}, not a colour like #6cb6ff"
    return ""


def parse_theme(text: str, name: str) -> ThemeChoice:
    """Reads a theme's TOML text; a broken one gives the default with a message."""
    try:
        theme = msgspec.convert(tomllib.loads(text), ThemeInfo)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        return ThemeChoice(DEFAULT_THEME, f"theme {name!r} cannot be read: {error}; using {DEFAULT_THEME.name}")
    problem = check_theme(theme)
    return ThemeChoice(DEFAULT_THEME, f"{problem}; using {DEFAULT_THEME.name}") if problem else ThemeChoice(theme)


def builtin_theme(name: str) -> ThemeChoice:
    """A theme that ships with the console, by name; an unknown name gives the default with a message."""
    if name == DEFAULT_THEME.name:
        return ThemeChoice(DEFAULT_THEME)
    entry = resources.files("quarterdeck.themes").joinpath(f"{name}.toml")
    if not re.fullmatch(r"[a-z0-9-]+", name) or not entry.is_file():
        known = ", ".join(builtin_theme_names())
        return ThemeChoice(DEFAULT_THEME, f"there is no theme {name!r} (themes: {known}); using {DEFAULT_THEME.name}")
    return parse_theme(entry.read_text(encoding="utf-8"), name)


def builtin_theme_names() -> list[str]:
    """The names of the themes that ship with the console."""
    entries = resources.files("quarterdeck.themes").iterdir()
    return sorted(entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml"))
