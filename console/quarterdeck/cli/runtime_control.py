"""Starts the runtime and stops it for certain: what counts is its lock, which the kernel gives back when the process ends."""

import os
import time
from typing import NamedTuple

from quarterdeck.cli.session import Session
from quarterdeck.client.blocking import BlockingConnection
from quarterdeck.config.instance_lock import read_holder, try_lock
from quarterdeck.config.paths import InstancePaths
from quarterdeck_api.errors import CallTimeoutError, QuarterdeckError, UnreachableError
from quarterdeck_api.runtime_requests import STATUS, STOP, StopParams
from quarterdeck_api.wire import Nothing

#: Seconds that a runtime may take to stop.
STOP_SECONDS = 20.0

_PAUSE = 0.05


class StartedRuntime(NamedTuple):
    """A runtime that answers; `now` when this call started it."""

    pid: int
    version: str
    now: bool


def start_runtime(paths: InstancePaths) -> StartedRuntime:
    """Makes sure that a runtime runs."""
    before = running_pid(paths)
    with Session(BlockingConnection.open(paths, "runtime")) as session:
        status = session.call(STATUS, Nothing())
    return StartedRuntime(status.pid, status.version, status.pid != before)


def stop_runtime(paths: InstancePaths, reason: str, *, keep_workers: bool = False) -> int:
    """Stops the runtime and waits until its process is gone; returns the pid, or 0 when none ran.

    With `keep_workers` running worker jobs go on for the next runtime. Raises UnreachableError when it is still there after STOP_SECONDS.
    """
    pid = running_pid(paths)
    if not pid:
        return 0
    try:
        with Session(BlockingConnection.open(paths, "runtime", start=False)) as session:
            session.call(STOP, StopParams(reason, keep_workers))
    except CallTimeoutError:
        raise
    except UnreachableError:
        pass  # It ended before it could answer, or is about to: the lock decides below.
    deadline = time.monotonic() + STOP_SECONDS
    while running_pid(paths) or _lives(pid):
        if time.monotonic() > deadline:
            raise UnreachableError(
                f"the runtime (process {pid}) was asked to stop but is still there after {STOP_SECONDS:g} s",
                f"see `quarterdeck runtime logs`; `kill {pid}` ends it, and no job is lost",
            )
        time.sleep(_PAUSE)
    return pid


def running_pid(paths: InstancePaths) -> int:
    """The pid of the runtime that holds the instance's lock, 0 when nobody does."""
    if not paths.lock.exists():
        return 0
    try:
        lock = try_lock(paths)
    except OSError as error:
        raise QuarterdeckError(
            f"{paths.lock} cannot be opened: {error.strerror}", "check the rights of the state folder"
        ) from error
    if lock is not None:
        os.close(lock)
        return 0
    holder = read_holder(paths)
    return holder.pid if holder else -1


def _lives(pid: int) -> bool:
    """Whether a process that can be asked still runs; a zombie has given back everything that matters."""
    if pid <= 0:
        return False
    import psutil  # Imported here: only stopping needs it.

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
