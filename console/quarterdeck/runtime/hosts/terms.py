"""What hosts are given: their limits, the backends that they shall have open, and what their links share."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from msgspec import Struct

from quarterdeck.runtime.borders import JobEvents, ResourceSink
from quarterdeck_api.host_protocol import HEARTBEAT_SECONDS
from quarterdeck_api.peer import Peer
from quarterdeck_api.wire import Method

P = TypeVar("P")
R = TypeVar("R")


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


class HostRoutes:
    """What parts of the runtime answer to hosts beside the supervisor itself; handlers are told which plugin's host speaks.

    Register before the first host starts.
    """

    def __init__(self) -> None:
        self._requests: list[tuple[Method[Any, Any], Callable[[str, Any], Awaitable[Any]]]] = []
        self._notifications: list[tuple[Method[Any, Any], Callable[[str, Any], None]]] = []

    def on_request(self, method: Method[P, R], handler: Callable[[str, P], Awaitable[R]]) -> None:
        """Answers a method's requests of every host."""
        self._requests.append((method, handler))

    def on_notification(self, method: Method[P, Any], handler: Callable[[str, P], None]) -> None:
        """Receives a method's notifications of every host; the handler must not block."""
        self._notifications.append((method, handler))

    def register(self, plugin: str, peer: Peer) -> None:
        """Lets a new host of a plugin speak to whoever has registered."""
        for method, answer in self._requests:
            peer.on_request(method, lambda params, answer=answer: answer(plugin, params))
        for method, take in self._notifications:
            peer.on_notification(method, lambda params, take=take: take(plugin, params))


class LinkTools(Struct, frozen=True):
    """What every link shares: where changes and events go, clock (monotonic) and randomness.

    `on_status` is told a plugin's id whenever the state of its host changes.
    """

    sink: ResourceSink
    events: JobEvents
    log_folder: Path
    monotonic: Callable[[], float]
    rng: Random
    limits: HostLimits
    routes: HostRoutes
    on_status: Callable[[str], None]


def host_log_path(log_folder: Path, plugin: str) -> Path:
    """Where the output of a plugin's host goes."""
    return log_folder / f"host-{plugin}.log"
