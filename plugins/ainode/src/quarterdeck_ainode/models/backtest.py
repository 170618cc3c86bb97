"""Fitting models again and again to the past of a series, and judging what they forecast."""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any, Protocol

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.models.accuracy import Accuracy, accuracy, naive_scale
from quarterdeck_ainode.models.catalogue import ModelInfo, model_named
from quarterdeck_ainode.models.estimators import plan, seasonal_naive
from quarterdeck_ainode.models.fitting import Prediction, fit_and_predict, notices_of, recorded_warnings
from quarterdeck_ainode.models.folds import Fold
from quarterdeck_ainode.models.forecaster_parameters import ForecasterParameters
from quarterdeck_ainode.models.observations import Observations
from quarterdeck_api.errors import ErrorReport, QuarterdeckError
from quarterdeck_api.jobs import JobContext

#: Of the work, how much fitting is.
_FITTING = 0.95


class Judged(Protocol):
    """What a ranking knows of whom it ranks."""

    @property
    def name(self) -> str:
        """Under which name it is judged."""
        ...

    @property
    def baseline(self) -> bool:
        """Whether it is what every other candidate has to beat."""
        ...

    @property
    def settings(self) -> dict[str, Any]:
        """Its parameters as data."""
        ...


class Candidate(Struct, frozen=True):
    """What is judged under a name: a model with its parameters, or with None the seasonal naive baseline."""

    name: str
    model: ModelInfo
    parameters: ForecasterParameters | None

    @property
    def baseline(self) -> bool:
        """Whether it is what every other candidate has to beat."""
        return self.parameters is None

    @property
    def settings(self) -> dict[str, Any]:
        """Its parameters as data; the baseline has none."""
        return {} if self.parameters is None else msgspec.to_builtins(self.parameters)


class FoldResult(Struct, frozen=True):
    """How one candidate did in one fold: either `failure`, or prediction and accuracy."""

    fold: int
    seconds: float
    prediction: Prediction | None = None
    accuracy: Accuracy | None = None
    failure: ErrorReport | None = None
    notices: tuple[str, ...] = ()


class Record(Struct, frozen=True):
    """Everything that came of one candidate, a result for each fold."""

    candidate: Judged
    results: tuple[FoldResult, ...]

    @property
    def failures(self) -> tuple[FoldResult, ...]:
        """The folds that it failed."""
        return tuple(each for each in self.results if each.failure is not None)

    def mean(self, measure: str) -> float | None:
        """The mean of a measure over the folds that did not fail; None when one of them lacks it, or all failed."""
        values = [getattr(each.accuracy, measure) for each in self.results if each.accuracy is not None]
        return fmean(values) if values and None not in values else None


def baseline_candidate(observed: Observations, folds: Sequence[Fold]) -> Candidate:
    """The seasonal naive forecast, named as in the first fold."""
    with recorded_warnings():
        _, name = seasonal_naive(observed.between(folds[0].start, folds[0].cutoff))
    return Candidate(f"baseline: {name}", model_named("naive_forecaster"), None)


class Fit(Struct, frozen=True):
    """One candidate to be fitted to the past of one fold, and judged on what came; a value that can be sent to another process."""

    candidate: Candidate
    fold: int
    training: Observations
    actual: NDArray[np.float64]
    level: float
    clock: Callable[[], float]


