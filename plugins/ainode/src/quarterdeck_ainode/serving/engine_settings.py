"""What the engine of our AINode is told when it is opened: where it keeps its files, how many workers it has, and its limits."""

import os
from enum import Enum
from pathlib import Path

from msgspec import Struct


class TimeUnit(Enum):
    """The unit in which the cluster counts time: `timestamp_precision` of IoTDB's configuration."""

    MILLISECOND = "ms"
    MICROSECOND = "us"
    NANOSECOND = "ns"


#: As many as the official AINode gives.
LONGEST_OUTPUT = 2880

#: As many as a detection of the local engine takes.
LONGEST_INPUT = 100_000


def default_workers() -> int:
    """One worker for each processor that may be used, at most eight: each takes about 270 MB once it is warm."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, usable)


class EngineSettings(Struct, frozen=True):
    """Settings of `local_engine.open_engine`.

    `data_folder` is made when it is missing; users' models are kept below it. `queue_limit` is how many requests may wait while all `workers`
    compute; `time_limit` is in seconds, waiting included, and lies below the 60 s after which the database gives up. Specifications of users'
    models are read from below `trusted_folders` only, and from `data_folder/specifications` always.
    """

    data_folder: Path
    workers: int = 0
    """0 is `default_workers()`."""
    queue_limit: int = 64
    time_limit: float = 50.0
    longest_input: int = LONGEST_INPUT
    longest_output: int = LONGEST_OUTPUT
    trusted_folders: tuple[Path, ...] = ()
    time_unit: TimeUnit = TimeUnit.MILLISECOND
