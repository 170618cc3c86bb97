"""The models on a held-out tail: each forecasts what came, and is ranked beside the seasonal naive baseline."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from quarterdeck_ainode.iotdb.workbench.predicting import Forecasted
from quarterdeck_ainode.models.accuracy import accuracy, naive_scale
from quarterdeck_ainode.models.backtest import FoldResult, Record
from quarterdeck_ainode.models.folds import Fold, make_folds
from quarterdeck_ainode.models.observations import Observations
from quarterdeck_api.errors import UsageError


class Contender(Struct, frozen=True):
    """A name in the ranking."""

    name: str
    settings: dict[str, Any] = {}
    baseline: bool = False


def possible_folds(count: int, horizon: int, wanted: int) -> tuple[tuple[Fold, ...], tuple[str, ...]]:
    """As many folds of a series of `count` rows as it has room for, at most those that are wanted, and a sentence when they are fewer."""
    for number in range(wanted, 0, -1):
        try:
            folds = make_folds(count, horizon, number)
        except UsageError:
            continue
        # Half of the rows at least are learned from: a rank by less says little.
        if folds[0].cutoff * 2 < count and number > 1:
            continue
        return folds, _fewer(number, wanted, count, horizon)
    if not wanted:
        return (), ()
    said = f"{count} rows are too few to hold out {horizon} of them, so the models are not ranked"
    return (), (f"{said}: use a longer window or a shorter horizon",)


def fold_result(fold: Fold, observed: Observations, made: Forecasted) -> FoldResult:
    """How a forecast of a fold compares with what came."""
    if made.prediction is None:
        return FoldResult(fold.number, made.seconds, failure=made.failure, notices=made.notices)
    training = observed.between(fold.start, fold.cutoff)
    judged = accuracy(
        observed.values[fold.cutoff : fold.stop],
        made.prediction.values,
        naive_scale(training.values, training.axis.season),
        made.prediction.lower,
        made.prediction.upper,
    )
    return FoldResult(fold.number, made.seconds, made.prediction, judged, notices=made.notices)


def best_of(ranked: Sequence[tuple[int | None, Record]]) -> str:
    """The model that comes first, the baseline left out; empty when none got through."""
    return next((record.candidate.name for rank, record in ranked if rank and not record.candidate.baseline), "")


def _fewer(number: int, wanted: int, count: int, horizon: int) -> tuple[str, ...]:
    if number == wanted:
        return ()
    return (
        f"{count} rows have room for {number} {'fold' if number == 1 else 'folds'} of {horizon} steps, not for {wanted}",
    )
