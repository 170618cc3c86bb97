"""The rows of a series that a statement will see, read beforehand: checked, counted, and put on a time axis of our own."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient, Purpose
from quarterdeck_ainode.iotdb.data.statements import Span
from quarterdeck_ainode.iotdb.series import Series, TreeSeries
from quarterdeck_ainode.iotdb.table_columns import read_table_columns
from quarterdeck_ainode.iotdb.workbench.horizon_times import pandas_times
from quarterdeck_ainode.iotdb.workbench.sql_names import tree_path
from quarterdeck_ainode.iotdb.workbench.statements import (
    USUAL_TIME,
    Statement,
    last_value_query,
    nulls_query,
    times_query,
    window_query,
)
from quarterdeck_ainode.models.observations import Observations
from quarterdeck_ainode.serving.engine_settings import TimeUnit
from quarterdeck_ainode.serving.statement_axis import statement_axis
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, UsageError

_NUMBERS = ("INT32", "INT64", "FLOAT", "DOUBLE")


class SeriesWindow(Struct, frozen=True):
    """The last rows of a series, oldest first, each with a value.

    `times` are in the server's precision (`unit`), `regular` is whether they are equally spaced (or by the calendar), `statement` is what
    read them, `time` the name of their column in a table.
    """

    series: Series
    data_type: str
    unit: TimeUnit
    times: NDArray[np.int64]
    observed: Observations
    regular: bool
    statement: Statement
    notices: tuple[str, ...]
    time: str = USUAL_TIME

    @property
    def values(self) -> NDArray[np.float64]:
        """The values, of the times' length."""
        return self.observed.values

    @property
    def stretch(self) -> Span:
        """From the first to the last time."""
        return Span(int(self.times[0]), int(self.times[-1]))

    @property
    def label(self) -> str:
        """What is measured, in one word."""
        return self.observed.column


def time_unit(client: IotdbClient) -> TimeUnit:
    """The precision in which the cluster counts time."""
    return TimeUnit(client.precision().name)


def tree_type(client: IotdbClient, series: TreeSeries) -> str | None:
    """The type of a series of the tree as the server names it (`DOUBLE`); None when there is no such series."""
    found = client.rows(f"SHOW TIMESERIES {tree_path(series.path).text}")
    return next((row["datatype"].upper() for row in found.texts()), None)


def read_window(
    client: IotdbClient, series: Series, rows: int, stretch: Span, *, drop_nulls: bool, address: str
) -> SeriesWindow:
    """The last `rows` rows of a stretch, checked.

    Raises NotFoundError for a series that does not exist, QuarterdeckError for what no model can use: no rows or a single one, missing
    values unless they are to be dropped, several rows at one time, values that are not finite.
    """
    data_type, time = _type_and_time(client, series)
    if data_type is None:
        raise NotFoundError(f"there is no series {series.name}", "see `quarterdeck get series`", address)
    if data_type not in _NUMBERS:
        raise UsageError(
            f"{series.name} is {data_type}, and models take numbers",
            f"choose a series of type {', '.join(_NUMBERS)}",
            address,
        )
    unit = time_unit(client)
    stretch, unseen = _up_to_last_value(client, series, stretch, time)
    statement = window_query(series, rows, stretch, drop_nulls=drop_nulls, time=time)
    times, values, missing = _read(client, statement)
    _check(series, times, values, missing, unit, address)
    axis, assumed = statement_axis(times, unit)
    observed = Observations(address, column_label(series), values, axis)
    left_out = _left_out(client, series, Span(int(times[0]), int(times[-1])), time) if drop_nulls else ()
    notices = (*unseen, *left_out, *assumed)
    return SeriesWindow(series, data_type, unit, times, observed, not assumed, statement, notices, time)


def column_label(series: Series) -> str:
    """What a series measures, in one word."""
    if isinstance(series, TreeSeries):
        return tree_path(series.path).label
    return series.column


def times_in(
    client: IotdbClient,
    series: Series,
    stretch: Span,
    most: int,
    without: Sequence[str] = (),
    time: str = USUAL_TIME,
) -> NDArray[np.int64]:
    """The times at which a series has values in a stretch, at most so many; of rows that lack the tags `without`."""
    statement = times_query(series, stretch, most, without, time)
    parts = [
        next(iter(batch.columns.values())).astype(np.int64)
        for batch in client.batches(statement.text, dialect=statement.dialect)
        if batch.rows
    ]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def _type_and_time(client: IotdbClient, series: Series) -> tuple[str | None, str]:
    """The type of a series, None when there is none, and the name of its table's column of times."""
    if isinstance(series, TreeSeries):
        return tree_type(client, series), USUAL_TIME
    columns = read_table_columns(client, series.database, series.table)
    column = columns.named(series.column) if columns is not None else None
    return (column.type, columns.time) if columns is not None and column is not None else (None, USUAL_TIME)


