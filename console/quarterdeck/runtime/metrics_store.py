"""The metrics store: a sample a second of the last 15 minutes and one every 10 seconds of the last 24 hours, in memory."""

from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable

from quarterdeck_api.metrics import MetricSample, MetricSeries

#: Seconds between two kept samples, and how many are kept: 15 minutes, and 24 hours.
FINE_STEP, FINE_LENGTH = 1, 900
COARSE_STEP, COARSE_LENGTH = 10, 8_640

#: The most series that are kept; of more, those that have had no sample for the longest are dropped.
SERIES_LIMIT = 2_000

#: Seconds that a sample's time may be ahead of the clock: clocks of machines differ.
_AHEAD = 300.0


class _Ring:
    """The latest value of each of the last `length` steps that had a sample; a ring grows with its samples up to its length.

    `codes` are the array types of times and values.
    """

    def __init__(self, step: int, length: int, codes: tuple[str, str]) -> None:
        self._step = step
        self._length = length
        self._times = array(codes[0])
        self._values = array(codes[1])
        self._begin = 0

    def put(self, time: float, value: float) -> None:
        """Keeps a sample; one of the newest step replaces it, an older one is too late."""
        newest = (self._begin - 1) % len(self._times) if self._times else -1
        if newest >= 0:
            behind = time // self._step - self._times[newest] // self._step
            if behind < 0:
                return
            if behind == 0:
                self._times[newest], self._values[newest] = time, value
                return
        if len(self._times) < self._length:
            self._times.append(time)
            self._values.append(value)
            return
        self._times[self._begin], self._values[self._begin] = time, value
        self._begin = (self._begin + 1) % self._length

    def samples(self, since: float, until: float) -> list[tuple[float, float]]:
        """Samples in a range of times, ascending."""
        order = (*range(self._begin, len(self._times)), *range(self._begin))
        return [(self._times[each], self._values[each]) for each in order if since <= self._times[each] <= until]

    @property
    def oldest(self) -> float:
        """The time of the oldest sample."""
        return self._times[self._begin % len(self._times)]


class _Series:
    """One metric of one resource."""

    def __init__(self, sample: MetricSample) -> None:
        self.latest = sample
        self._fine = _Ring(FINE_STEP, FINE_LENGTH, ("d", "d"))
        self._coarse = _Ring(COARSE_STEP, COARSE_LENGTH, ("d", "f"))  # Half the memory; seven digits do.
        self.put(sample)

    def put(self, sample: MetricSample) -> None:
        self.latest = sample if sample.time >= self.latest.time else self.latest
        self._fine.put(sample.time, sample.value)
        self._coarse.put(sample.time, sample.value)

    def between(self, since: float, until: float, now: float) -> list[tuple[float, float]]:
        """Fine samples as far back as there are, coarse ones before; what is older than it is kept for is left out."""
        fine_from = max(self._fine.oldest, now - FINE_STEP * FINE_LENGTH)
        coarse_from = max(since, now - COARSE_STEP * COARSE_LENGTH)
        before = [each for each in self._coarse.samples(coarse_from, until) if each[0] < fine_from]
        return before + self._fine.samples(max(since, fine_from), until)


class MetricsStore:
    """Samples by address and name. `clock` gives Unix seconds; `on_drop` is called once, when series are dropped for the first time."""

    def __init__(self, clock: Callable[[], float], on_drop: Callable[[int], None], limit: int = SERIES_LIMIT) -> None:
        self._clock = clock
        self._on_drop = on_drop
        self._limit = limit
        self._series: OrderedDict[tuple[str, str], _Series] = OrderedDict()
        self._changed: dict[tuple[str, str], int] = {}
        self._revision = 0
        self._told = False

    def __len__(self) -> int:
        return len(self._series)

    def put(self, samples: Iterable[MetricSample]) -> None:
        """Keeps samples; those of a time that is not to be kept any more, or lies far ahead, are left out."""
        now = self._clock()
        self._revision += 1
        for sample in samples:
            if not now - COARSE_STEP * COARSE_LENGTH <= sample.time <= now + _AHEAD:
                continue
            key = (sample.address, sample.name)
            series = self._series.get(key)
            if series is None:
                self._series[key] = _Series(sample)
            else:
                series.put(sample)
                self._series.move_to_end(key)
            self._changed[key] = self._revision
        while len(self._series) > self._limit:
            key, _ = self._series.popitem(last=False)
            self._changed.pop(key, None)
            if not self._told:
                self._told = True
                self._on_drop(self._limit)

    def range(self, address: str, names: tuple[str, ...], since: float, until: float) -> list[MetricSeries]:
        """The metrics of a resource by name; without names all. Unix times; `until` 0 is now, `since` below 0 counts from there."""
        now = self._clock()
        end = until or now
        begin = end + since if since < 0 else since
        found: list[MetricSeries] = []
        for (owner, name), series in self._series.items():
            if owner != address or (names and name not in names):
                continue
            samples = series.between(begin, end, now)
            times, values = tuple(each[0] for each in samples), tuple(each[1] for each in samples)
            found.append(MetricSeries(name, times, values, series.latest.unit))
        return sorted(found, key=lambda each: each.name)

    def newest(self, after: int, wanted: Callable[[str, str], bool]) -> tuple[int, list[MetricSample]]:
        """The newest sample of each wanted metric (address, name) that has a new one since a revision, and the present revision."""
        found = [
            self._series[key].latest for key, revision in self._changed.items() if revision > after and wanted(*key)
        ]
        return self._revision, found
