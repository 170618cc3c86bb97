"""The guard of a managed process: a small parent process, standard library only, that keeps it, its output, its lease and its exit status.

Started as `python -I -S process_guard.py PLAN.json` in a session of its own. It listens on the socket that it inherits, so that a new runtime
finds the process again. Nothing that happens to the runtime ends the process, unless the plan says so; nothing that happens to the process
leaves another one of its group behind.
"""
# ruff: noqa: PTH100, PTH108, PTH123
# Paths are plain texts here: pathlib would cost memory in every guard.

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import signal
import socket
import sys
import time

if __name__ == "__main__":  # Isolated from every folder of packages but this one, and that last.
    sys.path.append(os.path.abspath(f"{__file__}/../../../.."))

from quarterdeck.runtime.workers.guard import write_atomically
from quarterdeck.runtime.workers.guard_child import GuardedGroup, creation_time
from quarterdeck.runtime.workers.guard_log import RotatingLog
from quarterdeck.runtime.workers.guard_wire import Link, encode_line, peer_user

TYPE_CHECKING = False  # Importing it from typing would cost every guard 2 MB.
if TYPE_CHECKING:
    from typing import Any

#: What a pipe can hold at most, so that draining it ends although somebody keeps writing.
PIPE_BYTES = 1024 * 1024
_READ_BYTES = 64 * 1024


class Plan:
    """What a guard is told: its files, its process's command line and variables, and what to do when the runtime stays away.

    `linger` is how many seconds a process outlives the runtime, below 0 for ever; `cores` are the processors that it may use, all when empty.
    """

    def __init__(
        self,
        listener: int,
        socket_path: str,
        identity_path: str,
        exit_path: str,
        log_path: str,
        lease_path: str,
        command: list[str],
        variables: dict[str, str],
        cores: list[int],
        boot_id: str,
        linger: float,
        grace: float,
        instance: str,
    ) -> None:
        self.listener = listener
        self.socket_path = socket_path
        self.identity_path = identity_path
        self.exit_path = exit_path
        self.log_path = log_path
        self.lease_path = lease_path
        self.command = command
        self.variables = variables
        self.cores = cores
        self.boot_id = boot_id
        self.linger = linger
        self.grace = grace
        self.instance = instance


