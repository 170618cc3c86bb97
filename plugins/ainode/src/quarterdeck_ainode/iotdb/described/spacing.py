"""How regularly the values of a series follow one another: pure."""

import itertools
from collections.abc import Sequence
from statistics import median

from msgspec import Struct

#: A distance of so many times the usual one is a gap.
_GAP = 1.5
#: Distances that differ by less than this share of the usual one are alike.
_ALIKE = 0.01


class Spacing(Struct, frozen=True):
    """Distances between neighbours, in seconds; `repeated` counts values at the time of the one before."""

    usual: float
    smallest: float
    largest: float
    gaps: int
    repeated: int

    @property
    def regular(self) -> bool:
        """Whether each value follows the one before after the same time."""
        return not self.gaps and not self.repeated and self.alike

    @property
    def alike(self) -> bool:
        """Whether all distances between different times are alike."""
        return self.largest - self.smallest <= _ALIKE * self.usual


def spacing_of(times: Sequence[float], ticks: float = 1.0) -> Spacing | None:
    """The spacing of ascending times, of which `ticks` are a second; None for fewer than two different ones.

    Nanoseconds since 1970 are exact as whole numbers only, so distances are taken before they are made seconds.
    """
    distances = [(later - earlier) / ticks for earlier, later in itertools.pairwise(times)]
    apart = [each for each in distances if each > 0]
    if not apart:
        return None
    usual = median(apart)
    return Spacing(
        usual,
        min(apart),
        max(apart),
        sum(1 for each in apart if each > _GAP * usual),
        len(distances) - len(apart),
    )


def duration_text(seconds: float) -> str:
    """A distance in the largest unit that it is a plain number of."""
    for unit, size in (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= size and abs(seconds / size - round(seconds / size, 2)) < 1e-9:
            return f"{round(seconds / size, 2):,.12g} {unit}"
    return f"{round(seconds, 6):,.12g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"
