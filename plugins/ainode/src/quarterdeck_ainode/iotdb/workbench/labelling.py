"""Labels of a series' rows by a model of the cluster: anomalies, or hidden states; each belongs to the row's own time."""

from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.series import TreeSeries
from quarterdeck_ainode.iotdb.workbench.predicting import answered, checked_values
from quarterdeck_ainode.iotdb.workbench.statements import Statement, classify_statement, inference_statement
from quarterdeck_ainode.iotdb.workbench.window import SeriesWindow
from quarterdeck_api.errors import QuarterdeckError, UnsupportedError


class LabelPlan(Struct, frozen=True):
    """What the cluster is asked for labels, and what is to be said of it."""

    statement: Statement
    notices: tuple[str, ...] = ()


def plan_labels(
    window: SeriesWindow, model: str, options: Mapping[str, str], *, drop_nulls: bool, classify_input: str
) -> LabelPlan:
    """CLASSIFY for a table's column, CALL INFERENCE with as many values as there are rows for a series of the tree.

    Raises UnsupportedError for options of CLASSIFY, which takes none (2.0.10), and where the version has no CLASSIFY.
    """
    if isinstance(window.series, TreeSeries):
        statement = inference_statement(window.series, model, len(window.times), window.stretch, options, times=False)
        return LabelPlan(
            statement,
            (
                "CLASSIFY exists for tables only: CALL INFERENCE asks the model for a label of each row, in the rows' order",
            ),
        )
    if not classify_input:
        raise UnsupportedError(
            "this version has no CLASSIFY", "keep the series with series.save and use model.detect of the local engine"
        )
    if options:
        raise UnsupportedError(
            f"CLASSIFY takes no options, and {', '.join(options)} would need them",
            f"create a model with them (model.create), or keep the series with series.save and use ainode/model/{model}",
        )
    statement = classify_statement(
        window.series,
        window.data_type,
        model,
        window.stretch,
        drop_nulls=drop_nulls,
        argument=classify_input,
        time=window.time,
    )
    return LabelPlan(statement)


def labels_from_cluster(client: IotdbClient, plan: LabelPlan, window: SeriesWindow, model: str) -> NDArray[np.int64]:
    """A label for each row; raises QuarterdeckError for what the cluster refuses, and for anything but whole numbers."""
    answer = answered(client, plan.statement)
    values = checked_values([row[-1] for row in answer.values], len(window.times), model)
    labels = values.astype(np.int64)
    if not np.array_equal(labels, values):
        raise QuarterdeckError(
            f"{model} gave numbers that are no labels: it forecasts",
            "use series.forecast with it, or a model that labels",
        )
    return labels
