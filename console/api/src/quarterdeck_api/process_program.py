"""Entry of a managed process: `python -m quarterdeck_api.process_program --start FILE [--path FOLDER]…`, which a guard starts; people do not.

It runs the import string of the start file in the main thread and ends with it: 0 when it returned, 1 when it raised.
"""

import argparse
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path

import msgspec

from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.guarded_child import end_with_guard
from quarterdeck_api.import_string import load_object
from quarterdeck_api.process import ManagedProcess
from quarterdeck_api.processes import (
    PROCESS_NAME_VARIABLE,
    PROCESS_SOCKET_VARIABLE,
    PROCESS_TOKEN_VARIABLE,
    ProcessStart,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the process to its end; gives its exit code."""
    parser = argparse.ArgumentParser(prog="quarterdeck_api.process_program", description="Runs a managed process.")
    parser.add_argument("--start", required=True, help="the file that says what to run; it is removed")
    parser.add_argument("--name", default="", help="the instance's name, for lists of processes")
    parser.add_argument("--path", action="append", default=[], help="a folder to put in front of sys.path")
    options = parser.parse_args(arguments)
    end_with_guard()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    path = Path(options.start)
    start = msgspec.json.decode(path.read_bytes(), type=ProcessStart)
    path.unlink()
    sys.path[:0] = options.path
    token = os.environ.pop(PROCESS_TOKEN_VARIABLE, "")
    process = ManagedProcess(start, os.environ.get(PROCESS_SOCKET_VARIABLE, ""), token)
    os.environ[PROCESS_NAME_VARIABLE] = start.name
    _drain_on_signal(process)
    process.connect()
    return _run(process, start.implementation)


def _run(process: ManagedProcess, implementation: str) -> int:
    code = 0
    try:
        load_object(implementation)(process)
    except QuarterdeckError as error:
        sys.stderr.write(f"{process.name} ends: {error.message}. {error.remedy}\n".replace(". \n", "\n"))
        code = 1
    except Exception:  # noqa: BLE001 - the boundary to plugin code: the traceback goes to the process's log.
        traceback.print_exc()
        code = 1
    try:
        process.close()
    except Exception:  # noqa: BLE001 - the boundary to plugin code: closing its backend must not hide how it ended.
        traceback.print_exc()
        code = code or 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _drain_on_signal(process: ManagedProcess) -> None:
    """SIGTERM and SIGINT ask for draining: by a pipe and a thread, because a handler must not touch the event's lock."""
    wake_read, wake_write = os.pipe()

    def wait() -> None:
        while os.read(wake_read, 1):
            process.drain()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: os.write(wake_write, b"."))


if __name__ == "__main__":
    sys.exit(main())
