"""What a worker does for one request: the time axis, the model, its numbers. The same code as the local engine's, so the same numbers."""

from importlib import import_module

import numpy as np

from quarterdeck_ainode.models.catalogue import model_named
from quarterdeck_ainode.models.detector_parameters import DetectorParameters
from quarterdeck_ainode.models.estimators import plan
from quarterdeck_ainode.models.fitting import FitError, fit_and_predict, notices_of, recorded_warnings, spread_notice
from quarterdeck_ainode.models.labelling import label
from quarterdeck_ainode.models.observations import Observations
from quarterdeck_ainode.serving.engine import AinodeStatus
from quarterdeck_ainode.serving.inference_task import Computed, Horizon, InferenceTask, Refused, sentence_of
from quarterdeck_ainode.serving.official_answers import official_answer
from quarterdeck_ainode.serving.statement_axis import statement_axis
from quarterdeck_api.errors import QuarterdeckError

#: How sentences name what is forecast: the AINode is told neither the name of the series nor the statement.
_COLUMN, _STATEMENT = "the series", "the statement"

#: What most requests need; a worker imports it before it takes its first one.
_MODULES = (
    "sktime.forecasting.naive",
    "sktime.forecasting.exp_smoothing",
    "sktime.forecasting.trend",
    "sktime.forecasting.arima",
    "statsmodels.tsa.holtwinters",
    "statsmodels.tsa.seasonal",
)


def prepare() -> None:
    """Imports what most requests need."""
    for name in _MODULES:
        import_module(name)


def answer(task: InferenceTask) -> Computed | Refused:
    """Computes one request; what is wrong with the request is an answer too."""
    axis, notices = statement_axis(task.times, task.time_unit)
    observed = Observations(_STATEMENT, _COLUMN, task.values, axis)
    try:
        with recorded_warnings() as raised:
            computed = official_answer(task, observed) if task.horizon is Horizon.AINODE else _compute(task, observed)
    except FitError as error:
        return Refused(AinodeStatus.INFERENCE_FAILED, sentence_of(error))
    except QuarterdeckError as error:
        return Refused(AinodeStatus.INVALID_INPUT, sentence_of(error))
    return Computed(computed.values, (*notices, *computed.notices, *notices_of(raised), *spread_notice(observed)))


def _compute(task: InferenceTask, observed: Observations) -> Computed:
    model = model_named(task.model)
    if isinstance(task.parameters, DetectorParameters):
        labels = label(model, task.parameters, observed)
        return Computed(labels.values.astype(np.float64), labels.notices)
    made = plan(task.parameters, observed)
    predicted = fit_and_predict(model, made.forecaster, observed, task.steps, level=None)
    return Computed(predicted.values, made.notices)
