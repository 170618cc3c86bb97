"""A child of the worker pool: applies functions to the items that its parent sends, and ends with it.

Started by `worker_pool.py` as `python -m quarterdeck_api.map_child DESCRIPTOR`. Parent and child are one program under one user, and nobody
else holds an end of their socket, so what crosses it may be pickled.
"""

import os
import pickle
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any

from quarterdeck_api.lifeline import die_with_parent, end_with, take_standard_input
from quarterdeck_api.map_wire import Answer, Chunk, Failed, receive, send


def apply(chunk: Chunk) -> Answer:
    """The results of a chunk's items, up to the first that fails."""
    results: list[bytes] = []
    for place, item in enumerate(chunk.items):
        try:
            results.append(pickle.dumps(chunk.function(item), pickle.HIGHEST_PROTOCOL))
        except Exception as error:  # noqa: BLE001 - the boundary to plugin code: whatever a function raises is its item's answer.
            return Answer(results, Failed(place, portable(error), traceback.format_exc()))
    return Answer(results)


def portable(error: Exception) -> bytes:
    """An exception as bytes from which another process can make it again, or one that says the same."""
    try:
        data = pickle.dumps(error, pickle.HIGHEST_PROTOCOL)
        pickle.loads(data)  # noqa: S301 - made just above.
    except Exception:  # noqa: BLE001 - the boundary to plugin code: an exception of its own may refuse to be copied in any way.
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"), pickle.HIGHEST_PROTOCOL)
    return data


def serve(connection: socket.socket) -> None:
    """Answers chunks until the parent closes the connection."""
    while (message := receive(connection)) is not None:
        try:
            chunk: Chunk = pickle.loads(message)  # noqa: S301 - from the parent process.
        except Exception as error:  # noqa: BLE001 - the boundary to plugin code: importing the function's module runs it.
            send(connection, pickle.dumps(Answer([], Failed(0, portable(error), traceback.format_exc()))))
            continue
        send(connection, pickle.dumps(apply(chunk), pickle.HIGHEST_PROTOCOL))


def main() -> None:
    """Serves its parent; the first message is the parent's `sys.path`."""
    die_with_parent()
    end_with(take_standard_input())
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Callable[..., Any] = stream.reconfigure  # type: ignore[union-attr, attr-defined]
        reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    path = receive(connection)
    if path is not None:
        sys.path[:] = pickle.loads(path)  # noqa: S301 - from the parent process.
        serve(connection)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
