"""Forecasts and labels of series that lie in a cluster: actions and jobs, as the plugin declares them."""

from quarterdeck_ainode.iotdb.settings import CLUSTERS
from quarterdeck_ainode.iotdb.workbench.action_ids import CLASSIFY, FORECAST, INFER, WRITE
from quarterdeck_ainode.iotdb.workbench.parameters import (
    ClassifyParameters,
    InferParameters,
    SeriesForecastParameters,
    WriteForecastParameters,
)
from quarterdeck_api.catalogue import Danger, RunsIn
from quarterdeck_api.declarations import Action, JobType

_SERIES = ("series",)

ACTIONS: tuple[Action, ...] = (
    Action(
        FORECAST,
        "Forecast",
        _SERIES,
        parameters=SeriesForecastParameters,
        job="ainode.series-forecast",
        bulk=True,
        dry_run=True,
        own_parameters=True,
        key="f",
        summary="Forecasts the series with models of the cluster and of the local engine, ranks them, and writes the best one back.",
        backend_types=CLUSTERS,
    ),
    Action(
        CLASSIFY,
        "Label",
        _SERIES,
        parameters=ClassifyParameters,
        job="ainode.series-classify",
        bulk=True,
        dry_run=True,
        own_parameters=True,
        key="t",
        summary="Has a model of the cluster label each row: anomalies, or the hidden state that produced it.",
        backend_types=CLUSTERS,
    ),
    Action(
        INFER,
        "Call inference",
        _SERIES,
        parameters=InferParameters,
        job="ainode.series-infer",
        dry_run=True,
        own_parameters=True,
        summary="CALL INFERENCE as it is, with the right times beside those that the server makes up.",
        backend_types=CLUSTERS,
    ),
    Action(
        WRITE,
        "Write a forecast back",
        _SERIES,
        parameters=WriteForecastParameters,
        job="ainode.forecast-write",
        danger=Danger.CONFIRM,
        dry_run=True,
        summary="Writes the forecast of a finished job to a series or table.",
        backend_types=CLUSTERS,
    ),
)

_FORECAST_MODULES = (
    "quarterdeck_ainode.iotdb.workbench.forecasting",
    "iotdb.Session",
    "pyarrow.parquet",
    "sktime.forecasting.naive",
    "sktime.forecasting.exp_smoothing",
    "sktime.forecasting.trend",
    "sktime.forecasting.arima",
)

#: What could not be asked is asked again for half a minute at least: as long as a node of a cluster takes to start again.
_ATTEMPTS = 7

JOBS: tuple[JobType, ...] = (
    JobType(
        "ainode.series-forecast",
        "Forecast a series",
        "quarterdeck_ainode.iotdb.workbench.forecasting:run",
        RunsIn.WORKER,
        preload=_FORECAST_MODULES,
        max_attempts=_ATTEMPTS,
        wall_clock_limit=3600.0,
    ),
    JobType(
        "ainode.series-classify",
        "Label a series",
        "quarterdeck_ainode.iotdb.workbench.classifying:run",
        RunsIn.WORKER,
        preload=("quarterdeck_ainode.iotdb.workbench.classifying", "iotdb.Session", "pyarrow.parquet"),
        max_attempts=_ATTEMPTS,
        wall_clock_limit=600.0,
    ),
    JobType(
        "ainode.series-infer",
        "Call inference",
        "quarterdeck_ainode.iotdb.workbench.inferring:run",
        RunsIn.WORKER,
        preload=("quarterdeck_ainode.iotdb.workbench.inferring", "iotdb.Session", "pyarrow.parquet"),
        max_attempts=_ATTEMPTS,
        wall_clock_limit=600.0,
    ),
    JobType(
        "ainode.forecast-write",
        "Write a forecast back",
        "quarterdeck_ainode.iotdb.workbench.writing:run",
        RunsIn.WORKER,
        preload=("quarterdeck_ainode.iotdb.workbench.writing", "iotdb.Session"),
        max_attempts=_ATTEMPTS,
        wall_clock_limit=600.0,
    ),
)
