"""How a process ends with the one that started it: by the end of a pipe, and on Linux by the kernel's parent-death signal."""

import os
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Asks the Linux kernel to kill this process when its parent dies, even while native code holds the interpreter.

    What the kernel watches is the parent's thread that made this process, so that thread must live as long as the parent does.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # The parent died in between, so the signal will never come.


def take_standard_input() -> int:
    """Moves the life pipe away from descriptor 0, so that code that reads standard input finds it empty; gives its new number."""
    life = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return life


def end_with(life: int) -> None:
    """Starts a thread that ends this process at the end of the life pipe."""
    threading.Thread(target=_wait_for_end, args=(life,), name="life pipe", daemon=True).start()


def _wait_for_end(life: int) -> None:
    while os.read(life, 1):
        continue
    os._exit(1)
