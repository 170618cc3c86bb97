"""Complaints about what others send, in the log: told seldom, because whoever sends rubbish must not fill it."""

import logging
import threading
from collections.abc import Callable
from time import monotonic

#: A complaint is told once in so many seconds, with how many there were meanwhile.
COMPLAINT_SECONDS = 5.0


class Complaints:
    """Tells the first at once, and counts those that follow too soon; all methods may be called from any thread."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = monotonic) -> None:
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        self._told = float("-inf")
        self._untold = 0

    def tell(self, sentence: str) -> None:
        """Tells a complaint, or counts it."""
        with self._lock:
            now = self._clock()
            if now - self._told < COMPLAINT_SECONDS:
                self._untold += 1
                return
            more = f" ({self._untold} more such things happened since the last line)" if self._untold else ""
            self._told, self._untold = now, 0
        self._log.warning("%s%s", sentence, more)
