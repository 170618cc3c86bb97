"""Runs a program that imports plugin code: its own process group, a time limit, limits on what it writes, and nothing left behind."""

import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import IO

from msgspec import Struct

#: What a program may print before it is ended: more than the largest catalogue, and little enough to hold.
OUTPUT_LIMIT = 16 * 1024 * 1024
_TAIL_BYTES = 4000
_READ_BYTES = 64 * 1024

#: What a program inherits; credentials in other variables are none of a plugin's business while it declares.
_INHERITED = frozenset(
    [
        "HOME",
        "LANG",
        "LANGUAGE",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "LOGNAME",
        "PATH",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONPATH",
        "PYTHONPYCACHEPREFIX",
        "QUARTERDECK_HOME",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TMPDIR",
        "TZ",
        "USER",
        "VIRTUAL_ENV",
    ]
)


class ConfinedRun(Struct, frozen=True):
    """How a program ended: its output, the end of its standard error as text, its exit status (minus the signal's number) or a time-out."""

    output: bytes
    error_tail: str
    status: int
    timed_out: bool
    too_much: bool
    seconds: float

    @property
    def ending(self) -> str:
        """How it ended, as words."""
        if self.timed_out:
            return f"did not answer within {self.seconds:.0f} s"
        if self.too_much:
            return f"wrote more than {OUTPUT_LIMIT // 1024 // 1024} MB"
        if self.status < 0:
            return f"was ended by {_signal_name(-self.status)}"
        return f"ended with status {self.status}"


def run_confined(arguments: Sequence[str], environment: Mapping[str, str], limit: float) -> ConfinedRun:
    """Runs a program until it closes its standard output, at most `limit` seconds; then everything in its process group is killed.

    Raises OSError when the program cannot be started.
    """
    kept = {name: value for name, value in environment.items() if name in _INHERITED or name.startswith("LC_")}
    started = time.monotonic()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,  # A file: what a plugin floods it with blocks nobody.
            cwd=os.sep,
            env=kept,
            start_new_session=True,
        )
        assert process.stdout is not None
        with process.stdout as stream:
            output, ended = _read(stream.fileno(), started + limit)
        # The process was not waited for yet, so its id still means its group and nobody else's.
        _kill_group(process.pid)
        status = process.wait()
        too_much = len(output) > OUTPUT_LIMIT
        timed_out = not ended and not too_much
        seconds = limit if timed_out else time.monotonic() - started
        return ConfinedRun(output, _tail(errors), status, timed_out, too_much, seconds)


def _read(descriptor: int, deadline: float) -> tuple[bytes, bool]:
    """What comes until the end of the stream, and whether the end came before the deadline and below the limit."""
    parts: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while size <= OUTPUT_LIMIT and (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                continue
            data = os.read(descriptor, _READ_BYTES)
            if not data:
                return b"".join(parts), True
            parts.append(data)
            size += len(data)
    return b"".join(parts), False


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # Nobody is left in it (macOS says so with the second).


def _tail(errors: IO[bytes]) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - _TAIL_BYTES))
    return errors.read().decode(errors="replace")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
