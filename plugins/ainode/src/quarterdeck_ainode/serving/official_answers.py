"""The answers of the official AINode 2.0.10: its eight models with its defaults, its steps, its single precision.

What it does was measured on a real one: the series is a float32 pandas Series without times; forecasters predict the steps 0 to n - 1, the
first of which is the last observation's own; detectors label the first `outputLength` rows; parameters of a statement are ignored; everything
ends as float32.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quarterdeck_ainode.models.catalogue import ModelInfo, model_named
from quarterdeck_ainode.models.fitting import fit_failure
from quarterdeck_ainode.models.observations import Observations
from quarterdeck_ainode.serving.inference_task import Computed, InferenceTask


def official_answer(task: InferenceTask, observed: Observations) -> Computed:
    """What the official AINode answers to the same statement; raises FitError where it fails, or gives what is not finite."""
    model = model_named(task.model)
    series = pd.Series(observed.values.astype(np.float32))
    with np.errstate(all="ignore"):
        try:
            values = OFFICIAL[task.model](series, task.steps)
        except Exception as error:  # The boundary to numerical libraries, which raise whatever they like.
            raise _failure(model, observed, f"{type(error).__name__}: {error}") from error
    single = np.asarray(values, dtype=np.float64).astype(np.float32)
    if not np.all(np.isfinite(single)):
        raise _failure(model, observed, "what it predicts is not finite")
    return Computed(single.astype(np.float64))


def _failure(model: ModelInfo, observed: Observations, why: str) -> Exception:
    return fit_failure(model, observed, f"{why}; so it ends on the official AINode, leave out horizon=ainode")


def _forecast(forecaster: Any, series: Any, steps: int) -> Any:
    forecaster.fit(series)
    return np.asarray(forecaster.predict(fh=range(steps)), dtype=np.float64).ravel()


def _arima(series: Any, steps: int) -> Any:
    from sktime.forecasting.arima import ARIMA

    return _forecast(ARIMA(order=(1, 0, 0), seasonal_order=(0, 0, 0, 0), maxiter=50), series, steps)


def _smoothing(series: Any, steps: int) -> Any:
    from sktime.forecasting.exp_smoothing import ExponentialSmoothing

    return _forecast(ExponentialSmoothing(use_brute=False), series, steps)


def _naive(series: Any, steps: int) -> Any:
    from sktime.forecasting.naive import NaiveForecaster

    return _forecast(NaiveForecaster(strategy="last", sp=1), series, steps)


def _stl(series: Any, steps: int) -> Any:
    from sktime.forecasting.trend import STLForecaster

    return _forecast(STLForecaster(sp=2, seasonal=7), series, steps)


def _labels(detector: Any, series: Any) -> Any:
    found = detector.fit_transform(series)
    return np.asarray(found["labels"] if isinstance(found, pd.DataFrame) else found, dtype=np.int32).ravel()


def _gaussian_hmm(series: Any, steps: int) -> Any:
    from sktime.detection.hmm_learn import GaussianHMM

    return _labels(GaussianHMM(), series[:steps])


def _gmm_hmm(series: Any, steps: int) -> Any:
    from sktime.detection.hmm_learn import GMMHMM

    return _labels(GMMHMM(), series[:steps])


def _stray(series: Any, steps: int) -> Any:
    from sklearn.preprocessing import MinMaxScaler
    from sktime.detection.stray import STRAY

    scaled = MinMaxScaler().fit_transform(series.to_numpy().reshape(-1, 1))
    return _labels(STRAY(), pd.Series(scaled.ravel())[:steps])


#: What the official AINode does, by model: series and length to values.
OFFICIAL: dict[str, Callable[[Any, int], NDArray[Any]]] = {
    "arima": _arima,
    "exponential_smoothing": _smoothing,
    "gaussian_hmm": _gaussian_hmm,
    "gmm_hmm": _gmm_hmm,
    "holtwinters": _smoothing,
    "naive_forecaster": _naive,
    "stl_forecaster": _stl,
    "stray": _stray,
}
