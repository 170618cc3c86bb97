"""Runs a program that knows nothing of guards, so that it ends with its guard: `python -I -S leash.py PROGRAM ARGUMENT…`. Standard library only.

The kernel's parent-death signal outlives the change to the program. Where there is none, the runtime ends the group once its guard is gone.
"""
# Only os: the program takes this one's place at once.

import os
import sys

_PR_SET_PDEATHSIG = 1
_SIGKILL = 9


def main() -> None:
    """Becomes the program, with an empty standard input; exits with 127 when there is no such program."""
    if sys.platform.startswith("linux"):
        import ctypes

        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # The guard died in between, so the signal will never come.
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    try:
        os.execvp(sys.argv[1], sys.argv[1:])
    except OSError as error:
        sys.stderr.write(f"{sys.argv[1]} cannot be started: {error.strerror}\n")
        os._exit(127)


if __name__ == "__main__":
    main()
