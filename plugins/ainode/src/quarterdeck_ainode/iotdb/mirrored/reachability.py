"""Whether the ports of a cluster's nodes can be reached from this machine, found out beside everything else.

All ports are tried at once, so a round lasts as long as one time-out. A round has a thread that ends with it; nobody waits for it.
"""

import contextlib
import errno
import ipaddress
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from enum import Enum

from quarterdeck_ainode.iotdb.mirrored.cluster_state import NodePort

#: Seconds between rounds, and for a connection.
ROUND_SECONDS = 30.0
CONNECT_SECONDS = 2.0


class PortState(Enum):
    """What became of a connection."""

    OPEN = "open"
    CLOSED = "closed"
    SILENT = "no answer"
    UNRESOLVED = "unknown host"
    NOT_CHECKED = "not checked"


class Reachability:
    """What is known of the ports; may be used by any thread. `local` says whether the cluster is on this machine."""

    def __init__(self, *, local: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._local = local
        self._clock = clock
        self._lock = threading.Lock()
        self._states: dict[tuple[str, int], PortState] = {}
        self._due = 0.0
        self._round: threading.Thread | None = None
        self._closed = False

    def state(self, port: NodePort) -> PortState:
        """What became of the last try."""
        with self._lock:
            return self._states.get((port.host, port.port), PortState.NOT_CHECKED)

    def refresh(self, ports: Iterable[NodePort]) -> None:
        """Begins a round when one is due; never waits. Ports that are new are tried at once."""
        wanted = {(each.host, each.port) for each in ports if self.can_check(each)}
        with self._lock:
            due = self._clock() >= self._due or not wanted <= self._states.keys()
            if self._closed or not due or not wanted or (self._round is not None and self._round.is_alive()):
                return
            self._due = self._clock() + ROUND_SECONDS
            self._round = threading.Thread(target=self._try, args=(sorted(wanted),), name="ports", daemon=True)
            self._round.start()

    def can_check(self, port: NodePort) -> bool:
        """Whether the address means the same machine here: a loopback address of a cluster elsewhere is not ours."""
        return self._local or not is_loopback(port.host)

    def close(self) -> None:
        """Waits for the round that is under way, which is short."""
        with self._lock:
            self._closed, running = True, self._round
        if running is not None:
            running.join(2 * CONNECT_SECONDS)

    def _try(self, targets: Sequence[tuple[str, int]]) -> None:
        found = try_ports(targets, CONNECT_SECONDS)
        with self._lock:
            self._states = found


def is_loopback(host: str) -> bool:
    """Whether a host is the machine itself, by its name or address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def try_ports(targets: Sequence[tuple[str, int]], seconds: float) -> dict[tuple[str, int], PortState]:
    """Connects to all of them at once and closes again."""
    found = dict.fromkeys(targets, PortState.SILENT)
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as opened:
        for target in found:
            try:
                family, kind, _, _, address = socket.getaddrinfo(*target, type=socket.SOCK_STREAM)[0]
            except (OSError, UnicodeError):
                found[target] = PortState.UNRESOLVED
                continue
            each = opened.enter_context(socket.socket(family, kind))
            each.setblocking(False)
            # A refusal that comes at once is told here and nowhere else.
            failed = each.connect_ex(address)
            if failed in (0, errno.EINPROGRESS):
                selector.register(each, selectors.EVENT_WRITE, (target, each))
            else:
                found[target] = _state_of(failed)
        deadline = time.monotonic() + seconds
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                tried: socket.socket = key.data[1]
                failed = tried.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                found[key.data[0]] = _state_of(failed)
                selector.unregister(tried)
    return found


def _state_of(failed: int) -> PortState:
    """Only a machine that refuses says that nothing listens; no way to it, or none back, says nothing of the port."""
    match failed:
        case 0:
            return PortState.OPEN
        case errno.ECONNREFUSED:
            return PortState.CLOSED
        case _:
            return PortState.SILENT
