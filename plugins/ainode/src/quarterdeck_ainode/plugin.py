"""What the plugin declares: backend types, kinds, actions, jobs, sample series and checks."""

from quarterdeck_ainode.backtest_parameters import BacktestParameters
from quarterdeck_ainode.detect_parameters import DetectParameters
from quarterdeck_ainode.forecast_parameters import ForecastParameters
from quarterdeck_ainode.iotdb import declared_data, declared_kinds, declared_operations, declared_workbench
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_ainode.samples import SAMPLES
from quarterdeck_ainode.serving import declared_serving
from quarterdeck_ainode.tune_parameters import TuneParameters
from quarterdeck_api import API_VERSION
from quarterdeck_api.catalogue import CheckInfo, Column, ColumnType, PluginInfo, RunsIn
from quarterdeck_api.declarations import Action, BackendType, Command, JobType, Kind, ProcessType, Sample
from quarterdeck_api.hooks import hookimpl

#: Imported by a worker before it is ready: what every forecast needs (measured: without them the first takes two seconds longer).
FORECAST_MODULES = (
    "quarterdeck_ainode.forecasting",
    "pyarrow.parquet",
    "sktime.forecasting.naive",
    "sktime.forecasting.exp_smoothing",
    "sktime.forecasting.trend",
    "sktime.forecasting.arima",
    "statsmodels.tsa.holtwinters",
    "statsmodels.tsa.seasonal",
    "pmdarima.arima",
)

#: The same for detections.
DETECT_MODULES = (
    "quarterdeck_ainode.detecting",
    "pyarrow.parquet",
    "sklearn.preprocessing",
    "sktime.detection.stray",
    "sktime.detection.hmm_learn",
    "hmmlearn.hmm",
)


@hookimpl
def quarterdeck_plugin() -> PluginInfo:
    """Who the plugin is."""
    return PluginInfo(
        "ainode",
        "AINode",
        "0.1.0",
        API_VERSION,
        "Time-series models of Apache IoTDB's AINode, and a local engine with the same eight models and five of statsforecast",
    )


@hookimpl
def quarterdeck_backend_types() -> list[BackendType]:
    """The local engine, which needs no configuration, and clusters of IoTDB."""
    return [
        BackendType("ainode.local", "Local engine", "quarterdeck_ainode.local:open_backend", embedded=True),
        BackendType(
            "ainode.iotdb", "Apache IoTDB with AINode", "quarterdeck_ainode.iotdb.backend:open_backend", IotdbSettings
        ),
    ]


@hookimpl
def quarterdeck_kinds() -> list[Kind]:
    """Columns of nodes and models."""
    return [
        Kind(
            "node",
            columns=(
                Column("type", "Type"),
                Column("version", "Version"),
                Column("endpoint", "Endpoint"),
                Column("ports", "Ports"),
                Column("models", "Models", ColumnType.INTEGER),
                Column("python", "Python"),
                Column("cores", "Cores", ColumnType.INTEGER),
                Column("memory", "Memory", ColumnType.BYTES),
                Column("build", "Build"),
            ),
        ),
        Kind(
            "model",
            columns=(
                Column("type", "Type"),
                Column("category", "Category"),
                Column("task", "Task"),
                Column("instances", "Instances", ColumnType.INTEGER),
                Column("devices", "Loaded on"),
                Column("class", "Class"),
                Column("intervals", "Intervals", ColumnType.BOOLEAN),
                Column("parameters", "Parameters", ColumnType.INTEGER),
            ),
            parent_kind="node",
        ),
        *declared_kinds.KINDS,
    ]


@hookimpl
def quarterdeck_actions() -> list[Action]:
    """What models do."""
    return [
        Action(
            "model.forecast",
            "Forecast",
            ("model",),
            parameters=ForecastParameters,
            job="ainode.forecast",
            own_parameters=True,
            key="f",
            summary="Fits the model to a dataset and says what comes next, beside the seasonal naive baseline.",
        ),
        Action(
            "model.backtest",
            "Backtest",
            ("model",),
            parameters=BacktestParameters,
            job="ainode.backtest",
            own_parameters=True,
            key="b",
            summary="Forecasts the past again and again, and ranks models beside the seasonal naive baseline.",
        ),
        Action(
            "model.tune",
            "Tune",
            ("model",),
            parameters=TuneParameters,
            job="ainode.tune",
            own_parameters=True,
            key="u",
            summary="Backtests the model with many settings, and gives the command line with the best ones.",
        ),
        Action(
            "model.detect",
            "Detect",
            ("model",),
            parameters=DetectParameters,
            job="ainode.detect",
            own_parameters=True,
            key="t",
            summary="Labels every point of a dataset: anomalies, or the hidden state that produced it.",
        ),
        *declared_operations.ACTIONS,
        *declared_workbench.ACTIONS,
        *declared_data.ACTIONS,
    ]


@hookimpl
def quarterdeck_jobs() -> list[JobType]:
    """Everything that computes runs in warm workers."""
    return [
        JobType(
            "ainode.forecast",
            "Forecast",
            "quarterdeck_ainode.forecasting:run",
            RunsIn.WORKER,
            preload=FORECAST_MODULES,
            wall_clock_limit=600.0,
        ),
        JobType(
            "ainode.backtest",
            "Backtest",
            "quarterdeck_ainode.backtesting:run",
            RunsIn.WORKER,
            preload=(*FORECAST_MODULES, "quarterdeck_ainode.backtesting"),
            wall_clock_limit=3600.0,
        ),
        JobType(
            "ainode.tune",
            "Tune",
            "quarterdeck_ainode.tuning:run",
            RunsIn.WORKER,
            preload=(*FORECAST_MODULES, "quarterdeck_ainode.tuning"),
            wall_clock_limit=3600.0,
        ),
        JobType(
            "ainode.detect",
            "Detect",
            "quarterdeck_ainode.detecting:run",
            RunsIn.WORKER,
            preload=DETECT_MODULES,
            wall_clock_limit=600.0,
        ),
        *declared_operations.JOBS,
        *declared_workbench.JOBS,
        *declared_data.JOBS,
    ]


@hookimpl
def quarterdeck_processes() -> list[ProcessType]:
    """Our AINode, kept running by the runtime."""
    return list(declared_serving.PROCESSES)


@hookimpl
def quarterdeck_commands() -> list[Command]:
    """Our AINode in the foreground, and taking it out of its cluster."""
    return list(declared_serving.COMMANDS)


@hookimpl
def quarterdeck_samples() -> list[Sample]:
    """Series that sktime ships."""
    return list(SAMPLES)


@hookimpl
def quarterdeck_checks() -> list[CheckInfo]:
    """Whether the libraries of the local engine can be imported."""
    return [
        CheckInfo("ainode.sktime", "sktime (all models)", "quarterdeck_ainode.checks:check_sktime"),
        CheckInfo(
            "ainode.statsmodels", "statsmodels (smoothing, STL, ARIMA)", "quarterdeck_ainode.checks:check_statsmodels"
        ),
        CheckInfo("ainode.pmdarima", "pmdarima (ARIMA)", "quarterdeck_ainode.checks:check_pmdarima"),
        CheckInfo(
            "ainode.statsforecast",
            "statsforecast (Auto-ARIMA, Auto-ETS, Auto-Theta, MSTL, seasonal naive)",
            "quarterdeck_ainode.checks:check_statsforecast",
        ),
        CheckInfo("ainode.hmmlearn", "hmmlearn (hidden Markov models)", "quarterdeck_ainode.checks:check_hmmlearn"),
    ]
