"""How long to wait before something that failed is tried again."""

from random import Random


def backoff_delay(failures: int, rng: Random, *, base: float = 1.0, ceiling: float = 60.0) -> float:
    """Seconds to wait after a number of failures in a row (at least 1): 1, 2, 4 … 60, with up to a quarter on top as jitter."""
    doublings = min(max(failures, 1) - 1, 16)
    return min(base * 2.0**doublings, ceiling) * (1.0 + 0.25 * rng.random())
