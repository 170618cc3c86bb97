"""What hosts are given: their limits, the backends that they shall have open, and what their links share."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from msgspec import Struct

from quarterdeck.runtime.borders import JobEvents, ResourceSink
from quarterdeck_api.host_protocol import HEARTBEAT_SECONDS


class HostLimits(Struct, frozen=True):
    """Limits of every host. Times in seconds, memory in bytes (0: none)."""

    memory: int = 1024**3
    heartbeat_timeout: float = 3 * HEARTBEAT_SECONDS
    start_timeout: float = 30.0
    call_timeout: float = 9.0
    pool_threads: int = 16
    stop_grace: float = 6.0


class HostedBackend(Struct, frozen=True):
    """A backend that a host shall have open, and what clients see of it."""

    name: str
    type: str
    settings: dict[str, Any]
    title: str = ""
    read_only: bool = False
    embedded: bool = False


class LinkTools(Struct, frozen=True):
    """What every link shares: where changes and events go, clock (monotonic) and randomness."""

    sink: ResourceSink
    events: JobEvents
    log_folder: Path
    monotonic: Callable[[], float]
    rng: Random
    limits: HostLimits


def host_log_path(log_folder: Path, plugin: str) -> Path:
    """Where the output of a plugin's host goes."""
    return log_folder / f"host-{plugin}.log"
