"""The circuit breaker: a backend that keeps failing is asked no more until somebody says *retry*."""

from collections import deque
from collections.abc import Callable

from quarterdeck_api.errors import UnreachableError


class CircuitBreaker:
    """Opens after `threshold` failures within `window` seconds of `clock`; only `close` closes it again."""

    def __init__(self, clock: Callable[[], float], threshold: int = 3, window: float = 60.0) -> None:
        self._clock = clock
        self._window = window
        self._failures: deque[float] = deque(maxlen=threshold)
        self._reason = ""
        self._open = False

    @property
    def open(self) -> bool:
        """Whether calls are refused."""
        return self._open

    @property
    def reason(self) -> str:
        """Why it is open, as a sentence; empty while it is closed."""
        return self._reason

    def failed(self, reason: str) -> bool:
        """Counts a failure; True when this one opened the breaker."""
        now = self._clock()
        self._failures.append(now)
        if self._open or len(self._failures) < (self._failures.maxlen or 1):
            return False
        if now - self._failures[0] > self._window:
            return False
        self._open = True
        self._reason = f"{len(self._failures)} calls failed within {self._window:g} s, the last one: {reason}"
        return True

    def succeeded(self) -> None:
        """Forgets earlier failures."""
        if not self._open:
            self._failures.clear()

    def close(self) -> None:
        """Lets calls through again, as after *retry*."""
        self._open = False
        self._reason = ""
        self._failures.clear()

    def check(self, backend: str) -> None:
        """Raises UnreachableError while the breaker is open."""
        if self._open:
            raise UnreachableError(f"{backend} is not asked any more: {self._reason}", f"retry {backend}")
