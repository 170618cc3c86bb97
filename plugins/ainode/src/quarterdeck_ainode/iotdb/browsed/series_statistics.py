"""How much each series of a page has: count, first and last time, last value, with few statements and within few seconds.

What cannot be had in time stays empty: a page is worth more than its statistics.
"""

import time
from collections.abc import Callable, Sequence

from msgspec import Struct

from quarterdeck_ainode.iotdb.browsed import schema_statements
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient, Purpose
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.rows import Rows
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.resources import Cell

#: Seconds for the statistics of a page, and series of a statement.
STATISTICS_SECONDS = 3.0
_CHUNK = 100
#: Letters of a value that a table shows.
_VALUE_LETTERS = 80


class Extent(Struct, frozen=True):
    """How much a series has; times in Unix seconds. What is None is not known."""

    points: int | None = None
    first: float | None = None
    last: float | None = None
    value: str | None = None


def tree_extents(client: IotdbClient, paths: Sequence[str], seconds: float = STATISTICS_SECONDS) -> dict[str, Extent]:
    """By path, for the series that have any value or are known to have none."""
    deadline = _Deadline(seconds)
    found: dict[str, Extent] = {}
    latest: dict[str, tuple[float, str]] = {}
    ticks = float(client.precision())
    for chunk in _chunks(paths):
        rows = _asked(client, schema_statements.last_values(chunk), Dialect.TREE, deadline)
        for at, path, value, *_ in rows.values if rows is not None else ():
            latest[str(path)] = (_seconds(at, ticks) or 0.0, value_text(value))
    for chunk in _chunks(paths):
        rows = _asked(client, schema_statements.extents(chunk), Dialect.TREE, deadline)
        told = dict(zip(rows.columns, rows.values[0], strict=True)) if rows is not None and rows.values else {}
        for path in chunk:
            count, first = told.get(f"count({path})"), told.get(f"min_time({path})")
            at, value = latest.get(path, (None, None))
            found[path] = Extent(_whole(count), _seconds(first, ticks), at, value)
    return found


def column_extents(
    client: IotdbClient,
    database: str,
    table: str,
    columns: Sequence[str],
    tags: Sequence[tuple[str, str]] = (),
    seconds: float = STATISTICS_SECONDS,
) -> dict[str, Extent]:
    """By column, of the rows with these tags."""
    deadline = _Deadline(seconds)
    ticks = float(client.precision())
    found: dict[str, Extent] = {}
    for chunk in _chunks(columns):
        statement = schema_statements.column_extents(database, table, chunk, tags)
        rows = _asked(client, statement, Dialect.TABLE, deadline)
        if rows is None or not rows.values:
            continue
        for place, column in enumerate(chunk):
            count, first, last, value = rows.values[0][4 * place : 4 * place + 4]
            text = None if value is None else value_text(value)
            found[column] = Extent(_whole(count), _seconds(first, ticks), _seconds(last, ticks), text)
    return found


def extent_cells(extent: Extent | None) -> dict[str, Cell]:
    """The cells of a series' row."""
    if extent is None:
        return {}
    return {"points": extent.points, "first": extent.first, "last": extent.last, "value": extent.value}


class _Deadline:
    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = clock() + seconds

    @property
    def left(self) -> float:
        return self._at - self._clock()


def _asked(client: IotdbClient, statement: str, dialect: Dialect, deadline: _Deadline) -> Rows | None:
    if deadline.left <= 0:
        return None
    try:
        return client.rows(statement, dialect=dialect, purpose=Purpose.DATA, timeout=deadline.left)
    except QuarterdeckError:
        return None  # Too slow, or not permitted: the rows of the page stand without it.


def _chunks(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[place : place + _CHUNK] for place in range(0, len(names), _CHUNK)]


def _seconds(ticks_since_1970: Cell, ticks: float) -> float | None:
    return ticks_since_1970 / ticks if isinstance(ticks_since_1970, int | float) else None


def _whole(count: Cell) -> int | None:
    return int(count) if isinstance(count, int | float) else None


def value_text(value: Cell) -> str:
    """A value as the server writes it, shortened to what a table shows."""
    text = "NULL" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _VALUE_LETTERS else text[: _VALUE_LETTERS - 1] + "…"
