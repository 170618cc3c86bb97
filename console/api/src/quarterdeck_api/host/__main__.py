"""Entry of `python -m quarterdeck_api.host [--path FOLDER …]`, which the runtime starts; people do not."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from quarterdeck_api.host.exits import HostExit
from quarterdeck_api.host.program import serve
from quarterdeck_api.host_protocol import HOST_FD_VARIABLE

_PR_SET_PDEATHSIG = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Takes the connection from the environment and serves it; returns an exit code only when there is none."""
    parser = argparse.ArgumentParser(
        prog="quarterdeck_api.host", description="Runs a plugin's backends for the runtime."
    )
    parser.add_argument("--plugin", default="", help="the plugin's id, for lists of processes")
    parser.add_argument("--path", action="append", default=[], help="a folder to put in front of sys.path")
    options = parser.parse_args(arguments)
    descriptor = os.environ.pop(HOST_FD_VARIABLE, "")
    if not descriptor.isdecimal():
        sys.stderr.write(
            f"{HOST_FD_VARIABLE} does not name a connection to the runtime; hosts are started by it only\n"
        )
        return HostExit.USAGE
    os.set_inheritable(int(descriptor), False)
    _die_with_parent()
    sys.path[:0] = options.path
    return asyncio.run(serve(int(descriptor)))


def _die_with_parent() -> None:
    """Asks the Linux kernel to kill this process when the runtime dies, even while native code holds the interpreter.

    When the runtime died before, its end of the connection is closed, which ends the host as well.
    """
    if sys.platform.startswith("linux"):
        import ctypes  # Only here: it costs start-up time.

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main())
