"""Leases: a lock on a file says that the process of an attempt lives."""

import fcntl
import os
from pathlib import Path


def lease_is_held(path: Path) -> bool:
    """Whether a process holds the lock; False when there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)  # Gives the lock back as well.
    return False
