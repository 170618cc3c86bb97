"""How a process that a guard has started ends with it: at the end of its standard input, and on Linux by the kernel's parent-death signal."""

import os
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1


def end_with_guard() -> None:
    """Ties this process to its guard, and gives it an empty standard input; call it once, before anything else."""
    die_with_parent()
    life = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_end_with, args=(life,), name="life pipe", daemon=True).start()


def die_with_parent() -> None:
    """Asks the Linux kernel to kill this process when its parent dies, even while native code holds the interpreter."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes  # Only here: it costs start-up time.

    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # The parent died in between, so the signal will never come.


def _end_with(life: int) -> None:
    while os.read(life, 1):
        continue
    os._exit(1)