def _up_to_last_value(client: IotdbClient, series: Series, stretch: Span, time: str) -> tuple[Span, tuple[str, ...]]:
    """The stretch up to the last row with a value, and a sentence when rows come after it: such as those of a forecast beside it."""
    if isinstance(series, TreeSeries):
        return stretch, ()
    statement = last_value_query(series, stretch, time)
    found = client.rows(statement.text, dialect=statement.dialect, purpose=Purpose.DATA).values
    if not found or not isinstance(found[0][0], int):
        return stretch, ()
    last = found[0][0]
    later = nulls_query(series, Span(last + 1, stretch.last), time)
    [[count]] = client.rows(later.text, dialect=later.dialect, purpose=Purpose.DATA).values
    said = (f"{count} rows after the last value have none yet and are left out",) if count else ()
    return Span(stretch.first, last), said


def _left_out(client: IotdbClient, series: Series, stretch: Span, time: str) -> tuple[str, ...]:
    """How many rows without a value lie in a stretch, as a sentence; a series of the tree has none by its nature."""
    if isinstance(series, TreeSeries):
        return ()
    statement = nulls_query(series, stretch, time)
    [[count]] = client.rows(statement.text, dialect=statement.dialect, purpose=Purpose.DATA).values
    return (f"{count} rows without a value are left out",) if count else ()


def _read(
    client: IotdbClient, statement: Statement
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Times and values of a query, oldest first, and where there is none."""
    times: list[NDArray[np.int64]] = []
    values: list[NDArray[np.float64]] = []
    missing: list[NDArray[np.bool_]] = []
    for batch in client.batches(statement.text, dialect=statement.dialect):
        if batch.rows:
            (_, moments), (name, found) = batch.columns.items()
            times.append(moments.astype(np.int64))
            values.append(found.astype(np.float64))
            missing.append(batch.missing.get(name, np.zeros(batch.rows, dtype=np.bool_)))
    if not times:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float64), np.empty(0, dtype=np.bool_)
    return np.concatenate(times)[::-1].copy(), np.concatenate(values)[::-1].copy(), np.concatenate(missing)[::-1]


def _check(
    series: Series,
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    missing: NDArray[np.bool_],
    unit: TimeUnit,
    address: str,
) -> None:
    count, nulls = len(times), int(np.count_nonzero(missing))
    if not count:
        raise QuarterdeckError(f"{series.name} has no rows there", "choose another time range", address)
    if nulls:
        raise QuarterdeckError(
            f"{nulls} of the {count} rows of {series.name} have no value (at {_places(times[missing], unit)}), "
            "and the server would take each for 0.0",
            "leave them out with --nulls drop, or choose another time range",
            address,
        )
    if count == 1:
        raise QuarterdeckError(
            f"{series.name} has a single row there, from which no distance between times follows",
            "choose a longer window or time range",
            address,
        )
    twice = np.flatnonzero(np.diff(times) <= 0)
    if len(twice):
        raise QuarterdeckError(
            f"{series.name} has several rows at the same time ({len(twice)} such places), so it is more than one series",
            _which_tags(series),
            address,
        )
    wrong = ~np.isfinite(values)
    if wrong.any():
        raise QuarterdeckError(
            f"{np.count_nonzero(wrong)} of the {count} rows of {series.name} hold NaN or an infinite value "
            f"(at {_places(times[wrong], unit)}), with which no model can do anything",
            "correct them, or choose another time range",
            address,
        )


def _places(times: NDArray[np.int64], unit: TimeUnit) -> str:
    shown = ", ".join(pandas_times(times[:3], unit).strftime("%Y-%m-%d %H:%M:%S"))
    return f"{shown} and so on" if len(times) > 3 else shown


def _which_tags(series: Series) -> str:
    if isinstance(series, TreeSeries):
        return "see the series' rows"
    return f'name the tags of the one that is meant, as {series.database}.{series.table}.{series.column}[TAG="value"]'
