"""Blocks of a query's answer, read into columns of every type. Pure."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.tsblock import BlockReader, StoredColumn, TsBlockError
from quarterdeck_ainode.value_types import ValueType
from quarterdeck_api.errors import ProtocolError


class Column(Struct, frozen=True):
    """Values as in `rows.ColumnBatch`, and where they are missing (None: nowhere)."""

    values: NDArray[np.generic]
    missing: NDArray[np.bool_] | None


def read_block(data: bytes, places: Sequence[int], types: Sequence[ValueType]) -> list[Column]:
    """The columns at `places` of the block (-1 is its time column), each of the type that was announced for it.

    Raises ProtocolError for bytes that are no block of such columns; takes no more memory than the bytes and MOST_ROWS allow.
    """
    try:
        columns = _columns(data, dict(zip(places, types, strict=True)))
        return [_finished(columns[place], kind) for place, kind in zip(places, types, strict=True)]
    except TsBlockError as error:
        raise ProtocolError(
            f"the server's answer cannot be read: {error}",
            "this version of IoTDB may not be supported: see `quarterdeck backend test`",
        ) from error


def _columns(data: bytes, types: dict[int, ValueType]) -> dict[int, StoredColumn]:
    source = BlockReader(data)
    header = source.header(most_columns=len(data))
    absent = [place for place in types if place >= len(header.types)]
    if absent:
        raise TsBlockError(f"it has {len(header.types)} columns, and column {absent[0]} was announced")
    found: dict[int, StoredColumn] = {}
    for place, encoding in enumerate(header.encodings, -1):
        what = f"column {place}" if place >= 0 else "the time column"
        if place in types:
            # The time column holds 64-bit integers, whatever type is announced for what it means.
            kind = ValueType.INT64 if place < 0 else types[place]
            found[place] = source.column(kind, encoding, header.rows, what)
        else:
            source.skip_column(encoding, header.rows, what)
    return found


def _finished(stored: StoredColumn, kind: ValueType) -> Column:
    """What the type makes of the stored values, and what stands where one is missing."""
    values, missing = stored.values, stored.missing
    if kind in (ValueType.TEXT, ValueType.STRING):
        # Bytes that are no UTF-8 are shown by the sign that stands for unknown characters.
        values = _objects([each.decode("utf-8", "replace") if isinstance(each, bytes) else None for each in values])
    elif kind is ValueType.BLOB:
        values = _objects([each if isinstance(each, bytes) else None for each in values])
    elif kind is ValueType.DATE:
        values = _dates(values.astype(np.int64), missing)
    elif kind in (ValueType.FLOAT, ValueType.DOUBLE) and missing is not None:
        values[missing] = np.nan
    return Column(values, missing)


def _objects(found: list[object]) -> NDArray[np.object_]:
    values = np.empty(len(found), np.object_)
    values[:] = found
    return values


def _dates(numbers: NDArray[np.int64], missing: NDArray[np.bool_] | None) -> NDArray[np.datetime64]:
    """Dates from numbers as 20240131."""
    known = numbers if missing is None else np.where(missing, 19700101, numbers)
    years, months, days = known // 10000, known // 100 % 100, known % 100
    if ((months < 1) | (months > 12) | (days < 1) | (days > 31)).any():
        raise TsBlockError("a date is none")
    dates = (years - 1970).astype("M8[Y]").astype("M8[M]") + (months - 1)
    found: NDArray[np.datetime64] = (dates.astype("M8[D]") + (days - 1)).astype("M8[D]")
    if missing is not None:
        found[missing] = np.datetime64("NaT")
    return found
