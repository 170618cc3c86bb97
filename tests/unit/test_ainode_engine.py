"""The engine of our AINode with the real models in real workers: numbers, refusals, warmth, crashes, the end."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from numpy.typing import NDArray

from quarterdeck_ainode.local import detecting, forecasting
from quarterdeck_ainode.models.catalogue import MODELS, ModelInfo, Task, model_named
from quarterdeck_ainode.models.fitting import recorded_warnings
from quarterdeck_ainode.serving.engine import AinodeStatus, EngineError, InferenceRequest, SeriesInput, Statement
from quarterdeck_ainode.serving.engine_settings import EngineSettings, TimeUnit
from quarterdeck_ainode.serving.local_engine import LocalEngine, open_engine
from quarterdeck_api.errors import QuarterdeckError, UsageError

PATIENCE = 60.0
COUNT = 72
STEPS = np.arange(COUNT)
VALUES = 20 + 3 * np.sin(STEPS * np.pi / 6) + STEPS / 10 + np.cos(STEPS * 2.3)
FORECASTERS = [model for model in MODELS if model.task is Task.FORECAST]
DETECTORS = [model for model in MODELS if model.task is Task.DETECTION]

#: What makes a model's answer the same from run to run.
SEEDED = {"gaussian_hmm": {"n_components": 2, "random_state": 7}, "gmm_hmm": {"n_components": 2, "random_state": 7}}

pytest.importorskip("sktime")


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ainode")


@pytest.fixture(scope="module")
def engine(data_folder: Path) -> Iterator[LocalEngine]:
    found = open_engine(EngineSettings(data_folder, workers=2, time_limit=PATIENCE))
    assert isinstance(found, LocalEngine)
    yield found
    pids = found.workers.pids()
    found.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)


def milliseconds(times: pd.DatetimeIndex) -> NDArray[np.int64]:
    return times.to_numpy().astype("datetime64[ms]").astype(np.int64)


MONTHS = pd.date_range("2001-01-01", periods=COUNT, freq="MS")
SERIES = SeriesInput(milliseconds(MONTHS), VALUES)


def asked(model_id: str, steps: int = 12, /, series: SeriesInput = SERIES, **options: str) -> InferenceRequest:
    return InferenceRequest(model_id, series, steps, options)


def refusal(engine: LocalEngine, request: InferenceRequest) -> tuple[AinodeStatus, str]:
    with pytest.raises(EngineError) as caught:
        engine.infer(request)
    return caught.value.status, caught.value.sentence


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("frequency", ["MS", "h", "D", "W-SUN", "10min"])
@pytest.mark.parametrize("model", FORECASTERS, ids=lambda model: model.id)
def test_forecasts_equal_the_local_engines(
    engine: LocalEngine, make_context: Callable[..., Any], model: ModelInfo, frequency: str
) -> None:
    times = pd.date_range("2001-01-07", periods=COUNT, freq=frequency)
    context = make_context(model.id, VALUES, {}, frequency=frequency, times=times, horizon=12)
    series = SeriesInput(milliseconds(times), VALUES)
    try:
        expected = forecasting.run(context).data["values"]
    except QuarterdeckError as error:  # Too few observations for the season: neither of them forecasts.
        status, sentence = refusal(engine, asked(model.id, series=series))
        assert status is AinodeStatus.INVALID_INPUT
        assert sentence.split(", and ")[0] == error.message.split(", and ")[0]
    else:
        assert np.array_equal(engine.infer(asked(model.id, series=series)), expected)


@pytest.mark.parametrize("model", DETECTORS, ids=lambda model: model.id)
def test_labels_equal_the_local_engines(
    engine: LocalEngine, make_context: Callable[..., Any], model: ModelInfo
) -> None:
    settings = SEEDED.get(model.id, {})
    expected = detecting.run(make_context(model.id, VALUES, settings)).data["labels"]
    options = {name: str(value) for name, value in settings.items()}
    found = engine.infer(asked(model.id, COUNT, **options))
    assert found.tolist() == expected and len(found) == COUNT


@pytest.mark.parametrize(
    ("model", "options", "settings"),
    [
        ("arima", {"order": "2;1;1"}, {"order": [2, 1, 1]}),
        ("holtwinters", {"seasonal": "mul", "sp": "6"}, {"seasonal": "mul", "sp": 6}),
        ("stl_forecaster", {"sp": "none", "robust": "true"}, {"sp": None, "robust": True}),
        ("naive_forecaster", {"strategy": "drift"}, {"strategy": "drift"}),
        ("mstl", {"season_length": "6;12"}, {"season_length": [6, 12]}),
        ("auto_ets", {"model": "AAN", "damped": "true"}, {"model": "AAN", "damped": True}),
    ],
)
def test_options_reach_the_model(
    engine: LocalEngine,
    make_context: Callable[..., Any],
    model: str,
    options: dict[str, str],
    settings: dict[str, Any],
) -> None:
    expected = forecasting.run(make_context(model, VALUES, settings, times=MONTHS, horizon=24)).data["values"]
    found = engine.infer(asked(model, 24, **options))
    assert np.array_equal(found, expected)
    assert not np.array_equal(found, engine.infer(asked(model, 24)))


@pytest.mark.parametrize("model", ["exponential_smoothing", "holtwinters", "gaussian_hmm"])
def test_long_series_give_equal_numbers_too(engine: LocalEngine, make_context: Callable[..., Any], model: str) -> None:
    """Beyond ten thousand rows libraries share sums among threads, when they may."""
    places = np.arange(20_000)
    values = 20 + 3 * np.sin(places * np.pi / 12) + np.random.default_rng(1).normal(size=len(places))
    times = pd.date_range("2001-01-01", periods=len(values), freq="h")
    series = SeriesInput(milliseconds(times), values)
    settings = SEEDED.get(model, {})
    context = make_context(model, values, settings, frequency="h", times=times)
    data = (detecting if settings else forecasting).run(context).data
    found = engine.infer(asked(model, series=series, **{name: str(value) for name, value in settings.items()}))
    assert found.tolist() == data["labels" if settings else "values"]


def test_the_values_are_double_precision_and_exactly_as_many_as_asked(engine: LocalEngine) -> None:
    for steps in (1, 2, 5, 2880):
        found = engine.infer(asked("naive_forecaster", steps))
        assert found.dtype == np.float64 and found.shape == (steps,)
        assert np.all(found == VALUES[-1]) and VALUES[-1] != np.float32(VALUES[-1])


def official_forecaster(model: str) -> Any:
    """The official AINode's forecasters with every attribute that it sets (reference: its table of attributes and defaults)."""
    from sktime.forecasting.arima import ARIMA
    from sktime.forecasting.exp_smoothing import ExponentialSmoothing
    from sktime.forecasting.naive import NaiveForecaster
    from sktime.forecasting.trend import STLForecaster

    smoothing = {
        "damped_trend": False, "initialization_method": "estimated", "optimized": True, "remove_bias": False,
        "use_brute": False,
    }  # fmt: skip
    match model:
        case "arima":
            return ARIMA(
                order=(1, 0, 0), seasonal_order=(0, 0, 0, 0), start_params=None, method="lbfgs", maxiter=50,
                suppress_warnings=False, out_of_sample_size=0, scoring="mse", scoring_args=None, trend=None,
                with_intercept=True, time_varying_regression=False, enforce_stationarity=True,
                enforce_invertibility=True, simple_differencing=False, measurement_error=False, mle_regression=True,
                hamilton_representation=False, concentrate_scale=False,
            )  # fmt: skip
        case "naive_forecaster":
            return NaiveForecaster(strategy="last", window_length=None, sp=1)
        case "stl_forecaster":
            return STLForecaster(
                sp=2, seasonal=7, trend=None, low_pass=None, seasonal_deg=1, trend_deg=1, low_pass_deg=1, robust=False,
                seasonal_jump=1, trend_jump=1, low_pass_jump=1, inner_iter=None, outer_iter=None,
                forecaster_trend=None, forecaster_seasonal=None, forecaster_resid=None,
            )  # fmt: skip
        case _:
            return ExponentialSmoothing(**smoothing)


