"""A finished backtest: as data for programs and as a document for people."""

from typing import Any

import msgspec
from msgspec import Struct

from quarterdeck_ainode.excerpts import CHART_POINTS
from quarterdeck_ainode.models.backtest import Record, ranked, ranked_by
from quarterdeck_ainode.models.folds import Fold
from quarterdeck_ainode.models.observations import Observations
from quarterdeck_ainode.rankings import MEASURES, rank_data, ranking_table
from quarterdeck_ainode.result_files import iso_times, read_times, unix_seconds
from quarterdeck_api.documents import (
    Block,
    ChartBlock,
    ChartSeries,
    Document,
    Fact,
    FactsBlock,
    SeriesRole,
    TableBlock,
    TextBlock,
)

#: Observations before the first forecast in the chart, in horizons, and at most.
_HISTORY_HORIZONS = 2
_MOST_HISTORY = 200


class Backtest(Struct, frozen=True):
    """Everything that a backtest gave; `records` in the order in which candidates were tested."""

    model: str
    observed: Observations
    window: int
    windows: str
    level: float
    folds: tuple[Fold, ...]
    records: tuple[Record, ...]

    @property
    def horizon(self) -> int:
        """Steps that each fold forecasts."""
        return self.folds[0].stop - self.folds[0].cutoff

    @property
    def notices(self) -> tuple[str, ...]:
        """What is to be known of each candidate, once each."""
        kept: dict[str, None] = {}
        for record in self.records:
            for result in record.results:
                kept |= dict.fromkeys(f"{record.candidate.name}: {notice}" for notice in result.notices)
        if ranked_by(self.records) == "mae":
            kept["training data of a fold is constant, so MASE is undefined there and MAE ranks"] = None
        return tuple(kept)


def backtest_data(backtest: Backtest) -> dict[str, Any]:
    """The data of the job's value, as documented in `backtesting`."""
    observed, ordered = backtest.observed, ranked(backtest.records)
    best = ordered[0][1]
    return {
        "model": backtest.model,
        "dataset": observed.dataset,
        "column": observed.column,
        "frequency": observed.axis.frequency,
        "seasonal_period": observed.axis.season,
        "observations": len(observed.values),
        "window": backtest.window,
        "windows": backtest.windows,
        "horizon": backtest.horizon,
        "level": backtest.level,
        "folds": [_fold_data(fold, observed) for fold in backtest.folds],
        "ranked_by": ranked_by(backtest.records),
        "ranking": [rank_data(rank, record) for rank, record in ordered],
        "best": best.candidate.name,
        "beats_baseline": not best.candidate.baseline,
        "scores": [
            {
                "model": record.candidate.name,
                "fold": result.fold,
                **msgspec.to_builtins(result.accuracy),
                "fit_seconds": result.seconds,
            }
            for _, record in ordered
            for result in record.results
            if result.accuracy is not None
        ],
        "notices": list(backtest.notices),
    }


def _fold_data(fold: Fold, observed: Observations) -> dict[str, Any]:
    index = observed.axis.index
    first, last, test_first, test_last = iso_times(index[[fold.start, fold.cutoff - 1, fold.cutoff, fold.stop - 1]])
    return {
        "fold": fold.number,
        "train_first": first,
        "train_last": last,
        "train_observations": fold.cutoff - fold.start,
        "test_first": test_first,
        "test_last": test_last,
    }


def score_columns(backtest: Backtest) -> dict[str, list[Any]]:
    """The table of scores for files: a row for each candidate and fold, with the reason in `failure` when it failed."""
    rows = [(record.candidate.name, result) for _, record in ranked(backtest.records) for result in record.results]
    columns: dict[str, list[Any]] = {
        "model": [name for name, _ in rows],
        "fold": [result.fold for _, result in rows],
    }
    for measure in MEASURES:
        columns[measure] = [getattr(result.accuracy, measure, None) for _, result in rows]
    columns["fit_seconds"] = [result.seconds for _, result in rows]
    columns["failure"] = [result.failure.message if result.failure else "" for _, result in rows]
    return columns


