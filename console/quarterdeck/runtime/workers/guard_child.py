"""The process that a guard keeps, with its group, life pipe, output and socket. Standard library only, and little of it."""
# ruff: noqa: PTH123
# Paths are plain texts here: pathlib would cost memory in every guard.

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time

_READ_BYTES = 64 * 1024


class GuardedGroup:
    """A process with its group, life pipe and output."""

    def __init__(self, command: list[str], variables: dict[str, str]) -> None:
        self._wait_status: int | None = None
        life_read, self._life = os.pipe()
        self.output, output_write = os.pipe()
        environment = {**os.environ, **variables}
        redirections = [(os.POSIX_SPAWN_DUP2, source, target) for source, target in ((life_read, 0), (output_write, 1))]
        self.pid = os.posix_spawn(
            command[0],
            command,
            environment,
            file_actions=[*redirections, (os.POSIX_SPAWN_DUP2, output_write, 2)],
            setpgroup=0,
            setsigdef=[signal.SIGPIPE, signal.SIGHUP],
        )
        self.created = creation_time(self.pid)
        os.close(life_read)
        os.close(output_write)
        os.set_blocking(self.output, False)

    def signal_leader(self, number: signal.Signals) -> None:
        """Signals the process itself; as long as it is not reaped, its number is nobody else's."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(self.pid, number)

    def signal_group(self, number: signal.Signals) -> None:
        """Signals the whole group; nothing happens when it is empty."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def ended(self) -> bool:
        """Whether the worker itself has ended; where the system can, it stays unreaped, so that its number stays its own."""
        if hasattr(os, "waitid"):
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        if self._wait_status is None:
            reaped, status = os.waitpid(self.pid, os.WNOHANG)
            self._wait_status = status if reaped else None
        return self._wait_status is not None

    def end_group(self) -> int:
        """Kills what is left of the group and reaps the worker: its exit code, or minus the signal's number."""
        self.signal_group(signal.SIGKILL)
        if self._wait_status is None:
            _, self._wait_status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(self._wait_status)

    def read_output(self, limit: int) -> bytes:
        """What the group has written and nobody has read, at most about `limit` bytes."""
        parts: list[bytes] = []
        held = 0
        while held < limit:
            try:
                part = os.read(self.output, _READ_BYTES)
            except (BlockingIOError, InterruptedError):
                break
            if not part:
                break
            parts.append(part)
            held += len(part)
        return b"".join(parts)


class Child(GuardedGroup):
    """The worker's process, with a socket to it beside."""

    def __init__(self, command: list[str], descriptor_variable: str) -> None:
        self.connection, theirs = socket.socketpair()
        theirs.set_inheritable(True)
        super().__init__(command, {descriptor_variable: str(theirs.fileno())})
        theirs.close()


def creation_time(pid: int) -> float:
    """When a process began, in seconds since boot on Linux and in Unix time elsewhere; 0.0 when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (FileNotFoundError, ProcessLookupError):
        if sys.platform.startswith("linux"):
            return 0.0
    with os.popen(f"LC_ALL=C ps -o lstart= -p {pid:d}") as listing:
        started = listing.read().strip()
    return time.mktime(time.strptime(started)) if started else 0.0
