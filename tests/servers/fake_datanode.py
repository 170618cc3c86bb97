"""A DataNode that does what a test tells it to: answers, refuses, hangs, dies in the middle, sends rubbish.

It speaks IoTDB's client protocol on a socket of loopback, with the calls that IoTDB's own client generates. What statements it was sent is
kept, so that a test can count them. `on` scripts one statement; everything else is answered with success.
"""

import contextlib
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from iotdb.thrift.common.ttypes import TSStatus
from iotdb.thrift.rpc import IClientRPCService as calls
from iotdb.thrift.rpc.ttypes import TSExecuteStatementResp, TSFetchResultsResp, TSOpenSessionResp
from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated
from thrift.transport.TTransport import TMemoryBuffer

SUCCESS = 200


class Answer(Enum):
    """What is done instead of an answer."""

    HANG = "hang"
    CLOSE = "close the connection without a word"
    RUBBISH = "a frame that is no answer"
    HUGE = "a frame that says it is two gigabytes"
    CUT = "half of a frame"


class FakeDataNode:
    """Listens from the beginning; `close` ends everything."""

    def __init__(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family)
        self.host = host
        self.port: int = self._listener.getsockname()[1]
        self.url = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.statements: list[str] = []
        self.calls: Counter[str] = Counter()
        self.login_status = SUCCESS
        self.connections = 0
        self.precision = "ms"
        #: Set when the test ends: whoever hangs goes on.
        self.released = threading.Event()
        self.hanging = threading.Semaphore(0)
        self._tls = tls
        self._scripts: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def on(self, statement: str, answer: object) -> None:
        """What a statement (or the name of a call) gets: a status as (code, text), rows, an Answer, or a function that gives one."""
        self._scripts[statement] = answer

    def drop(self) -> None:
        """Closes all connections, as a server that is restarted."""
        with self._lock:
            dropped, self._open = self._open, set()
        for each in dropped:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def close(self) -> None:
        """Ends the server and its threads."""
        self.released.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()
        for each in self._threads:
            each.join(30)

    # The calls, in the spelling of the interface.

    def openSession(self, req: Any) -> TSOpenSessionResp:
        status = TSStatus(self.login_status, message="" if self.login_status == SUCCESS else "Authentication failed.")
        return TSOpenSessionResp(status, 2, 7, {"timestamp_precision": self.precision})

    def requestStatementId(self, sessionId: int) -> int:
        return 1

    def setTimeZone(self, req: Any) -> TSStatus:
        return TSStatus(SUCCESS)

    def closeSession(self, req: Any) -> TSStatus:
        return self._status(self._scripted("closeSession"))

    def closeOperation(self, req: Any) -> TSStatus:
        return TSStatus(SUCCESS)

    def insertTablet(self, req: Any) -> TSStatus:
        return self._status(self._scripted("insertTablet"))

    def executeUpdateStatementV2(self, req: Any) -> TSExecuteStatementResp:
        return TSExecuteStatementResp(self._status(self._scripted(req.statement)))

    def executeQueryStatementV2(self, req: Any) -> TSExecuteStatementResp:
        answer = self._scripted(req.statement)
        if isinstance(answer, TSExecuteStatementResp):
            return answer
        return TSExecuteStatementResp(self._status(answer), queryId=1, columns=[], dataTypeList=[], moreData=False)

    def fetchResultsV2(self, req: Any) -> TSFetchResultsResp:
        answer = self._scripted("fetchResultsV2")
        if isinstance(answer, TSFetchResultsResp):
            return answer
        return TSFetchResultsResp(self._status(answer), False, True, moreData=False)

    def _scripted(self, name: str) -> object:
        answer = self._scripts.get(name, (SUCCESS, ""))
        if callable(answer):
            answer = answer()
        if isinstance(answer, Answer):
            raise _Misbehave(answer)
        return answer

    def _status(self, answer: object) -> TSStatus:
        assert isinstance(answer, tuple)
        return TSStatus(answer[0], message=answer[1])

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(connection)
                self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        talking = connection
        try:
            if self._tls is not None:
                talking = self._tls.wrap_socket(connection, server_side=True)
                with self._lock:
                    self._open.discard(connection)
                    self._open.add(talking)
            while (request := _frame(talking)) is not None:
                answer = self._answer(request)
                if isinstance(answer, Answer):
                    self._misbehave(talking, answer)
                    if answer is not Answer.RUBBISH:
                        return
                    continue
                talking.sendall(struct.pack("!i", len(answer)) + answer)
        except OSError:
            return
        finally:
            with self._lock:
                self._open.discard(talking)
            talking.close()

    def _answer(self, request: bytes) -> bytes | Answer:
        name, statement = _call(request)
        with self._lock:
            self.calls[name] += 1
            if statement:
                self.statements.append(statement)
        out = TMemoryBuffer()
        try:
            calls.Processor(_Calls(self)).process(
                TBinaryProtocolAccelerated(TMemoryBuffer(request)), TBinaryProtocolAccelerated(out)
            )
        except _Misbehave as wanted:
            return wanted.answer
        return out.getvalue()

    def _misbehave(self, connection: socket.socket, answer: Answer) -> None:
        if answer is Answer.HANG:
            self.hanging.release()
            self.released.wait(120)
        elif answer is Answer.RUBBISH:
            connection.sendall(struct.pack("!i", 11) + b"HTTP/1.1 40")
        elif answer is Answer.HUGE:
            connection.sendall(struct.pack("!i", 2**31 - 1) + b"x" * 100)
        elif answer is Answer.CUT:
            connection.sendall(struct.pack("!i", 1000) + b"x" * 10)


