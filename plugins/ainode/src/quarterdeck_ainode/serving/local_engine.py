"""The engine of our AINode: the models of the local engine, in warm workers of its own."""

import logging
import time
from collections.abc import Callable, Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.models.catalogue import Task
from quarterdeck_ainode.serving import worker_entry
from quarterdeck_ainode.serving.engine import (
    AinodeStatus,
    Engine,
    EngineError,
    EngineMetrics,
    InferenceRequest,
    SeriesInput,
    ServedModel,
)
from quarterdeck_ainode.serving.engine_settings import EngineSettings, default_workers
from quarterdeck_ainode.serving.inference_task import Horizon, InferenceTask, Refused, sentence_of
from quarterdeck_ainode.serving.inference_workers import InferenceWorkers, WorkerFunctions
from quarterdeck_ainode.serving.input_checks import check_pairs, check_sizes, check_statement, check_values
from quarterdeck_ainode.serving.kept_loads import KeptLoads
from quarterdeck_ainode.serving.model_options import read_options
from quarterdeck_ainode.serving.notice_log import NoticeLog
from quarterdeck_ainode.serving.request_statistics import RequestStatistics
from quarterdeck_ainode.serving.served_models import ServedModels, UsableModel
from quarterdeck_ainode.serving.time_order import NOTICE, as_they_came, in_order, time_order
from quarterdeck_ainode.serving.warming import warming_task
from quarterdeck_api.errors import QuarterdeckError, UsageError

_log = logging.getLogger(__name__)

DEVICE = "cpu"

#: Seconds that LOAD waits for the workers; one that computes something long warms the model afterwards.
_LOAD_WAIT = 20.0

_FUNCTIONS = WorkerFunctions(worker_entry.prepare, worker_entry.answer)


def open_engine(settings: EngineSettings) -> Engine:
    """Starts the workers, which become ready while the caller goes on.

    Raises UsageError for settings that cannot be, QuarterdeckError when the data folder cannot be used.
    """
    _check_settings(settings)
    try:
        models = ServedModels(settings.data_folder, settings.trusted_folders)
    except OSError as error:
        raise QuarterdeckError(
            f"{settings.data_folder} cannot be used: {error.strerror or error}", "name a folder that can be written to"
        ) from error
    return LocalEngine(settings, models, KeptLoads(settings.data_folder / "loaded.json"), _FUNCTIONS)


