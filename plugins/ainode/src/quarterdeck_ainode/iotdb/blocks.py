"""TsBlock, IoTDB's columnar block, read into columns of every type. Pure.

The layout, big endian: number of value columns, a byte for the type of each, number of rows, a byte for the encoding of each column (the
time column first), then the columns: a byte that says whether values may be missing, if so a bit per row (highest first, set where one is
missing), then the values that are not missing. Encodings: 0 booleans as a bit per row, 1 four bytes each, 2 eight bytes each, 3 texts
with their lengths before them, 4 one value for all rows (its own encoding, then a column of one row).
"""

import struct
from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.iotdb.value_types import ValueType
from quarterdeck_api.errors import ProtocolError

#: Rows of one block: a column of one repeated value needs no bytes for its rows, so their number is bounded by itself.
MOST_ROWS = 8_000_000


class _Encoding(IntEnum):
    BOOLEANS = 0
    FOUR_BYTES = 1
    EIGHT_BYTES = 2
    TEXTS = 3
    REPEATED = 4


class Column(Struct, frozen=True):
    """Values as in `rows.ColumnBatch`, and where they are missing (None: nowhere)."""

    values: NDArray[np.generic]
    missing: NDArray[np.bool_] | None


class _Broken(Exception):
    """The block says something that cannot be."""


_LAYOUTS = {
    ValueType.BOOLEAN: (_Encoding.BOOLEANS, "u1"),
    ValueType.INT32: (_Encoding.FOUR_BYTES, ">i4"),
    ValueType.DATE: (_Encoding.FOUR_BYTES, ">i4"),
    ValueType.FLOAT: (_Encoding.FOUR_BYTES, ">f4"),
    ValueType.INT64: (_Encoding.EIGHT_BYTES, ">i8"),
    ValueType.TIMESTAMP: (_Encoding.EIGHT_BYTES, ">i8"),
    ValueType.DOUBLE: (_Encoding.EIGHT_BYTES, ">f8"),
    ValueType.TEXT: (_Encoding.TEXTS, "O"),
    ValueType.STRING: (_Encoding.TEXTS, "O"),
    ValueType.BLOB: (_Encoding.TEXTS, "O"),
}


def read_block(data: bytes, places: Sequence[int], types: Sequence[ValueType]) -> list[Column]:
    """The columns at `places` of the block (-1 is its time column), each of the type that was announced for it.

    Raises ProtocolError for bytes that are no block of such columns; takes no more memory than the bytes and MOST_ROWS allow.
    """
    try:
        columns = _columns(data, {place: kind for place, kind in zip(places, types, strict=True) if place >= 0})
        return [_finished(*columns[place], kind) for place, kind in zip(places, types, strict=True)]
    except (_Broken, struct.error, ValueError, KeyError, IndexError) as error:
        raise ProtocolError(
            f"the server's answer cannot be read: {error}",
            "this version of IoTDB may not be supported: see `quarterdeck backend test`",
        ) from error


_Raw = tuple[NDArray[np.generic], NDArray[np.bool_] | None]


def _columns(data: bytes, types: dict[int, ValueType]) -> dict[int, _Raw]:
    [width] = struct.unpack_from(">i", data, 0)
    if not 0 <= width <= len(data):
        raise _Broken(f"{width} columns")
    [rows] = struct.unpack_from(">i", data, 4 + width)
    if not 0 <= rows <= MOST_ROWS:
        raise _Broken(f"{rows} rows in one block")
    encodings = data[8 + width : 8 + width + width + 1]
    if len(encodings) <= width:
        raise _Broken("it ends too early")
    at = 8 + width + width + 1
    found: dict[int, _Raw] = {}
    for place in range(-1, width):
        kind = ValueType.INT64 if place < 0 else types.get(place, _any_type(encodings[place + 1], data, at))
        found[place], at = _column(data, at, encodings[place + 1], kind, rows)
    return found


def _any_type(encoding: int, data: bytes, at: int) -> ValueType:
    """A type of this encoding, for a column that nobody asked for."""
    inner = data[at] if encoding == _Encoding.REPEATED else encoding
    return next((kind for kind, (layout, _) in _LAYOUTS.items() if layout == inner), ValueType.INT64)


def _column(data: bytes, at: int, encoding: int, kind: ValueType, rows: int) -> tuple[_Raw, int]:
    expected, layout = _LAYOUTS[kind]
    if encoding == _Encoding.REPEATED:
        inner = data[at]
        if inner == _Encoding.REPEATED:
            raise _Broken("a column is repeated twice")
        (value, gone), at = _column(data, at + 1, inner, kind, 1)
        return (np.repeat(value, rows), None if gone is None else np.repeat(gone, rows)), at
    if encoding != expected:
        raise _Broken(f"a column of type {kind.name} has encoding {encoding}")
    missing, at = _missing(data, at, rows)
    if expected is _Encoding.BOOLEANS:
        values, at = _bits(data, at, rows)
        return (values, missing), at
    count = rows if missing is None else rows - int(missing.sum())
    if expected is _Encoding.TEXTS:
        present, at = _texts(data, at, count)
    else:
        stored = np.dtype(layout)
        # A copy in the machine's byte order: the answer itself can be let go.
        present = np.frombuffer(data, stored, count, at).astype(stored.newbyteorder("="))
        at += count * stored.itemsize
    if missing is None:
        return (present, None), at
    values = np.zeros(rows, present.dtype)
    values[~missing] = present
    return (values, missing), at


def _missing(data: bytes, at: int, rows: int) -> tuple[NDArray[np.bool_] | None, int]:
    if not data[at]:
        return None, at + 1
    bits, at = _bits(data, at + 1, rows)
    return (bits if bits.any() else None), at


def _bits(data: bytes, at: int, rows: int) -> tuple[NDArray[np.bool_], int]:
    size = (rows + 7) // 8
    packed = np.frombuffer(data, np.uint8, size, at)
    return np.unpackbits(packed, count=rows).astype(np.bool_), at + size


def _texts(data: bytes, at: int, count: int) -> tuple[NDArray[np.object_], int]:
    found: list[bytes] = []
    length_at = struct.Struct(">i").unpack_from
    for _ in range(count):
        [length] = length_at(data, at)
        at += 4
        if length < 0 or at + length > len(data):
            raise _Broken("a text is longer than the answer")
        found.append(data[at : at + length])
        at += length
    values = np.empty(count, np.object_)
    values[:] = found
    return values, at


def _finished(values: NDArray[np.generic], missing: NDArray[np.bool_] | None, kind: ValueType) -> Column:
    """What the type makes of the stored values, and what stands where one is missing."""
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
        raise _Broken("a date is none")
    dates = (years - 1970).astype("M8[Y]").astype("M8[M]") + (months - 1)
    found: NDArray[np.datetime64] = (dates.astype("M8[D]") + (days - 1)).astype("M8[D]")
    if missing is not None:
        found[missing] = np.datetime64("NaT")
    return found
