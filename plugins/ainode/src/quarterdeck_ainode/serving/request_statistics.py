"""How long requests took and how many failed, for the metrics of our AINode."""

import threading
from collections import deque
from collections.abc import Mapping

#: The latest requests of a model that its latency is computed from.
_KEPT = 256


class RequestStatistics:
    """Counts since the start, and the durations of the latest requests by model. May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = 0
        self._failures = 0
        self._seconds: dict[str, deque[float]] = {}

    def begun(self) -> None:
        """Counts a request."""
        with self._lock:
            self._requests += 1

    def failed(self) -> None:
        """Counts a failure of a request that was counted."""
        with self._lock:
            self._failures += 1

    def answered(self, model_id: str, seconds: float) -> None:
        """Keeps how long a request took that was answered."""
        with self._lock:
            self._seconds.setdefault(model_id, deque(maxlen=_KEPT)).append(seconds)

    def forget(self, model_id: str) -> None:
        """Drops what is kept of a model that is gone."""
        with self._lock:
            self._seconds.pop(model_id, None)

    @property
    def counts(self) -> tuple[int, int]:
        """Requests and failures since the start."""
        with self._lock:
            return self._requests, self._failures

    def latency(self) -> Mapping[str, tuple[float, float]]:
        """Model id to median and 95th percentile, in seconds, of its latest requests."""
        with self._lock:
            kept = {name: sorted(seconds) for name, seconds in self._seconds.items()}
        return {name: (_quantile(seconds, 0.5), _quantile(seconds, 0.95)) for name, seconds in sorted(kept.items())}


def _quantile(ordered: list[float], share: float) -> float:
    """The nearest rank: a duration that really was."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
