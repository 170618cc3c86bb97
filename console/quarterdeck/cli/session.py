"""A command's connection to the runtime, with the catalogue asked for once."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from quarterdeck.client.blocking import BlockingConnection, Notification
from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck_api.protocol import CATALOGUE, GET, CatalogueResult, GetParams
from quarterdeck_api.resources import Address
from quarterdeck_api.wire import Method, Nothing

P = TypeVar("P")
R = TypeVar("R")

#: Seconds that the runtime may take to answer from what it knows.
ANSWER_TIMEOUT = 10.0

#: Seconds that a backend which is only just being opened gets before a request to it is sent all the same.
OPEN_WAIT = 20.0

_CONNECTING = "connecting"


class Session:
    """One connection that remembers the catalogue."""

    def __init__(self, connection: BlockingConnection) -> None:
        self._connection = connection
        self._catalogue: CatalogueResult | None = None

    def call(
        self, method: Method[P, R], params: P, timeout: float = ANSWER_TIMEOUT, *, changes_something: bool = False
    ) -> R:
        """Asks the runtime; raises its error, or UnreachableError or UnknownOutcomeError when the answer is lost."""
        return self._connection.call(method, params, timeout, changes_something=changes_something)

    def catalogue(self) -> CatalogueResult:
        """What plugins declare and which backends there are."""
        if self._catalogue is None:
            self._catalogue = self.call(CATALOGUE, Nothing())
        return self._catalogue

    def await_backends(self, addresses: Iterable[Address]) -> None:
        """Waits for backends of addresses that are just being opened, as after the start of the runtime; at most OPEN_WAIT each."""
        opening = {backend.name for backend in self.catalogue().backends if backend.state == _CONNECTING}
        for address in addresses:
            if address.backend in opening and self._listed(address):
                opening.discard(address.backend)
                self.call(GET, GetParams(address.kind, address.backend, wait=OPEN_WAIT), OPEN_WAIT + ANSWER_TIMEOUT)

    def _listed(self, address: Address) -> bool:
        """Whether the backend of an address mirrors its kind, so that it can be asked for as a list."""
        found = self.catalogue()
        plugins = {backend.plugin for backend in found.backends if backend.name == address.backend}
        catalogues = [status.catalogue for status in found.plugins if status.catalogue and status.id in plugins]
        return any(info.mirrored for each in catalogues if (info := each.kind(address.kind)) is not None)

    def notifications(self, timeout: float | None = None) -> Iterator[Notification]:
        """Notifications as they come; ends when none came for `timeout` seconds. Raises UnreachableError when the connection ended."""
        while (found := self._connection.next_notification(timeout)) is not None:
            yield found

    def fileno(self) -> int:
        """The connection's descriptor, for a program that goes on with it."""
        return self._connection.fileno()

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_session(client: str = "cli", *, start: bool = True, paths: InstancePaths | None = None) -> Session:
    """Connects to the runtime of the selected instance, starting it unless `start` is false; raises UnreachableError."""
    return Session(BlockingConnection.open(paths or instance_paths(), client, start=start))
