"""The job `ainode.detect`: labels are sktime's, on the series as the origin hands it over."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import numpy as np
import pandas as pd
import pytest

from quarterdeck_ainode.excerpts import chart_places
from quarterdeck_ainode.local import detecting
from quarterdeck_ainode.models.fitting import recorded_warnings
from quarterdeck_api.documents import ChartBlock, SeriesRole, TableBlock
from quarterdeck_api.errors import JobCancelledError, QuarterdeckError, UnsupportedError, UsageError
from quarterdeck_api.jobs import JobValue

pytest.importorskip("sktime")

MakeContext = Callable[..., Any]
Detect = Callable[..., JobValue]


@pytest.fixture
def detect(make_context: MakeContext) -> Detect:
    def run(*arguments: Any, **named: Any) -> JobValue:
        return detecting.run(make_context(*arguments, **named))

    return run


@pytest.fixture(scope="module")
def spiked() -> np.ndarray:
    """A quiet series with two outliers, at 40 and 90."""
    values = 10 + np.sin(np.arange(200) / 5)
    values[[40, 90]] = (60.0, -35.0)
    return values


@pytest.fixture(scope="module")
def regimes() -> np.ndarray:
    """Three regimes of 80 observations around 0, 30 and -30."""
    noise = np.random.default_rng(7).normal(0, 1, 240)
    return np.repeat([0.0, 30.0, -30.0], 80) + noise


@pytest.mark.parametrize(
    "settings",
    [{}, {"k": 3}, {"k": 1, "alpha": 0.05}, {"knn_algorithm": "kd_tree", "p": 0.2}, {"outlier_tail": "min"}],
)
def test_stray_labels_as_sktime_does_on_the_scaled_series(
    detect: Detect, spiked: np.ndarray, settings: dict[str, Any]
) -> None:
    from sklearn.preprocessing import MinMaxScaler
    from sktime.detection.stray import STRAY

    detector: Any = STRAY(**settings)
    expected = detector.fit_transform(MinMaxScaler().fit_transform(spiked.reshape(-1, 1)))
    data = detect("stray", spiked, settings).data
    assert np.array_equal(data["labels"], expected.astype(int))
    assert np.array_equal(data["scores"], detector.score_)


def test_stray_finds_the_outliers_and_says_where(detect: Detect, spiked: np.ndarray) -> None:
    data = detect("stray", spiked).data
    assert [each["value"] for each in data["anomalies"]] == [60.0, -35.0]
    assert [each["time"] for each in data["anomalies"]] == [data["times"][40], data["times"][90]]
    assert data["values"] == spiked.tolist()
    assert data["times"][0] == "1949-01-01T00:00:00"
    assert (data["states"], data["changes"], data["fit"]) == (None, None, None)


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ("gaussian_hmm", {"n_components": 3, "random_state": 1}),
        ("gaussian_hmm", {"n_components": 2, "random_state": 5, "covariance_type": "full", "algorithm": "map"}),
        ("gaussian_hmm", {}),
        ("gmm_hmm", {"n_components": 3, "n_mix": 2, "random_state": 2}),
        ("gmm_hmm", {"n_components": 2, "random_state": 1, "implementation": "scaling"}),
    ],
)
def test_hidden_markov_models_label_as_sktime_does(
    detect: Detect, regimes: np.ndarray, model: str, settings: dict[str, Any]
) -> None:
    from sktime.detection.hmm_learn import GMMHMM, GaussianHMM

    with recorded_warnings():
        expected: Any = (GaussianHMM if model == "gaussian_hmm" else GMMHMM)(**settings).fit_transform(
            regimes.reshape(-1, 1)
        )
    data = detect(model, regimes, settings).data
    assert data["labels"] == expected["labels"].tolist()
    assert (data["scores"], data["anomalies"]) == (None, None)


def test_states_have_their_share_and_mean(detect: Detect, regimes: np.ndarray) -> None:
    data = detect("gaussian_hmm", regimes, {"n_components": 3, "random_state": 3, "n_iter": 100}).data
    states = sorted(data["states"], key=lambda state: state["mean"])
    assert [state["mean"] for state in states] == pytest.approx([-30, 0, 30], abs=0.5)
    assert [state["standard_deviation"] for state in states] == pytest.approx([1, 1, 1], abs=0.2)
    assert [state["observations"] for state in states] == [80, 80, 80]
    assert sum(state["share"] for state in states) == pytest.approx(1)
    assert data["changes"] == 2
    assert data["fit"]["converged"] is True
    assert 1 < data["fit"]["iterations"] < 100


def test_a_state_that_no_point_has_is_still_listed(detect: Detect) -> None:
    data = detect("gaussian_hmm", np.arange(30.0), {"n_components": 2, "random_state": 0, "params": ""}).data
    assert len(data["states"]) == 2
    for state in data["states"]:
        assert (state["mean"] is None) == (state["observations"] == 0)
    assert sum(state["observations"] for state in data["states"]) == 30


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "only one state"),
        ({"n_components": 2}, "the first guess is random"),
        ({"n_components": 3, "random_state": 1, "n_iter": 1}, "did not converge in 1 iterations"),
    ],
)
def test_what_should_be_set_is_a_notice(
    detect: Detect, regimes: np.ndarray, settings: dict[str, Any], sentence: str
) -> None:
    notices = detect("gaussian_hmm", regimes, settings).data["notices"]
    assert any(sentence in notice for notice in notices)


def test_settings_that_need_no_notice_have_none(detect: Detect, regimes: np.ndarray) -> None:
    assert detect("gaussian_hmm", regimes, {"n_components": 3, "random_state": 3, "n_iter": 100}).data["notices"] == []


def test_what_hmmlearn_logs_is_a_notice_and_leaves_stderr_alone(
    detect: Detect, capsys: pytest.CaptureFixture[str]
) -> None:
    data = detect("gaussian_hmm", [1.0, 9.0] * 3, {"n_components": 2, "random_state": 0}).data
    assert any("degenerate" in notice for notice in data["notices"])
    assert len(set(data["notices"])) == len(data["notices"])
    assert capsys.readouterr() == ("", "")


def test_a_constant_series_has_no_anomalies(detect: Detect) -> None:
    data = detect("stray", [5.0] * 60).data
    assert data["labels"] == [0] * 60
    assert data["anomalies"] == []
    assert any("all 60 observations are 5" in notice for notice in data["notices"])


@pytest.mark.parametrize("model", ["stray", "gaussian_hmm"])
def test_window_and_column_choose_the_observations(detect: Detect, spiked: np.ndarray, model: str) -> None:
    frame = pd.DataFrame({"a": np.arange(200.0), "b": spiked})
    data = detect(model, frame, column="b", window=150).data
    assert data["values"] == spiked[50:].tolist()
    assert len(data["labels"]) == data["observations"] == data["window"] == 150


@pytest.mark.parametrize(
    ("model", "settings", "values", "sentence"),
    [
        ("stray", {}, [1, np.nan, 3], "1 missing value among 3"),
        ("stray", {}, [1.0], "stray needs at least 2"),
        ("stray", {}, [1e300, -1e300] * 20, r"reaches 1e\+300"),
        ("gaussian_hmm", {}, [1.0], "needs at least 2"),
        ("gaussian_hmm", {"n_components": 5}, [1, 2, 3], "a model of 5 states needs at least 5"),
        ("gmm_hmm", {"n_components": 3}, [1.0] * 30, "gmm_hmm could not be fitted to value of core/dataset/x"),
        ("gmm_hmm", {"n_components": 2, "n_mix": 20}, [1.0, 2.0] * 4, "gmm_hmm could not be fitted"),
    ],
)
def test_what_cannot_be_labelled_is_refused_with_a_remedy(
    detect: Detect, model: str, settings: dict[str, Any], values: list[float], sentence: str
) -> None:
    with pytest.raises(QuarterdeckError, match=sentence) as caught:
        detect(model, values, settings)
    assert caught.value.remedy


def test_too_many_observations_are_refused_with_the_window(detect: Detect) -> None:
    with pytest.raises(QuarterdeckError, match="100001 observations") as caught:
        detect("stray", np.zeros(100_001), frequency="h")
    assert "--window 100000" in caught.value.remedy


def test_a_forecaster_labels_no_points(detect: Detect) -> None:
    with pytest.raises(UnsupportedError, match="arima forecasts and labels no points; these do: gaussian_hmm"):
        detect("arima", np.arange(40))


@pytest.mark.parametrize("parameters", [{"window": -1}, {"horizon": 3}, {"column": "c"}])
def test_wrong_parameters_are_refused(detect: Detect, parameters: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        detect("stray", np.arange(40), **parameters)


def test_files_hold_the_labels(make_context: MakeContext, spiked: np.ndarray, tmp_path: Path) -> None:
    context = make_context("stray", spiked)
    data = detecting.run(context).data
    assert set(context.artefacts) == {"detection.csv", "detection.json", "detection.parquet", "chart.svg"}
    with (tmp_path / "detection.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["time", "value", "label", "score"]
    assert [int(row["label"]) for row in rows] == data["labels"]
    assert [row["time"] for row in rows] == data["times"]
    assert json.loads((tmp_path / "detection.json").read_text()) == json.loads(msgspec.json.encode(data))
    frame = pd.read_parquet(tmp_path / "detection.parquet")
    assert frame["label"].tolist() == data["labels"]
    assert frame["score"].tolist() == data["scores"]
    drawing = ElementTree.fromstring((tmp_path / "chart.svg").read_text())
    assert len(drawing.findall("{*}circle")) == 2
    assert len(drawing.findall("{*}polyline")) == 1


def test_the_document_of_stray_marks_its_anomalies(detect: Detect, spiked: np.ndarray) -> None:
    document = detect("stray", spiked).document
    assert document is not None
    chart = next(block for block in document.blocks if isinstance(block, ChartBlock))
    history, anomalies = chart.series
    assert (history.role, anomalies.role) == (SeriesRole.HISTORY, SeriesRole.ANOMALY)
    assert anomalies.values == (60.0, -35.0)
    assert anomalies.times == (history.times[40], history.times[90])
    table = next(block for block in document.blocks if isinstance(block, TableBlock))
    assert [row[1] for row in table.rows] == [60.0, -35.0]
    msgspec.json.encode(document)


def test_the_document_of_a_markov_model_lists_its_states(detect: Detect, regimes: np.ndarray) -> None:
    value = detect("gaussian_hmm", regimes, {"n_components": 3, "random_state": 3, "n_iter": 100})
    document = value.document
    assert document is not None
    table = next(block for block in document.blocks if isinstance(block, TableBlock))
    assert [row[0] for row in table.rows] == [0, 1, 2]
    assert [row[2] for row in table.rows] == ["33.3%"] * 3
    chart = next(block for block in document.blocks if isinstance(block, ChartBlock))
    means = {state["state"]: state["mean"] for state in value.data["states"]}
    assert chart.series[1].values == tuple(means[state] for state in value.data["labels"])


def test_a_long_chart_keeps_every_extreme() -> None:
    values = np.sin(np.arange(10_000) / 50)
    values[[17, 9_999]] = (8.0, -8.0)
    places = chart_places(values, 200)
    assert len(places) <= 200
    assert places == sorted(set(places))
    assert {17, 9_999} <= set(places)


def test_a_cancelled_job_ends_before_the_fit(make_context: MakeContext, spiked: np.ndarray) -> None:
    context = make_context("stray", spiked)
    context.cancelled = True
    with pytest.raises(JobCancelledError):
        detecting.run(context)
    assert context.steps == ["read"]


def test_fit_seconds_come_from_the_clock(make_context: MakeContext, spiked: np.ndarray) -> None:
    ticks = iter([10.0, 12.5])
    context = make_context("stray", spiked)
    assert detecting.run(context, clock=lambda: next(ticks)).data["fit_seconds"] == 2.5
    assert context.steps == ["read", "fit", "write"]
