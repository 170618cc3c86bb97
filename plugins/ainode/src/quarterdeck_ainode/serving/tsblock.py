"""TsBlock, IoTDB's columnar block, as it crosses the border of an AINode: read into numpy arrays, and written from one. Pure.

Big endian throughout::

    int32 number of value columns | one type byte for each
    int32 number of rows | one encoding byte for each column, the time column's first
    the time column, then each value column:
        byte: whether it may hold nulls [ | one bit for each row, highest first, set where a value is missing ] | values that are not missing

Encodings: 0 booleans (one bit for each row, missing or not, packed as the bits for missing values), 1 four bytes, 2 eight bytes, 3 texts
(refused), 4 one value repeated (an encoding byte, then a column of one row).
The source of the layout is the reader and the writer of IoTDB's Python client (`iotdb.tsfile.utils.tsblock_serde`).
"""

from enum import IntEnum

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

#: Value columns of one block; the DataNode sends one.
MOST_COLUMNS = 1_000
#: Rows of one block. A run-length column needs no bytes for its rows, so their number must be bounded by itself.
MOST_ROWS = 8_000_000


class ColumnType(IntEnum):
    """Types of values, by IoTDB's numbers, that can be taken for numbers."""

    BOOLEAN = 0
    INT32 = 1
    INT64 = 2
    FLOAT = 3
    DOUBLE = 4


class Encoding(IntEnum):
    """How a column's values are laid out."""

    BOOLEANS = 0
    FOUR_BYTES = 1
    EIGHT_BYTES = 2
    TEXTS = 3
    RUN_LENGTH = 4


class TsBlock(Struct, frozen=True):
    """Times and columns of equal length; a missing value is NaN."""

    times: NDArray[np.int64]
    columns: tuple[NDArray[np.float64], ...]


class TsBlockError(Exception):
    """Bytes that are no TsBlock of numbers; the sentence says where."""


_TYPE_NAMES = {5: "TEXT", 8: "TIMESTAMP", 9: "DATE", 10: "BLOB", 11: "STRING", 12: "OBJECT"}
_LAYOUT = {
    ColumnType.BOOLEAN: (Encoding.BOOLEANS, np.dtype("u1")),
    ColumnType.INT32: (Encoding.FOUR_BYTES, np.dtype(">i4")),
    ColumnType.INT64: (Encoding.EIGHT_BYTES, np.dtype(">i8")),
    ColumnType.FLOAT: (Encoding.FOUR_BYTES, np.dtype(">f4")),
    ColumnType.DOUBLE: (Encoding.EIGHT_BYTES, np.dtype(">f8")),
}


class _Bytes:
    """A place in the block; never reads beyond its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int, what: str) -> bytes:
        if size > self.left:
            raise TsBlockError(f"the block ends at byte {len(self._data)} inside {what}, which needs {size} more")
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self, what: str) -> int:
        return int.from_bytes(self.take(4, what), "big", signed=True)

    def array(self, kind: np.dtype, count: int, what: str) -> NDArray:
        return np.frombuffer(self.take(kind.itemsize * count, what), kind)


def decode_tsblock(data: bytes) -> TsBlock:
    """Reads a block of numbers; raises TsBlockError for anything else, before memory is taken for it."""
    source = _Bytes(data)
    width = source.number("the number of columns")
    if not 0 <= width <= MOST_COLUMNS:
        raise TsBlockError(f"the block has {width} value columns; at most {MOST_COLUMNS} are read")
    types = [_column_type(code, index) for index, code in enumerate(source.take(width, "the types of the columns"))]
    rows = source.number("the number of rows")
    if not 0 <= rows <= MOST_ROWS:
        raise TsBlockError(f"the block has {rows} rows; at most {MOST_ROWS} are read")
    encodings = source.take(width + 1, "the encodings of the columns")
    times, missing = _column(source, ColumnType.INT64, encodings[0], rows, "the time column")
    if missing is not None:
        raise TsBlockError("the time column has missing values")
    columns = tuple(
        _numbers(*_column(source, kind, encodings[index + 1], rows, f"column {index}"))
        for index, kind in enumerate(types)
    )
    if source.left:
        raise TsBlockError(f"{source.left} bytes follow the last column")
    return TsBlock(times.astype(np.int64), columns)


def _column_type(code: int, index: int) -> ColumnType:
    try:
        return ColumnType(code)
    except ValueError:
        name = _TYPE_NAMES.get(code, f"type {code}")
        raise TsBlockError(f"column {index} is {name}; only numbers and booleans can be computed with") from None


def _column(
    source: _Bytes, kind: ColumnType, encoding: int, rows: int, what: str
) -> tuple[NDArray, NDArray[np.bool_] | None]:
    """One column's values, with anything where one is missing, and which ones are missing (None when none is)."""
    expected, layout = _LAYOUT[kind]
    if encoding == Encoding.RUN_LENGTH:
        inner = source.take(1, f"the inner encoding of {what}")[0]
        if inner == Encoding.RUN_LENGTH:
            raise TsBlockError(f"{what} is run-length encoded twice")
        value, missing = _column(source, kind, inner, 1, what)
        if rows and missing is not None:
            return np.zeros(rows, layout), np.ones(rows, np.bool_)
        return np.repeat(value, rows), None
    if encoding != expected:
        raise TsBlockError(f"{what} has encoding {encoding}, and values of type {kind.name} have {expected.value}")
    missing = _missing(source, rows, what)
    if kind is ColumnType.BOOLEAN:
        return _bits(source, rows, what), missing
    if missing is None:
        return source.array(layout, rows, what), None
    values = np.zeros(rows, layout)
    values[~missing] = source.array(layout, int(rows - missing.sum()), what)
    return values, missing


def _missing(source: _Bytes, rows: int, what: str) -> NDArray[np.bool_] | None:
    flag = source.take(1, f"the flag for missing values of {what}")[0]
    if flag == 0:
        return None
    missing = _bits(source, rows, f"the missing values of {what}").astype(np.bool_)
    return missing if missing.any() else None


def _bits(source: _Bytes, rows: int, what: str) -> NDArray[np.uint8]:
    """One bit for each row, highest first, as bytes of 0 and 1."""
    return np.unpackbits(np.frombuffer(source.take((rows + 7) // 8, what), np.uint8), count=rows)


def _numbers(values: NDArray, missing: NDArray[np.bool_] | None) -> NDArray[np.float64]:
    numbers = values.astype(np.float64)
    if missing is not None:
        numbers[missing] = np.nan
    return numbers


def encode_doubles(values: NDArray[np.float64]) -> bytes:
    """A block with one DOUBLE column and times of zero: the DataNode fills them in."""
    rows = len(values)
    head = (1).to_bytes(4, "big") + bytes([ColumnType.DOUBLE]) + rows.to_bytes(4, "big")
    encodings = bytes([Encoding.EIGHT_BYTES, Encoding.EIGHT_BYTES])
    return b"".join((head, encodings, b"\0", bytes(8 * rows), b"\0", np.asarray(values, ">f8").tobytes()))
