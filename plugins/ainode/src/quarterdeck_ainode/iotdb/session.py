"""One session with one DataNode, over IoTDB's own client, in a way that never sends a statement twice.

The client re-sends a statement after a reconnect when it was made with node URLs, so it is made for one host and port, without
redirection; who reconnects is the pool. A session is used by one thread at a time.
"""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from quarterdeck_ainode.iotdb.dialect import Dialect
from quarterdeck_ainode.iotdb.faults import coded, refused
from quarterdeck_ainode.iotdb.rows import ColumnBatch, Rows
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_api.errors import UnknownOutcomeError, UnreachableError
from quarterdeck_api.resources import Cell


class Endpoint(Struct, frozen=True):
    """Where a DataNode listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class IotdbSession:
    """An open session; broken once the connection has failed, and then only good for closing."""

    def __init__(
        self, settings: IotdbSettings, endpoint: Endpoint, dialect: Dialect, timeout: float, fetch_size: int
    ) -> None:
        from iotdb.Session import Session

        self.endpoint = endpoint
        self.broken = False
        self._session: Any = Session(
            endpoint.host,
            endpoint.port,
            settings.user,
            settings.password,
            fetch_size=fetch_size,
            zone_id="UTC",
            enable_redirection=False,
            use_ssl=settings.tls,
            ca_certs=settings.ca_file or None,
            connection_timeout_in_ms=int(timeout * 1000),
        )
        self._session.sql_dialect = dialect.value
        try:
            self._session.open(False)
        except (
            Exception
        ) as error:  # The boundary to the client, which wraps whatever went wrong in an exception with a text.
            status, _ = coded(str(error))
            if status:
                raise refused(str(error)) from error
            raise UnreachableError(
                f"{endpoint} does not answer: {error}", "check that the DataNode runs and that the port can be reached"
            ) from error

    def rows(self, statement: str, timeout: float) -> Rows:
        """The whole result of a query that is known to be small; raises IotdbError or UnreachableError."""
        found = self._query(statement, timeout)
        try:
            frame = found.todf()
            names = tuple(found.get_column_names())
            types = tuple(str(getattr(each, "name", each)) for each in found.get_column_types())
        except Exception as error:
            raise self._read_fault(error) from error
        finally:
            self._release(found)
        columns = [[_cell(value) for value in frame.iloc[:, place].tolist()] for place in range(len(names))]
        return Rows(names, types, tuple(zip(*columns, strict=True)) if columns else ())

    def batches(self, statement: str, timeout: float) -> Iterator[ColumnBatch]:
        """The result of a query in batches of the session's fetch size."""
        found = self._query(statement, timeout)
        try:
            names = found.get_column_names()
            while found.has_next_df():
                frame = found.next_df()
                columns = {name: frame.iloc[:, place].to_numpy() for place, name in enumerate(names)}
                yield ColumnBatch(columns, len(frame))
        except (OSError, EOFError) as error:
            raise self._read_fault(error) from error
        finally:
            self._release(found)

    def execute(self, statement: str) -> None:
        """Carries out a statement that gives no rows; raises UnknownOutcomeError when its answer is lost."""
        try:
            self._session.execute_non_query_statement(statement)
        except Exception as error:
            from iotdb.utils.exception import StatementExecutionException

            if isinstance(error, StatementExecutionException):
                raise refused(str(error)) from error
            self.broken = True
            raise UnknownOutcomeError(
                f"{self.endpoint} did not answer to {statement!r}: {error}; it may or may not have happened",
                "look at the cluster before doing it again",
            ) from error

    def close(self) -> None:
        """Logs out when the connection still works; whatever fails at that does not matter any more."""
        with contextlib.suppress(
            Exception
        ):  # The connection is given up anyway, and the client raises whatever it likes.
            self._session.close()

    def _query(self, statement: str, timeout: float) -> Any:
        try:
            return self._session.execute_query_statement(statement, int(timeout * 1000))
        except Exception as error:
            raise self._read_fault(error) from error

    def _read_fault(self, error: Exception) -> Exception:
        from iotdb.utils.exception import StatementExecutionException

        if isinstance(error, StatementExecutionException):
            return refused(str(error))
        self.broken = True
        return UnreachableError(f"{self.endpoint} did not answer: {error or type(error).__name__}", "try again")

    def _release(self, found: Any) -> None:
        if not self.broken:
            try:
                found.close_operation_handle()
            except Exception:  # noqa: BLE001 - a result that cannot be released is released with its session.
                self.broken = True


def _cell(value: Any) -> Cell:
    """A value of a frame as a plain one."""
    if value is None:
        return None
    if isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    item = getattr(value, "item", None)
    if item is not None:
        return item()
    text = str(value)
    return None if text in ("<NA>", "NaT") else text
