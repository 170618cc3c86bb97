"""What an AINode answers: each method of the protocol, put to the engine, and its words turned into IoTDB's numbers.

Methods are called from many threads. Whatever goes wrong becomes a status with a sentence, which the user of SQL reads.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from quarterdeck_ainode.serving.complaints import Complaints
from quarterdeck_ainode.serving.engine import (
    ENDING,
    AinodeStatus,
    Engine,
    EngineError,
    InferenceRequest,
    SeriesInput,
    Statement,
)
from quarterdeck_ainode.serving.input_blocks import read_input_block
from quarterdeck_ainode.serving.load_sample import LoadSampler
from quarterdeck_ainode.serving.rpc_codec import (
    Call,
    MalformedCallError,
    decode_call,
    encode_answer,
)
from quarterdeck_ainode.serving.rpc_messages import (
    BlocksAnswer,
    DeleteModelRequest,
    DevicesAnswer,
    ForecastRequestMessage,
    HeartbeatAnswer,
    HeartbeatRequest,
    InferenceRequestMessage,
    LoadedModelsAnswer,
    LoadedModelsRequest,
    LoadModelRequest,
    ModelsAnswer,
    ModelsRequest,
    RegisterModelAnswer,
    RegisterModelRequest,
    RpcStruct,
    Status,
    TuningRequest,
    UnloadModelRequest,
)
from quarterdeck_ainode.serving.specification_uri import path_of
from quarterdeck_ainode.tsblock import TsBlockError, encode_doubles
from quarterdeck_api.errors import UsageError

_log = logging.getLogger(__name__)

#: What CALL INFERENCE gives when nobody says how much.
DEFAULT_OUTPUT_LENGTH = 96
#: The key by which the DataNode hands on outputLength of CALL INFERENCE.
OUTPUT_LENGTH = "outputLength"

_SUCCESS = Status(AinodeStatus.SUCCESS)
_ENDING = EngineError(AinodeStatus.INTERNAL, f"this {ENDING}; ask again once it has been started again")
_FULL = EngineError(
    AinodeStatus.OVERLOADED,
    "this AINode computes and queues as much as it can hold; ask again in a moment, or give it more workers",
)


class AinodeService:
    """The twelve methods; `stop_asked` is called once when the cluster tells the node to end."""

    def __init__(self, engine: Engine, sampler: LoadSampler, stop_asked: Callable[[], None]) -> None:
        self._engine = engine
        self._sampler = sampler
        self._stop_asked = stop_asked
        self._complaints = Complaints(_log)
        self._draining = threading.Event()
        self._heartbeat: float | None = None
        self._methods: Mapping[str, Callable[[Any], RpcStruct]] = {
            "stopAINode": self._stop,
            "getAIHeartbeat": self._beat,
            "showAIDevices": self._devices,
            "showModels": self._models,
            "showLoadedModels": self._loaded,
            "deleteModel": self._delete,
            "registerModel": self._register,
            "loadModel": self._load,
            "unloadModel": self._unload,
            "inference": self._infer,
            "forecast": self._forecast,
            "createTuningTask": self._tune,
        }

    @property
    def last_heartbeat(self) -> float | None:
        """When the ConfigNode asked last, on the monotonic clock; None before it ever did."""
        return self._heartbeat

    def drain(self) -> None:
        """From now on whatever would begin something is refused with a sentence."""
        self._draining.set()

    def answer(self, frame: bytes) -> bytes | None:
        """The whole answer to a frame; None when it is no call of anybody who could read one."""
        try:
            call = decode_call(frame)
        except MalformedCallError as error:
            self._complaints.tell(f"refused a message: {error}")
            return error.answer
        try:
            return encode_answer(call, self._methods[call.method.name](call.request))
        except EngineError as error:
            return encode_answer(call, _refusal(call, error))
        except Exception as error:  # noqa: BLE001 - the boundary to the engine: one wrong answer must not end the connection
            _log.exception("%s failed inside this AINode", call.method.name)
            sentence = f"{call.method.name} failed inside the AINode: {type(error).__name__}; its log has the details"
            return encode_answer(call, _refusal(call, EngineError(AinodeStatus.INTERNAL, sentence)))

    def overloaded(self, frame: bytes) -> bytes | None:
        """The answer to a call for which there is no room."""
        try:
            call = decode_call(frame)
        except MalformedCallError as error:
            return error.answer
        return encode_answer(call, _refusal(call, _FULL))

    def _begin(self) -> None:
        if self._draining.is_set():
            raise _ENDING

    def _stop(self, request: None) -> Status:
        _log.info("the cluster tells this AINode to end")
        self._stop_asked()
        return Status(AinodeStatus.SUCCESS, "the AINode ends")

    def _beat(self, request: HeartbeatRequest) -> HeartbeatAnswer:
        self._heartbeat = monotonic()
        load = self._sampler.sample() if request.wants_load else None
        if self._draining.is_set():
            return HeartbeatAnswer(request.timestamp, "ReadOnly", "Draining", load)
        return HeartbeatAnswer(request.timestamp, "Running", None, load)

    def _devices(self, request: None) -> DevicesAnswer:
        return DevicesAnswer(_SUCCESS, dict(self._engine.devices()))

    def _models(self, request: ModelsRequest) -> ModelsAnswer:
        models = [each for each in self._engine.models() if request.model_id in (None, each.model_id)]
        return ModelsAnswer(
            _SUCCESS,
            [each.model_id for each in models],
            {each.model_id: each.model_type for each in models},
            {each.model_id: each.category for each in models},
            {each.model_id: each.state for each in models},
        )

    def _loaded(self, request: LoadedModelsRequest) -> LoadedModelsAnswer:
        self._known_devices(request.device_ids)
        wanted = request.device_ids or list(self._engine.devices())
        loaded = self._engine.loaded()
        return LoadedModelsAnswer(_SUCCESS, {device: dict(loaded.get(device, {})) for device in wanted})

    def _delete(self, request: DeleteModelRequest) -> Status:
        self._begin()
        self._engine.delete(request.model_id)
        return _SUCCESS

    def _register(self, request: RegisterModelRequest) -> RegisterModelAnswer:
        self._begin()
        try:
            path_of(request.uri)
        except UsageError as error:
            raise EngineError(AinodeStatus.CREATE_MODEL_FAILED, f"{error.message}; {error.remedy}") from error
        self._engine.register(request.model_id, request.uri)
        return RegisterModelAnswer(_SUCCESS)

    def _load(self, request: LoadModelRequest) -> Status:
        self._begin()
        self._engine.load(request.model_id, _devices_once(request.device_ids, AinodeStatus.LOAD_MODEL_FAILED))
        return _SUCCESS

    def _unload(self, request: UnloadModelRequest) -> Status:
        self._begin()
        self._engine.unload(request.model_id, _devices_once(request.device_ids, AinodeStatus.UNLOAD_MODEL_FAILED))
        return _SUCCESS

    def _infer(self, request: InferenceRequestMessage) -> BlocksAnswer:
        options = dict(request.attributes or {})
        return self._computed(request.model_id, request.dataset, output_length(options), options, Statement.INFERENCE)

    def _forecast(self, request: ForecastRequestMessage) -> BlocksAnswer:
        if request.history_covariates or request.future_covariates:
            raise EngineError(
                AinodeStatus.INVALID_INPUT, "covariates are not known to the models of this AINode; leave them out"
            )
        # FORECAST of either dialect always sends options, if none then an empty map; CLASSIFY never does (measured on 2.0.10).
        statement = Statement.CLASSIFY if request.options is None else Statement.FORECAST
        options = dict(request.options or {})
        return self._computed(request.model_id, request.dataset, request.output_length, options, statement)

    def _computed(
        self, model_id: str, dataset: bytes, length: int, options: dict[str, str], statement: Statement
    ) -> BlocksAnswer:
        self._begin()
        values = self._engine.infer(InferenceRequest(model_id, read_series(dataset), length, options, statement))
        return BlocksAnswer(_SUCCESS, [encode_doubles(values)])

    def _tune(self, request: TuningRequest) -> Status:
        raise EngineError(
            AinodeStatus.CREATE_MODEL_FAILED,
            "this AINode does not fine-tune: its models are fitted to the input of every call; "
            "leave out FROM MODEL, or register a specification with CREATE MODEL … USING URI",
        )

    def _known_devices(self, device_ids: list[str]) -> None:
        known = self._engine.devices()
        for device in device_ids:
            if device not in known:
                raise EngineError(
                    AinodeStatus.DEVICE_NOT_FOUND,
                    f"this AINode has no device {device[:60]!r}; it has {', '.join(known)} (SHOW AI_DEVICES)",
                )


def _refusal(call: Call, error: EngineError) -> RpcStruct:
    """The method's answer with nothing in it but why."""
    status = Status(int(error.status), error.sentence)
    answer = call.method.answer
    if answer is Status:
        return status
    if answer is HeartbeatAnswer:
        timestamp = call.request.timestamp if isinstance(call.request, HeartbeatRequest) else 0
        return HeartbeatAnswer(timestamp, "ReadOnly", error.sentence)
    if answer is BlocksAnswer:
        return BlocksAnswer(status, [])
    if answer is RegisterModelAnswer:
        return RegisterModelAnswer(status)
    if answer is ModelsAnswer:
        return ModelsAnswer(status)
    return LoadedModelsAnswer(status, {}) if answer is LoadedModelsAnswer else DevicesAnswer(status, {})


