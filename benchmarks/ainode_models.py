"""AutoARIMA of statsforecast beside pmdarima's on the same real monthly windows: seconds for each series, and MASE of a year ahead."""

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pmdarima.datasets
import sktime
from measure import Sample
from numpy.typing import NDArray

from quarterdeck_ainode.models.one_thread import one_thread

SEASON, TRAINING, STEPS = 12, 84, 12
WINDOWS = 40

Numbers = NDArray[np.float64]


def measure_models(windows: int = WINDOWS) -> dict[str, list[Sample]]:
    """Each window by both, in turn: with as many threads as the libraries take by themselves, and with one, as the local engine fits."""
    models: dict[str, Callable[[Numbers], Numbers]] = {"statsforecast": _statsforecast, "pmdarima": _pmdarima}
    manners: dict[str, Callable[[], AbstractContextManager[None]]] = {"": nullcontext, ", one thread": one_thread}
    taken: dict[str, list[Sample]] = {f"{name}{manner}": [] for manner in manners for name in models}
    series = list(monthly_windows(windows))
    for model in models.values():
        model(series[0][0])  # Imports and compiles.
    for number, (training, actual) in enumerate(series):
        for manner, limited in manners.items():
            for name, model in models.items():
                with limited():
                    begin, used = time.perf_counter(), time.process_time()
                    forecast = model(training)
                    seconds, used = time.perf_counter() - begin, time.process_time() - used
                sample = {"seconds": seconds, "cpu_seconds": used, "mase": mase(training, actual, forecast)}
                taken[f"{name}{manner}"].append(sample)
        said = (f"{name} {each[-1]['seconds']:.2f} s, MASE {each[-1]['mase']:.3f}" for name, each in taken.items())
        print(f"window {number + 1}/{len(series)}: {'; '.join(said)}", file=sys.stderr)
    return taken


def monthly_windows(count: int) -> Iterator[tuple[Numbers, Numbers]]:
    """Seven years and the year after them, spread evenly over three real monthly series that the libraries ship."""
    every = [(series, start) for series in _series() for start in range(len(series) - TRAINING - STEPS + 1)]
    for place in np.linspace(0, len(every) - 1, count).astype(int):
        series, start = every[place]
        yield series[start : start + TRAINING], series[start + TRAINING : start + TRAINING + STEPS]


def mase(training: Numbers, actual: Numbers, forecast: Numbers) -> float:
    """Mean absolute error in units of the seasonal naive forecast's within the training (Hyndman and Koehler 2006)."""
    scale = np.mean(np.abs(training[SEASON:] - training[:-SEASON]))
    return float(np.mean(np.abs(actual - forecast)) / scale)


def _series() -> list[Numbers]:
    data = Path(sktime.__file__).parent / "datasets" / "data"
    found = [
        pd.read_csv(data / "Airline" / "Airline.csv")["Passengers"],
        pd.read_csv(data / "seatbelts" / "seatbelts.csv")["KSI"],
        pmdarima.datasets.load_wineind(),
    ]
    return [np.asarray(each, dtype=np.float64) for each in found]


def _statsforecast(training: Numbers) -> Numbers:
    from statsforecast.models import AutoARIMA

    return np.asarray(AutoARIMA(season_length=SEASON).forecast(training, STEPS)["mean"])


def _pmdarima(training: Numbers) -> Numbers:
    from pmdarima import auto_arima

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(auto_arima(training, m=SEASON, suppress_warnings=True).predict(STEPS))
