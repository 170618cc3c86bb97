"""How far a forecast was from what came.

MASE is the mean absolute error, scaled by that of the seasonal naive forecast inside the training data (Hyndman and Koehler, "Another
look at measures of forecast accuracy", International Journal of Forecasting 22, 2006). sMAPE is the mean of 2|e| / (|y| + |f|), from 0 to 2.
"""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


class Accuracy(Struct, frozen=True):
    """The measures of one forecast; `mase` is None when the training data cannot scale it, `coverage` without an interval."""

    mae: float
    rmse: float
    mase: float | None
    smape: float
    coverage: float | None


def accuracy(
    actual: Numbers, forecast: Numbers, scale: float | None, lower: Numbers | None = None, upper: Numbers | None = None
) -> Accuracy:
    """The measures of a forecast of the same length as what came; `scale` is that of `naive_scale`."""
    errors = np.abs(actual - forecast)
    mae = float(np.mean(errors))
    sizes = np.abs(actual) + np.abs(forecast)
    shares = np.divide(2 * errors, sizes, out=np.zeros_like(errors), where=sizes > 0)  # 0 of 0 is no error.
    coverage = None
    if lower is not None and upper is not None:
        coverage = float(np.mean((actual >= lower) & (actual <= upper)))
    return Accuracy(
        mae=mae,
        rmse=float(np.sqrt(np.mean(errors**2))),
        mase=None if scale is None else mae / scale,
        smape=float(np.mean(shares)),
        coverage=coverage,
    )


def naive_scale(training: Numbers, season: int) -> float | None:
    """The mean absolute error of the seasonal naive forecast inside the training data; None when it is 0 or undefined.

    With no more observations than a season, the season is 1.
    """
    lag = season if len(training) > season else 1
    if len(training) <= lag:
        return None
    scale = float(np.mean(np.abs(training[lag:] - training[:-lag])))
    return scale if scale > 0 else None
