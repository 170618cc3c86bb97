"""Rows in the order of their times: a statement that asks for the latest ones often sends them backwards."""

import numpy as np
from numpy.typing import NDArray

from quarterdeck_ainode.serving.engine import SeriesInput

NOTICE = "rows came out of order and were put into the order of their times"


def time_order(series: SeriesInput) -> NDArray[np.intp] | None:
    """The positions of the rows in the order of time, equal times as they came; None when they are in order."""
    if bool(np.all(series.times[:-1] <= series.times[1:])):
        return None
    return np.argsort(series.times, kind="stable")


def in_order(series: SeriesInput, order: NDArray[np.intp] | None) -> SeriesInput:
    """The series in that order."""
    return series if order is None else SeriesInput(series.times[order], series.values[order])


def as_they_came(labels: NDArray[np.float64], order: NDArray[np.intp] | None) -> NDArray[np.float64]:
    """Labels of rows in the order of time, each back in the place of its row."""
    if order is None:
        return labels
    found = np.empty_like(labels)
    found[order] = labels
    return found
