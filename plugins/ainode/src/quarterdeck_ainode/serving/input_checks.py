"""What a request may ask for: sizes within the engine's limits, and numbers that a model can use."""

import numpy as np

from quarterdeck_ainode.models.catalogue import MODELS, Task
from quarterdeck_ainode.serving.engine import SeriesInput, Statement
from quarterdeck_ainode.serving.engine_settings import EngineSettings
from quarterdeck_api.errors import UsageError


def check_pairs(series: SeriesInput) -> None:
    """Raises UsageError unless every value has a time."""
    if len(series.times) != len(series.values):
        raise UsageError(
            f"{len(series.times)} times came with {len(series.values)} values", "report it: the two belong together"
        )


def check_sizes(series: SeriesInput, output_length: int, settings: EngineSettings) -> None:
    """Raises UsageError with what is wrong about the sizes of input and output."""
    rows = len(series.values)
    if rows == 0:
        raise UsageError("the input has no rows", "look at the WHERE clause and at the name of the series")
    if rows > settings.longest_input:
        raise UsageError(
            f"the input has {rows} rows, and this AINode takes {settings.longest_input}",
            f"use the last ones (ORDER BY time DESC LIMIT {settings.longest_input}), or aggregate with GROUP BY",
        )
    if not 1 <= output_length <= settings.longest_output:
        raise UsageError(f"the output length cannot be {output_length}", f"it is from 1 to {settings.longest_output}")


def check_statement(model_id: str, task: Task, statement: Statement) -> None:
    """Raises UsageError when a statement wants of a model what it does not do."""
    if statement is Statement.FORECAST and task is Task.DETECTION:
        raise UsageError(
            f"{model_id} labels rows and forecasts nothing",
            f"use CLASSIFY(model_id=>'{model_id}', input=>…) in the table dialect, or CALL INFERENCE in the tree dialect",
        )
    if statement is Statement.CLASSIFY and task is Task.FORECAST:
        labelling = ", ".join(model.id for model in MODELS if model.task is Task.DETECTION)
        raise UsageError(
            f"{model_id} forecasts and labels nothing", f"use FORECAST, or a model that labels: {labelling}"
        )


def check_values(series: SeriesInput) -> None:
    """Raises UsageError for values that no model can use, with how many there are and the first row."""
    for found, what in ((np.isnan(series.values), "NaN"), (np.isinf(series.values), "infinite")):
        places = np.flatnonzero(found)
        if len(places):
            values = f"{len(places)} values are" if len(places) > 1 else "one value is"
            raise UsageError(
                f"{values} {what} among {len(series.values)}, the first in row {int(places[0]) + 1}; models need complete series",
                "leave them out or replace them in the statement's SELECT",
            )
