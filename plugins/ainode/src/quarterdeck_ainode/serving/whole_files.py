"""Small files that are written whole or not at all, and are still there after a loss of power once that was said."""

import contextlib
import os
from pathlib import Path

#: What a file is called while it is written; one that is left belongs to a write that something cut short.
UNFINISHED = ".new"


def write_whole(path: Path, data: bytes) -> None:
    """Replaces a file; raises OSError, and then the old one is as it was."""
    new = path.with_suffix(UNFINISHED)
    try:
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        _sync(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise


def remove_whole(path: Path) -> None:
    """Removes a file, if it is there; raises OSError."""
    path.unlink(missing_ok=True)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
