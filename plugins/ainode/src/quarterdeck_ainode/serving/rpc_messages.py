"""Requests and answers of an AINode as structs, with the tables by which the thrift library reads and writes them.

The tables follow `ainode.thrift` beside this file. An entry is `(field number, type, attribute, element types, default)` as thrift's
`readStruct` wants it; names do not travel, so attributes are named as everywhere else here.
"""

from typing import Any, ClassVar, Self, cast

from msgspec import Struct
from thrift.protocol.TProtocol import TProtocolBase
from thrift.Thrift import TType

FieldSpec = tuple[int, int, str, Any, None]

_TEXTS = (TType.STRING, "UTF8", False)
_BINARIES = (TType.STRING, "BINARY", False)
_TEXT_MAP = (TType.STRING, "UTF8", TType.STRING, "UTF8", False)
_COUNTS = (TType.STRING, "UTF8", TType.I32, None, False)
_COUNTS_BY_TEXT = (TType.STRING, "UTF8", TType.MAP, _COUNTS, False)


def _table(*fields: tuple[int, int, str, Any]) -> tuple[FieldSpec | None, ...]:
    """Thrift's table, in which a field stands at the index of its number."""
    by_number = {number: (number, kind, name, elements, None) for number, kind, name, elements in fields}
    return tuple(by_number.get(number) for number in range(max(by_number) + 1))


def _text(number: int, name: str) -> tuple[int, int, str, Any]:
    return (number, TType.STRING, name, "UTF8")


def _binary(number: int, name: str) -> tuple[int, int, str, Any]:
    return (number, TType.STRING, name, "BINARY")


def _plain(number: int, kind: int, name: str) -> tuple[int, int, str, Any]:
    return (number, kind, name, None)


class RpcStruct(Struct, frozen=True):
    """A thrift structure: read as a whole, written without the fields that are None."""

    table: ClassVar[tuple[FieldSpec | None, ...]] = ()

    @classmethod
    def read(cls, protocol: TProtocolBase) -> Self:
        """Reads one; raises TypeError when a required field is missing, and thrift's errors for what is no such structure."""
        return cast(Self, protocol.readStruct(cls, cls.table, True))

    def write(self, protocol: TProtocolBase) -> None:
        """Writes it."""
        protocol.writeStruct(self, self.table)


def _struct(number: int, name: str, kind: type[RpcStruct]) -> tuple[int, int, str, Any]:
    return (number, TType.STRUCT, name, [kind, None])


class EndPoint(RpcStruct, frozen=True):
    """Where a node listens."""

    ip: str
    port: int

    table = _table(_text(1, "ip"), _plain(2, TType.I32, "port"))


class Status(RpcStruct, frozen=True):
    """What came of a request, by IoTDB's numbers; the message is what the user of SQL reads."""

    code: int
    message: str | None = None
    redirect: EndPoint | None = None

    # subStatus (3), needRetry (5) and responseData (6) mean nothing here.
    table = _table(_plain(1, TType.I32, "code"), _text(2, "message"), _struct(4, "redirect", EndPoint))


class LoadSample(RpcStruct, frozen=True):
    """How busy the machine is: three rates in percent, and free disk space in GiB."""

    cpu_usage_rate: float
    memory_usage_rate: float
    disk_usage_rate: float
    free_disk_space: float

    table = _table(
        _plain(1, TType.DOUBLE, "cpu_usage_rate"),
        _plain(2, TType.DOUBLE, "memory_usage_rate"),
        _plain(3, TType.DOUBLE, "disk_usage_rate"),
        _plain(4, TType.DOUBLE, "free_disk_space"),
    )


class HeartbeatRequest(RpcStruct, frozen=True):
    """The ConfigNode asks whether the node lives, about once a second."""

    timestamp: int
    wants_load: bool
    activated: bool | None = None

    table = _table(
        _plain(1, TType.I64, "timestamp"), _plain(2, TType.BOOL, "wants_load"), _plain(3, TType.BOOL, "activated")
    )


class HeartbeatAnswer(RpcStruct, frozen=True):
    """The node lives; its `status` is shown by SHOW CLUSTER as it stands here."""

    timestamp: int
    status: str
    reason: str | None = None
    load: LoadSample | None = None
    activation: str | None = None

    table = _table(
        _plain(1, TType.I64, "timestamp"),
        _text(2, "status"),
        _text(3, "reason"),
        _struct(4, "load", LoadSample),
        _text(5, "activation"),
    )


class DevicesAnswer(RpcStruct, frozen=True):
    """Device id to device type."""

    status: Status
    devices: dict[str, str]

    table = _table(_struct(1, "status", Status), (2, TType.MAP, "devices", _TEXT_MAP))


class ModelsRequest(RpcStruct, frozen=True):
    """All models, or one."""

    model_id: str | None = None

    table = _table(_text(1, "model_id"))