class _Misbehave(BaseException):
    """No Exception, so that thrift's processor lets it through."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


class _Calls:
    """What of the server the protocol may call."""

    def __init__(self, server: FakeDataNode) -> None:
        for name in (
            "openSession",
            "requestStatementId",
            "setTimeZone",
            "closeSession",
            "closeOperation",
            "insertTablet",
            "executeUpdateStatementV2",
            "executeQueryStatementV2",
            "fetchResultsV2",
        ):
            setattr(self, name, getattr(server, name))


def result(
    columns: Sequence[tuple[str, str]], block: bytes | None, *, more: bool = False
) -> Callable[[], TSExecuteStatementResp]:
    """An answer to a query, with names and types of its columns and one block."""

    def make() -> TSExecuteStatementResp:
        return TSExecuteStatementResp(
            TSStatus(SUCCESS),
            queryId=5,
            columns=[name for name, _ in columns],
            dataTypeList=[kind for _, kind in columns],
            ignoreTimeStamp=True,
            queryResult=[] if block is None else [block],
            moreData=more,
        )

    return make


def texts(*values: str) -> bytes:
    """A block with one column of texts."""
    rows = len(values)
    head = struct.pack(">i", 1) + b"\x05" + struct.pack(">i", rows) + b"\x02\x03"
    column = b"".join(struct.pack(">i", len(each.encode())) + each.encode() for each in values)
    return head + b"\0" + bytes(8 * rows) + b"\0" + column


def _frame(connection: socket.socket) -> bytes | None:
    head = _exactly(connection, 4)
    return None if head is None else _exactly(connection, struct.unpack("!i", head)[0])


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    found = b""
    while len(found) < size:
        part = connection.recv(size - len(found))
        if not part:
            return None
        found += part
    return found


def _call(request: bytes) -> tuple[str, str]:
    """Name of the call, and the statement in it, if there is one."""
    protocol = TBinaryProtocolAccelerated(TMemoryBuffer(request))
    name, _, _ = protocol.readMessageBegin()
    if name not in ("executeUpdateStatementV2", "executeQueryStatementV2"):
        return name, ""
    arguments = getattr(calls, f"{name}_args")()
    arguments.read(protocol)
    return name, arguments.req.statement