@pytest.mark.parametrize("steps", [1, 12])
@pytest.mark.parametrize("model", [model.id for model in FORECASTERS if model.library == "sktime"])
def test_horizon_ainode_is_the_official_nodes_answer(engine: LocalEngine, model: str, steps: int) -> None:
    with recorded_warnings():
        forecaster = official_forecaster(model)
        predicted = forecaster.fit(pd.Series(VALUES.astype(np.float32))).predict(fh=range(steps))
    expected = np.asarray(predicted, dtype=np.float64).astype(np.float32).ravel()
    found = engine.infer(asked(model, steps, horizon="ainode"))
    assert np.array_equal(found, expected.astype(np.float64))


def test_the_official_answer_is_one_step_earlier(engine: LocalEngine) -> None:
    official = engine.infer(asked("naive_forecaster", 3, horizon="ainode"))
    assert official.tolist() == [float(np.float32(value)) for value in (VALUES[-2], VALUES[-1], VALUES[-1])]
    assert engine.infer(asked("naive_forecaster", 3, horizon="next")).tolist() == [VALUES[-1]] * 3


@pytest.mark.parametrize("model", DETECTORS, ids=lambda model: model.id)
def test_the_official_node_labels_as_many_rows_as_asked(engine: LocalEngine, model: ModelInfo) -> None:
    spiky = SeriesInput(SERIES.times, np.where(STEPS == 50, 500.0, VALUES))
    for steps, rows in ((COUNT, COUNT), (5, 5)):
        found = engine.infer(asked(model.id, steps, series=spiky, horizon="ainode"))
        assert len(found) == rows and set(found) <= {0.0, 1.0}
    if model.id == "stray":
        whole = engine.infer(asked("stray", COUNT, series=spiky, horizon="ainode"))
        assert np.flatnonzero(whole).tolist() == [50]


