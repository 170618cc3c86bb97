"""Functions for maps; they lie in a module of their own because a child imports them by name."""

import os
import signal
import time
from pathlib import Path


def square(number: int) -> int:
    return number * number


def who(seconds: float) -> int:
    """Works for so many seconds; the process that did."""
    time.sleep(seconds)
    return os.getpid()


def refuse_seven(number: int) -> int:
    time.sleep(0.02)
    if number == 7:
        raise LookupError("no sevens")
    return number


class StubbornError(Exception):
    """An exception that cannot be copied."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


def refuse_stubbornly(number: int) -> int:
    time.sleep(0.02)
    raise StubbornError("never ", "mind")


def die_once(marker: str) -> str:
    """Kills its process, unless it is the caller's or somebody has died before."""
    time.sleep(0.02)
    if marker.endswith("deadly") and os.environ.get("MAP_CALLER") != str(os.getpid()) and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return marker


def die_always(number: int) -> int:
    time.sleep(0.02)
    if os.environ.get("MAP_CALLER") != str(os.getpid()):
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(1.0)
    return number


def wait_for(path: str) -> int:
    """Waits until a file is there."""
    while not Path(path).exists():
        time.sleep(0.01)
    return os.getpid()


def last_forever(folder: str) -> None:
    """Works without end in a child, which leaves its number; the caller's items end at once."""
    if os.environ.get("MAP_CALLER") != str(os.getpid()):
        (Path(folder) / str(os.getpid())).touch()
        time.sleep(3600)
    time.sleep(0.05)