class ProcessGuard:
    """The loop between one runtime at most and one managed process."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(fileno=plan.listener)
        self._listener.set_inheritable(False)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._runtime: Link | None = None
        self._lease = _take_lease(plan.lease_path)
        self._log = RotatingLog(plan.log_path)
        self._stopping = False
        self._stop_reason = ""
        self._kill_at = float("inf")
        self._alone_since = time.monotonic()
        if plan.cores:
            os.sched_setaffinity(0, plan.cores)  # What the process starts inherits it.
        self._started = time.time()
        self._child = GuardedGroup(plan.command, plan.variables)
        self._selector.register(self._child.output, selectors.EVENT_READ, self._output_ready)
        self._watch_signals()
        self._created = creation_time(os.getpid())
        write_atomically(plan.identity_path, self._identity())

    def run(self) -> None:
        """Serves until the process has ended, then tells everybody who wants to know."""
        while not self._child.ended():
            for key, events in self._selector.select(self._seconds_to_wait()):
                registered = self._selector.get_map().get(key.fd)
                if registered is not None and registered.fileobj == key.fileobj:  # Else another handler has closed it.
                    key.data(events)
            self._check_deadlines(time.monotonic())
        self._conclude()

    def _watch_signals(self) -> None:
        wake_read, wake_write = socket.socketpair()
        for end in (wake_read, wake_write):
            end.setblocking(False)
        self._wake_ends = (wake_read, wake_write)
        signal.set_wakeup_fd(wake_write.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, frame: self._stop(self._plan.grace, "stop"))
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._selector.register(wake_read, selectors.EVENT_READ, lambda events: wake_read.recv(_READ_BYTES))

    def _seconds_to_wait(self) -> float | None:
        nearest = min(self._kill_at, self._alone_until())
        return None if nearest == float("inf") else max(0.0, nearest - time.monotonic())

    def _alone_until(self) -> float:
        if self._runtime is not None or self._stopping or self._plan.linger < 0:
            return float("inf")
        return self._alone_since + self._plan.linger

    def _check_deadlines(self, now: float) -> None:
        if now >= self._kill_at:
            self._kill_at = float("inf")
            self._child.signal_group(signal.SIGKILL)
        elif now >= self._alone_until():
            self._stop(self._plan.grace, "alone")

    def _stop(self, grace: float, reason: str) -> None:
        """Asks the process itself; what it has started is its own to end, until the grace is over."""
        self._kill_at = min(self._kill_at, time.monotonic() + grace)
        if self._stopping:
            return
        self._stopping = True
        self._stop_reason = reason
        self._child.signal_leader(signal.SIGTERM)
        self._child.signal_leader(signal.SIGCONT)  # A suspended process would not see the first one.

    def _accept(self, events: int) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return  # Whoever it was has gone.
        if peer_user(connection) != os.getuid():
            connection.close()
            return
        earlier, self._runtime = self._runtime, None
        if earlier is not None:  # It may be dead already, without anybody having noticed.
            earlier.send(encode_line({"method": "guard.replaced", "params": {}}))
            earlier.close()
        self._runtime = Link(self._selector, connection, self._from_runtime, self._runtime_left)
        self._runtime.send(encode_line({"method": "process_guard.hello", "params": self._identity()}))

    def _runtime_left(self) -> None:
        self._runtime = None
        self._alone_since = time.monotonic()

    def _from_runtime(self, line: bytes) -> None:
        try:
            message = json.loads(line)
            if message["method"] == "guard.stop":
                self._stop(float(message["params"]["grace"]), "stop")
        except (ValueError, KeyError, TypeError) as error:
            sys.stderr.write(f"the runtime sent a line that makes no sense: {error!r}\n")

    def _output_ready(self, events: int) -> None:
        data = self._child.read_output(_READ_BYTES)
        if data:
            self._log.write(data)
        else:
            self._selector.unregister(self._child.output)  # Every process of the group has closed its output.

    def _conclude(self) -> None:
        status = self._child.end_group()
        self._log.write(self._child.read_output(PIPE_BYTES))
        exited = {"status": status, "reason": self._stop_reason}
        self._log.write(f"-- {self._plan.instance} ended: {_exit_in_words(status)}\n".encode())
        try:
            write_atomically(self._plan.exit_path, exited)
        except OSError as error:
            sys.stderr.write(f"{self._plan.instance} ended ({exited}), which cannot be written down: {error}\n")
        self._log.close()
        for path in (self._plan.socket_path, self._plan.identity_path):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        if self._runtime is not None:
            self._runtime.send(encode_line({"method": "guard.exit", "params": exited}))
            self._runtime.finish(2.0)

    def _identity(self) -> dict[str, Any]:
        return {
            "guard_pid": os.getpid(),
            "guard_created": self._created,
            "child_pid": self._child.pid,
            "child_created": self._child.created,
            "boot_id": self._plan.boot_id,
            "instance": self._plan.instance,
            "started": self._started,
            "stopping": self._stopping,
        }


def _take_lease(path: str) -> int:
    """Locks the instance's lease for life; raises OSError while another guard has it."""
    lease = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return lease


def _exit_in_words(status: int) -> str:
    return f"exit code {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"


def main() -> None:
    """Reads the plan, removes it, and guards until the process has ended."""
    with open(sys.argv[1], encoding="utf-8") as file:
        plan = Plan(**json.load(file))
    os.unlink(sys.argv[1])
    ProcessGuard(plan).run()


if __name__ == "__main__":
    main()
