"""Whatever bytes a server sends, and however it sends them, the client answers with a sentence, in time, and goes on with the next server."""

import random
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from iotdb.thrift.common.ttypes import TSStatus
from iotdb.thrift.rpc import IClientRPCService as calls
from iotdb.thrift.rpc.ttypes import TSOpenSessionResp
from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated
from thrift.Thrift import TMessageType
from thrift.transport.TTransport import TMemoryBuffer

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.connection import MOST_BYTES
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_api.errors import QuarterdeckError, UnknownOutcomeError, UnreachableError


def reply(name: str, found: object) -> bytes:
    """A whole frame that answers a call."""
    out = TMemoryBuffer()
    protocol = TBinaryProtocolAccelerated(out)
    protocol.writeMessageBegin(name, TMessageType.REPLY, 0)
    answer = getattr(calls, f"{name}_result")()
    answer.success = found
    answer.write(protocol)
    protocol.writeMessageEnd()
    return struct.pack("!i", len(out.getvalue())) + out.getvalue()


LOGIN = reply("openSession", TSOpenSessionResp(TSStatus(200), 2, 7, {}))
STATEMENT = reply("requestStatementId", 1)


class Replayer:
    """Sends what it is given, one piece for each request, and closes when it has no more."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.pieces: list[bytes] = []
        self.requests = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(30)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(30)
                try:
                    for piece in list(self.pieces):
                        [size] = struct.unpack("!i", self._read(connection, 4))
                        self._read(connection, size)
                        self.requests += 1
                        connection.sendall(piece)
                except (OSError, struct.error):
                    continue

    def _read(self, connection: socket.socket, size: int) -> bytes:
        found = b""
        while len(found) < size:
            part = connection.recv(size - len(found))
            if not part:
                raise OSError
            found += part
        return found


@pytest.fixture(scope="module")
def server() -> Iterator[Replayer]:
    made = Replayer()
    yield made
    made.close()


def ask(server: Replayer, *pieces: bytes, change: bool = False) -> None:
    """A statement to a server that answers with these pieces; the error goes to the caller."""
    server.pieces = list(pieces)
    client = IotdbClient(IotdbSettings(nodes=(server.url,), connect_timeout=30.0), rng=random.Random(1))
    try:
        client.execute("FLUSH") if change else client.rows("SHOW VERSION")
    finally:
        client.close()


def framed(data: bytes) -> bytes:
    return struct.pack("!i", len(data)) + data


_SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_SLOW
@given(st.binary(max_size=300), st.booleans(), st.integers(0, 2))
def test_any_bytes_are_a_sentence(server: Replayer, data: bytes, whole: bool, after: int) -> None:
    pieces = [*[LOGIN, STATEMENT][:after], framed(data) if whole else data]
    with pytest.raises(QuarterdeckError) as caught:
        ask(server, *pieces)
    assert caught.value.message and caught.value.remedy


@_SLOW
@given(st.data())
def test_a_wrong_byte_in_an_answer_is_a_sentence_or_no_matter(server: Replayer, data: st.DataObject) -> None:
    spoilt = bytearray(LOGIN)
    spoilt[data.draw(st.integers(4, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    with pytest.raises(QuarterdeckError) as caught:
        ask(server, bytes(spoilt), STATEMENT, framed(b""))
    assert caught.value.message and caught.value.remedy


@_SLOW
@given(st.binary(max_size=200))
def test_any_bytes_after_a_change_leave_it_unknown(server: Replayer, data: bytes) -> None:
    before = server.requests
    with pytest.raises(UnknownOutcomeError):
        ask(server, LOGIN, STATEMENT, framed(b"\0" + data), change=True)
    assert server.requests == before + 3


@pytest.mark.parametrize("size", [-1, 0, MOST_BYTES + 1, 2**31 - 1])
def test_a_size_that_cannot_be_is_refused_before_memory_is_taken(server: Replayer, size: int) -> None:
    with pytest.raises(UnreachableError, match=f"a frame of {size} bytes"):
        ask(server, struct.pack("!i", size))


def test_structures_without_end_are_refused(server: Replayer) -> None:
    head = b"\x80\x01\x00\x02" + struct.pack("!i", 11) + b"openSession" + bytes(4)
    with pytest.raises(QuarterdeckError, match="cannot be read"):
        ask(server, framed(head + b"\x0c\x00\x63" * 1_000_000))


def test_a_list_that_says_it_has_billions_of_entries_is_refused(server: Replayer) -> None:
    head = b"\x80\x01\x00\x02" + struct.pack("!i", 11) + b"openSession" + bytes(4)
    # The result's structure, in it the status, in that a list of statuses (field 3) with two billion entries.
    status = b"\x0c\x00\x01" + b"\x0f\x00\x03\x0c" + struct.pack("!i", 2_000_000_000)
    with pytest.raises(QuarterdeckError, match="cannot be read"):
        ask(server, framed(head + b"\x0c\x00\x00" + status))


def test_an_answer_that_drips_ends_at_the_deadline_of_the_whole() -> None:
    """A byte now and then keeps a socket's own time-out from ever coming."""
    stop = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(struct.pack("!i", 1_000_000))
            while not stop.wait(0.02):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,), daemon=True)
        thread.start()
        url = f"127.0.0.1:{listener.getsockname()[1]}"
        client = IotdbClient(IotdbSettings(nodes=(url,), connect_timeout=0.5))
        with pytest.raises(UnreachableError, match="does not come in time"):
            client.rows("SHOW VERSION")
        client.close()
        stop.set()
        thread.join(30)


def test_what_works_is_found_behind_what_does_not(server: Replayer) -> None:
    from fake_datanode import FakeDataNode, result, texts

    good = FakeDataNode()
    good.on("SHOW VERSION", result([("Version", "TEXT")], texts("2.0.10")))
    server.pieces = [b"HTTP/1.1 400 Bad Request\r\n\r\n"]
    client = IotdbClient(IotdbSettings(nodes=(server.url, good.url), connect_timeout=30.0))
    try:
        assert client.rows("SHOW VERSION").values == (("2.0.10",),)
    finally:
        client.close()
        good.close()