def _devices_once(device_ids: list[str], status: AinodeStatus) -> tuple[str, ...]:
    if len(set(device_ids)) != len(device_ids):
        raise EngineError(status, "the list of devices names one twice; name each device once")
    return tuple(device_ids)


def output_length(attributes: dict[str, str]) -> int:
    """Takes the number of values out of the attributes of CALL INFERENCE; raises EngineError when it is none."""
    text = attributes.pop(OUTPUT_LENGTH, str(DEFAULT_OUTPUT_LENGTH)).strip()
    try:
        if len(text) <= 10 and -(2**31) <= (length := int(text)) < 2**31:
            return length
    except ValueError:
        pass  # The sentence is the same as for a number that is too long.
    raise EngineError(
        AinodeStatus.INVALID_INPUT, f"{OUTPUT_LENGTH}={text[:60]!r} is no number of values; give a whole number"
    )


def read_series(dataset: bytes) -> SeriesInput:
    """The one series in a block; raises EngineError when it is no block, or has more columns than one."""
    try:
        block = read_input_block(dataset)
    except TsBlockError as error:
        raise EngineError(
            AinodeStatus.INVALID_INPUT, f"the input cannot be read: {error}; select one column of numbers"
        ) from error
    if len(block.columns) != 1:
        raise EngineError(
            AinodeStatus.INVALID_INPUT,
            f"the input has {len(block.columns)} columns of values; these models take exactly one, so select one",
        )
    return SeriesInput(block.times, block.columns[0])
