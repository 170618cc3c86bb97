"""One forecast of one stretch: asked of a model of the cluster, or computed by the local engine; checked either way."""

import re
from collections.abc import Callable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient, Purpose
from quarterdeck_ainode.iotdb.client.faults import IotdbError, refusal
from quarterdeck_ainode.iotdb.client.rows import Rows
from quarterdeck_ainode.iotdb.data.statements import Span
from quarterdeck_ainode.iotdb.workbench.entrants import ClusterEntrant
from quarterdeck_ainode.iotdb.workbench.horizon_times import Times, function_times
from quarterdeck_ainode.iotdb.workbench.statements import Statement, forecast_statement
from quarterdeck_ainode.iotdb.workbench.window import SeriesWindow
from quarterdeck_ainode.models.backtest import Candidate, predict
from quarterdeck_ainode.models.fitting import Prediction, notices_of, recorded_warnings
from quarterdeck_ainode.models.observations import Observations
from quarterdeck_ainode.serving.engine import ENDING
from quarterdeck_api.errors import ErrorReport, QuarterdeckError, UnreachableError

#: What a model of the cluster has in place of an interval.
NO_INTERVAL = "the server gives no prediction interval"

#: What a server says, under several codes, while it does not reach an AINode.
_NOT_REACHED = "Failed to connect to AINode"
_AINODE_NOT_REACHED = 1011

#: No AINode is reached, there is none, or too many requests wait at it.
_TRANSIENT = (_AINODE_NOT_REACHED, 1013, 1521)

#: How the tree function passes on what an AINode said.
_PASSED_ON = re.compile(r"Forecast failed due to (?P<code>\d+)\s+(?P<text>.*)", re.DOTALL)


class Forecasted(Struct, frozen=True):
    """What came of one model on one stretch: a prediction, or the failure; `statement` is what the cluster was asked.

    A `transient` failure may be none when it is asked again.
    """

    seconds: float
    prediction: Prediction | None = None
    failure: ErrorReport | None = None
    statement: str = ""
    notices: tuple[str, ...] = ()
    transient: bool = False


class LocalTask(Struct, frozen=True):
    """A model of the local engine and what it learns from; can be sent to another process."""

    candidate: Candidate
    training: Observations
    horizon: int
    level: float
    clock: Callable[[], float]


def forecast_locally(task: LocalTask) -> Forecasted:
    """Fits and forecasts; what the model cannot do is the result's failure."""
    started = task.clock()
    try:
        with recorded_warnings() as raised:
            prediction, notices = predict(task.candidate, task.training, task.horizon, task.level)
    except QuarterdeckError as error:
        return Forecasted(task.clock() - started, failure=error.report())
    return Forecasted(task.clock() - started, prediction, notices=(*notices, *notices_of(raised)))


def cluster_statement(
    entrant: ClusterEntrant, window: SeriesWindow, stretch: Span, horizon: int, *, drop_nulls: bool, targets: str
) -> Statement:
    """What a model of the cluster is asked; a late one for one step more, the first of which is left out."""
    length = horizon + 1 if entrant.late else horizon
    return forecast_statement(
        window.series,
        window.data_type,
        entrant.name,
        length,
        stretch,
        entrant.options,
        drop_nulls=drop_nulls,
        targets=targets,
        time=window.time,
    )


def forecast_in_cluster(
    client: IotdbClient,
    entrant: ClusterEntrant,
    window: SeriesWindow,
    training: slice,
    horizon: int,
    clock: Callable[[], float],
    *,
    drop_nulls: bool,
    targets: str,
    log: Callable[[str], None],
) -> Forecasted:
    """Asks a model of the cluster for the steps after a part of the window; what it refuses is the result's failure.

    The statement is logged before it is sent.

    Raises UnreachableError when the cluster does not answer.
    """
    times = window.times[training]
    stretch = Span(int(times[0]), int(times[-1]))
    statement = cluster_statement(entrant, window, stretch, horizon, drop_nulls=drop_nulls, targets=targets)
    log(statement.text)
    started = clock()
    try:
        answer = client.rows(statement.text, dialect=statement.dialect, purpose=Purpose.INFERENCE)
    except UnreachableError:
        raise
    except QuarterdeckError as error:
        said = passed_on(error)
        transient = _may_come_back(said)
        return Forecasted(clock() - started, failure=said.report(), statement=statement.text, transient=transient)
    seconds = clock() - started
    length = horizon + 1 if entrant.late else horizon
    rows = [(row[0], row[1]) for row in answer.values]
    try:
        values = checked_values([value for _, value in rows], length, entrant.name)
    except QuarterdeckError as error:
        return Forecasted(seconds, failure=error.report(), statement=statement.text)
    if entrant.late:
        values = values[1:]
    notices = axis_notice([int(moment) for moment, _ in rows if isinstance(moment, int)], times, length)
    return Forecasted(seconds, Prediction(values, None, None, NO_INTERVAL), statement=statement.text, notices=notices)


def answered(client: IotdbClient, statement: Statement) -> Rows:
    """The answer of a model of the cluster, where it is all that a job asks for.

    Raises what the AINode refuses, and UnreachableError while it cannot be reached, or is overloaded: then the job's next attempt asks again.
    """
    try:
        return client.rows(statement.text, dialect=statement.dialect, purpose=Purpose.INFERENCE)
    except UnreachableError:
        raise
    except QuarterdeckError as error:
        said = passed_on(error)
        if _may_come_back(said):
            raise UnreachableError(said.message, said.remedy, said.address) from error
        raise said from error


def _may_come_back(error: QuarterdeckError) -> bool:
    """Whether there may be an answer when the same is asked again."""
    return isinstance(error, IotdbError) and (error.status in _TRANSIENT or ENDING in error.message)


def checked_values(found: list[object], length: int, model: str) -> NDArray[np.float64]:
    """The values that a model gave, as many as were asked for and finite; raises QuarterdeckError."""
    if len(found) != length:
        raise QuarterdeckError(
            f"{model} gave {len(found)} values, and {length} were asked for",
            "see the AINode's log, or use another horizon",
        )
    values = np.array([each if isinstance(each, int | float) else np.nan for each in found], dtype=np.float64)
    if not np.all(np.isfinite(values)):
        raise QuarterdeckError(f"{model} gave values that are no finite numbers", "use another model or window")
    return values


def axis_notice(said: list[int], times: Times, length: int) -> tuple[str, ...]:
    """A sentence when the server's times are not what its function makes up from the input, else nothing."""
    if len(said) == length and said == function_times(times, length).tolist():
        return ()
    return ("the server put its values at other times than its function documents; they are taken in their order",)


def passed_on(error: QuarterdeckError) -> QuarterdeckError:
    """What an AINode refused, or that there is none, out of the text that the tree's functions wrap around it."""
    if not isinstance(error, IotdbError):
        return error
    if _NOT_REACHED in error.message:
        return refusal(_AINODE_NOT_REACHED, _NOT_REACHED, error.address)
    found = _PASSED_ON.search(error.message)
    return refusal(int(found["code"]), found["text"], error.address) if found else error
