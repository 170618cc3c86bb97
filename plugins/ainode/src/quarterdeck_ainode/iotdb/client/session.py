"""One session with one DataNode, which never sends a statement twice, but for a question that the server said it had no memory for.

It uses the calls that IoTDB's own client generates from IoTDB's interface, but not that client's session: that one sends a statement again
after a reconnect, cannot bound how long an exchange takes, cannot tell what was sent from what was not, and reads and writes values one by
one. Who reconnects is the pool. A session is used by one thread at a time.
"""

import contextlib
import ssl
import time
from collections.abc import Callable, Generator
from typing import Any

from iotdb.thrift.rpc import IClientRPCService as calls
from iotdb.thrift.rpc.ttypes import TSProtocolVersion
from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated
from thrift.protocol.TCompactProtocol import TCompactProtocolAccelerated
from thrift.Thrift import TApplicationException

from quarterdeck_ainode.iotdb.client.connection import Connection, ConnectionFault, connect
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.endpoints import Endpoint
from quarterdeck_ainode.iotdb.client.error_codes import NO_MEMORY, Numbering
from quarterdeck_ainode.iotdb.client.faults import broke_off, cut_off, not_asked, perhaps_done, refusal
from quarterdeck_ainode.iotdb.client.result import Result
from quarterdeck_ainode.iotdb.client.rows import ColumnBatch, Rows
from quarterdeck_ainode.iotdb.client.tablet import Tablet
from quarterdeck_ainode.iotdb.client.tablet_wire import tablet_bytes
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_ainode.value_types import TimePrecision
from quarterdeck_api.errors import (
    CallTimeoutError,
    ProtocolError,
    QuarterdeckError,
    UnknownOutcomeError,
    UnreachableError,
    UsageError,
)

#: Rows that an answer to a small query holds at most.
MOST_ROWS = 200_000

#: How long the server may take for a query whose parts are fetched one after the other, in milliseconds.
_LONG_QUERY = 24 * 3600 * 1000

#: What the server is given less than what is waited here, in seconds, so that its own time-out is heard.
_GRACE = 1.0

#: Lists and maps of an answer have fewer entries than this, so that a broken one takes no memory.
_MOST_ENTRIES = 4_000_000

#: Letters of a statement that an error shows.
_MOST_SHOWN = 300

_LOGIN_REMEDY = (
    "check that this is the client port of an IoTDB DataNode, and that `tls`, `client_certificate` and `compression` of the "
    "backend are as the server has them"
)

#: Seconds after which a question is asked again that a DataNode had no memory for beside others: it refuses before it does anything.
_CROWDED = (0.05, 0.1, 0.2, 0.4, 0.8)

_SUCCESS = (200, 400)
_SEVERAL = 302


