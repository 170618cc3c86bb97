"""The job `ainode.series-classify`: a model of the cluster labels each row of a series.

`JobValue.data` has these stable names::

    series, model, observations
    times, moments, values, labels      one each for every row; moments are the times as the cluster's integers
    anomalies   of stray: [{time, value}]; else null
    states      of other models: [{state, observations, share, mean, standard_deviation}]; else null
    changes     of other models: how often the state changes; else null
    options, seconds, statement
    saved       addresses of the datasets that were made
    notices     sentences
"""

import time
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.series import parse_series
from quarterdeck_ainode.iotdb.workbench.asked import asked_window, check_limits
from quarterdeck_ainode.iotdb.workbench.entrants import (
    ClusterFacts,
    cluster_model,
    cluster_options,
    known_task,
    settings_of,
)
from quarterdeck_ainode.iotdb.workbench.facts import cluster_facts
from quarterdeck_ainode.iotdb.workbench.forecast_result import history_name
from quarterdeck_ainode.iotdb.workbench.forecasting import opened
from quarterdeck_ainode.iotdb.workbench.label_result import (
    LabelledSeries,
    label_columns,
    label_data,
    label_document,
    marks_anomalies,
)
from quarterdeck_ainode.iotdb.workbench.labelling import LabelPlan, labels_from_cluster, plan_labels
from quarterdeck_ainode.iotdb.workbench.parameters import LOCAL, ClassifyParameters
from quarterdeck_ainode.iotdb.workbench.saving import keep_dataset
from quarterdeck_ainode.iotdb.workbench.window import SeriesWindow
from quarterdeck_ainode.job_request import asked_parameters
from quarterdeck_ainode.models.catalogue import Task
from quarterdeck_ainode.result_files import write_files
from quarterdeck_api.errors import UsageError
from quarterdeck_api.jobs import JobContext, JobValue
from quarterdeck_api.resources import Address


class AskedLabels(Struct, frozen=True):
    """Labels that can be asked for."""

    window: SeriesWindow
    model: str
    options: dict[str, str]
    plan: LabelPlan
    notices: tuple[str, ...]


def asked_labels(
    client: IotdbClient, address: str, wanted: ClassifyParameters, settings: dict[str, Any]
) -> AskedLabels:
    """Reads and checks everything but the labels; raises QuarterdeckError with a remedy."""
    model = wanted.model.strip()
    if model.startswith(LOCAL):
        raise UsageError(
            f"{model} labels datasets, not series",
            f"keep the series with series.save, then `quarterdeck do model.detect ainode/model/{model.removeprefix(LOCAL)} --dataset NAME`",
            address,
        )
    if known_task(model) is Task.FORECAST:
        raise UsageError(
            f"{model} forecasts and labels no points", "use series.forecast, or stray, gaussian_hmm, gmm_hmm"
        )
    facts = cluster_facts(client, (model,))
    found = cluster_model(model, facts)
    options = cluster_options(found, settings_of(model, settings), facts)
    check_limits(wanted.window, 1)
    window = asked_window(
        client,
        parse_series(Address.parse(address).name),
        wanted.window,
        wanted.start,
        wanted.end,
        wanted.nulls,
        address,
    )
    plan = plan_labels(
        window, model, options, drop_nulls=wanted.nulls == "drop", classify_input=facts.version.classify_input
    )
    return AskedLabels(window, model, options, plan, (*window.notices, *plan.notices, *_official(facts, model)))


def run(context: JobContext, clock: Callable[[], float] = time.perf_counter) -> JobValue:
    """Labels a series as the job's parameters and settings say; raises QuarterdeckError with a remedy."""
    spec = context.spec
    wanted = asked_parameters(spec, ClassifyParameters)
    backend = opened(context)
    context.step("read")
    asked = asked_labels(backend.client, spec.address, wanted, spec.settings)
    context.log(f"read {len(asked.window.times)} rows: {asked.window.statement.text}")
    context.raise_if_cancelled()
    context.step("label")
    context.log(asked.plan.statement.text)
    context.progress(0.2, f"{asked.model} labels {len(asked.window.times)} rows")
    started = clock()
    labels = labels_from_cluster(backend.client, asked.plan, asked.window, asked.model)
    made = LabelledSeries(
        asked.window,
        asked.model,
        marks_anomalies(asked.model, labels),
        labels,
        clock() - started,
        asked.options,
        asked.plan.statement.text,
        asked.notices,
    )
    context.step("write")
    data, document = label_data(made), label_document(made)
    write_files(context, "labels", "Labels", label_columns(made), data, document)
    data["saved"] = []
    if wanted.save_as:
        title = f"{asked.window.series.name}, labelled by {asked.model}"
        target = history_name(asked.window.label)
        data["saved"].append(keep_dataset(context, "labels", wanted.save_as, title, target, replace=wanted.overwrite))
    context.progress(1.0, "done")
    return JobValue(data, document)


def _official(facts: ClusterFacts, model: str) -> tuple[str, ...]:
    if facts.official and model in ("gaussian_hmm", "gmm_hmm"):
        return (
            f"the official AINode gives {model} one state, so every label is the same: use our AINode, or the local engine",
        )
    return ()
