"""A blocking call in a thread of its own, for what may take for ever by design or by fault: opening and watching."""

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from quarterdeck_api.host.pool import as_fault

R = TypeVar("R")


class DetachedCall(Generic[R]):
    """Begins the call at once, from the loop; its thread is a daemon.

    `future` gets what the function returns or raises. Once it is abandoned nobody wants the result any more: it goes to `unclaimed`, in
    another thread.
    """

    def __init__(self, function: Callable[[], R], name: str, unclaimed: Callable[[R], None] | None = None) -> None:
        self._function = function
        self._unclaimed = unclaimed
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[R] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether the function has not returned yet."""
        return self._thread.is_alive()

    def abandon(self) -> None:
        """Nobody waits any more."""
        self.future.cancel()

    def _run(self) -> None:
        try:
            result = self._function()
        except BaseException as error:  # noqa: BLE001 - the boundary to plugin code: whatever it raises is its waiter's answer
            self._tell(self._raised, as_fault(error))
        else:
            self._tell(self._returned, result)

    def _tell(self, settle: Callable[..., None], outcome: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(settle, outcome)

    def _raised(self, fault: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(fault)

    def _returned(self, result: R) -> None:
        if not self.future.done():
            self.future.set_result(result)
        elif self._unclaimed is not None:
            threading.Thread(target=self._unclaimed, args=(result,), daemon=True).start()
