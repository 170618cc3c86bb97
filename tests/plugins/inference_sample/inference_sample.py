"""What workers of our AINode run in tests: the text of the model says what happens; in a module of its own because workers import it by name."""

import ctypes
import os
import signal
import time
from pathlib import Path

import numpy as np

from quarterdeck_ainode.serving.engine import AinodeStatus
from quarterdeck_ainode.serving.inference_task import Computed, InferenceTask, Refused


def prepare(_: object) -> None:
    """Needs nothing."""


def refuse_to_prepare(_: object) -> None:
    raise ImportError("no such library")


def answer(task: InferenceTask) -> Computed | Refused:
    what, _, where = task.model.partition(":")
    match what:
        case "pid":
            pass
        case "wait":  # Until a file is there; says first that it has begun.
            Path(where + ".begun").touch()
            while not Path(where).exists():
                time.sleep(0.01)
        case "raise":
            raise LookupError("not as it should be")
        case "exit":
            os._exit(3)
        case "segfault":
            ctypes.string_at(0)
        case "kill-once":
            if not Path(where).exists():
                Path(where).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        case _:
            return Refused(AinodeStatus.INVALID_INPUT, f"there is nothing like {what}")
    return Computed(np.array([float(os.getpid())]))
