"""The observations that a model is fitted to, checked: what no model can use is refused with the place and a remedy."""

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.models.time_axis import TimeAxis, time_axis, window_after_last
from quarterdeck_api.dataset_reading import choose_column, read_series
from quarterdeck_api.errors import QuarterdeckError, UsageError
from quarterdeck_api.jobs import DatasetLocation

#: Above this the squares that likelihoods and sums of squares are made of overflow a float64.
LARGEST_VALUE = 1e150

#: Below this they vanish.
SMALLEST_VALUE = 1e-150


class Observations(Struct, frozen=True):
    """A series that is complete, finite and equally spaced. `values` are float64, as stored, of the axis's length."""

    dataset: str
    column: str
    values: NDArray[np.float64]
    axis: TimeAxis

    @property
    def constant(self) -> bool:
        """Whether all values are the same."""
        return bool(np.all(self.values == self.values[0]))

    def between(self, start: int, stop: int) -> "Observations":
        """The observations at positions `start` to `stop`, the end excluded."""
        axis = msgspec.structs.replace(self.axis, index=self.axis.index[start:stop])
        return msgspec.structs.replace(self, values=self.values[start:stop], axis=axis)


def read_observations(location: DatasetLocation, column: str, window: int) -> Observations:
    """The last `window` observations of a column (0: all), checked.

    Raises UsageError for a wrong column or window, QuarterdeckError for values or times that no model can use.
    """
    name = choose_column(location, column)
    times, values = read_series(location, name)
    address = location.address
    if not len(values):
        raise QuarterdeckError(f"{address} has no rows", "import a series with observations", address)
    if window > len(values):
        raise UsageError(
            f"the window is {window} and {address} has only {len(values)} observations",
            f"use --window {len(values)} or less, or leave it out",
            address,
        )
    first = len(values) - window if window else 0
    times, values = times[first:], values[first:]
    _check_values(times, values, name, address)
    return Observations(address, name, values, time_axis(times, location.frequency, location.time_zone, address))


def _check_values(times: NDArray[np.datetime64], values: NDArray[np.float64], column: str, address: str) -> None:
    unusable = (
        (np.isnan(values), "missing values", "fill or remove them and import the series again"),
        (np.isinf(values), "infinite values", "correct them and import the series again"),
    )
    for found, what, remedy in unusable:
        places = np.flatnonzero(found)
        if not len(places):
            continue
        shown = ", ".join(str(np.datetime_as_string(times[place], unit="s")) for place in places[:3])
        rest = len(values) - int(places[-1]) - 1
        window = window_after_last(rest)
        counted = what if len(places) > 1 else what.removesuffix("s")
        raise QuarterdeckError(
            f"{column} of {address} has {len(places)} {counted} among {len(values)}, at {shown}"
            f"{' and so on' if len(places) > 3 else ''}; models need complete series",
            remedy + window,
            address,
        )


def check_count(
    observed: Observations, least: int, why: str, instead: str = ", a simpler model, or naive_forecaster"
) -> None:
    """Raises QuarterdeckError unless there are `least` observations, which `why` needs; `instead` ends the remedy."""
    count = len(observed.values)
    if count < least:
        raise QuarterdeckError(
            f"{why} needs at least {least} observations, and {observed.column} of {observed.dataset} has {count} here",
            f"use more observations{instead}",
            observed.dataset,
        )


def check_size(observed: Observations, instead: str = ", or use naive_forecaster") -> None:
    """Raises QuarterdeckError when squares of the values would overflow, or vanish; `instead` ends the remedy."""
    largest = float(np.max(np.abs(observed.values)))
    if largest > LARGEST_VALUE:
        raise QuarterdeckError(
            f"{observed.column} of {observed.dataset} reaches {largest:g}: squares of values above {LARGEST_VALUE:g} overflow",
            f"divide the series by a power of ten before importing it{instead}",
            observed.dataset,
        )
    if 0 < largest < SMALLEST_VALUE:
        raise QuarterdeckError(
            f"{observed.column} of {observed.dataset} reaches only {largest:g}: squares of values below {SMALLEST_VALUE:g} vanish",
            f"multiply the series by a power of ten before importing it{instead}",
            observed.dataset,
        )