def judge(
    context: JobContext,
    candidates: Sequence[Candidate],
    observed: Observations,
    folds: Sequence[Fold],
    level: float,
    clock: Callable[[], float],
) -> tuple[Record, ...]:
    """Judges candidates, all their folds at once on the job's processes, with progress for each fit; it can be cancelled between two.

    Raises QuarterdeckError with the first reason when none but the baseline got through any fold.
    """
    fits = [
        Fit(
            candidate,
            fold.number,
            observed.between(fold.start, fold.cutoff),
            observed.values[fold.cutoff : fold.stop],
            level,
            clock,
        )
        for candidate in candidates
        for fold in folds
    ]

    def report(done: int, total: int) -> None:
        context.progress(
            _FITTING * done / total, f"{done} of {total} fits, {len(candidates)} candidates in {len(folds)} folds"
        )

    context.progress(0.0, f"{len(fits)} fits, {len(candidates)} candidates in {len(folds)} folds")
    results = context.map(run_fit, fits, report)
    records = tuple(
        Record(candidate, tuple(results[number * len(folds) : (number + 1) * len(folds)]))
        for number, candidate in enumerate(candidates)
    )
    for record in records:
        context.log(f"{record.candidate.name}: {_outcome(record)}")
    _require_success(records)
    return records


def _outcome(record: Record) -> str:
    """One line for the log; a fold that failed is named with its reason."""
    failures = "; ".join(f"fold {each.fold} failed: {each.failure.message}" for each in record.failures if each.failure)
    mase, mae = record.mean("mase"), record.mean("mae")
    score = f"MASE {mase:.4g}" if mase is not None else f"MAE {mae:.4g}" if mae is not None else ""
    return "; ".join(filter(None, (score, failures)))


def _require_success(records: Sequence[Record]) -> None:
    """Raises the first reason when no model but the baseline got through any fold: there is nothing to rank."""
    if any(len(record.failures) < len(record.results) for record in records if not record.candidate.baseline):
        return
    failure = next(each.failure for record in records for each in record.failures if each.failure)
    raise QuarterdeckError(f"no model got through any fold; the first reason: {failure.message}", failure.remedy)


def run_fit(fit: Fit) -> FoldResult:
    """Fits, forecasts and judges; what the model cannot do is the result's failure."""
    candidate, training = fit.candidate, fit.training
    started = fit.clock()
    try:
        with recorded_warnings() as raised:
            prediction, notices = predict(candidate, training, len(fit.actual), fit.level)
    except QuarterdeckError as error:
        return FoldResult(fit.fold, fit.clock() - started, failure=error.report())
    seconds = fit.clock() - started
    scale = naive_scale(training.values, training.axis.season)
    judged = accuracy(fit.actual, prediction.values, scale, prediction.lower, prediction.upper)
    return FoldResult(fit.fold, seconds, prediction, judged, notices=(*notices, *notices_of(raised)))


def predict(
    candidate: Candidate, training: Observations, horizon: int, level: float
) -> tuple[Prediction, tuple[str, ...]]:
    """Fits a candidate and forecasts, with what was decided on the way; raises QuarterdeckError for what it cannot do."""
    forecaster, notices = _forecaster(candidate, training)
    return fit_and_predict(candidate.model, forecaster, training, horizon, level), notices


def _forecaster(candidate: Candidate, training: Observations) -> tuple[Any, tuple[str, ...]]:
    if candidate.parameters is None:
        return seasonal_naive(training)[0], ()
    made = plan(candidate.parameters, training)
    return made.forecaster, made.notices


def ranked_by(records: Sequence[Record]) -> str:
    """The measure that ranks: mase, or mae when a fold's training data cannot scale it (the same for all)."""
    return "mae" if any(record.results and _unscaled(record) for record in records) else "mase"


def _unscaled(record: Record) -> bool:
    return any(each.accuracy is not None and each.accuracy.mase is None for each in record.results)


def ranked(records: Sequence[Record]) -> list[tuple[int | None, Record]]:
    """Candidates with their rank, best first; the baseline goes before its equals. Who failed a fold has no rank and comes last."""
    measure = ranked_by(records)

    def place(record: Record) -> tuple[bool, float, bool, str]:
        score = record.mean(measure)
        return (bool(record.failures), float("inf") if score is None else score, *_tie(record))

    ordered = sorted(records, key=place)
    return [(None if record.failures else number, record) for number, record in enumerate(ordered, 1)]


def _tie(record: Record) -> tuple[bool, str]:
    return not record.candidate.baseline, record.candidate.name
