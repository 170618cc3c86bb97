"""What the local engine does: actions and jobs of its models, and checks of its libraries, as the plugin declares them."""

from quarterdeck_ainode.local.backtest_parameters import BacktestParameters
from quarterdeck_ainode.local.detect_parameters import DetectParameters
from quarterdeck_ainode.local.forecast_parameters import ForecastParameters
from quarterdeck_ainode.local.tune_parameters import TuneParameters
from quarterdeck_api.catalogue import CheckInfo, RunsIn
from quarterdeck_api.declarations import Action, JobType

#: Imported by a worker before it is ready: what every forecast needs (measured: without them the first takes two seconds longer).
FORECAST_MODULES = (
    "quarterdeck_ainode.local.forecasting",
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
    "quarterdeck_ainode.local.detecting",
    "pyarrow.parquet",
    "sklearn.preprocessing",
    "sktime.detection.stray",
    "sktime.detection.hmm_learn",
    "hmmlearn.hmm",
)

ACTIONS: tuple[Action, ...] = (
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
)

#: Everything that computes runs in warm workers.
JOBS: tuple[JobType, ...] = (
    JobType(
        "ainode.forecast",
        "Forecast",
        "quarterdeck_ainode.local.forecasting:run",
        RunsIn.WORKER,
        preload=FORECAST_MODULES,
        wall_clock_limit=600.0,
    ),
    JobType(
        "ainode.backtest",
        "Backtest",
        "quarterdeck_ainode.local.backtesting:run",
        RunsIn.WORKER,
        preload=(*FORECAST_MODULES, "quarterdeck_ainode.local.backtesting"),
        wall_clock_limit=3600.0,
    ),
    JobType(
        "ainode.tune",
        "Tune",
        "quarterdeck_ainode.local.tuning:run",
        RunsIn.WORKER,
        preload=(*FORECAST_MODULES, "quarterdeck_ainode.local.tuning"),
        wall_clock_limit=3600.0,
    ),
    JobType(
        "ainode.detect",
        "Detect",
        "quarterdeck_ainode.local.detecting:run",
        RunsIn.WORKER,
        preload=DETECT_MODULES,
        wall_clock_limit=600.0,
    ),
)

CHECKS: tuple[CheckInfo, ...] = (
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
)
