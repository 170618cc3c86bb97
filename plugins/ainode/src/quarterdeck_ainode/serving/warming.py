"""The request with which a worker makes a model warm: a short series that every model can be fitted to."""

import numpy as np

from quarterdeck_ainode.models.catalogue import Task
from quarterdeck_ainode.serving.engine_settings import TimeUnit
from quarterdeck_ainode.serving.inference_task import InferenceTask
from quarterdeck_ainode.serving.model_options import parameters_of
from quarterdeck_ainode.serving.served_models import UsableModel

#: Two days of hours and a little: enough for a season, short enough for the slowest search.
_ROWS = 60
_HOUR = {TimeUnit.MILLISECOND: 3_600_000, TimeUnit.MICROSECOND: 3_600_000_000, TimeUnit.NANOSECOND: 3_600_000_000_000}


def warming_task(model: UsableModel, unit: TimeUnit) -> InferenceTask:
    """A fit of the model with its built-in defaults: what has to be imported does not depend on a user's parameters."""
    steps = np.arange(_ROWS)
    return InferenceTask(
        model=model.info.id,
        parameters=parameters_of(model.info, {}),
        times=(steps * _HOUR[unit]).astype(np.int64),
        values=10 + 3 * np.sin(2 * np.pi * steps / 24) + np.where(steps % 7 == 0, 0.5, -0.1),
        steps=1 if model.info.task is Task.FORECAST else _ROWS,
        time_unit=unit,
    )
