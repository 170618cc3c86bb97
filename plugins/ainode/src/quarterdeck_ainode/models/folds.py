"""Where a backtest cuts a series: what each fold learns from, and what it is judged on."""

from msgspec import Struct

from quarterdeck_api.errors import UsageError

#: The least that any model learns from.
_LEAST_TRAINING = 2


class Fold(Struct, frozen=True):
    """One fold, numbered from 1: learns from positions `start` to `cutoff`, forecasts `cutoff` to `stop` (ends excluded)."""

    number: int
    start: int
    cutoff: int
    stop: int


def make_folds(
    count: int, horizon: int, folds: int, step: int = 0, *, sliding: bool = False, length: int = 0
) -> tuple[Fold, ...]:
    """The folds of `count` observations, oldest first; the last one ends with the last observation.

    `step` 0 is the horizon. Windows expand from the first observation, or slide with `length` observations each (0: as many as the first
    fold has). Raises UsageError when the series is too short.
    """
    if length and not sliding:
        raise UsageError("length is for sliding windows only", "set --windows sliding as well, or leave length out")
    stride = step or horizon
    first_cutoff = count - horizon - (folds - 1) * stride
    least = length or _LEAST_TRAINING
    if first_cutoff < least:
        possible = (count - horizon - least) // stride + 1
        remedy = f"use --folds {possible} or less" if possible >= 1 else "use a shorter horizon or window"
        raise UsageError(
            f"{folds} folds of {horizon} steps, {stride} apart, need {least + count - first_cutoff} observations, and there are {count}",
            f"{remedy}, or more observations",
        )
    training = length or first_cutoff
    cutoffs = [first_cutoff + number * stride for number in range(folds)]
    return tuple(
        Fold(number, cutoff - training if sliding else 0, cutoff, cutoff + horizon)
        for number, cutoff in enumerate(cutoffs, 1)
    )
