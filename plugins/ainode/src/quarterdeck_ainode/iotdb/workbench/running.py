"""Carrying out a forecast: every model on every fold and on the whole window, local ones in processes, the cluster's one after the other."""

import time
from collections.abc import Callable, Sequence

from msgspec import Struct

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.workbench.entrants import ClusterEntrant, Entrant, LocalEntrant
from quarterdeck_ainode.iotdb.workbench.judging import Contender, fold_result
from quarterdeck_ainode.iotdb.workbench.patience import PATIENCE, Patience
from quarterdeck_ainode.iotdb.workbench.predicting import (
    Forecasted,
    LocalTask,
    forecast_in_cluster,
    forecast_locally,
)
from quarterdeck_ainode.iotdb.workbench.window import SeriesWindow
from quarterdeck_ainode.models.backtest import Candidate, FoldResult, Record
from quarterdeck_ainode.models.catalogue import model_named
from quarterdeck_ainode.models.estimators import seasonal_naive
from quarterdeck_ainode.models.fitting import recorded_warnings
from quarterdeck_ainode.models.folds import Fold
from quarterdeck_api.jobs import JobContext

Clock = Callable[[], float]


class Course(Struct, frozen=True):
    """What is to be carried out: the window, the folds cut from it, and how far to look ahead. `targets` is how FORECAST calls its input."""

    window: SeriesWindow
    folds: tuple[Fold, ...]
    horizon: int
    level: float
    drop_nulls: bool
    targets: str


class Forecast(Struct, frozen=True):
    """What came of one contender: its forecast of what comes after the window, and how it did in each fold."""

    contender: Contender
    ahead: Forecasted
    folds: tuple[FoldResult, ...]

    @property
    def name(self) -> str:
        """Whose it is."""
        return self.contender.name

    @property
    def record(self) -> Record:
        """How it did, as rankings take it."""
        return Record(self.contender, self.folds)

    @property
    def notices(self) -> tuple[str, ...]:
        """What is to be known of it, once each."""
        said = dict.fromkeys(self.ahead.notices)
        for each in self.folds:
            said |= dict.fromkeys(each.notices)
        return tuple(said)


def carry_out(
    context: JobContext,
    client: IotdbClient,
    course: Course,
    entrants: Sequence[Entrant],
    clock: Clock,
    pause: Callable[[float], None] = time.sleep,
) -> tuple[Forecast, ...]:
    """The baseline's forecast and then each entrant's, in their order; can be cancelled between any two.

    A model's failure is its forecast's; raises UnreachableError when the cluster does not answer.
    """
    local = [each for each in entrants if isinstance(each, LocalEntrant)]
    remote = [each for each in entrants if isinstance(each, ClusterEntrant)]
    rounds = len(course.folds) + 1
    total = rounds * (len(entrants) + 1)
    done = 0

    def report(finished: int, _: int) -> None:
        context.progress(0.95 * finished / total, f"{finished} of {total} forecasts")

    made = {each.name: each for each in _local(context, course, local, report, clock)}
    done += rounds * (len(local) + 1)
    patience = Patience(context, PATIENCE, pause)
    for entrant in remote:
        found = _remote(context, client, course, entrant, clock, patience)
        made[entrant.name] = found
        done += rounds
        report(done, total)
    for each in made.values():
        if each.ahead.failure is not None:
            context.log(f"{each.name}: {each.ahead.failure.message}")
    baseline = next(each for each in made.values() if each.contender.baseline)
    return (baseline, *(made[entrant.name] for entrant in entrants))


def _local(
    context: JobContext,
    course: Course,
    entrants: Sequence[LocalEntrant],
    report: Callable[[int, int], None],
    clock: Clock,
) -> list[Forecast]:
    observed = course.window.observed
    learned = [*(observed.between(fold.start, fold.cutoff) for fold in course.folds), observed]

    def tasks_of(candidate: Candidate) -> list[LocalTask]:
        return [LocalTask(candidate, training, course.horizon, course.level, clock) for training in learned]

    with recorded_warnings():
        _, name = seasonal_naive(observed)
    baseline = Candidate(f"baseline: {name}", model_named("naive_forecaster"), None)
    candidates = [Candidate(each.name, each.info, each.parameters) for each in entrants]
    results = [forecast_locally(task) for task in tasks_of(baseline)]  # Too quick to be worth a process.
    report(len(results), 0)
    tasks = [task for candidate in candidates for task in tasks_of(candidate)]
    if tasks:
        first = len(results)
        results += context.map(forecast_locally, tasks, lambda done, total: report(first + done, total))
    found: list[Forecast] = []
    for number, candidate in enumerate((baseline, *candidates)):
        *past, ahead = results[number * len(learned) : (number + 1) * len(learned)]
        judged = tuple(fold_result(fold, observed, each) for fold, each in zip(course.folds, past, strict=True))
        found.append(Forecast(Contender(candidate.name, candidate.settings, candidate.baseline), ahead, judged))
    return found


def _remote(
    context: JobContext,
    client: IotdbClient,
    course: Course,
    entrant: ClusterEntrant,
    clock: Clock,
    patience: Patience,
) -> Forecast:
    observed = course.window.observed

    def ask(start: int, stop: int) -> Forecasted:
        context.raise_if_cancelled()
        return patience.ask(
            lambda: forecast_in_cluster(
                client,
                entrant,
                course.window,
                slice(start, stop),
                course.horizon,
                clock,
                drop_nulls=course.drop_nulls,
                targets=course.targets,
                log=context.log,
            )
        )

    ahead = ask(0, len(observed.values))
    judged: list[FoldResult] = []
    for fold in course.folds:
        # What fails on the whole window would fail on its parts, and might take its time.
        made = ahead if ahead.failure is not None else ask(fold.start, fold.cutoff)
        judged.append(fold_result(fold, observed, made))
    return Forecast(Contender(entrant.name, entrant.settings), ahead, tuple(judged))
