"""Ending every process of a guard's session, told apart from strangers by creation time and boot."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from pathlib import Path

import psutil
from msgspec import Struct

from quarterdeck.runtime.workers.guard_child import creation_time

_log = logging.getLogger(__name__)

#: Linux counts creation times in hundredths of a second, `ps` elsewhere in whole seconds.
_SAME_TIME = 0.02 if sys.platform.startswith("linux") else 1.5
_ROUND = 0.01
_LONGEST_ROUND = 0.5


class ProcessIdentity(Struct, frozen=True):
    """A process for certain: its number, and when it was created (see GuardIdentity)."""

    pid: int
    created: float


def boot_id() -> str:
    """What distinguishes this boot of the machine from every other one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return f"{psutil.boot_time():.0f}"


def session_members(leader: ProcessIdentity) -> list[int]:
    """The running processes of the session that the leader made, whether it still lives or not.

    The system gives a number to nobody else while a session bears it. So if another process has the leader's number now, its session is empty.
    Number 0 stands for every session that was made outside of a container, never for one of ours.
    """
    if leader.pid <= 0:
        return []
    created = creation_time(leader.pid)
    if created and abs(created - leader.created) > _SAME_TIME:
        return []
    return [pid for pid in psutil.pids() if pid and _session(pid) == leader.pid and not _has_ended(pid)]


async def end_session(leader: ProcessIdentity) -> None:
    """Kills every process of the session, and returns when none is left."""
    pause = _ROUND
    while members := session_members(leader):
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(pause)
        if pause < _LONGEST_ROUND <= pause * 2:
            _log.warning("processes %s of session %d do not end; the system holds them", members, leader.pid)
        pause = min(pause * 2, _LONGEST_ROUND)


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return 0


def _has_ended(pid: int) -> bool:
    """Whether nothing of a process runs; its first thread is a zombie already while others still end, and hold its locks."""
    try:
        process = psutil.Process(pid)
        return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
    except psutil.NoSuchProcess:
        return True
