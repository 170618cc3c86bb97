"""The instance's lock: whoever holds it is the runtime; who started it hands it down already locked."""

import fcntl
import os

import msgspec

from quarterdeck.config.paths import InstancePaths, make_private


class LockHolder(msgspec.Struct, frozen=True):
    """What a runtime writes into the lock file, for messages only: the lock itself is the kernel's."""

    pid: int
    version: str


def try_lock(paths: InstancePaths) -> int | None:
    """Takes the lock without waiting: its file descriptor, or None when somebody holds it.

    The lock ends with the last copy of the descriptor. The file is never removed, or two processes could hold locks on two files.
    """
    make_private(paths.state_folder)
    descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def read_holder(paths: InstancePaths) -> LockHolder | None:
    """Who holds, or last held, the lock; None when nobody has written it."""
    try:
        return msgspec.json.decode(paths.lock.read_bytes(), type=LockHolder)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