def forecast_columns(backtest: Backtest) -> dict[str, Any]:
    """The table of all forecasts for files: model, fold, time, actual, value, lower, upper; an interval may be missing."""
    observed = backtest.observed
    columns: dict[str, list[Any]] = {name: [] for name in ("model", "fold", "actual", "value", "lower", "upper")}
    places: list[int] = []
    for _, record in ranked(backtest.records):
        for fold, result in zip(backtest.folds, record.results, strict=True):
            predicted = result.prediction
            if predicted is None:
                continue
            nothing = [None] * backtest.horizon
            places += range(fold.cutoff, fold.stop)
            columns["model"] += [record.candidate.name] * backtest.horizon
            columns["fold"] += [fold.number] * backtest.horizon
            columns["actual"] += observed.values[fold.cutoff : fold.stop].tolist()
            columns["value"] += predicted.values.tolist()
            columns["lower"] += nothing if predicted.lower is None else predicted.lower.tolist()
            columns["upper"] += nothing if predicted.upper is None else predicted.upper.tolist()
    model, fold, *numbers = columns
    return {
        model: columns[model],
        fold: columns[fold],
        "time": observed.axis.index[places],
        **{name: columns[name] for name in numbers},
    }


def backtest_document(backtest: Backtest) -> Document:
    """Ranking, chart, failures, notices and facts."""
    observed = backtest.observed
    blocks: list[Block] = [
        _table(backtest),
        ChartBlock(backtest_chart(backtest), f"{observed.column} of {observed.dataset}, and what was forecast of it"),
    ]
    failures = [
        f"{record.candidate.name}, fold {result.fold}: {result.failure.message}"
        for record in backtest.records
        for result in record.failures
        if result.failure is not None
    ]
    if failures:
        blocks.append(TextBlock("\n".join(failures), title="Failures"))
    if backtest.notices:
        blocks.append(TextBlock("\n".join(backtest.notices), title="Notices"))
    blocks.append(_facts(backtest))
    return Document(f"Backtest on {observed.dataset}", tuple(blocks))


def _table(backtest: Backtest) -> TableBlock:
    titles = {
        "mae": "MAE",
        "rmse": "RMSE",
        "mase": "MASE",
        "smape": "sMAPE",
        "coverage": f"within {backtest.level:.0%}",
    }
    return ranking_table(backtest.records, titles, ", the mean over folds")


def _facts(backtest: Backtest) -> FactsBlock:
    observed, folds = backtest.observed, backtest.folds
    first, last = read_times(observed.axis.index[[folds[0].cutoff, folds[-1].stop - 1]])
    return FactsBlock(
        (
            Fact("Dataset", observed.dataset),
            Fact("Column", observed.column),
            Fact("Observations", len(observed.values)),
            Fact("Frequency", observed.axis.frequency),
            Fact("Seasonal period", observed.axis.season),
            Fact("Horizon", backtest.horizon),
            Fact("Folds", f"{len(folds)}, {backtest.windows}"),
            Fact("First fold learns from", f"{folds[0].cutoff - folds[0].start} observations"),
            Fact("First forecast", first),
            Fact("Last forecast", last),
        )
    )


def backtest_chart(backtest: Backtest) -> tuple[ChartSeries, ...]:
    """What came, beside what the baseline and the best candidate forecast."""
    observed, begin = backtest.observed, _first_shown(backtest).cutoff
    first = begin - min(_HISTORY_HORIZONS * backtest.horizon, _MOST_HISTORY, begin)
    history = ChartSeries(
        observed.column,
        SeriesRole.HISTORY,
        unix_seconds(observed.axis.index[first:]),
        tuple(observed.values[first:].tolist()),
    )
    best = ranked(backtest.records)[0][1]
    baseline = next(record for record in backtest.records if record.candidate.baseline)
    shown = [history, _forecast_line(baseline, backtest, SeriesRole.BASELINE)]
    return (*shown, _forecast_line(best, backtest, SeriesRole.FORECAST)) if best is not baseline else tuple(shown)


def _first_shown(backtest: Backtest) -> Fold:
    count = len(backtest.observed.values)
    recent = (fold for fold in backtest.folds if count - fold.cutoff <= CHART_POINTS)
    return next(recent, backtest.folds[-1])


def _forecast_line(record: Record, backtest: Backtest, role: SeriesRole) -> ChartSeries:
    """What a candidate forecast in each fold until the next one begins; a gap stands between folds that do not meet."""
    folds, axis = backtest.folds, backtest.observed.axis
    seconds = unix_seconds(axis.index)
    first = _first_shown(backtest).number
    times: list[float] = []
    values: list[float | None] = []
    for number, (fold, result) in enumerate(zip(folds, record.results, strict=True)):
        if fold.number < first:
            continue
        following = folds[number + 1].cutoff if number + 1 < len(folds) else fold.stop
        stop = min(fold.stop, following)
        predicted = result.prediction
        own = [None] * backtest.horizon if predicted is None else predicted.values.tolist()
        times += seconds[fold.cutoff : stop]
        values += own[: stop - fold.cutoff]
        if following > fold.stop:
            times.append(seconds[fold.stop])
            values.append(None)
    return ChartSeries(record.candidate.name, role, tuple(times), tuple(values))
