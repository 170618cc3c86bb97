"""How increasing times are spaced, found chunk by chunk: which frequency they follow, and where times are missing on its grid."""

from collections import Counter
from collections.abc import Sequence
from math import gcd

import pyarrow as pa
from msgspec import Struct

from quarterdeck.runtime.datasets.arrow_compute import pc
from quarterdeck.runtime.datasets.frequency import (
    DAY,
    Frequency,
    Unit,
    alias,
    business_days,
    fits_anchor,
    grid_position,
    to_moment,
)

_MOST_GAPS_SHOWN = 10
#: Times on a grid with at most as many gaps as times have at most 2·√n different distances: with more there is no grid.
_MOST_DISTANCES = 200_000


class Spacing(Struct, frozen=True):
    """How a series lies on a grid: `off_grid` is the index of the first time that is not on it (-1: none), `gaps` how many times are missing."""

    alias: str
    gaps: int = 0
    first_gaps: tuple[str, ...] = ()
    off_grid: int = -1


class FrequencyFinder:
    """Finds the grid that increasing times follow, with gaps or without; memory does not grow with their number."""

    def __init__(self) -> None:
        self._count = 0
        self._first = self._last = 0
        self._distances: Counter[int] = Counter()
        self._irregular = False
        self._months = [_MonthSteps(Unit.MONTH_START), _MonthSteps(Unit.MONTH_END)]
        self._working_days = True

    @property
    def least_distance(self) -> int:
        """The smallest distance between two times so far, in microseconds; 0 before there are two."""
        return min(self._distances, default=0)

    def take(self, times: pa.Array) -> None:
        """The next times."""
        if not len(times):
            return
        distances = _distances(times, self._last if self._count else None)
        if not self._irregular:
            counted = pc.value_counts(distances)
            for distance, count in zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True):
                self._distances[distance] += count
            self._irregular = len(self._distances) > _MOST_DISTANCES
        for months in self._months:
            months.take(times)
        if self._working_days:
            self._working_days = self._whole_days() and all(_weekday(time) < 5 for time in times.to_pylist())
        if not self._count:
            self._first = times[0].as_py()
        self._last = times[-1].as_py()
        self._count += len(times)

    def frequency(self) -> Frequency | None:
        """The grid; None when times are irregular or fewer than two."""
        if self._count < 2:
            return None
        for months in self._months:
            if months.step:
                return self._unless_sparse(Frequency(months.unit, months.step))
        if self._irregular:
            return None
        step = min(self._distances, key=lambda distance: (-self._distances[distance], distance))
        if any(distance % step for distance in self._distances):
            return None
        if step == DAY and self._working_days and self._passes_weekends():
            return self._unless_sparse(Frequency(Unit.BUSINESS_DAY, 1))
        return self._unless_sparse(Frequency(Unit.FIXED, step))

    def _whole_days(self) -> bool:
        return not self._irregular and all(distance % DAY == 0 for distance in self._distances)

    def _passes_weekends(self) -> bool:
        first, last = to_moment(self._first), to_moment(self._last)
        return last.toordinal() - first.toordinal() > business_days(last) - business_days(first)

    def _unless_sparse(self, frequency: Frequency) -> Frequency | None:
        # Events at whole seconds lie on a grid of seconds too; with more gaps than times it says nothing.
        last = grid_position(frequency, self._first, self._last)
        return frequency if last is not None and last + 1 <= 2 * self._count else None


class _MonthSteps:
    """The months between times that all are a month's first (or last) day at one time of day: `step`, 0 when they are not."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.step = 0
        self._every_month = Frequency(unit, 1)
        self._origin: int | None = None
        self._position = 0
        self._possible = True

    def take(self, times: pa.Array) -> None:
        """The next times; the first that does not fit ends it."""
        for place in range(len(times)):
            if not self._possible:
                return
            self._possible = self._fits(times[place].as_py())
        if not self._possible:
            self.step = 0

    def _fits(self, time: int) -> bool:
        if self._origin is None:
            self._origin = time
            return fits_anchor(self._every_month, time)
        position = grid_position(self._every_month, self._origin, time)
        if position is None:
            self.step = 0
            return False
        self.step, self._position = gcd(self.step, position - self._position), position
        return True


class GapFinder:
    """How increasing times lie on a grid that begins with the first of them."""

    def __init__(self, frequency: Frequency) -> None:
        self._frequency = frequency
        self._origin = self._last = 0
        self._position = 0
        self.count = 0
        self._gaps = 0
        self._shown: list[str] = []
        self._off_grid = -1

    def take(self, times: pa.Array) -> None:
        """The next times; nothing more is looked at once one is off the grid."""
        if not len(times) or self._off_grid >= 0:
            return
        first = not self.count
        if first:
            self._origin = times[0].as_py()
            if not fits_anchor(self._frequency, self._origin):
                self._off_grid = 0
        before = None if first else self._last
        if self._off_grid < 0:
            (self._take_fixed if self._frequency.unit is Unit.FIXED else self._take_calendar)(times, before)
        self._last = times[-1].as_py()
        self.count += len(times)

    def spacing(self) -> Spacing:
        """What was found."""
        name = alias(self._frequency, self._origin)
        if self._off_grid >= 0:
            return Spacing(name, off_grid=self._off_grid)
        return Spacing(name, self._gaps, tuple(self._shown))

    def _take_fixed(self, times: pa.Array, before: int | None) -> None:
        distances = _distances(times, before)
        if not len(distances):
            return
        offset = len(times) - len(distances)
        steps = pc.divide(distances, self._frequency.count)
        wrong = pc.index(pc.equal(pc.multiply(steps, self._frequency.count), distances), False).as_py()
        if wrong >= 0:
            self._off_grid = self.count + offset + wrong
            return
        self._gaps += pc.sum(steps).as_py() - len(steps)
        if len(self._shown) < _MOST_GAPS_SHOWN:
            for place in pc.indices_nonzero(pc.greater(steps, 1)).to_pylist()[:_MOST_GAPS_SHOWN]:
                at = place + offset
                self._show(steps[place].as_py() - 1, times[at - 1].as_py() if at else self._last)

    def _take_calendar(self, times: pa.Array, before: int | None) -> None:
        for index, time in enumerate(times.to_pylist()):
            position = grid_position(self._frequency, self._origin, time)
            if position is None:
                self._off_grid = self.count + index
                return
            missing = position - self._position - 1
            if missing > 0 and before is not None:
                self._gaps += missing
                self._show(missing, before)
            self._position, before = position, time

    def _show(self, missing: int, after: int) -> None:
        if len(self._shown) < _MOST_GAPS_SHOWN:
            self._shown.append(f"{missing} after {to_moment(after).isoformat(sep=' ')}")


def infer_frequency(times: Sequence[int]) -> Frequency | None:
    """The grid that increasing times (microseconds) follow, with gaps or without; None when they are irregular or fewer than two."""
    finder = FrequencyFinder()
    finder.take(pa.array(times, pa.int64()))
    return finder.frequency()


def _distances(times: pa.Array, before: int | None) -> pa.Array:
    """The distances between neighbours, the first from `before` when there is one."""
    joined = times if before is None else pa.concat_arrays([pa.array([before], pa.int64()), times])
    return pc.subtract(joined[1:], joined[:-1])


def _weekday(time: int) -> int:
    return to_moment(time).weekday()
