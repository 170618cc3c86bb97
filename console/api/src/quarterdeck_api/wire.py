"""JSON-RPC 2.0, one message a line: framing, limits and the messages of every socket of ours."""

from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from quarterdeck_api.errors import ErrorReport, ProtocolError

#: Version of the socket protocol, `major.minor`; another major version is refused at the handshake.
PROTOCOL_VERSION = "1.0"

#: The longest line either side accepts, in bytes.
LINE_LIMIT = 16 * 1024 * 1024

P = TypeVar("P")
R = TypeVar("R")


class Method(Struct, Generic[P, R], frozen=True):
    """A method's name with the types of its parameters and its result; `result` is None for notifications."""

    name: str
    params: type[P]
    result: type[R]


class Nothing(Struct, frozen=True):
    """Empty parameters or result."""


class Message(Struct, omit_defaults=True):
    """Any JSON-RPC message: a request has method and id, a notification method only, a response id and result or error."""

    jsonrpc: str = "2.0"
    id: int | None = None
    method: str = ""
    params: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: ErrorReport | None = None


_encoder = msgspec.json.Encoder()
_message_decoder = msgspec.json.Decoder(Message)


def encode_value(value: object) -> Raw:
    """A value as raw JSON, to put into a message."""
    return Raw(_encoder.encode(value))


def encode_message(message: Message) -> bytes:
    """A message as one line, newline included. The version is always written."""
    body = _encoder.encode(message)
    return b'{"jsonrpc":"2.0",' + body[1:] + b"\n" if len(body) > 2 else b'{"jsonrpc":"2.0"}\n'


def decode_message(line: bytes) -> Message:
    """Reads one line; raises ProtocolError when it is not a message."""
    try:
        return _message_decoder.decode(line)
    except msgspec.MsgspecError as error:
        raise ProtocolError(
            f"not a JSON-RPC message: {error}", "check that both sides have the same version"
        ) from error


def decode_value(raw: Raw | UnsetType, kind: type[R]) -> R:
    """Reads parameters or a result; a missing value counts as an empty object. Raises ProtocolError."""
    try:
        return msgspec.json.decode(b"{}" if raw is UNSET else raw, type=kind)
    except msgspec.MsgspecError as error:
        raise ProtocolError(
            f"unexpected {kind.__name__}: {error}", "check that both sides have the same version"
        ) from error


class LineReader:
    """Cuts a stream of bytes into lines, with a limit on a line's length."""

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._held = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete now, without newline. Raises ProtocolError when one is too long."""
        *complete, rest = data.split(b"\n")
        if complete:
            complete[0] = b"".join([*self._parts, complete[0]])
            self._parts, self._held = [], 0
        if rest:
            self._parts.append(rest)
            self._held += len(rest)
        if self._held > self._limit or any(len(line) > self._limit for line in complete):
            raise ProtocolError(f"a line is longer than {self._limit} bytes", "ask for less at a time")
        return [line for line in complete if line]


def check_protocol(theirs: str, who: str) -> None:
    """Raises ProtocolError unless the major versions agree."""
    if theirs.split(".")[0] != PROTOCOL_VERSION.split(".")[0]:
        raise ProtocolError(
            f"{who} speaks protocol {theirs}, this side {PROTOCOL_VERSION}", "run `quarterdeck runtime restart`"
        )


def to_builtins(value: object) -> Any:
    """A struct as plain dictionaries and lists, for JSON output."""
    return msgspec.to_builtins(value)