class IotdbSession:
    """An open session; broken once the connection has failed, and then only good for closing."""

    def __init__(
        self,
        settings: IotdbSettings,
        endpoint: Endpoint,
        dialect: Dialect,
        tls: ssl.SSLContext | None,
        *,
        opened_at: float = 0.0,
        started: Callable[[Connection], None] | None = None,
    ) -> None:
        """Connects and logs in, `connect_timeout` seconds each; `started` hears of the connection as soon as it could hang."""
        self.endpoint = endpoint
        self.broken = False
        self.opened_at = opened_at
        self.statements = 0
        self.numbering = Numbering.CURRENT
        self.precision = TimePrecision.ms
        self._database = ""
        try:
            self._connection = connect(endpoint, settings.connect_timeout, tls)
        except (OSError, ValueError) as error:
            raise UnreachableError(f"{endpoint} cannot be reached: {_said(error)}", _reach_remedy(error)) from error
        if started:
            started(self._connection)
        protocol = TCompactProtocolAccelerated if settings.compression else TBinaryProtocolAccelerated
        self._client = calls.Client(protocol(self._connection, container_length_limit=_MOST_ENTRIES))
        try:
            self._log_in(settings, dialect)
        except (UnreachableError, ProtocolError) as error:
            self._connection.close()
            raise type(error)(f"{error.message} (while logging in)", _LOGIN_REMEDY) from error
        except BaseException:
            self._connection.close()
            raise

    def rows(self, statement: str, timeout: float) -> Rows:
        """The whole result of a query that is known to be small; raises IotdbError, UnreachableError or UsageError."""
        result = self._query(statement, timeout, timeout, 10_000)
        values: list[tuple[Any, ...]] = []
        with contextlib.closing(result.blocks()) as blocks:
            for block in blocks:
                values.extend(result.cells(block))
                if len(values) > MOST_ROWS:
                    raise UsageError(
                        f"{_short(statement)!r} gives more than {MOST_ROWS} rows",
                        "add a LIMIT, or read it into a dataset",
                    )
        return Rows(result.names, result.type_names, tuple(values))

    def batches(self, statement: str, timeout: float, fetch_rows: int) -> Generator[ColumnBatch]:
        """The result of a query in batches of about `fetch_rows` rows, each fetched within `timeout` seconds.

        Ending early (close() on the iterator) ends the query on the server.
        """
        result = self._query(statement, timeout, _LONG_QUERY / 1000, fetch_rows)
        with contextlib.closing(result.batches()) as batches:
            yield from batches

    def execute(self, statement: str, timeout: float) -> None:
        """Carries out a statement that gives no rows; raises UnknownOutcomeError when it was sent and its answer was lost."""
        request = calls.TSExecuteStatementReq(self._session_id, statement, self._statement_id)
        answer = self._call("executeUpdateStatementV2", request, timeout, change=statement)
        self._check(answer.status, changes=True)

    def insert(self, tablet: Tablet, timeout: float) -> None:
        """Writes a tablet; raises UnknownOutcomeError when it was sent and its answer was lost (writing it again does no harm)."""
        packed = tablet_bytes(tablet)
        if tablet.database and tablet.database != self._database:
            self.execute(f'USE "{tablet.database.replace(chr(34), chr(34) * 2)}"', timeout)
            self._database = tablet.database
        request = calls.TSInsertTabletReq(
            self._session_id,
            tablet.target,
            [each.name for each in tablet.columns],
            packed.values,
            packed.times,
            [int(each.type) for each in tablet.columns],
            packed.rows,
            tablet.aligned,
            bool(tablet.database),
            [int(each.category) for each in tablet.columns] if tablet.database else None,
        )
        self._check(self._call("insertTablet", request, timeout, change=f"a tablet for {tablet.target}"), changes=True)

    def alive(self) -> bool:
        """Whether the connection still stands, as far as can be known without sending anything."""
        return not self.broken and self._connection.alive()

    def interrupt(self) -> None:
        """Lets whoever waits in this session fail now; may be called from any thread."""
        self._connection.interrupt()

    def close(self, timeout: float = 1.0) -> bool:
        """Logs out when the connection still works; whatever fails at that does not matter any more. Says whether the server answered."""
        answered = False
        if not self.broken:
            with contextlib.suppress(QuarterdeckError):
                self._call("closeSession", calls.TSCloseSessionReq(self._session_id), timeout)
                answered = True
        self.broken = True
        self._connection.close()
        return answered

    def _log_in(self, settings: IotdbSettings, dialect: Dialect) -> None:
        answer = self._call(
            "openSession",
            calls.TSOpenSessionReq(
                client_protocol=TSProtocolVersion.IOTDB_SERVICE_PROTOCOL_V3,
                zoneId="UTC",
                username=settings.user,
                password=settings.password,
                configuration={"version": "V_1_0", "sql_dialect": dialect.value},
            ),
            settings.connect_timeout,
        )
        self._check(answer.status)
        self._session_id = answer.sessionId
        said = (answer.configuration or {}).get("timestamp_precision", "ms")
        if said not in TimePrecision.__members__:
            raise ProtocolError(f"{self.endpoint} counts time in {said!r}", "ms, us and ns are understood")
        self.precision = TimePrecision[said]
        self._statement_id = self._call("requestStatementId", self._session_id, settings.connect_timeout)

    def _query(self, statement: str, timeout: float, in_all: float, fetch_rows: int) -> Result:
        """Sends a query; `timeout` is for each part of the answer, `in_all` what the server is told."""
        self.statements += 1
        milliseconds = max(1, int(in_all * 1000))
        request = calls.TSExecuteStatementReq(self._session_id, statement, self._statement_id, fetch_rows, milliseconds)
        answer = self._call("executeQueryStatementV2", request, timeout + _GRACE)
        for pause in _CROWDED:
            if answer.status.code != NO_MEMORY:
                break
            time.sleep(pause)
            answer = self._call("executeQueryStatementV2", request, timeout + _GRACE)
        self._check(answer.status)

        def fetch() -> Any:
            return self._fetched(
                calls.TSFetchResultsReq(
                    self._session_id, statement, fetch_rows, answer.queryId, True, milliseconds, self._statement_id
                ),
                timeout + _GRACE,
            )

        def release() -> None:
            if self.broken:
                return  # The server releases what a broken connection has asked for.
            request = calls.TSCloseOperationReq(self._session_id, answer.queryId, self._statement_id)
            try:
                self._call("closeOperation", request, 5.0)
            except QuarterdeckError:
                self.broken = True  # Closing the connection releases it as well.

        return Result.of(answer, fetch, release)

    def _fetched(self, request: Any, timeout: float) -> Any:
        answer = self._call("fetchResultsV2", request, timeout)
        self._check(answer.status)
        return answer

    def _call(self, name: str, request: object, timeout: float, change: str = "") -> Any:
        """One exchange. `change` names what a lost answer would leave unknown."""
        self._connection.start_exchange(timeout)
        try:
            return getattr(self._client, name)(request)
        except ConnectionFault as fault:
            self.broken = True
            raise self._lost(fault.reason, fault.sent, change, timed_out=fault.timed_out) from fault
        except TApplicationException as error:
            if error.type == TApplicationException.UNKNOWN_METHOD:
                raise ProtocolError(
                    f"{self.endpoint} does not know the call {name}", "its version of IoTDB is not supported"
                ) from error
            self.broken = True
            raise self._lost(f"it failed inside ({error.message})", self._connection.sent, change) from error
        except Exception as error:  # Whatever the decoder makes of a server's bytes.
            self.broken = True
            sent = self._connection.sent
            reason = f"its answer cannot be read ({error or type(error).__name__})" if sent else _said(error)
            raise self._lost(reason, sent, change, garbled=sent) from error

    def _lost(
        self, reason: str, sent: bool, change: str, *, timed_out: bool = False, garbled: bool = False
    ) -> QuarterdeckError:
        """The error for an exchange without an answer."""
        if change and sent:
            return UnknownOutcomeError(
                f"{self.endpoint} was sent {_short(change)!r}, and then: {reason}; it may or may not have happened",
                "look at the cluster before doing it again",
            )
        if garbled:
            return ProtocolError(f"{self.endpoint}: {reason}", "check that the port is the one of an IoTDB DataNode")
        fault = CallTimeoutError if timed_out else UnreachableError
        return fault(f"{self.endpoint} did not answer: {reason}", "try again")

    def _check(self, status: Any, *, changes: bool = False) -> None:
        """Raises IotdbError for a status that is none of success.

        UnreachableError for a question that its DataNode is cut off from, UnknownOutcomeError for a change that got lost behind the DataNode.
        """
        code = getattr(status, "code", None)
        if not isinstance(code, int):
            self.broken = True
            raise ProtocolError(
                f"{self.endpoint} answers without a status", "check that the port is the one of an IoTDB DataNode"
            )
        if code in _SUCCESS:
            return
        if code == _SEVERAL:
            failed = [each for each in status.subStatus or () if each.code not in _SUCCESS]
            if failed:
                texts = dict.fromkeys(f"{each.code}: {each.message or ''}" for each in failed)
                raise refusal(failed[0].code, "; ".join(texts), numbering=self.numbering)
            return
        if not changes and cut_off(code, status.message or ""):
            raise not_asked(self.endpoint, code, status.message or "")
        if changes and broke_off(code, status.message or ""):
            raise perhaps_done(self.endpoint, status.message or "")
        raise refusal(code, status.message or "", numbering=self.numbering)


def _short(statement: str) -> str:
    return statement if len(statement) <= _MOST_SHOWN else f"{statement[:_MOST_SHOWN]}…"


def _said(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"TLS fails ({error.reason or error.strerror or error})"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    strerror = getattr(error, "strerror", None)
    return str(strerror or error or type(error).__name__)


def _reach_remedy(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return "check `tls`, `ca_file` and the client certificate of the backend, and whether the server speaks TLS"
    return "check that the DataNode runs and that the port can be reached"
