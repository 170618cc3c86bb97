"""A cluster as its users talk to it: statements with a purpose, each on a session of its own kind."""

import random
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing

from quarterdeck_ainode.iotdb.client.connecting import checked_endpoints, tls_context
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.endpoints import Endpoints
from quarterdeck_ainode.iotdb.client.error_codes import Numbering
from quarterdeck_ainode.iotdb.client.pool import SessionPool
from quarterdeck_ainode.iotdb.client.purpose import Purpose, allowances
from quarterdeck_ainode.iotdb.client.rows import ColumnBatch, Rows
from quarterdeck_ainode.iotdb.client.session import IotdbSession
from quarterdeck_ainode.iotdb.client.tablet import Tablet
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_ainode.value_types import TimePrecision

__all__ = ["FETCH_ROWS", "IotdbClient", "Purpose"]

#: Rows that a read of data fetches at a time.
FETCH_ROWS = 50_000


class IotdbClient:
    """Statements to one cluster; may be used by many threads at once, each of which gets a session for itself.

    Raises UsageError for settings that cannot be right; nothing is connected before the first statement. Every statement may raise
    IotdbError (the server said no), UnreachableError (nothing happened) and ProtocolError (what answers is no IoTDB).
    """

    def __init__(
        self,
        settings: IotdbSettings,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        #: The user that the settings name.
        self.user = settings.user
        self._allowances = allowances(settings)
        endpoints = Endpoints(checked_endpoints(settings), clock, rng or random.Random())
        self._pool = SessionPool(settings, endpoints, self._allowances, tls_context(settings), clock)

    def rows(
        self,
        statement: str,
        *,
        dialect: Dialect = Dialect.TREE,
        purpose: Purpose = Purpose.MONITORING,
        timeout: float | None = None,
    ) -> Rows:
        """The rows of a query whose result is small, each part of it within `timeout` seconds (else what the purpose allows)."""
        seconds = timeout or self.timeout_of(purpose)
        with self.session(purpose, dialect) as session:
            return session.rows(statement, seconds)

    def batches(
        self,
        statement: str,
        *,
        dialect: Dialect = Dialect.TREE,
        purpose: Purpose = Purpose.DATA,
        fetch_rows: int = FETCH_ROWS,
    ) -> Generator[ColumnBatch]:
        """The rows of a query of any size, in batches; to end early close the iterator, which ends the query on the server."""
        with (
            self.session(purpose, dialect) as session,
            closing(session.batches(statement, self.timeout_of(purpose), fetch_rows)) as batches,
        ):
            yield from batches

    def execute(
        self,
        statement: str,
        *,
        dialect: Dialect = Dialect.TREE,
        purpose: Purpose = Purpose.CHANGE,
        timeout: float | None = None,
    ) -> None:
        """Carries out a statement once; raises UnknownOutcomeError when it was sent and its answer was lost."""
        seconds = timeout or self.timeout_of(purpose)
        with self.session(purpose, dialect) as session:
            session.execute(statement, seconds)

    def insert(self, tablet: Tablet, *, purpose: Purpose = Purpose.DATA) -> None:
        """Writes the rows of a tablet; raises UnknownOutcomeError when its answer was lost (writing it again does no harm)."""
        with self.session(purpose, Dialect.TABLE if tablet.database else Dialect.TREE) as session:
            session.insert(tablet, self.timeout_of(purpose))

    def precision(self) -> TimePrecision:
        """The unit in which the server counts time."""
        with self.session(Purpose.MONITORING, Dialect.TREE) as session:
            return session.precision

    def timeout_of(self, purpose: Purpose) -> float:
        """Seconds that an answer may take."""
        return self._allowances[purpose].timeout

    def session(self, purpose: Purpose, dialect: Dialect) -> AbstractContextManager[IotdbSession]:
        """A session that nobody else uses meanwhile."""
        return self._pool.session(purpose, dialect)

    @property
    def reconnects(self) -> int:
        """How often a server was found again after it was away, or another one in its place."""
        return self._pool.reconnects

    def number_errors(self, numbering: Numbering) -> None:
        """What the codes of the AINode's errors mean in the version that answers."""
        self._pool.numbering = numbering

    def retry_login(self) -> None:
        """Lets the next statement log in even when the server has just refused the user."""
        self._pool.forget_refusal()

    def close(self) -> None:
        """Ends all sessions; calls that wait for an answer fail at once."""
        self._pool.close()
