"""A program on a pseudo-terminal: keys in, bytes out with their times, and the screen as pyte reads it.

Terminal tests and benchmarks share it. Bytes are stamped when they are read and parsed only when somebody asks for the screen, so that the slowness
of the parser is in no figure.
"""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
import pyte

#: What a terminal answers to the questions that programs ask when they start.
ANSWERS = {
    b"\x1b[c": b"\x1b[?62;22c",
    b"\x1b[>c": b"\x1b[>1;10;0c",
    b"\x1b[6n": b"\x1b[1;1R",
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",
    b"\x1b[>q": b"\x1bP>|test 1\x1b\\",
    b"\x1b]11;?": b"\x1b]11;rgb:0000/0000/0000\x1b\\",
}

KEYS = {
    "enter": b"\r",
    "esc": b"\x1b",
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "right": b"\x1b[C",
    "left": b"\x1b[D",
    "home": b"\x1b[H",
    "end": b"\x1b[F",
    "pageup": b"\x1b[5~",
    "pagedown": b"\x1b[6~",
    "tab": b"\t",
    "shift+tab": b"\x1b[Z",
    "backspace": b"\x7f",
    "space": b" ",
    "ctrl+c": b"\x03",
    "ctrl+s": b"\x13",
    "ctrl+t": b"\x14",
    "ctrl+u": b"\x15",
}

_PRIVATE = re.compile(rb"\x1b\[[<>=][0-9;]*[a-zA-Z]")
_COLOURS = re.compile(rb"\x1b\[[0-9;]*m")


class Burst:
    """What came after a key: seconds to the first and the last byte, and how many bytes."""

    def __init__(self, first: float, last: float, count: int) -> None:
        self.first = first
        self.last = last
        self.count = count


class TerminalSession:
    """One program on a pseudo-terminal of the given size; use it as a context manager, which ends the program."""

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        columns: int = 120,
        rows: int = 40,
        folder: Path | None = None,
        answers: Mapping[bytes, bytes] = ANSWERS,
    ) -> None:
        self.columns, self.rows = columns, rows
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._answers = answers
        self._unparsed = bytearray()
        self._tail = b""
        self.total_bytes = 0
        self.raw = bytearray()
        self.started = time.perf_counter()
        self.last_read = self.started
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(folder or "/")
            # A size in the environment would win over the terminal's own; test runners set one.
            own = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
            os.execvpe(argv[0], list(argv), own)
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def __enter__(self) -> "TerminalSession":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, timeout: float) -> int:
        """Reads what is there within `timeout` seconds; the number of bytes, 0 for none, -1 when the program has ended."""
        ready, _, _ = select.select([self._descriptor], [], [], max(timeout, 0))
        if not ready:
            return 0
        try:
            data = os.read(self._descriptor, 1 << 16)
        except OSError:
            return -1
        if not data:
            return -1
        self.last_read = time.perf_counter()
        self.total_bytes += len(data)
        self._unparsed += data
        self.raw += data
        recent = self._tail + data
        for question, answer in self._answers.items():
            if question in recent and question not in self._tail:
                os.write(self._descriptor, answer)
        self._tail = recent[-16:]
        return len(data)

    def send(self, data: bytes) -> None:
        """Sends raw bytes as if typed."""
        os.write(self._descriptor, data)

    def press(self, *keys: str) -> None:
        """Types named keys (see KEYS) or single characters, each read by the program before the next."""
        for key in keys:
            self.send(KEYS.get(key) or key.encode())
            self.settle(0.03, 0.5)

    def type(self, text: str) -> None:
        """Types text at once."""
        self.send(text.encode())
        self.settle(0.03, 0.5)

    def settle(self, silence: float = 0.1, limit: float = 5.0) -> int:
        """Reads until nothing has come for `silence` seconds, at most `limit` seconds; the number of bytes."""
        end = time.perf_counter() + limit
        count = 0
        while (left := end - time.perf_counter()) > 0:
            got = self.read(min(silence, left))
            if got <= 0:
                break
            count += got
        return count

    def burst(self, data: bytes, silence: float = 0.025, limit: float = 2.0) -> Burst:
        """Sends bytes and measures what comes until `silence` seconds without any."""
        start = time.perf_counter()
        self.send(data)
        first, count = 0.0, 0
        while (got := self.read(silence if count else limit)) > 0:
            first = first or self.last_read - start
            count += got
        return Burst(first, (self.last_read - start) if count else 0.0, count)

    def lines(self) -> list[str]:
        """The screen's lines as text."""
        if self._unparsed:
            self._stream.feed(_PRIVATE.sub(b"", bytes(self._unparsed)))
            self._unparsed.clear()
        return list(self.screen.display)

    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(line.rstrip() for line in self.lines())

    def wait_for(self, pattern: str, timeout: float = 20.0) -> float:
        """Waits until the screen matches the regular expression; seconds since the program began, at the bytes that made it match.

        Raises AssertionError with the screen when it does not come.
        """
        expression = re.compile(pattern, re.MULTILINE)
        end = time.perf_counter() + timeout
        while not expression.search(self.text()):
            left = end - time.perf_counter()
            if left <= 0 or self.read(min(left, 0.5)) < 0:
                if expression.search(self.text()):
                    break
                raise AssertionError(f"{pattern!r} did not appear within {timeout:g} s; the screen is:\n{self.text()}")
        return self.last_read - self.started

    def wait_for_output(self, pattern: str, timeout: float = 20.0, after: int = 0) -> float:
        """Waits until the output, without its colours, matches; seconds since the program began, at the bytes that made it match.

        Only what follows the first `after` bytes counts. For benchmarks: unlike `wait_for` it does not draw the screen, whose cost would
        delay the reading of what comes next. Raises AssertionError with the screen when it does not come.
        """
        expression = re.compile(pattern.encode(), re.MULTILINE)
        end = time.perf_counter() + timeout
        while not expression.search(_COLOURS.sub(b"", bytes(self.raw[after:]))):
            left = end - time.perf_counter()
            if left <= 0 or self.read(min(left, 0.5)) < 0:
                raise AssertionError(f"{pattern!r} was not written within {timeout:g} s; the screen is:\n{self.text()}")
        return self.last_read - self.started

    def wait_exit(self, timeout: float = 10.0) -> int:
        """Waits for the program to end; its exit code, or minus the signal. Raises AssertionError when it does not end."""
        end = time.perf_counter() + timeout
        while time.perf_counter() < end:
            self.read(0.02)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
        raise AssertionError(f"the program has not ended within {timeout:g} s; the screen is:\n{self.text()}")

    def process(self) -> psutil.Process:
        """The program."""
        return psutil.Process(self.pid)

    def close(self) -> None:
        """Ends the program if it still runs."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
            try:
                self.wait_exit(3.0)
            except AssertionError:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                self.pid = 0
        with contextlib.suppress(OSError):
            os.close(self._descriptor)
