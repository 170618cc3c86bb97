"""Flow control of one connection: everything that is pushed waits until the other side has read enough."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from quarterdeck_api.errors import UnreachableError
from quarterdeck_api.wire import Method

#: Unsent bytes above which nothing more is pushed to a connection.
UNSENT_LIMIT = 1024 * 1024

#: Seconds without reading after which a client is dropped.
PATIENCE = 30.0

P = TypeVar("P")


class Line(Protocol):
    """What is used of a Peer."""

    bytes_out: int

    @property
    def closed(self) -> bool:
        """Whether the stream has ended."""
        ...

    @property
    def unsent_bytes(self) -> int:
        """Bytes that wait for the other side to read."""
        ...

    def notify(self, method: Method[P, Any], params: P) -> None:
        """Sends a notification; does not wait for it to be read."""
        ...

    async def drain(self) -> None:
        """Waits until the other side has read enough to go on."""
        ...


class Outlet:
    """Pushes notifications to one client. `clock` is monotonic seconds; `drop` ends the connection at once."""

    def __init__(
        self,
        line: Line,
        drop: Callable[[], None],
        clock: Callable[[], float],
        limit: int = UNSENT_LIMIT,
        patience: float = PATIENCE,
        check_every: float = 1.0,
    ) -> None:
        self._line = line
        self._drop = drop
        self._clock = clock
        self._limit = limit
        self._patience = patience
        self._check_every = check_every

    @property
    def closed(self) -> bool:
        """Whether the client is gone."""
        return self._line.closed

    def notify(self, method: Method[P, Any], params: P) -> None:
        """Sends a notification; ask for `room` before."""
        self._line.notify(method, params)

    async def room(self) -> bool:
        """Waits until the client has read enough; True when it had to wait.

        Raises UnreachableError when the connection has ended, also because the client read nothing for too long.
        """
        waited = False
        taken, since = self._taken(), self._clock()
        while not self._line.closed and self._line.unsent_bytes > self._limit:
            waited = True
            try:
                async with asyncio.timeout(self._check_every):
                    await self._line.drain()
            except TimeoutError:
                if self._taken() == taken and self._clock() - since >= self._patience:
                    self._drop()
                    raise UnreachableError(
                        f"the client has read nothing for {self._patience:g} s and was dropped", "start it again"
                    ) from None
            except ConnectionError:
                break
            if self._taken() != taken:
                taken, since = self._taken(), self._clock()
        if self._line.closed:
            raise UnreachableError("the client is gone", "start it again")
        return waited

    def _taken(self) -> int:
        return self._line.bytes_out - self._line.unsent_bytes
