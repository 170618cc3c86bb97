"""When a host that crashed is started again, and when it is given up."""

from collections import deque
from random import Random

from quarterdeck_api.host.backoff import backoff_delay


class CrashHistory:
    """Crashes of one host; `limit` of them within `window` seconds are a crash loop."""

    def __init__(self, rng: Random, limit: int = 5, window: float = 300.0) -> None:
        self._rng = rng
        self._limit = limit
        self._window = window
        self._times: deque[float] = deque(maxlen=limit)

    def crashed(self, now: float) -> float | None:
        """Counts a crash at a monotonic time; gives the seconds to wait, or None when only *retry* helps."""
        self._times.append(now)
        recent = sum(1 for time in self._times if now - time <= self._window)
        return None if recent >= self._limit else backoff_delay(recent, self._rng)

    def forget(self) -> None:
        """Begins anew, as after *retry*."""
        self._times.clear()
