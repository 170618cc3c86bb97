"""What the worker pool and its children send one another: a length of eight bytes, then a pickle."""

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_LENGTH = struct.Struct(">Q")
_READ_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Chunk:
    """Items in a row, for one child."""

    function: Callable[[Any], Any]
    items: list[Any] = field(default_factory=list[Any])


@dataclass(frozen=True)
class Failed:
    """What a function raised on the item at a place of its chunk; `error` is a pickled exception, `traceback` its text."""

    place: int
    error: bytes
    traceback: str


@dataclass(frozen=True)
class Answer:
    """The pickled results of a chunk, in order, up to the item that failed."""

    results: list[bytes]
    failed: Failed | None = None


def send(connection: socket.socket, data: bytes) -> None:
    """Sends one message; raises OSError when nobody listens any more."""
    connection.sendall(_LENGTH.pack(len(data)))
    connection.sendall(data)


def receive(connection: socket.socket) -> bytes | None:
    """The next message, or None at the end of the stream; raises OSError."""
    head = _read(connection, _LENGTH.size)
    return None if head is None else _read(connection, _LENGTH.unpack(head)[0])


def _read(connection: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        part = connection.recv(min(_READ_BYTES, size - len(data)))
        if not part:
            return None
        data += part
    return bytes(data)
