"""A finished forecast of a series: as data for programs and as a document for people."""

from typing import Any

import msgspec
from msgspec import Struct

from quarterdeck_ainode.excerpts import LEAST_HISTORY, TABLE_ROWS, excerpt_title, history_shown
from quarterdeck_ainode.iotdb.workbench.horizon_times import Times, pandas_times
from quarterdeck_ainode.iotdb.workbench.judging import best_of
from quarterdeck_ainode.iotdb.workbench.running import Course, Forecast
from quarterdeck_ainode.iotdb.workbench.window_facts import window_facts
from quarterdeck_ainode.models.backtest import ranked, ranked_by
from quarterdeck_ainode.rankings import rank_data, ranking_table
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

_MEASURES = ("mae", "rmse", "mase")

#: Models in a chart; more lines cannot be told apart.
_MOST_LINES = 5


class SeriesForecast(Struct, frozen=True):
    """Everything that a forecast of a series gave; `forecasts` begin with the baseline's. `times` are in the server's precision."""

    course: Course
    times: Times
    forecasts: tuple[Forecast, ...]
    notices: tuple[str, ...]

    @property
    def index(self) -> Any:
        """The times as a DatetimeIndex in UTC."""
        return pandas_times(self.times, self.course.window.unit)

    @property
    def succeeded(self) -> tuple[Forecast, ...]:
        """The models, without the baseline, that forecast what comes after the window."""
        return tuple(each for each in self.forecasts if each.ahead.prediction and not each.contender.baseline)

    @property
    def best(self) -> str:
        """The model that ranks first, the baseline left out; the only one when nothing ranks them; empty when that does not say."""
        if self.course.folds:
            names = {each.name for each in self.succeeded}
            order = ranked([each.record for each in self.forecasts if each.contender.baseline or each.name in names])
            return best_of(order)
        return self.succeeded[0].name if len(self.succeeded) == 1 else ""

    def values_of(self, name: str) -> list[float]:
        """The forecast of a model that has one."""
        found = next(each for each in self.succeeded if each.name == name)
        assert found.ahead.prediction is not None
        return found.ahead.prediction.values.tolist()


def forecast_data(made: SeriesForecast) -> dict[str, Any]:
    """The data of the job's value, as documented in `forecasting`."""
    course, window = made.course, made.course.window
    index = pandas_times(window.times[[0, -1]], window.unit)
    order = ranked([each.record for each in made.forecasts]) if course.folds else []
    first, last = iso_times(index)
    return {
        "series": window.series.name,
        "type": window.data_type,
        "precision": window.unit.value,
        "observations": len(window.times),
        "first": first,
        "last": last,
        "regular": window.regular,
        "frequency": window.observed.axis.frequency,
        "seasonal_period": window.observed.axis.season,
        "horizon": course.horizon,
        "level": course.level,
        "times": iso_times(made.index),
        "moments": made.times.tolist(),
        "forecasts": [_forecast_data(each) for each in made.forecasts],
        "folds": len(course.folds),
        "ranked_by": ranked_by([each.record for each in made.forecasts]) if order else None,
        "ranking": [_rank(rank, record) for rank, record in order],
        "best": made.best or None,
        "beats_baseline": _beats_baseline(order),
        "notices": list(made.notices),
    }


def _rank(rank: int | None, record: Any) -> dict[str, Any]:
    found = rank_data(rank, record)
    return {name: found[name] for name in ("rank", "model", "baseline", "folds", *_MEASURES, "fit_seconds", "failures")}


def _beats_baseline(order: list[tuple[int | None, Any]]) -> bool | None:
    return not order[0][1].candidate.baseline if order else None


def _forecast_data(each: Forecast) -> dict[str, Any]:
    predicted = each.ahead.prediction
    return {
        "model": each.name,
        "baseline": each.contender.baseline,
        "values": None if predicted is None else predicted.values.tolist(),
        "lower": None if predicted is None or predicted.lower is None else predicted.lower.tolist(),
        "upper": None if predicted is None or predicted.upper is None else predicted.upper.tolist(),
        "seconds": each.ahead.seconds,
        "settings": msgspec.to_builtins(each.contender.settings),
        "statement": each.ahead.statement,
        "failure": None if each.ahead.failure is None else msgspec.to_builtins(each.ahead.failure),
        "notices": list(each.notices),
    }


def forecast_columns(made: SeriesForecast) -> dict[str, Any]:
    """The table of the result's files and of its dataset: time, each model by its name, the baseline."""
    columns: dict[str, Any] = {"time": made.index}
    columns |= {each.name: made.values_of(each.name) for each in made.succeeded}
    baseline = made.forecasts[0].ahead.prediction
    return columns if baseline is None else {**columns, "baseline": baseline.values.tolist()}


def history_columns(made: SeriesForecast) -> dict[str, Any]:
    """The rows that were used."""
    window = made.course.window
    return {"time": pandas_times(window.times, window.unit), history_name(window.label): window.values.tolist()}


