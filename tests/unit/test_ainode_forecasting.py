"""The job `ainode.forecast` from a Parquet file to its result: the numbers are sktime's, the times the calendar's."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import numpy as np
import pandas as pd
import pytest

from quarterdeck_ainode.local import forecasting
from quarterdeck_ainode.models.fitting import recorded_warnings
from quarterdeck_api.documents import ChartBlock, SeriesRole, TableBlock
from quarterdeck_api.errors import JobCancelledError, QuarterdeckError, UsageError
from quarterdeck_api.jobs import JobValue

pytest.importorskip("sktime")

Forecast = Callable[..., JobValue]


@pytest.fixture
def forecast(make_context: Callable[..., Any]) -> Forecast:
    def run(*arguments: Any, **named: Any) -> JobValue:
        return forecasting.run(make_context(*arguments, **named))

    return run


@pytest.fixture(scope="module")
def airline() -> Any:
    from sktime.datasets import load_airline

    return load_airline()


def direct(forecaster: Any, series: Any, horizon: int) -> np.ndarray:
    with recorded_warnings():
        forecaster.fit(series)
        return np.asarray(forecaster.predict(fh=list(range(1, horizon + 1))), dtype=float)


def sktime_forecaster(name: str, arguments: dict[str, Any]) -> Any:
    from sktime.forecasting.arima import ARIMA
    from sktime.forecasting.exp_smoothing import ExponentialSmoothing
    from sktime.forecasting.naive import NaiveForecaster
    from sktime.forecasting.trend import STLForecaster

    classes = {
        "arima": ARIMA,
        "naive_forecaster": NaiveForecaster,
        "stl_forecaster": STLForecaster,
        "holtwinters": ExponentialSmoothing,
        "exponential_smoothing": ExponentialSmoothing,
    }
    with recorded_warnings():
        return classes[name](**arguments)


@pytest.mark.parametrize(
    ("model", "settings", "arguments"),
    [
        ("arima", {"order": [2, 1, 1]}, {"order": (2, 1, 1)}),
        ("arima", {}, {}),
        (
            "arima",
            {"order": [1, 1, 1], "seasonal_order": [0, 1, 1, 12]},
            {"order": (1, 1, 1), "seasonal_order": (0, 1, 1, 12)},
        ),
        ("arima", {"out_of_sample_size": 12, "trend": [1, 1]}, {"out_of_sample_size": 12, "trend": [1, 1]}),
        ("naive_forecaster", {}, {}),
        ("naive_forecaster", {"strategy": "drift"}, {"strategy": "drift"}),
        ("naive_forecaster", {"strategy": "mean", "sp": 12}, {"strategy": "mean", "sp": 12}),
        ("exponential_smoothing", {}, {"use_brute": False}),
        ("exponential_smoothing", {"use_brute": True, "trend": "add"}, {"trend": "add"}),
        ("holtwinters", {}, {"trend": "add", "seasonal": "add", "sp": 12, "use_brute": False}),
        (
            "holtwinters",
            {"seasonal": "mul", "damped_trend": True},
            {"trend": "add", "seasonal": "mul", "sp": 12, "damped_trend": True, "use_brute": False},
        ),
        ("stl_forecaster", {}, {}),
        ("stl_forecaster", {"sp": 12, "robust": True}, {"sp": 12, "robust": True}),
    ],
)
def test_values_are_exactly_sktimes(
    forecast: Forecast, airline: Any, model: str, settings: dict[str, Any], arguments: dict[str, Any]
) -> None:
    data = forecast(model, airline.to_numpy(), settings, horizon=24).data
    assert np.array_equal(data["values"], direct(sktime_forecaster(model, arguments), airline, 24))


def test_the_first_forecast_is_one_step_after_the_last_observation(forecast: Forecast, airline: Any) -> None:
    data = forecast("naive_forecaster", airline.to_numpy(), {"sp": 12}, horizon=13).data
    assert data["times"][0] == "1961-01-01T00:00:00"
    assert data["times"][-1] == "1962-01-01T00:00:00"
    assert data["values"][0] == 417.0  # January 1960, not the in-sample fit of December.
    assert len(data["times"]) == len(data["values"]) == data["horizon"] == 13


def test_arima_has_sktimes_interval_at_the_level(forecast: Forecast, airline: Any) -> None:
    data = forecast("arima", airline.to_numpy(), {"order": [2, 1, 1]}, horizon=6, level=0.8).data
    forecaster = sktime_forecaster("arima", {"order": (2, 1, 1)})
    direct(forecaster, airline, 6)
    with recorded_warnings():
        interval = forecaster.predict_interval(fh=list(range(1, 7)), coverage=0.8).to_numpy()
    assert np.array_equal(np.column_stack([data["lower"], data["upper"]]), interval)
    assert data["level"] == 0.8
    assert data["no_interval"] == ""
    wider = forecast("arima", airline.to_numpy(), {"order": [2, 1, 1]}, horizon=6, level=0.99).data
    assert all(low < lower for low, lower in zip(wider["lower"], data["lower"], strict=True))


@pytest.mark.parametrize("model", ["holtwinters", "exponential_smoothing", "stl_forecaster"])
def test_a_model_without_intervals_says_why(forecast: Forecast, airline: Any, model: str) -> None:
    data = forecast(model, airline.to_numpy()).data
    assert data["lower"] is None
    assert data["upper"] is None
    assert "computes none" in data["no_interval"]
    assert data["no_interval"] in data["notices"]


def test_the_baseline_is_the_seasonal_naive_forecast(forecast: Forecast, airline: Any) -> None:
    data = forecast("arima", airline.to_numpy(), horizon=14).data
    assert data["baseline"]["name"] == "seasonal naive (12)"
    last_year = airline.to_numpy()[-12:]
    assert data["baseline"]["values"] == [*last_year, *last_year[:2]]
    assert forecast("arima", airline.to_numpy(), frequency="YS").data["baseline"]["name"] == "naive"
    short = forecast("naive_forecaster", airline.to_numpy()[:8]).data
    assert short["baseline"] == {"name": "naive", "values": [float(airline.iloc[7])] * 12}


def test_window_uses_the_last_observations_only(forecast: Forecast, airline: Any) -> None:
    data = forecast("exponential_smoothing", airline.to_numpy(), {"trend": "add"}, window=36).data
    forecaster = sktime_forecaster("exponential_smoothing", {"trend": "add", "use_brute": False})
    assert data["observations"] == 36
    assert np.array_equal(data["values"], direct(forecaster, airline.iloc[-36:], 12))


def test_the_named_column_is_forecast(forecast: Forecast) -> None:
    frame = pd.DataFrame({"a": np.arange(30.0), "b": np.arange(30.0) * 2})
    assert forecast("naive_forecaster", frame).data["values"][0] == 29.0
    assert forecast("naive_forecaster", frame, column="b").data["values"][0] == 58.0
    with pytest.raises(UsageError, match="no numeric column 'c'"):
        forecast("naive_forecaster", frame, column="c")


def test_settings_hold_every_parameter_with_what_was_inferred(forecast: Forecast, airline: Any) -> None:
    settings = forecast("holtwinters", airline.to_numpy()).data["settings"]
    assert (settings["trend"], settings["seasonal"], settings["sp"], settings["use_brute"]) == ("add", "add", 12, False)
    settings = forecast("stl_forecaster", airline.to_numpy(), {"sp": None}).data["settings"]
    assert settings["sp"] == 12


def test_out_of_sample_score_is_reported(forecast: Forecast, airline: Any) -> None:
    data = forecast("arima", airline.to_numpy(), {"out_of_sample_size": 12, "scoring": "mae"}).data
    forecaster = sktime_forecaster("arima", {"out_of_sample_size": 12, "scoring": "mae"})
    direct(forecaster, airline, 1)
    score = {"measure": "mae", "value": float(forecaster._forecaster.oob_), "observations": 12}
    assert data["out_of_sample_score"] == score


def test_warnings_become_notices_and_leave_stderr_alone(
    forecast: Forecast, airline: Any, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    data = forecast("arima", airline.to_numpy(), {"order": [2, 1, 1], "maxiter": 1}).data
    assert any("did not converge" in notice for notice in data["notices"])
    quiet = forecast("arima", airline.to_numpy(), {"order": [2, 1, 1], "maxiter": 1, "suppress_warnings": True}).data
    assert not any("did not converge" in notice for notice in quiet["notices"])
    assert capsys.readouterr() == ("", "")
    assert not list(recwarn)


def test_files_hold_the_forecast(make_context: Callable[..., Any], airline: Any, tmp_path: Path) -> None:
    context = make_context("arima", airline.to_numpy(), horizon=5)
    value = forecasting.run(context)
    assert set(context.artefacts) == {"forecast.csv", "forecast.json", "forecast.parquet", "chart.svg"}
    with (tmp_path / "forecast.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["value"]) for row in rows] == value.data["values"]
    assert [row["time"] for row in rows] == value.data["times"]
    assert list(rows[0]) == ["time", "value", "lower", "upper", "baseline"]
    assert json.loads((tmp_path / "forecast.json").read_text()) == json.loads(msgspec.json.encode(value.data))
    frame = pd.read_parquet(tmp_path / "forecast.parquet")
    assert list(frame["value"]) == value.data["values"]
    assert [moment.isoformat() for moment in frame["time"]] == value.data["times"]
    drawing = ElementTree.fromstring((tmp_path / "chart.svg").read_text())
    assert len(drawing.findall("{*}polyline")) == 3
    assert len(drawing.findall("{*}polygon")) == 1


def test_the_document_shows_history_forecast_interval_and_baseline(forecast: Forecast, airline: Any) -> None:
    document = forecast("arima", airline.to_numpy(), horizon=12).document
    assert document is not None
    chart = next(block for block in document.blocks if isinstance(block, ChartBlock))
    by_role = {series.role: series for series in chart.series}
    assert len(by_role[SeriesRole.HISTORY].times) == 60
    assert len(by_role[SeriesRole.FORECAST].lower) == len(by_role[SeriesRole.FORECAST].upper) == 12
    assert by_role[SeriesRole.BASELINE].times == by_role[SeriesRole.FORECAST].times
    assert by_role[SeriesRole.FORECAST].times[0] == datetime(1961, 1, 1, tzinfo=UTC).timestamp()
    table = next(block for block in document.blocks if isinstance(block, TableBlock))
    assert table.columns == ("time", "forecast", "lower", "upper", "seasonal naive (12)")
    assert len(table.rows) == 12
    msgspec.json.encode(document)


def test_times_of_a_dataset_with_a_zone_carry_their_offset(forecast: Forecast) -> None:
    times = pd.date_range("2024-03-20", periods=10, freq="D", tz="Europe/Berlin").tz_convert("UTC")
    data = forecast(
        "naive_forecaster", np.arange(10), frequency="D", times=times, time_zone="Europe/Berlin", horizon=3
    ).data
    assert data["times"] == ["2024-03-30T00:00:00+01:00", "2024-03-31T00:00:00+01:00", "2024-04-01T00:00:00+02:00"]


@pytest.mark.parametrize(
    "model", ["arima", "naive_forecaster", "holtwinters", "exponential_smoothing", "stl_forecaster"]
)
@pytest.mark.parametrize("constant", [5.0, 0.0])
def test_a_constant_series_is_answered_with_the_constant(forecast: Forecast, model: str, constant: float) -> None:
    data = forecast(model, [constant] * 48).data
    assert data["values"] == pytest.approx([constant] * 12, abs=1e-3)  # ARIMA stops its search a little off.
    assert any("all 48 observations are" in notice for notice in data["notices"])


@pytest.mark.parametrize(
    ("model", "settings", "values", "sentence"),
    [
        ("arima", {}, [1, np.nan, 3, np.nan, 5, 6], r"2 missing values among 6, at 1949-02-01.*1949-04-01"),
        ("naive_forecaster", {}, [1, np.inf, 3], "1 infinite value among 3"),
        ("arima", {}, [1e300, 2e300] * 20, r"reaches 2e\+300: squares"),
        ("stl_forecaster", {}, [-1e300] * 20, r"reaches 1e\+300"),
        ("exponential_smoothing", {"trend": "mul"}, [1, 2, 0, 4], "need positive values, .* is 0 at 1949-03-01"),
        ("holtwinters", {"seasonal": "mul"}, [-1.0] * 48, "need positive values"),
        ("exponential_smoothing", {"seasonal": "add"}, list(range(23)), "two full seasons of 12 needs at least 24"),
        ("exponential_smoothing", {}, [1], "needs at least 2 observations"),
        ("exponential_smoothing", {"initialization_method": "heuristic"}, [1] * 9, "needs at least 10"),
        ("stl_forecaster", {"sp": 12}, list(range(23)), "two full seasons of 12"),
        ("arima", {"order": [2, 1, 1]}, list(range(8)), "needs at least 9 observations"),
        ("arima", {"out_of_sample_size": 20}, list(range(20)), "needs at least 25"),
        ("naive_forecaster", {"sp": 12}, list(range(11)), "a season of 12 needs at least 12"),
        ("naive_forecaster", {"strategy": "drift"}, [1], "needs at least 2"),
        ("naive_forecaster", {"window_length": 30}, list(range(20)), "window_length 30 needs at least 30"),
        ("naive_forecaster", {}, [], "has no rows"),
        (
            "exponential_smoothing",
            {"initialization_method": "known", "seasonal": "add", "initial_level": 1, "initial_seasonal": [1, 2]},
            list(range(40)),
            "initial_seasonal has 2 numbers and the season 12",
        ),
    ],
)
def test_what_no_model_can_use_is_refused_with_a_remedy(
    forecast: Forecast, model: str, settings: dict[str, Any], values: list[float], sentence: str
) -> None:
    with pytest.raises(QuarterdeckError, match=sentence) as caught:
        forecast(model, values, settings)
    assert caught.value.remedy


def test_a_fit_that_fails_names_what_to_change(forecast: Forecast, airline: Any) -> None:
    with pytest.raises(
        QuarterdeckError, match="arima could not be fitted to value of core/dataset/x: LinAlgError"
    ) as caught:
        forecast("arima", airline.to_numpy(), {"order": [2, 1, 1], "method": "newton"})
    assert "method=powell" in caught.value.remedy


def test_the_window_after_the_last_missing_value_is_offered(forecast: Forecast) -> None:
    values = [1.0, 2.0, np.nan, 4.0, 5.0, 6.0, 7.0]
    with pytest.raises(QuarterdeckError) as caught:
        forecast("naive_forecaster", values)
    assert "--window 4" in caught.value.remedy
    assert forecast("naive_forecaster", values, window=4).data["observations"] == 4


def test_naive_takes_the_largest_numbers(forecast: Forecast) -> None:
    assert forecast("naive_forecaster", [1.0, 1e300, 1e300]).data["values"][0] == 1e300


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"horizon": 0}, "horizon"),
        ({"horizon": 5001}, "horizon"),
        ({"level": 1.0}, "level"),
        ({"window": -1}, "window"),
        ({"window": 50}, "the window is 50 and core/dataset/x has only 40"),
        ({"horizn": 3}, "horizn"),
    ],
)
def test_wrong_parameters_are_refused(forecast: Forecast, parameters: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        forecast("naive_forecaster", np.arange(40), **parameters)


def test_the_longest_horizon_works(forecast: Forecast, airline: Any) -> None:
    data = forecast("holtwinters", airline.to_numpy(), horizon=2000, frequency="h").data
    assert len(data["values"]) == 2000
    assert data["seasonal_period"] == 24


def test_a_detector_does_not_forecast(forecast: Forecast) -> None:
    with pytest.raises(QuarterdeckError, match="stray labels points and does not forecast; these do: arima"):
        forecast("stray", np.arange(40))


def test_a_gap_in_the_times_is_refused(forecast: Forecast) -> None:
    times = pd.date_range("2020-01-01", periods=21, freq="MS").delete(5)
    with pytest.raises(QuarterdeckError, match="not equally spaced"):
        forecast("naive_forecaster", np.arange(20), times=times)


def test_a_cancelled_job_ends_before_the_fit(make_context: Callable[..., Any], airline: Any) -> None:
    context = make_context("arima", airline.to_numpy())
    context.cancelled = True
    with pytest.raises(JobCancelledError):
        forecasting.run(context)
    assert "fit" not in context.steps
    assert not context.artefacts


def test_fit_seconds_come_from_the_clock(make_context: Callable[..., Any], airline: Any) -> None:
    ticks = iter([10.0, 12.5])
    context = make_context("naive_forecaster", airline.to_numpy())
    assert forecasting.run(context, clock=lambda: next(ticks)).data["fit_seconds"] == 2.5
    assert context.steps == ["read", "fit", "baseline", "write"]
