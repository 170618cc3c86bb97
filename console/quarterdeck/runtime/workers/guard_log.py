"""The log files that a guard writes: bounded by rotation. Standard library only, and little of it."""
# ruff: noqa: PTH105
# Paths are plain texts here: pathlib would cost memory in every guard.

import contextlib
import os
import sys

LOG_BYTES = 10 * 1024 * 1024
LOG_FILES = 3


class RotatingLog:
    """A file that is opened at the first byte and never grows beyond its share: PATH, PATH.1, … up to `files` in all."""

    def __init__(self, path: str, limit: int = LOG_BYTES, files: int = LOG_FILES) -> None:
        self.written = 0
        self._path = path
        self._limit = limit
        self._files = files
        self._descriptor = -1
        self._size = 0
        self._complained = False

    def open(self) -> None:
        """Opens the file for appending; raises OSError."""
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._descriptor).st_size
        self.written = max(self.written, self._size)

    def write(self, data: bytes) -> None:
        """Appends; a full disk loses output, not the job."""
        if not data:
            return
        self.written += len(data)
        try:
            if self._descriptor < 0:
                self.open()
            if self._size + len(data) > self._limit and self._size:
                self._rotate()
            self._size += os.write(self._descriptor, data)
        except OSError as error:
            if not self._complained:
                sys.stderr.write(f"{self._path} cannot be written, so output is lost: {error}\n")
            self._complained = True

    def close(self) -> None:
        """Closes the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _rotate(self) -> None:
        self.close()
        names = [self._path, *(f"{self._path}.{number}" for number in range(1, self._files))]
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            with contextlib.suppress(FileNotFoundError):
                os.replace(newer, older)
        self.open()
