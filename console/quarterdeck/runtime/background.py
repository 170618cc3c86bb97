"""What the runtime does beside answering: tasks that are ended with it, and whose faults are told in its log."""

import asyncio
import logging
from collections.abc import Coroutine

from quarterdeck_api.errors import QuarterdeckError

_log = logging.getLogger("quarterdeck.runtime")


class Background:
    """Holds every task until it has ended."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Begins a task of its own."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def cancel(self) -> None:
        """Ends all that is under way."""
        for task in tuple(self._tasks):
            task.cancel()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            tell_fault("a task of the runtime", error)


def tell_fault(what: str, error: BaseException) -> None:
    """Tells in the log what went wrong: errors of ours as sentences, others with their traceback."""
    if isinstance(error, QuarterdeckError):
        _log.warning("%s: %s. %s", what, error.message, error.remedy)
    else:
        _log.error("%s failed", what, exc_info=error)
