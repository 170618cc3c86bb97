"""The log of a plugin's host: bytes as they come, rotated by size."""

import os
from pathlib import Path


class RotatingLog:
    """Appends to `path`; at `limit` bytes it becomes `path.1`, and so on up to `keep` files in all."""

    def __init__(self, path: Path, limit: int = 10_000_000, keep: int = 3) -> None:
        self.path = path
        self._limit = limit
        self._keep = keep
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = self._open()
        self._size = os.fstat(self._descriptor).st_size
        self._lost = 0

    def write(self, data: bytes) -> None:
        """Appends some bytes; rotates before, when they would not fit any more.

        A full disk must not stop a host: what cannot be written is counted, and said once there is room.
        """
        note = f"-- {self._lost} bytes could not be written\n".encode() if self._lost else b""
        try:
            if self._size and self._size + len(data) > self._limit:
                self._rotate()
            self._append(note + data)
            self._lost = 0
        except OSError:
            self._lost += len(data)

    def say(self, sentence: str) -> None:
        """Appends a line of the runtime's own."""
        self.write(f"-- {sentence}\n".encode(errors="backslashreplace"))

    def close(self) -> None:
        """Closes the file; called once."""
        os.close(self._descriptor)

    def _append(self, data: bytes) -> None:
        while data:
            written = os.write(self._descriptor, data)
            self._size += written
            data = data[written:]

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _rotate(self) -> None:
        os.close(self._descriptor)
        for number in range(self._keep - 1, 0, -1):
            older = self.path if number == 1 else self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))
        if self._keep == 1:
            self.path.unlink()
        self._descriptor = self._open()
        self._size = 0

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")