def history_name(label: str) -> str:
    """The column of what is measured, in a table that has one of times already."""
    return label if label.lower() != "time" else "value"


def forecast_document(made: SeriesForecast, *more: Block) -> Document:
    """Chart, ranking, table, what the tail's forecasts were, failures, notices, statements, facts; `more` comes after the ranking."""
    window = made.course.window
    blocks: list[Block] = [ChartBlock(_ahead_chart(made), f"{window.label} of {window.series.name}")]
    if made.course.folds:
        blocks.append(_ranking(made))
    blocks += [*more, _table(made)]
    if made.course.folds:
        blocks.append(ChartBlock(_tail_chart(made), "The last held-out tail, and what was forecast of it"))
    failures = [
        f"{each.name}: {each.ahead.failure.message} ({each.ahead.failure.remedy})".replace(" ()", "")
        for each in made.forecasts
        if each.ahead.failure
    ]
    if failures:
        blocks.append(TextBlock("\n".join(failures), title="Failures"))
    if made.notices:
        blocks.append(TextBlock("\n".join(made.notices), title="Notices"))
    statements = [each.ahead.statement for each in made.forecasts if each.ahead.statement]
    blocks.append(TextBlock(";\n".join([window.statement.text, *statements]), "sql", "Statements"))
    blocks.append(_facts(made))
    return Document(f"Forecast of {window.series.name}", tuple(blocks))


def _facts(made: SeriesForecast) -> FactsBlock:
    window = made.course.window
    ahead = read_times(made.index[[0, -1]])
    return FactsBlock(
        (
            *window_facts(window),
            Fact("Horizon", made.course.horizon),
            Fact("First forecast", ahead[0]),
            Fact("Last forecast", ahead[1]),
            Fact("Folds", len(made.course.folds)),
            Fact("Best", made.best or "not ranked"),
        )
    )


def _shown(made: SeriesForecast) -> list[Forecast]:
    """The baseline and the best models, worst first, so that the best is drawn over the others."""
    models = list(made.succeeded)
    if made.course.folds:
        places = {
            record.candidate.name: place for place, (_, record) in enumerate(ranked([each.record for each in models]))
        }
        models.sort(key=lambda each: places[each.name])
    baseline = [each for each in made.forecasts[:1] if each.ahead.prediction is not None]
    return [*baseline, *reversed(models[:_MOST_LINES])]


def _ahead_chart(made: SeriesForecast) -> tuple[ChartSeries, ...]:
    window = made.course.window
    count = history_shown(len(window.times), made.course.horizon)
    lines = [
        ChartSeries(
            window.label,
            SeriesRole.HISTORY,
            unix_seconds(pandas_times(window.times[-count:], window.unit)),
            tuple(window.values[-count:].tolist()),
        )
    ]
    ahead = unix_seconds(made.index)
    for each in _shown(made):
        predicted = each.ahead.prediction
        assert predicted is not None
        alone = len(made.succeeded) == 1 and not each.contender.baseline
        lines.append(
            ChartSeries(
                each.name,
                SeriesRole.BASELINE if each.contender.baseline else SeriesRole.FORECAST,
                ahead,
                tuple(predicted.values.tolist()),
                tuple(predicted.lower.tolist()) if alone and predicted.lower is not None else (),
                tuple(predicted.upper.tolist()) if alone and predicted.upper is not None else (),
            )
        )
    return tuple(lines)


def _tail_chart(made: SeriesForecast) -> tuple[ChartSeries, ...]:
    window, fold = made.course.window, made.course.folds[-1]
    before = max(fold.start, fold.cutoff - max(2 * made.course.horizon, LEAST_HISTORY))
    times = unix_seconds(pandas_times(window.times, window.unit))
    lines = [
        ChartSeries(
            window.label,
            SeriesRole.HISTORY,
            times[before : fold.cutoff],
            tuple(window.values[before : fold.cutoff].tolist()),
        ),
        ChartSeries(
            "what came",
            SeriesRole.ACTUAL,
            times[fold.cutoff : fold.stop],
            tuple(window.values[fold.cutoff : fold.stop].tolist()),
        ),
    ]
    for each in _shown(made):
        predicted = each.folds[-1].prediction
        if predicted is not None:
            role = SeriesRole.BASELINE if each.contender.baseline else SeriesRole.FORECAST
            lines.append(ChartSeries(each.name, role, times[fold.cutoff : fold.stop], tuple(predicted.values.tolist())))
    return tuple(lines)


def _ranking(made: SeriesForecast) -> TableBlock:
    titles = {measure: measure.upper() for measure in _MEASURES}
    return ranking_table([each.record for each in made.forecasts], titles, " on the held-out tail", seconds=True)


def _table(made: SeriesForecast) -> TableBlock:
    columns = forecast_columns(made)
    index = columns.pop("time")
    rows = tuple(zip(read_times(index), *columns.values(), strict=True))
    title = excerpt_title("Forecast", len(rows), "forecast.csv", "steps")
    return TableBlock(("time", *columns), rows[:TABLE_ROWS], title)
