"""Fitting a detector of sktime to a series: one label for each observation, exactly as sktime gives them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.models.catalogue import ModelInfo
from quarterdeck_ainode.models.detector_parameters import (
    DetectorParameters,
    GaussianHmmParameters,
    GmmHmmParameters,
    StrayParameters,
)
from quarterdeck_ainode.models.fitting import fit_failure
from quarterdeck_ainode.models.observations import Observations, check_count, check_size
from quarterdeck_ainode.models.one_thread import one_thread
from quarterdeck_api.errors import QuarterdeckError

#: The most observations of one detection: labels, times and values of all of them are in the result.
MOST_OBSERVATIONS = 100_000

#: scikit-learn scales nothing that varies less.
_LEAST_SPREAD = 10 * np.finfo(np.float64).eps


class MarkovFit(Struct, frozen=True):
    """How the fit of a hidden Markov model ended; `log_likelihood` is of the observations, natural logarithm."""

    converged: bool
    iterations: int
    log_likelihood: float


class Labels(Struct, frozen=True):
    """One label for each observation: 1 for an anomaly and 0 for none, or the number of the hidden state.

    `scores` are stray's distances, of the scaled series, None for other models.
    """

    values: NDArray[np.int64]
    scores: NDArray[np.float64] | None
    fit: MarkovFit | None
    notices: tuple[str, ...]


def label(model: ModelInfo, parameters: DetectorParameters, observed: Observations) -> Labels:
    """Labels the observations; raises QuarterdeckError when there are too few, or the library fails."""
    count = len(observed.values)
    if count > MOST_OBSERVATIONS:
        raise QuarterdeckError(
            f"{observed.column} of {observed.dataset} has {count} observations, and a detection takes {MOST_OBSERVATIONS}",
            f"use the last ones: --window {MOST_OBSERVATIONS} or less",
            observed.dataset,
        )
    check_size(observed, instead="")
    with _logged("hmmlearn") as lines, np.errstate(all="ignore"), one_thread():
        match parameters:
            case StrayParameters():
                check_count(observed, 2, model.id, instead="")
                _check_spread(observed)
                return _label_outliers(model, parameters, observed)
            case GaussianHmmParameters() | GmmHmmParameters():
                states = parameters.n_components
                why = "a model of one state" if states == 1 else f"a model of {states} states"
                check_count(observed, max(2, states), why, instead=", or lower n_components")
                labels = _label_states(model, parameters, observed)
                return msgspec.structs.replace(labels, notices=(*labels.notices, *dict.fromkeys(lines)))


def _check_spread(observed: Observations) -> None:
    """Raises QuarterdeckError for a series that the scaling before stray would take for constant."""
    spread = float(np.max(observed.values) - np.min(observed.values))
    if 0 < spread < _LEAST_SPREAD:
        raise QuarterdeckError(
            f"{observed.column} of {observed.dataset} varies by {spread:g} only, which cannot be scaled to 0 to 1",
            "multiply the series by a power of ten before importing it",
            observed.dataset,
        )


def _label_outliers(model: ModelInfo, parameters: StrayParameters, observed: Observations) -> Labels:
    from sklearn.preprocessing import MinMaxScaler
    from sktime.detection.stray import STRAY

    detector = STRAY(**msgspec.to_builtins(parameters))
    try:
        scaled = MinMaxScaler().fit_transform(observed.values.reshape(-1, 1))  # As AINode does before stray.
        values = np.asarray(detector.fit_transform(scaled), dtype=np.int64)
    except Exception as error:  # The boundary to numerical libraries, which raise whatever they like.
        raise fit_failure(model, observed, f"{type(error).__name__}: {error}") from error
    return Labels(values, np.asarray(detector.score_, dtype=np.float64), None, ())


def _label_states(
    model: ModelInfo, parameters: GaussianHmmParameters | GmmHmmParameters, observed: Observations
) -> Labels:
    from sktime.detection.hmm_learn import GMMHMM, GaussianHMM

    kind: Any = GaussianHMM if isinstance(parameters, GaussianHmmParameters) else GMMHMM
    detector = kind(**msgspec.to_builtins(parameters))
    try:
        values = np.asarray(detector.fit_transform(observed.values.reshape(-1, 1)), dtype=np.int64).ravel()
    except Exception as error:  # The boundary to numerical libraries, which raise whatever they like.
        raise fit_failure(model, observed, f"{type(error).__name__}: {error}") from error
    monitor = detector._hmm_estimator.monitor_  # hmmlearn's own: sktime has no name for it.
    history = [float(each) for each in monitor.history]
    converged = len(history) >= 2 and history[-1] - history[-2] < parameters.tol
    notices: list[str] = []
    if parameters.n_components == 1:
        notices.append("there is only one state, so every point has the same label: set n_components to 2 or more")
    elif parameters.random_state is None:
        notices.append("the first guess is random, so another run can label otherwise: set random_state to repeat one")
    if not converged:
        notices.append(f"the fit did not converge in {monitor.iter} iterations: raise n_iter or tol")
    return Labels(values, None, MarkovFit(converged, int(monitor.iter), history[-1]), tuple(notices))


class _LineKeeper(logging.Handler):
    """Keeps the messages of a library's log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextmanager
def _logged(name: str) -> Iterator[list[str]]:
    """What a library writes into its log, instead of on standard error."""
    logger, keeper = logging.getLogger(name), _LineKeeper()
    logger.addHandler(keeper)
    try:
        yield keeper.lines
    finally:
        logger.removeHandler(keeper)
