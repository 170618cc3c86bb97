"""The guard: a small parent process, standard library only, that keeps one worker, its output, its lease and its exit status.

Started as `python -I -S guard.py PLAN.json` in a session of its own. It listens on the socket that it inherits, so that a new runtime finds
a running worker again, and passes lines between runtime and worker (methods: `quarterdeck_api/worker_protocol.py`). Nothing that happens to
the runtime stops a job; nothing that happens to the worker leaves a process of its group behind.
"""
# ruff: noqa: PTH100, PTH105, PTH108, PTH123
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

from quarterdeck.runtime.workers.guard_child import Child, creation_time
from quarterdeck.runtime.workers.guard_log import RotatingLog
from quarterdeck.runtime.workers.guard_wire import Link, encode_line, peer_user

TYPE_CHECKING = False  # Importing it from typing would cost every guard 2 MB.
if TYPE_CHECKING:
    from typing import Any

#: A runtime that reads so little loses progress and checkpoints, never the end of a job.
UNREAD_LIMIT = 4 * 1024 * 1024
#: What a pipe can hold at most, so that draining it ends although somebody keeps writing.
PIPE_BYTES = 1024 * 1024
STOP_GRACE = 5.0
#: Steps that are kept for a runtime that comes later, which shows no more of them, and the bytes that each may take.
MOST_STEPS = 200
LONGEST_STEP_LINE = 4096
_READ_BYTES = 64 * 1024


class Plan:
    """What a guard is told: its files, its child's command line, and what the runtime wants to find in its greeting."""

    def __init__(
        self,
        listener: int,
        socket_path: str,
        identity_path: str,
        exit_path: str,
        log_path: str,
        command: list[str],
        descriptor_variable: str,
        boot_id: str,
        linger: float,
        plugin: str,
    ) -> None:
        self.listener = listener
        self.socket_path = socket_path
        self.identity_path = identity_path
        self.exit_path = exit_path
        self.log_path = log_path
        self.command = command
        self.descriptor_variable = descriptor_variable
        self.boot_id = boot_id
        self.linger = linger
        self.plugin = plugin


class Attempt:
    """One attempt at a job: the lock that says that it runs, its log, and when it has run too long."""

    def __init__(self, spec: dict[str, Any], now: float) -> None:
        self.job: int = spec["job"]
        self.token: int = spec["token"]
        self.grace: float = spec["grace"]
        limit: float = spec["wall_clock_limit"]
        self.deadline = now + limit if limit > 0 else float("inf")
        self.log = RotatingLog(spec["log_path"])
        self._lease_path: str = spec["lease_path"]
        self._lease = os.open(self._lease_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.log.open()
        except OSError:
            os.close(self._lease)
            raise

    def release(self) -> None:
        """Closes the log and gives the lease back; whoever looks afterwards knows that nobody runs this attempt."""
        self.log.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._lease_path)
        os.close(self._lease)


