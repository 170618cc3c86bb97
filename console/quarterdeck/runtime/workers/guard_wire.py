"""The lines that a guard exchanges with runtime and worker. Standard library only, and little of it."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import sys

TYPE_CHECKING = False  # Importing it from typing would cost every guard 2 MB.
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LINE_LIMIT = 16 * 1024 * 1024
_READ_BYTES = 64 * 1024


class Link:
    """Lines over a non-blocking socket. `on_end` is called once, when the other side is gone or breaks the protocol."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        connection: socket.socket,
        on_line: Callable[[bytes], None],
        on_end: Callable[[], None],
    ) -> None:
        self._selector = selector
        self._connection = connection
        self._on_line = on_line
        self._on_end = on_end
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._open = True
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ, self._handle)

    @property
    def unsent(self) -> int:
        """Bytes that wait for the other side to read."""
        return len(self._outgoing)

    def send(self, line: bytes) -> None:
        """Sends a line (with newline) as soon as the other side reads."""
        if self._open:
            self._outgoing += line
            self._write()

    def read(self) -> bool:
        """Reads once; whether there was anything."""
        try:
            data = self._connection.recv(_READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            data = b""
        if not data:
            self._end()
            return False
        *lines, rest = (self._incoming + data).split(b"\n") if b"\n" in data else (self._incoming + data,)
        self._incoming = bytearray(rest)
        if len(rest) > LINE_LIMIT:
            self._end()
            return False
        for line in lines:
            if self._open:
                self._on_line(bytes(line))
        return True

    def finish(self, timeout: float) -> None:
        """Sends what is left, waiting at most `timeout` seconds, and closes."""
        if self._open and self._outgoing:
            self._connection.settimeout(timeout)
            with contextlib.suppress(OSError):  # The other side is gone: the exit file tells the next one.
                self._connection.sendall(self._outgoing)
        self.close()

    def close(self) -> None:
        """Closes without a call to `on_end`."""
        if self._open:
            self._open = False
            self._selector.unregister(self._connection)
            self._connection.close()

    def _handle(self, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._write()
        if events & selectors.EVENT_READ and self._open:
            self.read()

    def _write(self) -> None:
        try:
            sent = self._connection.send(self._outgoing)
            del self._outgoing[:sent]
        except (BlockingIOError, InterruptedError):
            pass  # The selector says when it can go on.
        except OSError:
            self._end()
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._outgoing else 0)
        self._selector.modify(self._connection, wanted, self._handle)

    def _end(self) -> None:
        if self._open:
            self.close()
            self._on_end()


def encode_line(message: dict[str, Any]) -> bytes:
    """A JSON-RPC message as one line, newline included."""
    return json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode() + b"\n"


def peer_user(connection: socket.socket) -> int:
    """The user id at the other end of a Unix socket; -1 when the system does not say."""
    try:
        if sys.platform.startswith("linux"):
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)  # pid, uid, gid
        else:
            credentials = connection.getsockopt(0, 1, 76)  # SOL_LOCAL, LOCAL_PEERCRED: version, uid, …
    except OSError:
        return -1
    return int.from_bytes(credentials[4:8], sys.byteorder)
