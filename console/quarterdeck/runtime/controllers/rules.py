"""When a controller looks again, decided from times that are passed in; seconds."""

from random import Random

#: A controller that fails looks again after its interval, doubled for each failure in a row, and after this at the latest (or its interval).
LONGEST_BACKOFF = 3600.0


def next_after(ended: float, interval: float, failures: int, rng: Random) -> float:
    """The time of the next look: an interval after the end of the last one, later after failures in a row, with up to a tenth of jitter then."""
    if not failures:
        return ended + interval
    delay = min(interval * 2.0 ** min(failures, 16), max(LONGEST_BACKOFF, interval))
    return ended + delay * (1.0 + 0.1 * rng.random())


def resumed(next_look: float, interval: float, now: float) -> float:
    """The next look as remembered, but never further away than an interval: the clock may have been set back since."""
    return min(next_look, now + max(interval, LONGEST_BACKOFF)) if next_look > now else now
