"""Notices of forecasts for the log: an answer to the database has no place for them, and a thousand equal lines say no more than one."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable

_log = logging.getLogger(__name__)

#: Seconds for which a notice that was logged is not logged again, and how many are remembered.
_QUIET = 600.0
_REMEMBERED = 500


class NoticeLog:
    """Logs each notice of a model once in ten minutes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._said: OrderedDict[tuple[str, str], float] = OrderedDict()

    def say(self, model_id: str, notices: tuple[str, ...]) -> None:
        """Logs what was not said of the model lately."""
        for notice in notices:
            if self._is_new(model_id, notice):
                _log.info("%s: %s", model_id, notice)

    def _is_new(self, model_id: str, notice: str) -> bool:
        now = self._clock()
        with self._lock:
            last = self._said.pop((model_id, notice), None)
            if last is not None and now - last < _QUIET:
                self._said[(model_id, notice)] = last
                return False
            self._said[(model_id, notice)] = now
            if len(self._said) > _REMEMBERED:
                self._said.popitem(last=False)
            return True
