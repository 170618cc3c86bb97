"""Small parts of the engine: time axes of hostile times, statistics, the log of notices, which numbers a worker is warm for."""

import logging

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quarterdeck_ainode.models.catalogue import MODELS
from quarterdeck_ainode.serving.engine_settings import TimeUnit
from quarterdeck_ainode.serving.inference import answer
from quarterdeck_ainode.serving.inference_task import Computed
from quarterdeck_ainode.serving.notice_log import NoticeLog
from quarterdeck_ainode.serving.request_statistics import RequestStatistics
from quarterdeck_ainode.serving.served_models import UsableModel
from quarterdeck_ainode.serving.statement_axis import statement_axis
from quarterdeck_ainode.serving.warming import warming_task

ANY_TIME = st.integers(-(2**63), 2**63 - 1)
NEAR_TIME = st.integers(1_600_000_000_000, 1_600_000_100_000)


@example([0, 9_223_372_036_854_776], TimeUnit.MICROSECOND)  # Further apart than nanoseconds in 64 bits say.
@given(st.lists(st.one_of(ANY_TIME, NEAR_TIME), min_size=1, max_size=30), st.sampled_from(TimeUnit))
def test_any_times_have_an_axis(times: list[int], unit: TimeUnit) -> None:
    axis, notices = statement_axis(np.array(times, dtype=np.int64), unit)
    assert axis.season >= 1 and len(axis.index) == len(times)
    assert axis.index[0].isoformat()  # Sentences show times.
    assert all("assumed" in notice for notice in notices)


@given(
    st.integers(2, 60),
    st.sampled_from((1, 60, 900, 3600, 86_400, 7 * 86_400)),
    st.integers(0, 4_000_000_000),
    st.sampled_from(TimeUnit),
)
def test_regular_times_are_said_to_be_regular(rows: int, seconds: int, start: int, unit: TimeUnit) -> None:
    scale = {TimeUnit.MILLISECOND: 10**3, TimeUnit.MICROSECOND: 10**6, TimeUnit.NANOSECOND: 10**9}[unit]
    axis, notices = statement_axis((start + seconds * np.arange(rows)) * scale, unit)
    assert notices == ()
    assert axis.season == {1: 60, 60: 60, 900: 96, 3600: 24, 86_400: 7, 7 * 86_400: 52}[seconds] or rows < 3


@pytest.mark.parametrize(
    ("seconds", "season"),
    [(1.004, 60), (59.7, 60), (3590, 24), (3700, 1), (86_000, 7), (30.4 * 86_400, 12), (91 * 86_400, 4), (1e11, 1)],
)
def test_a_middle_distance_near_a_round_one_is_that_one(seconds: float, season: int) -> None:
    times = np.cumsum(np.where(np.arange(30) == 7, 3 * seconds, seconds) * 1000).astype(np.int64)
    axis, notices = statement_axis(times, TimeUnit.MILLISECOND)
    assert axis.season == season
    assert len(notices) == 1 and "not equally spaced" in notices[0] and str(season) in notices[0]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
@pytest.mark.parametrize("unit", [TimeUnit.MILLISECOND, TimeUnit.NANOSECOND])
def test_every_model_can_be_fitted_to_what_warms_it(model: object, unit: TimeUnit) -> None:
    found = answer(warming_task(UsableModel(model, {}, built_in=True), unit))  # type: ignore[arg-type]
    assert isinstance(found, Computed) and np.all(np.isfinite(found.values))


def test_latency_is_of_the_latest_requests() -> None:
    statistics = RequestStatistics()
    for number in range(1, 1001):
        statistics.begun()
        statistics.answered("arima", number / 1000)
    statistics.begun()
    statistics.failed()
    assert statistics.counts == (1001, 1)
    median, late = statistics.latency()["arima"]
    assert median == pytest.approx(0.873, abs=0.002) and late == pytest.approx(0.988, abs=0.002)
    statistics.forget("arima")
    statistics.forget("nosuch")
    assert statistics.latency() == {}


def test_one_request_is_its_own_median() -> None:
    statistics = RequestStatistics()
    statistics.answered("arima", 0.5)
    assert statistics.latency() == {"arima": (0.5, 0.5)}


def test_a_notice_is_logged_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    notices = NoticeLog(lambda: now[0])
    with caplog.at_level(logging.INFO):
        for _ in range(100):
            notices.say("arima", ("no convergence", "a season of 24 is assumed"))
        notices.say("mine", ("no convergence",))
        assert len(caplog.messages) == 3
        now[0] = 601.0
        notices.say("arima", ("no convergence",))
    assert caplog.messages[-1] == "arima: no convergence" and len(caplog.messages) == 4


def test_not_every_notice_there_ever_was_is_remembered(caplog: pytest.LogCaptureFixture) -> None:
    notices = NoticeLog(lambda: 0.0)
    with caplog.at_level(logging.INFO):
        for number in range(2000):
            notices.say("arima", (f"notice {number}",))
        notices.say("arima", ("notice 1999",))
        assert len(caplog.messages) == 2000
        notices.say("arima", ("notice 0",))
    assert len(caplog.messages) == 2001
