"""Checks for `plugin doctor`: can the libraries of the local engine be imported, and in which version."""

from importlib import import_module
from importlib.metadata import version

from quarterdeck_api.catalogue import CheckResult

_REMEDY = "run `pip install --upgrade quarterdeck-ainode` in the plugin's environment"


def _check(distribution: str, *modules: str) -> CheckResult:
    for module in modules:
        try:
            import_module(module)
        except Exception as error:  # noqa: BLE001 - the boundary to a library: a broken binary may raise anything.
            return CheckResult(False, f"{module} cannot be imported: {type(error).__name__}: {error}", _REMEDY)
    return CheckResult(True, f"{distribution} {version(distribution)}")


def check_sktime() -> CheckResult:
    """Whether sktime's forecasters can be imported."""
    return _check("sktime", "sktime.forecasting.naive", "sktime.forecasting.trend", "sktime.forecasting.exp_smoothing")


def check_statsmodels() -> CheckResult:
    """Whether statsmodels can be imported."""
    return _check("statsmodels", "statsmodels.tsa.holtwinters", "statsmodels.tsa.seasonal")


def check_pmdarima() -> CheckResult:
    """Whether pmdarima can be imported."""
    return _check("pmdarima", "pmdarima.arima")


def check_statsforecast() -> CheckResult:
    """Whether statsforecast can be imported."""
    return _check("statsforecast", "statsforecast.models")


def check_hmmlearn() -> CheckResult:
    """Whether hmmlearn can be imported."""
    return _check("hmmlearn", "hmmlearn.hmm")
