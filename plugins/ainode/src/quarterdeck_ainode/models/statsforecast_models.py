"""The models of statsforecast behind the few methods of a forecaster that fitting needs; the library is imported when one is fitted."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from quarterdeck_ainode.models.observations import Observations, check_count
from quarterdeck_ainode.models.statsforecast_parameters import (
    AutoArimaParameters,
    AutoEtsParameters,
    AutoThetaParameters,
    MstlParameters,
    SeasonalNaiveParameters,
    StatsforecastParameters,
)
from quarterdeck_api.errors import UsageError

#: Class and least number of observations: with fewer, the library raises or has no error to estimate an interval from.
_CLASSES: dict[type[StatsforecastParameters], tuple[str, int]] = {
    SeasonalNaiveParameters: ("SeasonalNaive", 2),
    AutoEtsParameters: ("AutoETS", 8),
    AutoThetaParameters: ("AutoTheta", 4),
    AutoArimaParameters: ("AutoARIMA", 3),
    MstlParameters: ("MSTL", 8),
}


class StatsforecastForecaster:
    """One model of statsforecast with the methods of an sktime forecaster."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def fit(self, series: Any) -> None:
        """Fits to a pandas Series."""
        self._model.fit(y=np.ascontiguousarray(series.to_numpy()))

    def predict(self, fh: Sequence[int]) -> NDArray[np.float64]:
        """Values for the steps 1 to n."""
        return self._model.predict(h=len(fh))["mean"]

    def predict_interval(self, fh: Sequence[int], coverage: float) -> NDArray[np.float64]:
        """Lower and upper values, a row for each of the steps 1 to n."""
        level = 100 * coverage
        found = self._model.predict(h=len(fh), level=[level])
        return np.column_stack([found[f"lo-{level}"], found[f"hi-{level}"]])

    def get_tag(self, name: str) -> bool:
        """Whether it can do something: every model gives intervals."""
        return name == "capability:pred_int"


def make_forecaster(
    parameters: StatsforecastParameters, observed: Observations
) -> tuple[StatsforecastForecaster, dict[str, Any]]:
    """The forecaster, and its settings with the season filled in.

    Raises UsageError when there is no season to decompose, QuarterdeckError when there are too few observations.
    """
    name, least = _CLASSES[type(parameters)]
    settings = msgspec.to_builtins(parameters)
    if isinstance(parameters, MstlParameters):
        seasons = parameters.season_length or (observed.axis.season,)
        if min(seasons) < 2:
            raise UsageError(
                f"the frequency {observed.axis.frequency} has no season to decompose", "set season_length, as 24,168"
            )
        check_count(observed, 2 * max(seasons), f"two full seasons of {max(seasons)}")
        settings["season_length"] = list(seasons)
    else:
        season = parameters.season_length or observed.axis.season
        if isinstance(parameters, SeasonalNaiveParameters):
            check_count(observed, season + 1, f"a season of {season}, and one to judge it by,")
        settings["season_length"] = season
    check_count(observed, least, name)
    library = import_module("statsforecast.models")
    return StatsforecastForecaster(getattr(library, name)(**settings)), settings
