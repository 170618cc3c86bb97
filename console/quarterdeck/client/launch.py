"""Connects to the instance's runtime, and starts it when there is none.

Imported by every command, so it imports little: no asyncio, no subprocess unless a runtime must be started.
"""

import os
import socket
import sys
import time

from quarterdeck.config.instance_lock import read_holder, try_lock
from quarterdeck.config.log_files import open_log
from quarterdeck.config.paths import InstancePaths, make_private
from quarterdeck.config.peer_identity import require_same_user
from quarterdeck_api.errors import QuarterdeckError, UnreachableError

#: Seconds that a runtime started by somebody else may take to answer.
WAIT_SECONDS = 5.0

#: Seconds that a runtime started here may take while its process lives.
START_SECONDS = 30.0

#: The program, as arguments of this interpreter. `-P` keeps the working folder off its module path.
RUNTIME_ARGUMENTS = ("-P", "-m", "quarterdeck.runtime.main")

_PAUSE = 0.02
_LOG_LINES = 10


def connect(paths: InstancePaths) -> socket.socket | None:
    """A connection to the runtime, or None when none listens.

    Raises RefusedError when what listens belongs to somebody else, UnreachableError when the socket cannot be used.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(os.fspath(paths.socket))
        require_same_user(connection, "the runtime")
    except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError):
        connection.close()
        return None
    except OSError as error:
        connection.close()
        raise UnreachableError(f"{paths.socket} cannot be used: {error.strerror}", "check who owns it") from error
    except QuarterdeckError:
        connection.close()
        raise
    return connection


def connect_or_start(
    paths: InstancePaths,
    *,
    wait_seconds: float = WAIT_SECONDS,
    arguments: tuple[str, ...] = (),
) -> socket.socket:
    """A connection to the runtime, which is started when none runs.

    Of several clients at once, the one that gets the lock starts the runtime and hands it the lock, the others wait. Raises
    UnreachableError with the reason, and the last lines of the runtime's log, when it does not come up. `arguments` are the interpreter's,
    for another program than the runtime.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        if (connection := connect(paths)) is not None:
            return connection
        lock = _lock(paths)
        if lock is not None:
            return _start(paths, lock, arguments or RUNTIME_ARGUMENTS)
        if time.monotonic() > deadline:
            holder = read_holder(paths)
            who = f"the runtime (process {holder.pid})" if holder else "the process that holds its lock"
            raise UnreachableError(
                f"{who} did not answer within {wait_seconds:g} s",
                "try again, or see `quarterdeck runtime logs` and end it with `quarterdeck runtime stop`",
            )
        time.sleep(_PAUSE)


def _lock(paths: InstancePaths) -> int | None:
    try:
        return try_lock(paths)
    except OSError as error:
        raise UnreachableError(
            f"{paths.lock} cannot be made or locked: {error.strerror}",
            "set QUARTERDECK_HOME to a folder on a local disk that you can write to",
        ) from error


def _start(paths: InstancePaths, lock: int, arguments: tuple[str, ...]) -> socket.socket:
    """Starts the runtime with the lock, and waits until it listens or its process ends."""
    import subprocess  # Imported here: most commands find a runtime that runs.
    import threading

    make_private(paths.logs)
    log_path = paths.logs / "runtime.log"
    log = open_log(log_path)
    try:
        begin = os.fstat(log).st_size
        process = subprocess.Popen(
            [sys.executable, *arguments, "--lock-fd", str(lock)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            pass_fds=(lock,),
            start_new_session=True,
        )
    except OSError as error:
        raise UnreachableError(
            f"the runtime could not be started: {error.strerror}", f"check that {sys.executable} works"
        ) from error
    finally:
        os.close(lock)
        os.close(log)
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if (connection := connect(paths)) is not None:
            # Reaps the runtime should it end before this client, so that nobody takes a zombie for a living runtime.
            threading.Thread(target=process.wait, daemon=True).start()
            return connection
        time.sleep(_PAUSE)
    if process.poll() is None:
        threading.Thread(target=process.wait, daemon=True).start()
        what = f"the runtime (process {process.pid}) did not listen within {START_SECONDS:g} s"
    elif process.returncode < 0:
        what = f"the runtime was ended by signal {-process.returncode} while it started"
    else:
        what = f"the runtime ended with status {process.returncode} while it started"
    tail = _tail(log_path, begin)
    raise UnreachableError(f"{what}; its log says:\n{tail}" if tail else what, f"see {log_path}")


def _tail(path: os.PathLike[str], begin: int) -> str:
    """The last lines that were written since `begin`."""
    with open(path, "rb") as log:  # noqa: PTH123 - a plain path keeps this module's imports few.
        log.seek(max(begin, os.fstat(log.fileno()).st_size - 16384))
        lines = log.read().decode("utf-8", "replace").splitlines()
    return "\n".join(lines[-_LOG_LINES:])
