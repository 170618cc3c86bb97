"""The metrics store: what is kept for how long, by a clock that the test gives."""

import itertools
import math

from quarterdeck.runtime.metrics_store import SERIES_LIMIT, MetricsStore
from quarterdeck_api.metrics import MetricSample


class Desk:
    """A store with a clock of its own."""

    def __init__(self, limit: int = SERIES_LIMIT) -> None:
        self.now = 1_700_000_000.0
        self.dropped: list[int] = []
        self.store = MetricsStore(lambda: self.now, self.dropped.append, limit)

    def put(self, value: float, name: str = "load", time: float | None = None) -> None:
        self.store.put([MetricSample("plant/node/n1", name, value, self.now if time is None else time, "1")])

    def times(self, since: float = -1e9) -> list[float]:
        found = self.store.range("plant/node/n1", ("load",), since, 0.0)
        return [time - 1_700_000_000.0 for time in found[0].times] if found else []


def test_a_sample_a_second_of_15_minutes_and_one_every_10_seconds_before() -> None:
    desk = Desk()
    for second in range(3 * 3600):
        desk.now = 1_700_000_000.0 + second
        desk.put(float(second))
    times = desk.times()
    fine = [time for time in times if time > 3 * 3600 - 900]
    assert len(fine) == 899 and fine == list(map(float, range(3 * 3600 - 899, 3 * 3600)))
    coarse = [time for time in times if time <= 3 * 3600 - 900]
    assert times == sorted(times)
    gaps = {later - earlier for earlier, later in itertools.pairwise(coarse)}
    assert gaps <= {9.0, 10.0, 11.0, 1.0} and len(coarse) in range(985, 995)
    assert times[0] == 9.0, "of ten seconds the latest sample is kept"


def test_what_is_older_than_a_day_is_gone_and_memory_is_bounded() -> None:
    desk = Desk()
    for step in range(30 * 360):
        desk.now = 1_700_000_000.0 + 10 * step
        desk.put(float(step))
    times = desk.times()
    assert times[0] >= 10 * 30 * 360 - 86_400 - 10 and len(times) <= 8_640 + 1


def test_several_samples_in_a_second_leave_the_latest() -> None:
    desk = Desk()
    for part in range(10):
        desk.put(float(part), time=desk.now + part / 10)
    [series] = desk.store.range("plant/node/n1", (), -60, desk.now + 1)
    assert series.values == (9.0,) and series.unit == "1"


def test_late_and_impossible_times_are_left_out() -> None:
    desk = Desk()
    desk.put(1.0)
    desk.put(2.0, time=desk.now - 30)
    desk.put(3.0, time=desk.now - 90_000)
    desk.put(4.0, time=desk.now + 9_000)
    desk.put(5.0, time=math.nan)
    assert desk.times() == [0.0]


def test_the_series_without_a_sample_for_the_longest_is_dropped_and_that_is_said_once() -> None:
    desk = Desk(limit=3)
    for name in ("a", "b", "c"):
        desk.put(1.0, name)
    desk.put(2.0, "a")
    desk.put(1.0, "d")
    desk.put(1.0, "e")
    assert len(desk.store) == 3 and desk.dropped == [3]
    assert [each.name for each in desk.store.range("plant/node/n1", (), -60, 0.0)] == ["a", "d", "e"]


def test_a_range_is_by_time_and_by_name() -> None:
    desk = Desk()
    for second in range(100):
        desk.now += 1
        desk.put(float(second))
        desk.put(float(-second), "temperature")
    [load] = desk.store.range("plant/node/n1", ("load", "unknown"), -10.0, 0.0)
    assert load.values == tuple(map(float, range(89, 100)))
    assert [each.name for each in desk.store.range("plant/node/n1", (), -10.0, 0.0)] == ["load", "temperature"]
    assert desk.store.range("plant/node/n2", (), -10.0, 0.0) == []
    [empty] = desk.store.range("plant/node/n1", ("load",), -500.0, desk.now - 400)
    assert empty.times == () and empty.values == ()


def test_the_newest_samples_since_a_revision() -> None:
    desk = Desk()
    desk.put(1.0)
    revision, first = desk.store.newest(0, lambda address, name: True)
    assert [each.value for each in first] == [1.0]
    assert desk.store.newest(revision, lambda address, name: True)[1] == []
    desk.now += 1
    desk.put(2.0)
    desk.put(3.0, "temperature")
    assert [each.value for each in desk.store.newest(revision, lambda _, name: name == "load")[1]] == [2.0]