class ModelsAnswer(RpcStruct, frozen=True):
    """Models in their order, and three properties by model."""

    status: Status
    model_ids: list[str] | None = None
    types: dict[str, str] | None = None
    categories: dict[str, str] | None = None
    states: dict[str, str] | None = None

    table = _table(
        _struct(1, "status", Status),
        (2, TType.LIST, "model_ids", _TEXTS),
        (3, TType.MAP, "types", _TEXT_MAP),
        (4, TType.MAP, "categories", _TEXT_MAP),
        (5, TType.MAP, "states", _TEXT_MAP),
    )


class LoadedModelsRequest(RpcStruct, frozen=True):
    """Loaded models of these devices; of all when there are none."""

    device_ids: list[str]

    table = _table((1, TType.LIST, "device_ids", _TEXTS))


class LoadedModelsAnswer(RpcStruct, frozen=True):
    """Device id to model id to the number of loaded instances."""

    status: Status
    loaded: dict[str, dict[str, int]]

    table = _table(_struct(1, "status", Status), (2, TType.MAP, "loaded", _COUNTS_BY_TEXT))


class RegisterModelRequest(RpcStruct, frozen=True):
    """CREATE MODEL … USING URI …"""

    model_id: str
    uri: str

    table = _table(_text(1, "model_id"), _text(2, "uri"))


class RegisterModelAnswer(RpcStruct, frozen=True):
    """What came of it. Shapes (2) and attributes (3) were for older servers; 2.0.10 does not read them."""

    status: Status

    table = _table(_struct(1, "status", Status))


class DeleteModelRequest(RpcStruct, frozen=True):
    """DROP MODEL."""

    model_id: str

    table = _table(_text(1, "model_id"))


class LoadModelRequest(RpcStruct, frozen=True):
    """LOAD MODEL … TO DEVICES …"""

    model_id: str
    device_ids: list[str]

    table = _table(_text(1, "model_id"), (2, TType.LIST, "device_ids", _TEXTS))


class UnloadModelRequest(LoadModelRequest, frozen=True):
    """UNLOAD MODEL … FROM DEVICES …"""


class InferenceRequestMessage(RpcStruct, frozen=True):
    """CALL INFERENCE: the series as a TsBlock, and what was written beside it."""

    model_id: str
    dataset: bytes
    attributes: dict[str, str] | None = None

    table = _table(_text(1, "model_id"), _binary(2, "dataset"), (3, TType.MAP, "attributes", _TEXT_MAP))


class BlocksAnswer(RpcStruct, frozen=True):
    """The answer to both kinds of inference: TsBlocks."""

    status: Status
    blocks: list[bytes] | None = None

    table = _table(_struct(1, "status", Status), (2, TType.LIST, "blocks", _BINARIES))


class ForecastRequestMessage(RpcStruct, frozen=True):
    """FORECAST of both dialects, and CLASSIFY, which asks for as many values as there are rows."""

    model_id: str
    dataset: bytes
    output_length: int
    history_covariates: str | None = None
    future_covariates: str | None = None
    auto_adapt: bool | None = None
    options: dict[str, str] | None = None

    table = _table(
        _text(1, "model_id"),
        _binary(2, "dataset"),
        _plain(3, TType.I32, "output_length"),
        _text(4, "history_covariates"),
        _text(5, "future_covariates"),
        _plain(6, TType.BOOL, "auto_adapt"),
        (7, TType.MAP, "options", _TEXT_MAP),
    )


class TuningRequest(RpcStruct, frozen=True):
    """CREATE MODEL … FROM MODEL …: what it would be trained on (4) is not read, because it is always refused."""

    database_type: str
    model_id: str
    base_model_id: str
    parameters: dict[str, str] | None = None

    table = _table(
        _text(1, "database_type"),
        _text(2, "model_id"),
        _text(3, "base_model_id"),
        (5, TType.MAP, "parameters", _TEXT_MAP),
    )


class RpcMethod(Struct, frozen=True):
    """A method of the service: what it takes (nothing, or one structure) and gives. A slow one computes or changes models."""

    name: str
    request: type[RpcStruct] | None
    answer: type[RpcStruct]
    slow: bool = False


#: Every method of the service, by its name.
METHODS = {
    method.name: method
    for method in (
        RpcMethod("stopAINode", None, Status),
        RpcMethod("getAIHeartbeat", HeartbeatRequest, HeartbeatAnswer),
        RpcMethod("showAIDevices", None, DevicesAnswer),
        RpcMethod("showModels", ModelsRequest, ModelsAnswer),
        RpcMethod("showLoadedModels", LoadedModelsRequest, LoadedModelsAnswer),
        RpcMethod("deleteModel", DeleteModelRequest, Status, slow=True),
        RpcMethod("registerModel", RegisterModelRequest, RegisterModelAnswer, slow=True),
        RpcMethod("loadModel", LoadModelRequest, Status, slow=True),
        RpcMethod("unloadModel", UnloadModelRequest, Status, slow=True),
        RpcMethod("inference", InferenceRequestMessage, BlocksAnswer, slow=True),
        RpcMethod("forecast", ForecastRequestMessage, BlocksAnswer, slow=True),
        RpcMethod("createTuningTask", TuningRequest, Status),
    )
}
