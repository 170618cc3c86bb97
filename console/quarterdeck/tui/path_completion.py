"""Paths on this machine that begin with what was typed."""

import os
from pathlib import Path

#: Entries of a folder that are looked at, and paths that are given.
_LOOKED_AT = 10_000
_MOST = 50


def matching_paths(text: str, folder: Path, *, folders_only: bool = False) -> list[str]:
    """Paths that begin with `text`, written as it is (from `folder` on, with `~` kept); folders end with a slash. Sorted, at most 50.

    Hidden entries come only when a dot was typed. A folder that cannot be read has none.
    """
    head, slash, stem = text.rpartition("/")
    typed = head + slash
    try:
        where = folder / Path(typed).expanduser()
        with os.scandir(where) as entries:
            found = [entry for _, entry in zip(range(_LOOKED_AT), entries, strict=False) if entry.name.startswith(stem)]
        shown = [
            typed + entry.name + ("/" if entry.is_dir() else "")
            for entry in found
            if (stem.startswith(".") or not entry.name.startswith(".")) and (entry.is_dir() or not folders_only)
        ]
    except (OSError, RuntimeError, ValueError):  # Not there, not readable, no such user after `~`, or no path at all.
        return []
    return sorted(shown)[:_MOST]