class LocalEngine:
    """Answers an AINode's requests; see `engine.Engine`."""

    def __init__(
        self,
        settings: EngineSettings,
        models: ServedModels,
        loads: KeptLoads,
        functions: WorkerFunctions,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._models = models
        self._loads = loads
        self._clock = clock
        self._statistics = RequestStatistics()
        self._notices = NoticeLog(clock)
        self.workers = InferenceWorkers(functions, settings.workers or default_workers(), settings.queue_limit, clock)
        for name in loads.names:
            self._load_again(name)

    def devices(self) -> Mapping[str, str]:
        """The processor: no model here computes on anything else."""
        return {DEVICE: DEVICE}

    def models(self) -> tuple[ServedModel, ...]:
        """Every model, in the order of the ids."""
        return self._models.listed()

    def loaded(self) -> Mapping[str, Mapping[str, int]]:
        """By device and loaded model, the workers in which it is warm now; 0 while they are starting again."""
        return {DEVICE: self.workers.warm()}

    def load(self, model_id: str, device_ids: tuple[str, ...]) -> None:
        """Has every worker keep a model warm; returns when they have it, at the latest after 20 s."""
        _check_devices(device_ids, AinodeStatus.LOAD_MODEL_FAILED)
        task = warming_task(self._models.usable(model_id), self._settings.time_unit)
        # Kept before it is so: whoever unloads or drops the model meanwhile finds it, and takes it out.
        self._loads.add(model_id)
        try:
            self.workers.keep_warm(model_id, task, _LOAD_WAIT)
            self._models.usable(model_id)
        except EngineError:
            self.workers.let_cool(model_id)
            self._loads.remove(model_id)
            raise

    def unload(self, model_id: str, device_ids: tuple[str, ...]) -> None:
        """Ends what `load` began."""
        _check_devices(device_ids, AinodeStatus.UNLOAD_MODEL_FAILED)
        self._models.usable(model_id)
        if not self.workers.let_cool(model_id):
            raise EngineError(
                AinodeStatus.UNLOAD_MODEL_FAILED, f"{model_id} is not loaded; SHOW LOADED MODELS lists what is"
            )
        self._loads.remove(model_id)

    def register(self, model_id: str, uri: str) -> None:
        """Adds a user's model from the specification below a `file://` URI; kept across restarts."""
        self._models.register(model_id, uri)

    def delete(self, model_id: str) -> None:
        """Forgets a user's model."""
        self._models.delete(model_id)
        self.workers.let_cool(model_id)
        self._loads.remove(model_id)
        self._statistics.forget(model_id)

    def infer(self, request: InferenceRequest) -> NDArray[np.float64]:
        """Forecasts exactly `output_length` values, or labels each input row when the model detects."""
        started = self._clock()
        self._statistics.begun()
        try:
            values = self._infer(request, started)
        except EngineError:
            self._statistics.failed()
            raise
        self._statistics.answered(request.model_id, self._clock() - started)
        return values

    def metrics(self) -> EngineMetrics:
        """How it is doing."""
        requests, failures = self._statistics.counts
        pool = self.workers.state()
        return EngineMetrics(
            requests=requests,
            failures=failures,
            waiting=pool.waiting,
            running=pool.running,
            workers=pool.workers,
            worker_crashes=pool.crashes,
            latency=self._statistics.latency(),
        )

    def close(self) -> None:
        """Ends its workers; requests that are under way fail with a sentence."""
        self.workers.close()

    def _load_again(self, name: str) -> None:
        """Has workers warm, once they are ready, what was loaded when the node ended."""
        try:
            task = warming_task(self._models.usable(name), self._settings.time_unit)
        except EngineError as error:
            _log.error("%s was loaded and is not any more: %s", name, error.sentence)
            self._loads.remove(name)
        else:
            self.workers.keep_warm(name, task, 0.0)

    def _infer(self, request: InferenceRequest, started: float) -> NDArray[np.float64]:
        model = self._models.usable(request.model_id)
        try:
            asked = _asked(model, request, self._settings)
        except UsageError as error:
            raise EngineError(AinodeStatus.INVALID_INPUT, sentence_of(error)) from error
        left = started + self._settings.time_limit - self._clock()
        outcome = self.workers.compute(request.model_id, asked.task, left)
        if isinstance(outcome, Refused):
            raise EngineError(outcome.status, outcome.sentence)
        self._notices.say(request.model_id, (*asked.notices, *outcome.notices))
        return as_they_came(outcome.values, asked.labelled)


class _Asked(Struct, frozen=True):
    """A task for a worker. `labelled` are the positions whose labels it gives, where they have to be put back as they came."""

    task: InferenceTask
    labelled: NDArray[np.intp] | None
    notices: tuple[str, ...]


def _asked(model: UsableModel, request: InferenceRequest, settings: EngineSettings) -> _Asked:
    """What a worker is given; raises UsageError for what is wrong with the request."""
    check_statement(request.model_id, model.info.task, request.statement)
    options = read_options(model.info, model.own, request.options)
    official = options.horizon is Horizon.AINODE
    if official and not (model.built_in and model.info.library == "sktime"):
        raise UsageError(
            f"horizon=ainode is the official AINode's answer, which has no {request.model_id}", "leave it out"
        )
    labels_all = model.info.task is Task.DETECTION and not official
    check_pairs(request.series)
    order = None if official else time_order(request.series)
    series = in_order(request.series, order)
    if options.window is not None:
        part = options.window.of(len(series.values))
        series = SeriesInput(series.times[part], series.values[part])
    check_sizes(series, 1 if labels_all else request.output_length, settings)
    check_values(series)
    task = InferenceTask(
        model=model.info.id,
        parameters=options.parameters,
        times=np.ascontiguousarray(series.times, dtype=np.int64),
        values=np.ascontiguousarray(series.values, dtype=np.float64),
        steps=request.output_length,
        horizon=options.horizon,
        time_unit=settings.time_unit,
    )
    put_back = order if labels_all and options.window is None else None
    return _Asked(task, put_back, () if order is None else (NOTICE,))


def _check_devices(device_ids: tuple[str, ...], duplicates: AinodeStatus) -> None:
    for device in device_ids:
        if device != DEVICE:
            raise EngineError(
                AinodeStatus.DEVICE_NOT_FOUND,
                f"there is no device {device[:40]!r} here; the only one is {DEVICE!r}, because these models compute on the processor alone",
            )
    if not device_ids:
        raise EngineError(duplicates, f"no device is named; write '{DEVICE}'")
    if len(device_ids) > 1:
        raise EngineError(duplicates, f"the device '{DEVICE}' is named {len(device_ids)} times; name it once")


def _check_settings(settings: EngineSettings) -> None:
    least = (
        ("workers", settings.workers, 0),
        ("queue_limit", settings.queue_limit, 0),
        ("longest_input", settings.longest_input, 1),
        ("longest_output", settings.longest_output, 1),
    )
    for name, value, limit in least:
        if value < limit:
            raise UsageError(f"{name} cannot be {value}", f"it is at least {limit}")
    if not 0 < settings.time_limit <= 3600:
        raise UsageError(
            f"time_limit cannot be {settings.time_limit:g} s",
            "it is above 0 and at most 3600; the database gives up after 60",
        )
