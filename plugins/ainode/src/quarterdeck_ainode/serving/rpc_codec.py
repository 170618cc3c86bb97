"""One frame of the protocol to a call, and an answer to a frame: pure, bounded, and nothing in it trusts the other side.

A frame is four bytes of length (rpc_server.py reads them), then a message in thrift's binary protocol. Clusters with
`dn_rpc_thrift_compression_enable` write the compact one instead; its first byte tells, and the answer is written alike.
"""

from msgspec import Struct
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.protocol.TProtocol import TProtocolBase, TProtocolException
from thrift.Thrift import TApplicationException, TMessageType, TType
from thrift.transport.TTransport import TMemoryBuffer, TTransportException

from quarterdeck_ainode.serving.rpc_messages import METHODS, RpcMethod, RpcStruct

#: A message is no longer than this; 64 MiB are four million rows.
MOST_FRAME_BYTES = 64 * 2**20
#: Elements of one list or map. Nothing that a server sends has more than a few dozen; reading one costs a microsecond.
MOST_ELEMENTS = 10_000
#: A method's name is looked for in so many bytes; the longest of ours has 16.
_LONGEST_NAME = 64
_STRICT_VERSION = 0x8001
_COMPACT = bytes([TCompactProtocol.PROTOCOL_ID])
_ARGUMENT_NUMBERS = (-1, 1)
#: What the library raises for bytes that it cannot read; its compact protocol uses assertions and tables for that too.
_UNREADABLE = (
    TProtocolException,
    TTransportException,
    EOFError,
    UnicodeDecodeError,
    TypeError,
    ValueError,
    AssertionError,
    LookupError,
    RecursionError,
)


class MalformedCallError(Exception):
    """A frame that is no call of this protocol: the sentence for the log, and the answer that says so when there is somebody to answer."""

    def __init__(self, sentence: str, answer: bytes | None = None) -> None:
        super().__init__(sentence)
        self.answer = answer


class Call(Struct, frozen=True):
    """One request, read from a frame."""

    method: RpcMethod
    sequence: int
    request: RpcStruct | None
    compact: bool = False


def method_of(frame: bytes) -> RpcMethod | None:
    """The method that a frame calls, found without reading the rest; None when it cannot be told."""
    if frame[:1] == _COMPACT:
        return _compact_method(frame)
    if len(frame) < 8 or int.from_bytes(frame[:2], "big") != _STRICT_VERSION:
        return None
    length = int.from_bytes(frame[4:8], "big")
    if length > _LONGEST_NAME:
        return None
    return METHODS.get(frame[8 : 8 + length].decode("ascii", "replace"))


def decode_call(frame: bytes) -> Call:
    """Reads a call; raises MalformedCallError for everything else, whatever the bytes are."""
    compact = frame[:1] == _COMPACT
    protocol = _reading(frame, compact)
    try:
        name, kind, sequence = protocol.readMessageBegin()
    except _UNREADABLE as error:
        raise MalformedCallError(f"what arrived is no call of thrift's protocols ({_told(error)})") from error
    method = METHODS.get(name)
    if method is None:
        sentence = f"there is no method {name[:_LONGEST_NAME]!r} in the service of an AINode of IoTDB 2.0.10"
        raise MalformedCallError(
            sentence,
            encode_failure(name[:_LONGEST_NAME], sequence, TApplicationException.UNKNOWN_METHOD, sentence, compact),
        )
    if kind != TMessageType.CALL:
        sentence = f"{name} arrived as a message of type {kind}, and only calls are answered"
        raise MalformedCallError(
            sentence, encode_failure(name, sequence, TApplicationException.INVALID_MESSAGE_TYPE, sentence, compact)
        )
    try:
        return Call(method, sequence, _request(protocol, method), compact)
    except _UNREADABLE as error:
        sentence = f"the request of {name} cannot be read: {_told(error)}"
        raise MalformedCallError(
            sentence, encode_failure(name, sequence, TApplicationException.PROTOCOL_ERROR, sentence, compact)
        ) from error


def _reading(frame: bytes, compact: bool) -> TBinaryProtocol | TCompactProtocol:
    buffer, most = TMemoryBuffer(frame), min(len(frame), MOST_ELEMENTS)
    if compact:
        return TCompactProtocol(buffer, string_length_limit=len(frame), container_length_limit=most)
    return TBinaryProtocol(buffer, strictRead=True, string_length_limit=len(frame), container_length_limit=most)


def _writing(buffer: TMemoryBuffer, compact: bool) -> TProtocolBase:
    return TCompactProtocol(buffer) if compact else TBinaryProtocol(buffer)


def _compact_method(frame: bytes) -> RpcMethod | None:
    """The method of a compact message: two bytes, a sequence of up to five, the name's length, the name."""
    at = 2
    while at < min(len(frame), 7) and frame[at] & 0x80:
        at += 1
    length = int.from_bytes(frame[at + 1 : at + 2], "big")
    return METHODS.get(frame[at + 2 : at + 2 + length].decode("ascii", "replace")) if length <= _LONGEST_NAME else None


def _request(protocol: TBinaryProtocol | TCompactProtocol, method: RpcMethod) -> RpcStruct | None:
    """The one argument of a method. IoTDB's own definition leaves its number out, which makes it -1; 1 is what others would write."""
    found: RpcStruct | None = None
    protocol.readStructBegin()
    while True:
        _name, kind, number = protocol.readFieldBegin()
        if kind == TType.STOP:
            break
        if method.request is not None and number in _ARGUMENT_NUMBERS and kind == TType.STRUCT:
            found = method.request.read(protocol)
        else:
            protocol.skip(kind)
        protocol.readFieldEnd()
    protocol.readStructEnd()
    protocol.readMessageEnd()
    if method.request is not None and found is None:
        raise ValueError("its argument is missing")
    return found


def encode_answer(call: Call, answer: RpcStruct) -> bytes:
    """The frame that answers a call, with its length in front."""
    buffer = TMemoryBuffer()
    protocol = _writing(buffer, call.compact)
    protocol.writeMessageBegin(call.method.name, TMessageType.REPLY, call.sequence)
    protocol.writeStructBegin("result")
    protocol.writeFieldBegin("success", TType.STRUCT, 0)
    answer.write(protocol)
    protocol.writeFieldEnd()
    protocol.writeFieldStop()
    protocol.writeStructEnd()
    protocol.writeMessageEnd()
    return _framed(buffer)


def encode_failure(name: str, sequence: int, kind: int, sentence: str, compact: bool = False) -> bytes:
    """The frame that says that a call itself was wrong, with its length in front."""
    buffer = TMemoryBuffer()
    protocol = _writing(buffer, compact)
    protocol.writeMessageBegin(name, TMessageType.EXCEPTION, sequence)
    TApplicationException(kind, sentence).write(protocol)
    protocol.writeMessageEnd()
    return _framed(buffer)


def _framed(buffer: TMemoryBuffer) -> bytes:
    data = buffer.getvalue()
    return len(data).to_bytes(4, "big") + data


def _told(error: Exception) -> str:
    """What a library says of bytes that it cannot read, in one short line."""
    return (str(error) or type(error).__name__).splitlines()[0][:200]