class Guard:
    """The loop between one runtime at most and one worker."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(fileno=plan.listener)
        self._listener.set_inheritable(False)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._runtime: Link | None = None
        self._own_log = RotatingLog(plan.log_path)
        self._attempt: Attempt | None = None
        self._ready_line = b""
        self._step_lines: list[bytes] = []
        self._checkpoint_line = b""
        self._ended_line = b""
        self._jobs_done = 0
        self._stopping = False
        self._stop_reason = ""
        self._kill_at = float("inf")
        self._idle_since = time.monotonic()
        self._child = Child(plan.command, plan.descriptor_variable)
        self._worker = Link(self._selector, self._child.connection, self._from_worker, self._worker_left)
        self._selector.register(self._child.output, selectors.EVENT_READ, self._output_ready)
        self._watch_signals()
        self._created = creation_time(os.getpid())
        write_atomically(plan.identity_path, self._identity())

    def run(self) -> None:
        """Serves until the worker has ended, then tells everybody who wants to know."""
        while not self._child.ended():
            # Lines before output: the offset of a step may be a little early, but must not lie behind what the step wrote.
            ready = self._selector.select(self._seconds_to_wait())
            for key, events in sorted(ready, key=lambda entry: entry[0].fileobj == self._child.output):
                registered = self._selector.get_map().get(key.fd)
                if (
                    registered is not None and registered.fileobj == key.fileobj
                ):  # Else another handler has just closed it.
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
            signal.signal(number, lambda number, frame: self._stop(STOP_GRACE, "stop"))
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._selector.register(wake_read, selectors.EVENT_READ, lambda events: wake_read.recv(_READ_BYTES))

    def _seconds_to_wait(self) -> float | None:
        nearest = min(self._kill_at, self._attempt.deadline if self._attempt else float("inf"))
        if self._runtime is None and self._attempt is None and not self._stopping:
            nearest = min(nearest, self._idle_since + self._plan.linger)
        return None if nearest == float("inf") else max(0.0, nearest - time.monotonic())

    def _check_deadlines(self, now: float) -> None:
        if now >= self._kill_at:
            self._kill_at = float("inf")
            self._child.signal_group(signal.SIGKILL)
        elif self._attempt is not None and now >= self._attempt.deadline:
            self._attempt.deadline = float("inf")
            self._stop(self._attempt.grace, "wall-clock")
        elif self._runtime is None and self._attempt is None and now >= self._idle_since + self._plan.linger:
            self._stop(STOP_GRACE, "alone")

    def _stop(self, grace: float, reason: str) -> None:
        kill_at = time.monotonic() + grace
        self._kill_at = min(self._kill_at, kill_at)
        if self._stopping:
            return
        self._stopping = True
        self._stop_reason = reason
        self._child.signal_group(signal.SIGTERM)
        self._child.signal_group(signal.SIGCONT)  # A suspended process would not see the first one.

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
        # All of these may be known already: a runtime ignores what is old, and the one before may have died before it read them.
        for line in (self._hello(), self._ready_line, *self._step_lines, self._checkpoint_line, self._ended_line):
            if line:
                self._tell(line)
        # What the worker's job has asked of the runtime before has no answer any more.
        self._worker.send(encode_line({"method": "runtime.changed", "params": {}}))

    def _runtime_left(self) -> None:
        self._runtime = None
        self._idle_since = time.monotonic()

    def _worker_left(self) -> None:
        # A worker without its socket can get no job and report no end. It is most likely ending just now, and may say how.
        self._kill_at = min(self._kill_at, time.monotonic() + STOP_GRACE)

    def _tell(self, line: bytes) -> None:
        if self._runtime is not None:
            self._runtime.send(line)

    def _from_runtime(self, line: bytes) -> None:
        try:
            message = json.loads(line)
            method = message["method"]
            if method == "job.start":
                self._tell(encode_line({"id": message["id"], **self._start_job(message["params"])}))
            elif method == "guard.stop":
                self._stop(message["params"]["grace"], "stop")
            else:
                self._worker.send(line + b"\n")
        except (ValueError, KeyError, TypeError) as error:
            sys.stderr.write(f"the runtime sent a line that makes no sense: {error!r}\n")

    def _start_job(self, spec: dict[str, Any]) -> dict[str, Any]:
        if self._attempt is not None or self._stopping or self._child.ended():
            return _refusal(f"the worker {self._child.pid} is busy or ending", "try again")
        self._own_log.write(self._child.read_output(PIPE_BYTES))
        try:
            self._attempt = Attempt(spec, time.monotonic())
        except OSError as error:
            return _refusal(f"job {spec['job']} gets neither lease nor log: {error}", "see whether the disk is full")
        self._step_lines.clear()
        self._checkpoint_line = self._ended_line = b""
        self._worker.send(encode_line({"method": "job.start", "params": spec}))
        return {"result": {}}

    def _from_worker(self, line: bytes) -> None:
        try:
            message = json.loads(line)
            self._pass_on(message["method"], message["params"], line + b"\n")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            sys.stderr.write(f"the worker {self._child.pid} sent a line that makes no sense: {error!r}\n")
            self._stop(STOP_GRACE, "protocol")

    def _pass_on(self, method: str, params: dict[str, Any], line: bytes) -> None:
        if method == "worker.ready":
            self._ready_line = line
            self._tell(line)
        elif method == "job.ended":
            self._job_ended(line)
        elif method == "job.checkpoint":
            self._checkpoint_line = line
            self._tell_unless_behind(line)
        elif method == "job.ask":
            self._tell(line)  # Without a runtime it is asked again when one comes.
        elif params.get("step"):
            where = {"log_offset": self._log().written, "began": time.time()}
            line = encode_line({"method": method, "params": {**params, **where}})
            if len(self._step_lines) < MOST_STEPS and len(line) <= LONGEST_STEP_LINE:
                self._step_lines.append(line)
            self._tell_unless_behind(line)
        else:
            self._tell_unless_behind(line)

    def _tell_unless_behind(self, line: bytes) -> None:
        if self._runtime is not None and self._runtime.unsent < UNREAD_LIMIT:
            self._runtime.send(line)

    def _job_ended(self, line: bytes) -> None:
        if self._attempt is not None:
            self._drain()
            self._attempt.release()
            self._attempt = None
            self._jobs_done += 1
        self._checkpoint_line = b""
        self._ended_line = line
        self._idle_since = time.monotonic()
        self._tell(line)

    def _log(self) -> RotatingLog:
        return self._attempt.log if self._attempt else self._own_log

    def _drain(self) -> None:
        self._log().write(self._child.read_output(PIPE_BYTES))

    def _output_ready(self, events: int) -> None:
        data = self._child.read_output(_READ_BYTES)
        if data:
            self._log().write(data)
        else:
            self._selector.unregister(self._child.output)  # Every process of the group has closed its output.

    def _conclude(self) -> None:
        while self._worker.read():
            continue  # What the worker said last counts, as the end of its job.
        status = self._child.end_group()
        self._drain()
        attempt = self._attempt
        exited = {
            "status": status,
            "job": attempt.job if attempt else 0,
            "token": attempt.token if attempt else 0,
            "reason": self._stop_reason,
        }
        if attempt is not None:
            attempt.log.write(f"the worker ended during the job: {_exit_in_words(status)}\n".encode())
        try:
            write_atomically(self._plan.exit_path, exited)
        except OSError as error:
            sys.stderr.write(f"the worker {self._child.pid} ended ({exited}), which cannot be written down: {error}\n")
        if attempt is not None:
            attempt.release()
        self._own_log.close()
        for path in (self._plan.socket_path, self._plan.identity_path):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        if self._runtime is not None:
            self._tell(encode_line({"method": "guard.exit", "params": exited}))
            self._runtime.finish(2.0)

    def _identity(self) -> dict[str, Any]:
        attempt = self._attempt
        return {
            "guard_pid": os.getpid(),
            "guard_created": self._created,
            "child_pid": self._child.pid,
            "child_created": self._child.created,
            "boot_id": self._plan.boot_id,
            "job": attempt.job if attempt else 0,
            "token": attempt.token if attempt else 0,
            "ready": bool(self._ready_line),
            "plugin": self._plan.plugin,
            "jobs_done": self._jobs_done,
        }

    def _hello(self) -> bytes:
        return encode_line({"method": "guard.hello", "params": self._identity()})


def write_atomically(path: str, document: dict[str, Any]) -> None:
    """Writes a JSON file that is seen whole or not at all."""
    temporary = f"{path}.new"
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(document, file)
    os.replace(temporary, path)


def _refusal(sentence: str, remedy: str) -> dict[str, Any]:
    return {"error": {"code": "unreachable", "message": sentence, "remedy": remedy}}


def _exit_in_words(status: int) -> str:
    return f"exit code {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"


def main() -> None:
    """Reads the plan, removes it, and guards until the worker has ended."""
    with open(sys.argv[1], encoding="utf-8") as file:
        plan = Plan(**json.load(file))
    os.unlink(sys.argv[1])
    Guard(plan).run()


if __name__ == "__main__":
    main()
