"""Logs that a program appends to for as long as it lives: bounded by a look before each start."""

import os

#: Bytes after which a log is put aside when its program starts; one older file is kept.
LOG_BYTES = 10 * 1024 * 1024


def open_log(path: os.PathLike[str], limit: int = LOG_BYTES) -> int:
    """Opens a log for appending and gives its descriptor; a file beyond `limit` becomes `PATH.1` first. Raises OSError."""
    try:
        if os.stat(path).st_size > limit:  # noqa: PTH116 - no pathlib: every command imports this.
            os.replace(path, f"{os.fspath(path)}.1")  # noqa: PTH105
    except FileNotFoundError:
        pass  # The first start of this instance.
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
