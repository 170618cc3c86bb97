"""Messages of an AINode: the tables are those of the definition, calls and answers survive the way, and hostile bytes are refused."""

import re
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.protocol.TProtocol import TProtocolBase
from thrift.Thrift import TApplicationException, TMessageType, TType
from thrift.transport.TTransport import TMemoryBuffer

from quarterdeck_ainode.serving import rpc_messages as messages
from quarterdeck_ainode.serving.rpc_codec import (
    MOST_ELEMENTS,
    MalformedCallError,
    decode_call,
    encode_answer,
    method_of,
)
from quarterdeck_ainode.serving.rpc_messages import METHODS, RpcStruct

_TYPES = {
    "string": (TType.STRING, "UTF8"),
    "binary": (TType.STRING, "BINARY"),
    "i64": (TType.I64, None),
    "i32": (TType.I32, None),
    "bool": (TType.BOOL, None),
    "double": (TType.DOUBLE, None),
}
_STRUCTS = {
    "TEndPoint": messages.EndPoint,
    "TSStatus": messages.Status,
    "TLoadSample": messages.LoadSample,
    "TAIHeartbeatReq": messages.HeartbeatRequest,
    "TAIHeartbeatResp": messages.HeartbeatAnswer,
    "TShowAIDevicesResp": messages.DevicesAnswer,
    "TShowModelsReq": messages.ModelsRequest,
    "TShowModelsResp": messages.ModelsAnswer,
    "TShowLoadedModelsReq": messages.LoadedModelsRequest,
    "TShowLoadedModelsResp": messages.LoadedModelsAnswer,
    "TRegisterModelReq": messages.RegisterModelRequest,
    "TRegisterModelResp": messages.RegisterModelAnswer,
    "TDeleteModelReq": messages.DeleteModelRequest,
    "TLoadModelReq": messages.LoadModelRequest,
    "TUnloadModelReq": messages.UnloadModelRequest,
    "TInferenceReq": messages.InferenceRequestMessage,
    "TInferenceResp": messages.BlocksAnswer,
    "TForecastReq": messages.ForecastRequestMessage,
    "TForecastResp": messages.BlocksAnswer,
    "TTuningReq": messages.TuningRequest,
}
#: Optional fields that mean nothing to an AINode, and are read over.
_LEFT_OUT = {"TSStatus": {3, 5, 6}, "TRegisterModelResp": {2, 3}, "TTuningReq": {4}}


def _definition() -> str:
    text = (resources.files("quarterdeck_ainode.serving") / "ainode.thrift").read_text("utf-8")
    return re.sub(r"//.*", "", text)


def _elements(kind: str) -> object:
    """Thrift's table entry for a type of the definition: what stands beside its type number."""
    if kind in _TYPES:
        return _TYPES[kind]
    if match := re.fullmatch(r"list<(.+)>", kind):
        inner = _elements(match[1])
        assert isinstance(inner, tuple)
        return TType.LIST, (*inner, False)
    if match := re.fullmatch(r"map<([^,]+),\s*(.+)>", kind):
        key, value = _elements(match[1]), _elements(match[2])
        assert isinstance(key, tuple)
        assert isinstance(value, tuple)
        return TType.MAP, (*key, *value, False)
    return TType.STRUCT, [_STRUCTS[kind], None]


def _required(struct: type[RpcStruct], attribute: str) -> bool:
    names = struct.__struct_fields__
    return names.index(attribute) < len(names) - len(struct.__struct_defaults__)


@pytest.mark.parametrize("name", _STRUCTS)
def test_the_tables_are_those_of_the_definition(name: str) -> None:
    body = re.search(rf"struct {name} {{(.*?)}}", _definition(), re.DOTALL)
    assert body is not None
    fields = re.findall(r"(\d+): (required|optional) (.+) (\w+)", body[1])
    assert fields
    table = {entry[0]: entry for entry in _STRUCTS[name].table if entry is not None}
    assert {int(number) for number, *_ in fields} - table.keys() == _LEFT_OUT.get(name, set())
    for number, presence, kind, _label in fields:
        if int(number) in table:
            _, kind_number, attribute, elements, _ = table[int(number)]
            assert (kind_number, elements) == _elements(kind), f"{name}.{number}"
            assert _required(_STRUCTS[name], attribute) is (presence == "required")


