"""Fitting and predicting: the libraries' numbers unchanged, warnings as notices, failures as sentences with the parameter to change."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.models.catalogue import ModelInfo
from quarterdeck_ainode.models.observations import Observations
from quarterdeck_ainode.models.one_thread import one_thread
from quarterdeck_api.errors import QuarterdeckError

#: About the libraries' own future, not about the fit.
_FOR_DEVELOPERS = (FutureWarning, DeprecationWarning, PendingDeprecationWarning, ImportWarning)

#: What a warning means to whoever asked for the forecast, by a part of its text.
_MEANINGS = (
    ("failed to converge", "the fit did not converge: raise maxiter, choose another method, or simplify the model"),
    ("Non-stationary starting", "starting values were not stationary, so the fit began at zero"),
    ("Non-invertible starting", "starting values were not invertible, so the fit began at zero"),
    (
        "Too few observations to estimate starting",
        "there were too few observations for starting values, so the fit began at zero",
    ),
)

_WHAT_TO_CHANGE = {
    "arima": "lower order or seasonal_order, leave out start_params, or set method=powell or method=nm",
    "exponential_smoothing": "set trend=add or seasonal=add instead of mul, or initialization_method=legacy-heuristic",
    "holtwinters": "set trend=add or seasonal=add instead of mul, or initialization_method=legacy-heuristic",
    "stl_forecaster": "set sp to the length of the season, or leave out forecaster_trend, forecaster_seasonal, forecaster_resid",
    "naive_forecaster": "leave out window_length and sp",
    "auto_arima": "set seasonal=false, or lower max_p, max_q, max_P and max_Q",
    "auto_ets": "set model=ANN or model=AAN, which need neither season nor positive values",
    "auto_theta": "set decomposition_type=additive, or season_length=1",
    "mstl": "set season_length to the lengths of the seasons",
    "seasonal_naive": "set season_length to the length of the season",
    "gaussian_hmm": "lower n_components, raise min_covar, or set covariance_type=spherical",
    "gmm_hmm": "lower n_components or n_mix, raise min_covar, or use gaussian_hmm",
    "stray": "set knn_algorithm=brute, or lower k",
}


#: Optimisers stop at absolute differences between 1e-8 and 1e-5.
_LEAST_SPREAD = 1e-6


class FitError(QuarterdeckError):
    """A library failed over observations that look usable, or what it gave is not finite."""


class Prediction(Struct, frozen=True):
    """Values for 1..horizon steps after the last observation; `lower` and `upper` of equal length, or None with `no_interval` saying why."""

    values: NDArray[np.float64]
    lower: NDArray[np.float64] | None
    upper: NDArray[np.float64] | None
    no_interval: str


def fit_and_predict(
    model: ModelInfo, forecaster: Any, observed: Observations, horizon: int, level: float | None
) -> Prediction:
    """Fits a forecaster to the observations and predicts.

    The series has a plain integer index, so that no arithmetic on dates changes a value; its values are the dataset's. A `level` of
    None asks for no interval, which costs some models more than the forecast. Raises FitError when the library fails or what it gives is not
    finite.
    """
    steps = list(range(1, horizon + 1))
    lower = upper = None
    with np.errstate(all="ignore"), one_thread():
        try:
            forecaster.fit(pd.Series(observed.values, name=observed.column))
            values = np.asarray(forecaster.predict(fh=steps), dtype="float64").ravel()
            if level is not None and forecaster.get_tag("capability:pred_int"):
                interval = np.asarray(forecaster.predict_interval(fh=steps, coverage=level), dtype="float64")
                lower, upper = interval[:, 0], interval[:, 1]
        except Exception as error:  # The boundary to numerical libraries, which raise whatever they like.
            raise fit_failure(model, observed, f"{type(error).__name__}: {error}") from error
    if not np.all(np.isfinite(values)):
        raise fit_failure(model, observed, "what it predicts is not finite")
    no_interval = ""
    if level is None:
        no_interval = "no interval was asked for"
    elif lower is None or upper is None:
        no_interval = f"{model.id} has no prediction interval: {model.class_name} of {model.library} computes none"
    elif not (np.all(np.isfinite(lower)) and np.all(np.isfinite(upper))):
        lower = upper = None
        no_interval = (
            f"{model.id} has no prediction interval here: there are too few observations or errors to estimate one"
        )
    return Prediction(values, lower, upper, no_interval)


@contextmanager
def recorded_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """Keeps what the libraries warn of, instead of writing it to standard error."""
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        yield raised


def notices_of(raised: Iterable[warnings.WarningMessage]) -> tuple[str, ...]:
    """What the libraries warned of, once each, in words for users; what concerns only developers is left out."""
    sentences: dict[str, None] = {}
    for warning in raised:
        if issubclass(warning.category, _FOR_DEVELOPERS):
            continue
        text = " ".join(str(warning.message).split())
        meaning = next((sentence for part, sentence in _MEANINGS if part.lower() in text.lower()), "")
        sentences[meaning or f"{warning.category.__name__}: {text}"] = None
    return tuple(sentences)


def spread_notice(observed: Observations) -> tuple[str, ...]:
    """A sentence when all observations are the same, or hardly differ, else nothing."""
    if observed.constant:
        count, value = len(observed.values), f"{observed.values[0]:g}"
        same = f"all {count} observations are {value}" if count > 1 else f"the one observation is {value}"
        return (f"{same}: there is nothing to learn from them",)
    spread = float(np.max(observed.values)) - float(np.min(observed.values))  # Numpy would warn where it is infinite.
    if spread >= _LEAST_SPREAD:
        return ()
    return (
        f"the observations differ by {spread:g} at most, which is less than fits take for converged: multiply the series by a power of ten",
    )


def fit_failure(model: ModelInfo, observed: Observations, why: str) -> FitError:
    """The error of a fit that failed, with the parameters to change."""
    return FitError(
        f"{model.id} could not be fitted to {observed.column} of {observed.dataset}: {' '.join(why.split())}",
        _WHAT_TO_CHANGE[model.id],
        observed.dataset,
    )
