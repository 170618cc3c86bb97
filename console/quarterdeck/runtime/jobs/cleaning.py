"""Removes what attempts have left, in a thread of its own: a file system may take milliseconds for each file, in which the loop must answer."""

import logging
from concurrent.futures import ThreadPoolExecutor

from quarterdeck.config.paths import InstancePaths
from quarterdeck.runtime.jobs.artefacts import remove_spool

_log = logging.getLogger(__name__)


class Cleaning:
    """Removes spool folders and leases of attempts whose results are committed or outdated; what a death leaves, recovery removes."""

    def __init__(self, paths: InstancePaths) -> None:
        self._paths = paths
        self._thread = ThreadPoolExecutor(1, "cleaning")
        self._closed = False

    def remove(self, job: int, token: int) -> None:
        """Removes what an attempt has left, soon."""
        if self._closed:
            self._remove(job, token)
        else:
            self._thread.submit(self._remove, job, token)

    def close(self) -> None:
        """Returns when everything is removed."""
        self._closed = True
        self._thread.shutdown()

    def _remove(self, job: int, token: int) -> None:
        try:
            remove_spool(self._paths, job, token)
        except OSError as error:
            _log.warning("what attempt %d at job %d has left cannot be removed: %s", token, job, error)
