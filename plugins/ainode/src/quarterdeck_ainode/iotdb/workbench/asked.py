"""What a request of the workbench asks for, looked up in the cluster and checked: the same for its preview and for its job."""

from typing import Any

from msgspec import Struct

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.data.spans import asked_span
from quarterdeck_ainode.iotdb.series import Series, TreeSeries, parse_series
from quarterdeck_ainode.iotdb.workbench.entrants import ClusterEntrant, ClusterFacts, Entrant, choose
from quarterdeck_ainode.iotdb.workbench.facts import cluster_facts
from quarterdeck_ainode.iotdb.workbench.horizon_times import Times, function_times, future_times
from quarterdeck_ainode.iotdb.workbench.judging import possible_folds
from quarterdeck_ainode.iotdb.workbench.parameters import (
    BEST,
    LOCAL,
    LONGEST_INPUT,
    LONGEST_OUTPUT,
    SeriesForecastParameters,
)
from quarterdeck_ainode.iotdb.workbench.running import Course
from quarterdeck_ainode.iotdb.workbench.targets import Target, plan_target, require_overwrite
from quarterdeck_ainode.iotdb.workbench.window import SeriesWindow, read_window
from quarterdeck_ainode.models.folds import Fold
from quarterdeck_api.errors import UnsupportedError, UsageError
from quarterdeck_api.resources import Address


class AskedForecast(Struct, frozen=True):
    """A forecast that can be carried out. `times` are those of the forecast; `target` is where it is written, None when nowhere."""

    course: Course
    entrants: tuple[Entrant, ...]
    times: Times
    target: Target | None
    notices: tuple[str, ...]


def asked_forecast(
    client: IotdbClient,
    address: str,
    wanted: SeriesForecastParameters,
    settings: dict[str, Any],
) -> AskedForecast:
    """Reads what is needed and decides everything but the numbers; raises QuarterdeckError with a remedy for what cannot be."""
    series = parse_series(Address.parse(address).name)
    facts = cluster_facts(client, wanted.models)
    entrants = choose(wanted.models, settings, facts, keep_shift=wanted.shift == "keep")
    remote = [each for each in entrants if isinstance(each, ClusterEntrant)]
    if remote:
        check_limits(wanted.window, wanted.horizon + any(each.late for each in remote))
        _check_function(series, facts)
    _check_writing(wanted, entrants)
    window = asked_window(client, series, wanted.window, wanted.start, wanted.end, wanted.nulls, address)
    folds, said = possible_folds(len(window.times), wanted.horizon, wanted.folds)
    times = future_times(window.times, window.observed.axis, window.regular, wanted.horizon, window.unit)
    target = plan_target(client, wanted.write_to, series, times) if wanted.write_to else None
    if target is not None:
        require_overwrite(target, wanted.overwrite)
    _check_ranked(wanted, entrants, folds)
    course = Course(window, folds, wanted.horizon, wanted.level, wanted.nulls == "drop", facts.version.forecast_input)
    notices = (*window.notices, *said, *cluster_notices(facts, remote), *_axis(window, times, remote))
    return AskedForecast(course, entrants, times, target, notices)


def asked_window(
    client: IotdbClient, series: Series, rows: int, start: str, end: str, nulls: str, address: str
) -> SeriesWindow:
    """The rows that are meant; raises QuarterdeckError for those that no model can use."""
    stretch = asked_span(start, end, client.precision())
    return read_window(client, series, rows, stretch, drop_nulls=nulls == "drop", address=address)


def check_limits(rows: int, length: int) -> None:
    """Raises UsageError for more than the server's functions take, or an AINode gives."""
    if rows > LONGEST_INPUT:
        raise UsageError(
            f"the cluster's models take {LONGEST_INPUT} rows at most, and the window is {rows}: the server would drop the oldest",
            f"use --window {LONGEST_INPUT} or less, or the local engine's models alone",
        )
    if length > LONGEST_OUTPUT:
        raise UsageError(
            f"an AINode gives {LONGEST_OUTPUT} values at most, and {length} are needed", "use a shorter horizon"
        )


def cluster_notices(facts: ClusterFacts, remote: list[ClusterEntrant]) -> tuple[str, ...]:
    """What is to be known before the cluster's models are asked."""
    said: list[str] = []
    cold = [each.name for each in remote if facts.loaded is not None and each.name not in facts.loaded]
    if cold:
        said.append(f"not loaded, so the first answer takes longer: {', '.join(cold)} (model.load keeps them ready)")
    if facts.ours is None and remote:
        said.append(
            "this user may not see whose AINode answers: the sktime models of the official one are a step late, and are not corrected here"
        )
    late = [each.name for each in remote if each.late]
    if late:
        said.append(
            f"the official AINode begins its sktime models' forecasts at the last observation: of {', '.join(late)} one step more "
            "is asked for and the first left out; its answers are rounded to float32"
        )
    return tuple(said)


def _axis(window: SeriesWindow, times: Times, remote: list[ClusterEntrant]) -> tuple[str, ...]:
    said: list[str] = []
    if remote and function_times(window.times, len(times)).tolist() != times.tolist():
        said.append(
            "the server would put the forecasts at multiples of the mean distance between rows; "
            f"they are put where {window.observed.axis.frequency} puts them"
        )
    if remote and window.data_type != "DOUBLE" and not isinstance(window.series, TreeSeries):
        said.append(
            f"{window.label} is {window.data_type}, to which the server would cast its forecasts back: it is sent as DOUBLE"
        )
    return tuple(said)


def _check_function(series: Series, facts: ClusterFacts) -> None:
    version = facts.version
    there = version.tree_forecast if isinstance(series, TreeSeries) else bool(version.forecast_input)
    if not there:
        raise UnsupportedError(
            f"{version.title} has no function FORECAST for this series",
            f"use the local engine's models ({LOCAL}NAME), or series.infer where the series is one of the tree",
        )


def _check_writing(wanted: SeriesForecastParameters, entrants: tuple[Entrant, ...]) -> None:
    names = [each.name for each in entrants]
    if wanted.write_model != BEST and not wanted.write_to:
        raise UsageError(
            f"the forecast of {wanted.write_model} is to be written, and nothing says where",
            "name a series with --write-to, or leave --write-model out",
        )
    if wanted.write_model != BEST and wanted.write_model not in names:
        raise UsageError(
            f"{wanted.write_model!r} is not among the models", f"write {BEST}, or one of: {', '.join(names)}"
        )


def _check_ranked(wanted: SeriesForecastParameters, entrants: tuple[Entrant, ...], folds: tuple[Fold, ...]) -> None:
    if wanted.write_to and wanted.write_model == BEST and len(entrants) > 1 and not folds:
        raise UsageError(
            "nothing ranks the models, so which one's forecast is to be written is open",
            "name it with --write-model, or rank them with --folds 1 or more",
        )
