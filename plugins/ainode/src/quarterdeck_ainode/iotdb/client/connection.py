"""A connection to a DataNode: bytes in frames, over TCP or TLS, each exchange with a deadline of its own.

A transport for the thrift library. It knows what the library's own socket does not: how much of a request has left, whether an idle
connection is still there, and how long a whole exchange may take.
"""

import contextlib
import math
import select
import socket
import ssl
import struct
import time
from collections.abc import Callable
from io import BytesIO

from thrift.transport.TTransport import CReadableTransport, TTransportBase

from quarterdeck_ainode.iotdb.client.endpoints import Endpoint

#: The largest answer that is read; the server sends a part of a result at a time.
MOST_BYTES = 256 * 1024 * 1024

_CHUNK = 1024 * 1024


class ConnectionFault(Exception):
    """The connection is of no use any more. `sent` says whether a whole request had left before."""

    def __init__(self, reason: str, *, sent: bool, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent
        self.timed_out = timed_out


class Connection(TTransportBase, CReadableTransport):
    """One socket; the methods `write`, `flush`, `read` and `readAll` are what the thrift library calls."""

    def __init__(self, connected: socket.socket, clock: Callable[[], float] = time.monotonic) -> None:
        self._socket = connected
        self._clock = clock
        self._deadline = math.inf
        self._out = bytearray()
        self._in = BytesIO()
        self._sent = False
        self._answered = False

    def start_exchange(self, timeout: float) -> None:
        """From now on a request is written and its answer read, within `timeout` seconds in all."""
        self._deadline = self._clock() + timeout
        self._out.clear()
        self._in = BytesIO()
        self._sent = False
        self._answered = False

    @property
    def sent(self) -> bool:
        """Whether the whole request of this exchange has left: only then can it have had an effect."""
        return self._sent

    def alive(self) -> bool:
        """Whether an idle connection still stands, as far as can be known without sending: the other side has not closed it."""
        watch = select.poll()
        try:
            watch.register(self._socket, select.POLLIN | select.POLLERR | select.POLLHUP)
            if not watch.poll(0):
                return True
            if not isinstance(self._socket, ssl.SSLSocket):
                return False  # Closed, or bytes that nobody asked for.
            self._socket.settimeout(0)
            self._socket.recv(1)
        except ssl.SSLWantReadError:
            return True  # TLS itself had something to say, as a session ticket.
        except (OSError, ValueError):
            return False
        return False

    def interrupt(self) -> None:
        """Lets whoever waits for an answer fail now; may be called from any thread."""
        with contextlib.suppress(OSError):
            # Not TLS's own: that one takes its state away from under the thread that reads.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    # What thrift calls, in its spelling; its own classes do not say what these give.

    def isOpen(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Whether it was not closed here."""
        return self._socket.fileno() >= 0

    def close(self) -> None:
        """Gives the socket back."""
        with contextlib.suppress(OSError):
            self._socket.close()

    def write(self, buf: bytes | bytearray) -> None:
        """Adds to the request."""
        self._out += buf

    def flush(self) -> None:
        """Sends the request as one frame."""
        frame = memoryview(struct.pack("!i", len(self._out)) + self._out)
        self._out = bytearray()
        gone = 0
        while gone < len(frame):
            try:
                self._socket.settimeout(self._left())
                gone += self._socket.send(frame[gone : gone + _CHUNK])
            except TimeoutError as error:
                raise ConnectionFault(
                    "it does not take the request in time", sent=self._uncertain(gone), timed_out=True
                ) from error
            except OSError as error:
                raise ConnectionFault(_said(error), sent=self._uncertain(gone)) from error
        self._sent = True

    def read(self, sz: int) -> bytes:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Up to `sz` bytes of the answer."""
        found = self._in.read(sz)
        if not found and sz:
            self._read_answer()
            found = self._in.read(sz)
        return found

    def readAll(self, sz: int) -> bytes:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Exactly `sz` bytes of the answer."""
        found = self._in.read(sz)
        while len(found) < sz:
            self._read_answer()
            found += self._in.read(sz - len(found))
        return found

    @property
    def cstringio_buf(self) -> BytesIO:  # pyright: ignore[reportIncompatibleMethodOverride]
        """What thrift's compiled decoder reads from."""
        return self._in

    def cstringio_refill(self, partialread: bytes, reqlen: int) -> BytesIO:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Called by thrift's compiled decoder when it needs `reqlen` bytes, of which it has `partialread`."""
        self._read_answer(partialread)
        return self._in

    def _read_answer(self, before: bytes = b"") -> None:
        """Reads the frame of this exchange; an answer is one frame, so one that needs another is broken."""
        if self._answered:
            raise ConnectionFault("its answer ends too early", sent=self._sent)
        self._answered = True
        self._in = BytesIO(before + self._frame())

    def _frame(self) -> bytes:
        [size] = struct.unpack("!i", self._receive(4))
        if not 0 < size <= MOST_BYTES:
            raise ConnectionFault(
                f"it answers in another protocol (a frame of {size} bytes was announced)", sent=self._sent
            )
        return self._receive(size)

    def _receive(self, size: int) -> bytes:
        """Exactly `size` bytes; memory is taken as they come, not as they are announced."""
        found = bytearray()
        while len(found) < size:
            try:
                self._socket.settimeout(self._left())
                part = self._socket.recv(min(size - len(found), _CHUNK))
            except TimeoutError as error:
                raise ConnectionFault("its answer does not come in time", sent=self._sent, timed_out=True) from error
            except OSError as error:
                raise ConnectionFault(_said(error), sent=self._sent) from error
            if not part:
                raise ConnectionFault("it has closed the connection", sent=self._sent)
            found += part
        return bytes(found)

    def _left(self) -> float:
        left = self._deadline - self._clock()
        if left <= 0:
            raise TimeoutError
        return min(left, 3600.0)

    def _uncertain(self, gone: int) -> bool:
        """Whether a request of which `gone` bytes were taken may have arrived: TLS may send more than it says."""
        return gone > 0 and isinstance(self._socket, ssl.SSLSocket)


def _said(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


def connect(endpoint: Endpoint, timeout: float, tls: ssl.SSLContext | None) -> Connection:
    """Connects within `timeout` seconds (of each address, where the host has several), the handshake of TLS included; raises OSError."""
    deadline = time.monotonic() + timeout
    raw = socket.create_connection((endpoint.host, endpoint.port), timeout)
    try:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if tls is None:
            return Connection(raw)
        raw.settimeout(max(0.001, deadline - time.monotonic()))
        return Connection(tls.wrap_socket(raw, server_hostname=endpoint.host))
    except BaseException:
        raw.close()
        raise
