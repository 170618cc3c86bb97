"""Reading rows of a cluster in the order of their times, page by page, each of which can be asked for again."""

from collections.abc import Callable, Generator
from contextlib import closing

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.iotdb.client.cluster_client import FETCH_ROWS, IotdbClient, Purpose
from quarterdeck_ainode.iotdb.client.rows import ColumnBatch
from quarterdeck_ainode.iotdb.data.statements import ALL_TIMES, Source, Span, extent_statement, page_statement
from quarterdeck_api.errors import ProtocolError, UsageError
from quarterdeck_api.resources import Cell

#: Rows of one query: a few seconds of the server, and what an attempt that fails has to read again.
PAGE_ROWS = 500_000


#: Values of one batch at most, whatever the number of columns: 16 MB.
_BATCH_VALUES = 2_000_000


class Extent(Struct, frozen=True):
    """How much there is: rows (of several series at least so many), and the first and the last time; None without rows."""

    rows: int
    first: int | None
    last: int | None


class NumberBatch(Struct, frozen=True):
    """Some rows: times of the server, and for each column as many float64, NaN where a value is missing."""

    times: NDArray[np.int64]
    columns: tuple[NDArray[np.float64], ...]


def read_extent(client: IotdbClient, source: Source, span: Span) -> Extent:
    """Counts what a span holds."""
    statement = extent_statement(source, span)
    found = client.rows(statement, dialect=source.dialect, purpose=Purpose.DATA)
    if not found.values:
        return Extent(0, None, None)
    [row] = found.values
    counts, firsts, lasts = ([_integer(each) for each in row[place::3]] for place in range(3))
    rows = max((each or 0 for each in counts), default=0)
    first = min((each for each in firsts if each is not None), default=None)
    last = max((each for each in lasts if each is not None), default=None)
    return Extent(rows, first, last) if rows else Extent(0, None, None)


def read_page(
    client: IotdbClient, source: Source, span: Span, after: int | None = None, rows: int = PAGE_ROWS
) -> Generator[NumberBatch]:
    """At most `rows` rows of a span after a time."""
    statement = page_statement(source, span, after, rows)
    at_once = max(1000, min(FETCH_ROWS, _BATCH_VALUES // len(source.columns)))
    with closing(client.batches(statement, dialect=source.dialect, fetch_rows=at_once)) as batches:
        for batch in batches:
            if batch.rows:
                yield numbers_of(batch, len(source.columns))


def read_all(
    client: IotdbClient,
    source: Source,
    span: Span = ALL_TIMES,
    check: Callable[[], None] = lambda: None,
    page_rows: int = PAGE_ROWS,
) -> NumberBatch:
    """All rows of a span at once, for series that fit into memory; `check` is called now and then and may raise."""
    batches: list[NumberBatch] = []
    after: int | None = None
    while True:
        page = 0
        for batch in read_page(client, source, span, after, page_rows):
            check()
            page += len(batch.times)
            batches.append(batch)
        if page < page_rows:
            break
        after = int(batches[-1].times[-1])
    times = np.concatenate([np.empty(0, np.int64), *(each.times for each in batches)])
    columns = (
        np.concatenate([np.empty(0), *(each.columns[place] for each in batches)])
        for place in range(len(source.columns))
    )
    return NumberBatch(times, tuple(columns))


def numbers_of(batch: ColumnBatch, columns: int) -> NumberBatch:
    """A batch whose first column holds times and the others numbers or booleans."""
    names = list(batch.columns)
    if len(names) != columns + 1:
        raise ProtocolError(
            f"the server sent {len(names)} columns instead of {columns + 1}", "see `quarterdeck backend test`"
        )
    times = np.asarray(batch.columns[names[0]], dtype=np.int64)
    numbers: list[NDArray[np.float64]] = []
    for name in names[1:]:
        values = np.asarray(batch.columns[name]).astype(np.float64)
        missing = batch.missing.get(name)
        if missing is not None:
            values[missing] = np.nan
        numbers.append(values)
    return NumberBatch(times, tuple(numbers))


def require_finite(batch: NumberBatch, names: tuple[str, ...], write_time: Callable[[int], str]) -> None:
    """Raises UsageError for an infinite value, which no dataset holds."""
    for name, values in zip(names, batch.columns, strict=True):
        wrong = np.flatnonzero(np.isinf(values))
        if len(wrong):
            raise UsageError(
                f"{name} is infinite at {write_time(int(batch.times[wrong[0]]))}, which no dataset holds",
                "leave that time out with --start or --end, or correct the value",
            )


def _integer(cell: Cell) -> int | None:
    return int(cell) if cell is not None else None