def test_every_method_of_the_definition_is_there() -> None:
    service = _definition().partition("service IAINodeRPCService {")[2]
    found = re.findall(r"(\w+) (\w+)\((?:-1: (\w+) req)?\)", service)
    assert len(found) == len(METHODS) == 12
    for answer, name, request in found:
        assert METHODS[name].answer is _STRUCTS[answer]
        assert METHODS[name].request is (_STRUCTS[request] if request else None)


def call_frame(
    name: str,
    request: RpcStruct | None,
    number: int = -1,
    kind: int = TMessageType.CALL,
    protocol_type: type[TProtocolBase] = TBinaryProtocol,
) -> bytes:
    buffer = TMemoryBuffer()
    protocol = protocol_type(buffer)
    protocol.writeMessageBegin(name, kind, 7)
    protocol.writeStructBegin("args")
    if request is not None:
        protocol.writeFieldBegin("req", TType.STRUCT, number)
        request.write(protocol)
        protocol.writeFieldEnd()
    protocol.writeFieldStop()
    protocol.writeStructEnd()
    protocol.writeMessageEnd()
    return buffer.getvalue()


_PROTOCOLS = (TBinaryProtocol, TCompactProtocol)
_SAMPLES = {
    "stopAINode": None,
    "getAIHeartbeat": messages.HeartbeatRequest(2**62, True),
    "showAIDevices": None,
    "showModels": messages.ModelsRequest(),
    "showLoadedModels": messages.LoadedModelsRequest(["cpu", "0"]),
    "deleteModel": messages.DeleteModelRequest("m"),
    "registerModel": messages.RegisterModelRequest("m", "file:///é"),
    "loadModel": messages.LoadModelRequest("m", ["cpu"]),
    "unloadModel": messages.UnloadModelRequest("m", []),
    "inference": messages.InferenceRequestMessage("m", b"\0\xff" * 10, {"a": "b"}),
    "forecast": messages.ForecastRequestMessage("m", b"", -3, options={}),
    "createTuningTask": messages.TuningRequest("table", "m", "n", {"epochs": "1"}),
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("number", [-1, 1])
@pytest.mark.parametrize("protocol", _PROTOCOLS)
def test_calls_are_read(name: str, number: int, protocol: type[TProtocolBase]) -> None:
    frame = call_frame(name, _SAMPLES[name], number, protocol_type=protocol)
    call = decode_call(frame)
    assert (call.method, call.sequence, call.request) == (METHODS[name], 7, _SAMPLES[name])
    assert method_of(frame) is METHODS[name]


@pytest.mark.parametrize("protocol_type", _PROTOCOLS)
def test_an_answer_comes_back_as_it_was(protocol_type: type[TProtocolBase]) -> None:
    asked = call_frame("showLoadedModels", messages.LoadedModelsRequest([]), protocol_type=protocol_type)
    call = decode_call(asked)
    answer = messages.LoadedModelsAnswer(messages.Status(200), {"cpu": {"arima": 2}, "0": {}})
    data = encode_answer(call, answer)
    assert int.from_bytes(data[:4], "big") == len(data) - 4
    protocol = protocol_type(TMemoryBuffer(data[4:]))
    assert protocol.readMessageBegin() == ("showLoadedModels", TMessageType.REPLY, 7)
    protocol.readStructBegin()
    assert protocol.readFieldBegin()[1:] == (TType.STRUCT, 0)
    assert messages.LoadedModelsAnswer.read(protocol) == answer


def _failure(data: bytes) -> tuple[str, int, str]:
    protocol = TBinaryProtocol(TMemoryBuffer(data[4:]))
    name, kind, _ = protocol.readMessageBegin()
    assert kind == TMessageType.EXCEPTION
    failure = TApplicationException()
    failure.read(protocol)
    return name, failure.type, failure.message or ""


@pytest.mark.parametrize(
    ("frame", "kind", "sentence"),
    [
        (call_frame("classify", None), TApplicationException.UNKNOWN_METHOD, "no method 'classify'"),
        (
            call_frame("showModels", messages.ModelsRequest(), kind=TMessageType.ONEWAY),
            TApplicationException.INVALID_MESSAGE_TYPE,
            "only calls are answered",
        ),
        (call_frame("forecast", None), TApplicationException.PROTOCOL_ERROR, "its argument is missing"),
        (
            call_frame("forecast", messages.DeleteModelRequest("m")),
            TApplicationException.PROTOCOL_ERROR,
            "cannot be read",
        ),
        (
            call_frame("forecast", messages.ForecastRequestMessage("m", b"12345678", 4))[:-9],
            TApplicationException.PROTOCOL_ERROR,
            "cannot be read",
        ),
    ],
)
def test_a_wrong_call_is_told_so(frame: bytes, kind: int, sentence: str) -> None:
    with pytest.raises(MalformedCallError, match=sentence) as caught:
        decode_call(frame)
    assert caught.value.answer is not None
    name, told, message = _failure(caught.value.answer)
    assert name in ("classify", "showModels", "forecast")
    assert told == kind
    assert sentence in message


@pytest.mark.parametrize("data", [b"", b"\x80", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00", bytes(100)])
def test_another_protocol_is_not_answered(data: bytes) -> None:
    with pytest.raises(MalformedCallError) as caught:
        decode_call(data)
    assert caught.value.answer is None
    assert method_of(data) is None


def _head(name: str) -> TBinaryProtocol:
    protocol = TBinaryProtocol(TMemoryBuffer())
    protocol.writeMessageBegin(name, TMessageType.CALL, 1)
    return protocol


def test_a_list_that_announces_two_billion_elements_costs_nothing() -> None:
    protocol = _head("showLoadedModels")
    protocol.writeFieldBegin("req", TType.STRUCT, -1)
    protocol.writeFieldBegin("deviceIdList", TType.LIST, 1)
    protocol.writeListBegin(TType.STRING, 2**31 - 1)
    with pytest.raises(MalformedCallError):
        decode_call(protocol.trans.getvalue() + bytes(100))
    many = messages.LoadedModelsRequest([""] * (MOST_ELEMENTS + 1))
    with pytest.raises(MalformedCallError):
        decode_call(call_frame("showLoadedModels", many))


def test_an_unknown_list_of_nothing_costs_nothing() -> None:
    """Elements of type 0 take no bytes, so their number is all that bounds them."""
    protocol = _head("showModels")
    protocol.writeFieldBegin("other", TType.LIST, 9)
    protocol.writeListBegin(TType.STOP, 2**31 - 1)
    with pytest.raises(MalformedCallError):
        decode_call(protocol.trans.getvalue() + bytes(100))


def test_structures_within_structures_without_end_are_refused() -> None:
    protocol = _head("showModels")
    for _ in range(200_000):
        protocol.writeFieldBegin("deeper", TType.STRUCT, 5)
    with pytest.raises(MalformedCallError):
        decode_call(protocol.trans.getvalue())


@given(st.sampled_from([b"", b"\x82", b"\x82\x21", b"\x80\x01\x00\x01"]), st.binary(max_size=400))
def test_any_bytes_are_refused(head: bytes, data: bytes) -> None:
    method_of(head + data)
    with pytest.raises(MalformedCallError):
        decode_call(head + data)


@given(st.sampled_from(sorted(METHODS)), st.sampled_from(_PROTOCOLS), st.data())
def test_a_call_with_wrong_bytes_is_read_or_refused(
    name: str, protocol_type: type[TProtocolBase], data: st.DataObject
) -> None:
    frame = bytearray(call_frame(name, _SAMPLES[name], protocol_type=protocol_type))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(frame)))
    method_of(bytes(frame[:cut]))
    try:
        decode_call(bytes(frame[:cut]))
    except MalformedCallError as error:
        assert str(error)
