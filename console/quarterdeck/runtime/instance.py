"""The runtime's hold on its instance: the lock, taken or inherited, kept for life."""

import fcntl
import os

import msgspec

from quarterdeck.config.instance_lock import LockHolder, read_holder, try_lock
from quarterdeck.config.paths import InstancePaths
from quarterdeck_api.errors import RefusedError, UsageError


class InstanceLock:
    """The held lock of an instance. Sockets are made and removed under it only."""

    def __init__(self, paths: InstancePaths, descriptor: int) -> None:
        self.paths = paths
        self._descriptor = descriptor

    @classmethod
    def take(cls, paths: InstancePaths, version: str) -> "InstanceLock":
        """Takes the lock; raises RefusedError when another runtime holds it."""
        descriptor = try_lock(paths)
        if descriptor is None:
            raise _held(paths)
        return cls._held_by_us(paths, descriptor, version)

    @classmethod
    def inherit(cls, paths: InstancePaths, descriptor: int, version: str) -> "InstanceLock":
        """Goes on holding a lock that whoever started this process took.

        Raises UsageError when the descriptor is not this instance's lock, RefusedError when another process holds it.
        """
        try:
            given, wanted = os.fstat(descriptor), paths.lock.stat()
        except OSError as error:
            raise UsageError(
                f"descriptor {descriptor} is not the instance's lock: {error.strerror}", _REMEDY
            ) from error
        if (given.st_dev, given.st_ino) != (wanted.st_dev, wanted.st_ino):
            raise UsageError(f"descriptor {descriptor} is not {paths.lock}", _REMEDY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _held(paths) from None
        return cls._held_by_us(paths, descriptor, version)

    @classmethod
    def _held_by_us(cls, paths: InstancePaths, descriptor: int, version: str) -> "InstanceLock":
        os.set_inheritable(descriptor, False)  # A child that kept it would hold the lock beyond this process.
        line = msgspec.json.encode(LockHolder(os.getpid(), version)) + b"\n"
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, line, 0)
        return cls(paths, descriptor)

    @property
    def held(self) -> bool:
        """Whether the lock has not been given back."""
        return self._descriptor >= 0

    def release(self) -> None:
        """Gives the lock back; only for an orderly end."""
        if self.held:
            os.close(self._descriptor)
            self._descriptor = -1


def is_running(paths: InstancePaths) -> bool:
    """Whether a runtime holds the instance now."""
    descriptor = try_lock(paths)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


_REMEDY = "start the runtime with `quarterdeck runtime start`"


def _held(paths: InstancePaths) -> RefusedError:
    holder = read_holder(paths)
    who = f"process {holder.pid} (version {holder.version})" if holder else "another process"
    return RefusedError(
        f"{who} is the runtime of this instance already", "use it, or end it with `quarterdeck runtime stop`"
    )