def test_a_window_leaves_the_other_rows_out(engine: LocalEngine) -> None:
    mean = {"strategy": "mean"}
    assert engine.infer(asked("naive_forecaster", 1, **mean, window="10"))[0] == pytest.approx(VALUES[-10:].mean())
    assert engine.infer(asked("naive_forecaster", 1, **mean, window="head(10)"))[0] == pytest.approx(VALUES[:10].mean())
    assert len(engine.infer(asked("stray", COUNT, window="tail(40)"))) == 40
    status, sentence = refusal(engine, asked("arima", window="500"))
    assert status is AinodeStatus.INVALID_INPUT and "use window=72 or less" in sentence


def shaken(times: NDArray[np.int64], by: int) -> NDArray[np.int64]:
    return times + np.where(STEPS % 3 == 1, by, 0)


HOURS = milliseconds(pd.date_range("2024-01-01", periods=COUNT, freq="h"))
BERLIN = milliseconds(pd.date_range("2024-03-01", periods=COUNT, freq="D", tz="Europe/Berlin").tz_convert(None))
BERLIN_MONTHS = milliseconds(pd.date_range("2001-01-01", periods=COUNT, freq="MS", tz="Europe/Berlin").tz_convert(None))


@pytest.mark.parametrize(
    ("times", "season"),
    [
        (HOURS, 24),
        (shaken(HOURS, 1500), 24),
        (np.delete(np.append(HOURS, HOURS[-1] + 3_600_000), 20), 24),
        (BERLIN, 7),
        (BERLIN_MONTHS, 12),
        (HOURS * 1000, 1),
        (np.full(COUNT, HOURS[0]), 1),
        (np.linspace(-(2**63), 2**63 - 1000, COUNT).astype(np.int64), 1),
    ],
    ids=["hours", "late", "gap", "local days", "local months", "41 days", "one time", "extreme"],
)
def test_the_season_comes_from_the_times_even_where_they_are_not_regular(
    engine: LocalEngine, times: NDArray[np.int64], season: int
) -> None:
    found = engine.infer(asked("seasonal_naive", season + 1, series=SeriesInput(times, VALUES)))
    assert found.tolist() == [*VALUES[-season:], VALUES[-season]]


