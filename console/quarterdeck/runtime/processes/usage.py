"""What sessions of processes use, counted for all of them in one look."""

import contextlib
import os
from collections.abc import Collection

import psutil
from msgspec import Struct


class Usage(Struct, frozen=True):
    """What the processes of a session hold and have used: resident memory in bytes (shared pages counted for each), CPU in seconds."""

    memory: int = 0
    cpu_seconds: float = 0.0


def usage_by_session(sessions: Collection[int]) -> dict[int, Usage]:
    """The usage of each session, without its leader: that is a guard."""
    found = dict.fromkeys(sessions, Usage())
    if not found:
        return found
    for pid in psutil.pids():
        session = _session(pid)
        if session not in found or pid == session:
            continue
        with contextlib.suppress(psutil.Error):  # It has ended in between.
            process = psutil.Process(pid)
            with process.oneshot():
                times = process.cpu_times()
                earlier = found[session]
                found[session] = Usage(
                    earlier.memory + process.memory_info().rss, earlier.cpu_seconds + times.user + times.system
                )
    return found


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return 0
