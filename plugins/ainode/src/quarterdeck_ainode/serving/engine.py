"""The border between the wire of our AINode and what computes behind it: models, devices, loads and forecasts as types."""

from collections.abc import Mapping
from enum import Enum, IntEnum
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

#: In every refusal of an AINode of ours that is about to end: it may be back in a moment.
ENDING = "AINode is ending"


class AinodeStatus(IntEnum):
    """Status codes of IoTDB 2.0.10 that an AINode answers with (TSStatusCode of its Java client, AINode's constants)."""

    SUCCESS = 200
    MODEL_EXISTS = 1503
    MODEL_NOT_FOUND = 1504
    CREATE_MODEL_FAILED = 1505
    BUILT_IN_MODEL = 1506
    DROP_MODEL_FAILED = 1507
    DEVICE_NOT_FOUND = 1508
    LOAD_MODEL_FAILED = 1509
    UNLOAD_MODEL_FAILED = 1510
    INVALID_INPUT = 1512
    INFERENCE_FAILED = 1520
    OVERLOADED = 1521
    INTERNAL = 1599


class EngineError(Exception):
    """What the engine refuses or fails at: the code for the wire, and a sentence with a remedy for whoever typed the SQL."""

    def __init__(self, status: AinodeStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class ServedModel(Struct, frozen=True):
    """A model as SHOW MODELS lists it: `category` builtin or user_defined, `state` active, activating, inactive or dropping."""

    model_id: str
    model_type: str
    category: str
    state: str


class SeriesInput(Struct, frozen=True):
    """One series as the DataNode sends it: `times` in the database's unit (milliseconds unless configured), `values` of equal length."""

    times: NDArray[np.int64]
    values: NDArray[np.float64]


class Statement(Enum):
    """What was typed: CALL INFERENCE takes every model, the functions FORECAST and CLASSIFY those that do what their names say."""

    INFERENCE = "CALL INFERENCE"
    FORECAST = "FORECAST"
    CLASSIFY = "CLASSIFY"


class InferenceRequest(Struct, frozen=True):
    """What one statement asks of a model.

    `options` are everything that the user wrote beside model and length, as text: `model_options` of the table functions, the attributes of
    the tree function, the extra keys of CALL INFERENCE.
    """

    model_id: str
    series: SeriesInput
    output_length: int
    options: Mapping[str, str]
    statement: Statement = Statement.INFERENCE


class EngineMetrics(Struct, frozen=True):
    """How the engine is doing: requests since its start, those that failed, those that wait and run now; seconds of recent ones by model."""

    requests: int
    failures: int
    waiting: int
    running: int
    workers: int
    worker_crashes: int
    latency: Mapping[str, tuple[float, float]] = {}
    """Model id to median and 95th percentile of its latest requests, in seconds."""


class Engine(Protocol):
    """What answers an AINode's requests. Methods may be called from many threads at once; they raise EngineError and nothing else."""

    def devices(self) -> Mapping[str, str]:
        """Device id to device type: `{"cpu": "cpu"}`."""
        ...

    def models(self) -> tuple[ServedModel, ...]:
        """Every model, in the order of their ids."""
        ...

    def loaded(self) -> Mapping[str, Mapping[str, int]]:
        """Device id to model id to the number of workers that keep the model warm now."""
        ...

    def load(self, model_id: str, device_ids: tuple[str, ...]) -> None:
        """Has workers keep a model warm from now on, also across their crashes."""
        ...

    def unload(self, model_id: str, device_ids: tuple[str, ...]) -> None:
        """Ends what `load` began; the model can still be used, only its first answer is slower."""
        ...

    def register(self, model_id: str, uri: str) -> None:
        """Adds a user's model from the declarative specification below a `file://` URI; kept across restarts."""
        ...

    def delete(self, model_id: str) -> None:
        """Forgets a user's model."""
        ...

    def infer(self, request: InferenceRequest) -> NDArray[np.float64]:
        """Forecasts exactly `output_length` values, or labels as many input rows when the model detects."""
        ...

    def metrics(self) -> EngineMetrics:
        """How it is doing."""
        ...

    def close(self) -> None:
        """Ends its workers; requests that are under way fail with a sentence."""
        ...
