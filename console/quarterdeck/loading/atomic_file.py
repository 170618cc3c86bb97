"""Cache files that are whole or not there: written aside and renamed; a damaged one counts as missing."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TypeVar

import msgspec
from msgspec import Struct

S = TypeVar("S", bound=Struct)


def read_cached(file: Path, kind: type[S]) -> S | None:
    """What the file holds, or None when it is missing, unreadable, damaged or of another form."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def write_cached(file: Path, value: Struct) -> bool:
    """Replaces the file; False when the folder cannot be written (a cache is never a condition)."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("wb", dir=file.parent, prefix=f".{file.name}.", delete=False) as stream:
            stream.write(msgspec.json.encode(value))
        os.replace(stream.name, file)  # noqa: PTH105 - a name, not a Path, is what the temporary file has
    except OSError:
        return False
    return True
