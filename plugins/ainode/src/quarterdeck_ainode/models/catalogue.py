"""The catalogue of the built-in models, eight of sktime and five of statsforecast, without importing the libraries that run them."""

from enum import Enum
from typing import Any

import msgspec
from msgspec import Struct

from quarterdeck_ainode.models.detector_parameters import (
    DetectorParameters,
    GaussianHmmParameters,
    GmmHmmParameters,
    StrayParameters,
)
from quarterdeck_ainode.models.forecaster_parameters import (
    ArimaParameters,
    ForecasterParameters,
    HoltWintersParameters,
    NaiveParameters,
    SmoothingParameters,
    StlParameters,
)
from quarterdeck_ainode.models.statsforecast_parameters import (
    AutoArimaParameters,
    AutoEtsParameters,
    AutoThetaParameters,
    MstlParameters,
    SeasonalNaiveParameters,
)
from quarterdeck_api.catalogue import JsonSchema
from quarterdeck_api.declare_schema import plain_schema
from quarterdeck_api.errors import NotFoundError, UsageError
from quarterdeck_api.parameter_values import validate


class Task(Enum):
    """What a model does with a series."""

    FORECAST = "forecast"
    DETECTION = "detection"


class ModelInfo(Struct, frozen=True):
    """One built-in model. `implementation` is the library's class; `intervals` says whether it gives prediction intervals."""

    id: str
    title: str
    task: Task
    implementation: str
    parameters: type[ForecasterParameters] | type[DetectorParameters]
    summary: str
    intervals: bool = False

    @property
    def class_name(self) -> str:
        """The class without its module."""
        return self.implementation.rsplit(".", 1)[1]

    @property
    def library(self) -> str:
        """The distribution that the class comes from."""
        return self.implementation.partition(".")[0]


MODELS: tuple[ModelInfo, ...] = (
    ModelInfo(
        "arima",
        "ARIMA",
        Task.FORECAST,
        "sktime.forecasting.arima.ARIMA",
        ArimaParameters,
        "Autoregression on past values and past errors, with differences and a season when asked for.",
        intervals=True,
    ),
    ModelInfo(
        "auto_arima",
        "Auto-ARIMA",
        Task.FORECAST,
        "statsforecast.models.AutoARIMA",
        AutoArimaParameters,
        "Chooses the orders of an ARIMA by an information criterion.",
        intervals=True,
    ),
    ModelInfo(
        "auto_ets",
        "Auto-ETS",
        Task.FORECAST,
        "statsforecast.models.AutoETS",
        AutoEtsParameters,
        "Chooses error, trend and season of exponential smoothing by AICc.",
        intervals=True,
    ),
    ModelInfo(
        "auto_theta",
        "Auto-Theta",
        Task.FORECAST,
        "statsforecast.models.AutoTheta",
        AutoThetaParameters,
        "Chooses among four theta models by squared error.",
        intervals=True,
    ),
    ModelInfo(
        "exponential_smoothing",
        "Exponential smoothing",
        Task.FORECAST,
        "sktime.forecasting.exp_smoothing.ExponentialSmoothing",
        SmoothingParameters,
        "A level that follows the series; trend and season can be added.",
    ),
    ModelInfo(
        "gaussian_hmm",
        "Gaussian hidden Markov model",
        Task.DETECTION,
        "sktime.detection.hmm_learn.GaussianHMM",
        GaussianHmmParameters,
        "Labels each point with the hidden state that most likely produced it.",
    ),
    ModelInfo(
        "gmm_hmm",
        "Hidden Markov model with mixtures",
        Task.DETECTION,
        "sktime.detection.hmm_learn.GMMHMM",
        GmmHmmParameters,
        "As gaussian_hmm, with a mixture of Gaussians in each state.",
    ),
    ModelInfo(
        "holtwinters",
        "Holt-Winters",
        Task.FORECAST,
        "sktime.forecasting.exp_smoothing.ExponentialSmoothing",
        HoltWintersParameters,
        "Exponential smoothing of level, trend and season.",
    ),
    ModelInfo(
        "mstl",
        "MSTL",
        Task.FORECAST,
        "statsforecast.models.MSTL",
        MstlParameters,
        "Decomposes into several seasons and a trend with loess, and forecasts each.",
        intervals=True,
    ),
    ModelInfo(
        "naive_forecaster",
        "Naive",
        Task.FORECAST,
        "sktime.forecasting.naive.NaiveForecaster",
        NaiveParameters,
        "Repeats the last value, the last season, the mean or the drift: what every other model has to beat.",
        intervals=True,
    ),
    ModelInfo(
        "seasonal_naive",
        "Seasonal naive",
        Task.FORECAST,
        "statsforecast.models.SeasonalNaive",
        SeasonalNaiveParameters,
        "Repeats the last season, with an interval.",
        intervals=True,
    ),
    ModelInfo(
        "stl_forecaster",
        "STL",
        Task.FORECAST,
        "sktime.forecasting.trend.STLForecaster",
        StlParameters,
        "Decomposes into trend, season and rest with loess, and forecasts each.",
    ),
    ModelInfo(
        "stray",
        "STRAY",
        Task.DETECTION,
        "sktime.detection.stray.STRAY",
        StrayParameters,
        "Marks points that lie far from their nearest neighbours as anomalies.",
    ),
)

_BY_ID = {model.id: model for model in MODELS}


def model_named(name: str) -> ModelInfo:
    """The model of an id; raises NotFoundError."""
    model = _BY_ID.get(name)
    if model is None:
        raise NotFoundError(f"there is no model {name!r}", f"there are: {', '.join(_BY_ID)}")
    return model


def parameters_schema(model: ModelInfo) -> JsonSchema:
    """JSON Schema (an object without references) of a model's parameters, with defaults and descriptions."""
    return plain_schema(model.parameters)


def forecaster_parameters(model: ModelInfo, settings: dict[str, Any]) -> ForecasterParameters:
    """`read_parameters` of a model that forecasts."""
    parameters = read_parameters(model, settings)
    assert not isinstance(parameters, DetectorParameters)
    return parameters


def detector_parameters(model: ModelInfo, settings: dict[str, Any]) -> DetectorParameters:
    """`read_parameters` of a model that labels points."""
    parameters = read_parameters(model, settings)
    assert isinstance(parameters, DetectorParameters)
    return parameters


def read_parameters(model: ModelInfo, settings: dict[str, Any]) -> ForecasterParameters | DetectorParameters:
    """Settings as the model's parameters, defaults filled in and checked against one another.

    Raises UsageError with the parameter, what is wrong, and what it takes.
    """
    checked = validate(parameters_schema(model), settings)
    try:
        parameters = msgspec.convert(checked, model.parameters)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"the settings of {model.id} are wrong: {error}", f"see `quarterdeck describe ainode/model/{model.id}`"
        ) from error
    if not isinstance(parameters, DetectorParameters):
        parameters.check()
    return parameters