def test_rows_in_another_order_are_put_in_order(engine: LocalEngine) -> None:
    mixed = np.random.default_rng(3).permutation(COUNT)
    for places in (np.arange(COUNT)[::-1], mixed):
        series = SeriesInput(HOURS[places], VALUES[places])
        assert engine.infer(asked("seasonal_naive", 24, series=series)).tolist() == VALUES[-24:].tolist()
        window = engine.infer(asked("naive_forecaster", 1, series=series, strategy="mean", window="5"))
        assert window[0] == pytest.approx(VALUES[-5:].mean())
    spiky = np.where(STEPS == 50, 500.0, VALUES)
    labels = engine.infer(asked("stray", COUNT, series=SeriesInput(HOURS[mixed], spiky[mixed])))
    assert mixed[np.flatnonzero(labels)].tolist() == [50]  # Each label stands in its row.


@pytest.mark.parametrize("unit", list(TimeUnit))
def test_times_are_read_in_the_clusters_unit(tmp_path: Path, unit: TimeUnit, home: Path) -> None:
    found = open_engine(EngineSettings(tmp_path, workers=1, time_limit=PATIENCE, time_unit=unit))
    try:
        times = MONTHS.to_numpy().astype(f"datetime64[{unit.value}]").astype(np.int64)
        values = found.infer(asked("seasonal_naive", 12, series=SeriesInput(times, VALUES)))
        assert values.tolist() == VALUES[-12:].tolist()
    finally:
        found.close()


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (asked("arima", series=SeriesInput(SERIES.times[:0], VALUES[:0])), "the input has no rows"),
        (asked("arima", series=SeriesInput(SERIES.times[:1], VALUES[:1])), "needs at least"),
        (asked("arima", 0), "the output length cannot be 0; it is from 1 to 2880"),
        (asked("arima", -3), "the output length cannot be -3"),
        (asked("arima", 2881), "the output length cannot be 2881"),
        (asked("arima", series=SeriesInput(SERIES.times, VALUES * 1e300)), "squares of values above 1e+150 overflow"),
        (
            asked("arima", series=SeriesInput(SERIES.times, np.where(STEPS == 4, np.nan, VALUES))),
            "one value is NaN among 72, the first in row 5",
        ),
        (
            asked("stray", series=SeriesInput(SERIES.times, np.where(STEPS > 9, -np.inf, VALUES))),
            "62 values are infinite among 72, the first in row 11",
        ),
        (asked("arima", series=SeriesInput(SERIES.times[1:], VALUES)), "71 times came with 72 values"),
        (asked("naive_forecaster", colour="red"), "naive_forecaster has no option 'colour'"),
        (asked("auto_ets", horizon="ainode"), "the official AINode's answer, which has no auto_ets"),
        (asked("stl_forecaster", sp="60"), "two full seasons of 60 needs at least 120 observations"),
        (asked("auto_ets", model="MMM", series=SeriesInput(SERIES.times, VALUES - 20)), "auto_ets could not be fitted"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_sentence(
    engine: LocalEngine, request_: InferenceRequest, sentence: str
) -> None:
    status, said = refusal(engine, request_)
    assert sentence in said
    failed = AinodeStatus.INFERENCE_FAILED if "could not be fitted" in said else AinodeStatus.INVALID_INPUT
    assert status is failed


@pytest.mark.parametrize(
    ("model", "statement", "sentence"),
    [
        ("stray", Statement.FORECAST, r"stray labels rows and forecasts nothing; use CLASSIFY\("),
        ("arima", Statement.CLASSIFY, "arima forecasts and labels nothing; use FORECAST"),
    ],
)
def test_forecast_and_classify_take_models_that_do_so(
    engine: LocalEngine, model: str, statement: Statement, sentence: str
) -> None:
    with pytest.raises(EngineError, match=sentence) as caught:
        engine.infer(InferenceRequest(model, SERIES, COUNT, {}, statement))
    assert caught.value.status is AinodeStatus.INVALID_INPUT


def test_one_row_is_enough_for_the_naive_model(engine: LocalEngine) -> None:
    one = SeriesInput(SERIES.times[:1], VALUES[:1])
    assert engine.infer(asked("naive_forecaster", 3, series=one)).tolist() == [VALUES[0]] * 3


def test_an_input_that_is_too_long_is_refused_before_any_worker_sees_it(tmp_path: Path, home: Path) -> None:
    found = open_engine(EngineSettings(tmp_path, workers=1, longest_input=50))
    try:
        with pytest.raises(EngineError, match="the input has 72 rows, and this AINode takes 50"):
            found.infer(asked("naive_forecaster"))
        assert found.infer(asked("naive_forecaster", 1, window="50"))[0] == VALUES[-1]
    finally:
        found.close()


def test_unknown_models_and_devices_have_their_codes(engine: LocalEngine) -> None:
    assert engine.devices() == {"cpu": "cpu"}
    status, sentence = refusal(engine, asked("arma"))
    assert status is AinodeStatus.MODEL_NOT_FOUND and "did you mean arima?" in sentence
    for call, devices, expected in (
        (engine.load, ("0",), AinodeStatus.DEVICE_NOT_FOUND),
        (engine.load, ("cpu", "cpu"), AinodeStatus.LOAD_MODEL_FAILED),
        (engine.load, (), AinodeStatus.LOAD_MODEL_FAILED),
        (engine.unload, ("cpu", "cpu"), AinodeStatus.UNLOAD_MODEL_FAILED),
        (engine.unload, ("cpu",), AinodeStatus.UNLOAD_MODEL_FAILED),
    ):
        with pytest.raises(EngineError) as caught:
            call("arima", devices)
        assert caught.value.status is expected, devices
    with pytest.raises(EngineError) as caught:
        engine.load("arma", ("cpu",))
    assert caught.value.status is AinodeStatus.MODEL_NOT_FOUND


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_every_model_can_be_loaded_and_unloaded(engine: LocalEngine, model: ModelInfo) -> None:
    engine.load(model.id, ("cpu",))
    until(lambda: engine.loaded() == {"cpu": {model.id: 2}})
    engine.unload(model.id, ("cpu",))
    assert engine.loaded() == {"cpu": {}}


def test_a_worker_that_is_killed_is_invisible_to_requests_and_warm_again(engine: LocalEngine) -> None:
    engine.load("arima", ("cpu",))
    until(lambda: engine.loaded() == {"cpu": {"arima": 2}})
    crashes = engine.metrics().worker_crashes
    expected = engine.infer(asked("naive_forecaster")).tolist()
    for pid in engine.workers.pids():
        os.kill(pid, signal.SIGKILL)
        assert engine.infer(asked("naive_forecaster")).tolist() == expected
    until(lambda: engine.metrics().worker_crashes == crashes + 2)
    until(lambda: engine.loaded() == {"cpu": {"arima": 2}})
    engine.unload("arima", ("cpu",))


def test_a_users_model_answers_with_its_parameters_and_a_statements_on_top(
    engine: LocalEngine, data_folder: Path
) -> None:
    specification = data_folder / "specifications" / "mean.toml"
    specification.write_text('base = "naive_forecaster"\n[parameters]\nstrategy = "mean"\nwindow_length = 6\n')
    engine.register("last_mean", specification.as_uri())
    assert engine.infer(asked("last_mean", 1))[0] == pytest.approx(VALUES[-6:].mean())
    assert engine.infer(asked("last_mean", 1, window_length="none"))[0] == pytest.approx(VALUES.mean())
    assert "which has no last_mean" in refusal(engine, asked("last_mean", 1, horizon="ainode"))[1]
    engine.load("last_mean", ("cpu",))
    until(lambda: engine.loaded() == {"cpu": {"last_mean": 2}})
    engine.delete("last_mean")
    assert engine.loaded() == {"cpu": {}} and "last_mean" not in engine.metrics().latency
    assert refusal(engine, asked("last_mean", 1))[0] is AinodeStatus.MODEL_NOT_FOUND


def test_what_was_loaded_is_loaded_again_after_a_restart(tmp_path: Path, home: Path) -> None:
    def opened() -> LocalEngine:
        found = open_engine(EngineSettings(tmp_path, workers=1, time_limit=PATIENCE))
        assert isinstance(found, LocalEngine)
        return found

    (tmp_path / "specifications").mkdir()
    (tmp_path / "specifications" / "model.toml").write_text('base = "naive_forecaster"')
    engine = opened()
    try:
        engine.register("mine", (tmp_path / "specifications").as_uri())
        for model in ("mine", "seasonal_naive", "naive_forecaster"):
            engine.load(model, ("cpu",))
        engine.unload("naive_forecaster", ("cpu",))
    finally:
        engine.close()
    engine = opened()
    try:
        until(lambda: engine.loaded() == {"cpu": {"mine": 1, "seasonal_naive": 1}})
        engine.delete("mine")
    finally:
        engine.close()
    (tmp_path / "loaded.json").write_text('["mine", "seasonal_naive"]')  # As if it had ended in between.
    engine = opened()
    try:
        until(lambda: engine.loaded() == {"cpu": {"seasonal_naive": 1}})
    finally:
        engine.close()
    for damaged in ('["seasonal', '{"a": 1}'):
        (tmp_path / "loaded.json").write_text(damaged)
        engine = opened()
        assert engine.loaded() == {"cpu": {}}
        engine.close()


def test_many_at_once_are_answered_each_with_its_own(engine: LocalEngine) -> None:
    answers: dict[int, float] = {}

    def ask(number: int) -> None:
        values = np.full(COUNT, float(number))
        answers[number] = float(engine.infer(asked("naive_forecaster", 1, series=SeriesInput(HOURS, values)))[0])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert answers == {number: float(number) for number in range(40)}


def test_metrics_count_requests_failures_and_seconds(engine: LocalEngine) -> None:
    before = engine.metrics()
    engine.infer(asked("naive_forecaster"))
    refusal(engine, asked("naive_forecaster", 0))
    after = engine.metrics()
    assert (after.requests - before.requests, after.failures - before.failures) == (2, 1)
    assert (after.waiting, after.running, after.workers) == (0, 0, 2)
    median, late = after.latency["naive_forecaster"]
    assert 0 < median <= late < PATIENCE
    assert set(after.latency) <= {model.id for model in MODELS}


def test_settings_that_cannot_be_are_refused_before_anything_starts(tmp_path: Path) -> None:
    for wrong in (
        EngineSettings(tmp_path, workers=-1),
        EngineSettings(tmp_path, queue_limit=-1),
        EngineSettings(tmp_path, time_limit=0),
        EngineSettings(tmp_path, longest_output=0),
    ):
        with pytest.raises(UsageError):
            open_engine(wrong)
    (tmp_path / "file").touch()
    with pytest.raises(QuarterdeckError, match="cannot be used"):
        open_engine(EngineSettings(tmp_path / "file"))


def test_the_server_itself_needs_no_library_of_models(tmp_path: Path) -> None:
    import subprocess
    import sys

    program = "import sys, quarterdeck_ainode.serving.local_engine; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pandas", "sktime", "statsmodels", "statsforecast", "sklearn", "scipy"} & set(found)


def test_model_of_the_catalogue_answers_under_its_own_name(engine: LocalEngine) -> None:
    listed = {model.model_id: model for model in engine.models()}
    assert list(listed) == sorted(listed)
    for model in MODELS:
        assert listed[model.id].model_type == model_named(model.id).library and listed[model.id].state == "active"
