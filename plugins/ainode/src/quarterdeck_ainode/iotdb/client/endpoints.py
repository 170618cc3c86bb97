"""The DataNodes of a cluster: where they listen, which one is tried first, and when one that did not answer is tried again."""

import threading
from collections.abc import Callable, Sequence
from random import Random

from msgspec import Struct

from quarterdeck_api.errors import UsageError

#: Seconds before an endpoint that did not answer is tried again: doubled with each failure in a row, with half as much of jitter.
_FIRST_DELAY = 1.0
_LONGEST_DELAY = 15.0


class Endpoint(Struct, frozen=True):
    """Where a DataNode listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def endpoint(text: str) -> Endpoint:
    """Reads HOST:PORT, or [ADDRESS]:PORT for IPv6; raises UsageError."""
    host, _, port = text.strip().rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if bracketed else host
    spoilt = not bare or any(each.isspace() or each in "/[]@" for each in bare) or (":" in bare and not bracketed)
    if spoilt or not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 65536:
        raise UsageError(
            f"{text!r} is no address of a DataNode",
            "write HOST:PORT in the setting `nodes`, as in 10.0.0.5:6667, or [fe80::1]:6667 for IPv6",
        )
    return Endpoint(bare, int(port))


class _Standing(Struct):
    """What is remembered of an endpoint."""

    failures: int = 0
    next_try: float = 0.0
    reason: str = ""


class Endpoints:
    """Which endpoint to try; used by many threads. `clock` counts seconds, `rng` spreads the tries of many consoles."""

    def __init__(self, endpoints: Sequence[Endpoint], clock: Callable[[], float], rng: Random) -> None:
        self._order = list(dict.fromkeys(endpoints))
        self._clock = clock
        self._rng = rng
        self._lock = threading.Lock()
        self._standing = {each: _Standing() for each in self._order}

    def to_try(self, *, patient: bool) -> list[Endpoint]:
        """The endpoints in the order of trying, the one that worked last first; `patient` leaves out those whose time has not come."""
        now = self._clock()
        with self._lock:
            return [each for each in self._order if not patient or self._standing[each].next_try <= now]

    def worked(self, endpoint: Endpoint) -> None:
        """This one answered: it is tried first from now on."""
        with self._lock:
            self._standing[endpoint] = _Standing()
            self._order.remove(endpoint)
            self._order.insert(0, endpoint)

    def failed(self, endpoint: Endpoint, reason: str) -> None:
        """This one did not answer: it is left in peace for a while."""
        with self._lock:
            standing = self._standing[endpoint]
            now = self._clock()
            if now < standing.next_try:
                return  # Many threads see the same failure at once: it counts once.
            delay = min(_FIRST_DELAY * 2**standing.failures, _LONGEST_DELAY) * (1 + self._rng.random() / 2)
            self._standing[endpoint] = _Standing(min(standing.failures + 1, 10), now + delay, reason)

    def reasons(self) -> str:
        """What was wrong with those that failed last."""
        with self._lock:
            return "; ".join(self._standing[each].reason for each in self._order if self._standing[each].reason)
