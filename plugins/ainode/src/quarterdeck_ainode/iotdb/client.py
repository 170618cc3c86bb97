"""A cluster as its users talk to it: statements with a purpose, each on a session of its own kind."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum

from quarterdeck_ainode.iotdb.dialect import Dialect
from quarterdeck_ainode.iotdb.rows import ColumnBatch, Rows
from quarterdeck_ainode.iotdb.session import Endpoint, IotdbSession
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_api.errors import UnreachableError, UsageError


class Purpose(Enum):
    """What a session is for: what watches a cluster never waits behind what computes in it."""

    MONITORING = "monitoring"
    CHANGE = "change"
    INFERENCE = "inference"
    DATA = "data"


#: Rows that a read of data fetches at a time.
FETCH_ROWS = 50_000

_IDLE_SESSIONS = 4


class IotdbClient:
    """Statements to one cluster; may be used by many threads at once, each of which gets a session for itself."""

    def __init__(self, settings: IotdbSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._endpoints = tuple(endpoint(each) for each in settings.nodes)
        self._lock = threading.Lock()
        self._idle: dict[tuple[Purpose, Dialect], list[IotdbSession]] = {}
        self._closed = False

    def rows(
        self,
        statement: str,
        *,
        dialect: Dialect = Dialect.TREE,
        purpose: Purpose = Purpose.MONITORING,
        timeout: float | None = None,
    ) -> Rows:
        """The rows of a query whose result is small."""
        seconds = timeout or self.timeout_of(purpose)
        with self.session(purpose, dialect) as session:
            return session.rows(statement, seconds)

    def batches(
        self, statement: str, *, dialect: Dialect = Dialect.TREE, purpose: Purpose = Purpose.DATA
    ) -> Iterator[ColumnBatch]:
        """The rows of a query of any size, in batches."""
        with self.session(purpose, dialect) as session:
            yield from session.batches(statement, self.timeout_of(purpose))

    def execute(self, statement: str, *, dialect: Dialect = Dialect.TREE, purpose: Purpose = Purpose.CHANGE) -> None:
        """Carries out a statement once; raises UnknownOutcomeError when it was sent and its answer was lost."""
        with self.session(purpose, dialect) as session:
            session.execute(statement)

    def timeout_of(self, purpose: Purpose) -> float:
        """Seconds that an answer may take."""
        return {
            Purpose.MONITORING: self._settings.connect_timeout,
            Purpose.CHANGE: self._settings.statement_timeout,
            Purpose.INFERENCE: self._settings.inference_timeout,
            Purpose.DATA: self._settings.read_timeout,
        }[purpose]

    @contextmanager
    def session(self, purpose: Purpose, dialect: Dialect) -> Iterator[IotdbSession]:
        """A session that nobody else uses meanwhile."""
        taken = self._take(purpose, dialect)
        try:
            yield taken
        finally:
            self._give_back(purpose, dialect, taken)

    def close(self) -> None:
        """Ends all sessions; those in use end when they are given back."""
        with self._lock:
            self._closed = True
            idle = [session for sessions in self._idle.values() for session in sessions]
            self._idle.clear()
        for session in idle:
            session.close()

    def _take(self, purpose: Purpose, dialect: Dialect) -> IotdbSession:
        with self._lock:
            if self._closed:
                raise UnreachableError("the backend is closed", "open it again")
            waiting = self._idle.get((purpose, dialect))
            if waiting:
                return waiting.pop()
        return self._open(purpose, dialect)

    def _open(self, purpose: Purpose, dialect: Dialect) -> IotdbSession:
        failures: list[str] = []
        for each in self._endpoints:
            try:
                return IotdbSession(self._settings, each, dialect, self.timeout_of(purpose), FETCH_ROWS)
            except UnreachableError as error:
                failures.append(error.message)
        raise UnreachableError(
            "; ".join(failures), "check that a DataNode runs, and the nodes of the backend in the configuration"
        )

    def _give_back(self, purpose: Purpose, dialect: Dialect, session: IotdbSession) -> None:
        with self._lock:
            waiting = self._idle.setdefault((purpose, dialect), [])
            keep = not self._closed and not session.broken and len(waiting) < _IDLE_SESSIONS
            if keep:
                waiting.append(session)
        if not keep:
            session.close()


def endpoint(text: str) -> Endpoint:
    """Reads HOST:PORT, with [v6] addresses; raises UsageError."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"{text!r} is no address of a DataNode", "write HOST:PORT, as in 10.0.0.5:6667")
    return Endpoint(host, int(port))
