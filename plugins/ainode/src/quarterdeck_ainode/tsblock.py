"""TsBlock, IoTDB's columnar block, column by column; both what a query gives and what an AINode gets come in it. Pure.

Big endian throughout::

    int32 number of value columns | one type byte for each
    int32 number of rows | one encoding byte for each column, the time column's first
    the time column, then each value column:
        byte: whether it may hold nulls [ | one bit for each row, highest first, set where a value is missing ] | values that are not missing

Encodings: 0 booleans (one bit for each row, missing or not, packed as the bits for missing values), 1 four bytes, 2 eight bytes, 3 texts
with their lengths before them, 4 one value repeated (an encoding byte, then a column of one row).
The source of the layout is the reader and the writer of IoTDB's Python client (`iotdb.tsfile.utils.tsblock_serde`).
"""

from enum import IntEnum

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.value_types import ValueType

#: Rows of one block: a column of one repeated value needs no bytes for its rows, so their number is bounded by itself.
MOST_ROWS = 8_000_000


class TsBlockError(Exception):
    """Bytes that are no TsBlock; the sentence says where."""


class Encoding(IntEnum):
    """How a column's values are laid out."""

    BOOLEANS = 0
    FOUR_BYTES = 1
    EIGHT_BYTES = 2
    TEXTS = 3
    REPEATED = 4


class Header(Struct, frozen=True):
    """What stands before the columns; `encodings` has the time column's first, `types` has none for it."""

    types: bytes
    rows: int
    encodings: bytes


class StoredColumn(Struct, frozen=True):
    """A column as it is stored: numbers in the machine's byte order, texts as bytes in an object array; anything where one is missing.

    `missing` is true where a value is missing, None when none is.
    """

    values: NDArray[np.generic]
    missing: NDArray[np.bool_] | None


_LAYOUTS = {
    ValueType.BOOLEAN: (Encoding.BOOLEANS, np.dtype("u1")),
    ValueType.INT32: (Encoding.FOUR_BYTES, np.dtype(">i4")),
    ValueType.DATE: (Encoding.FOUR_BYTES, np.dtype(">i4")),
    ValueType.FLOAT: (Encoding.FOUR_BYTES, np.dtype(">f4")),
    ValueType.INT64: (Encoding.EIGHT_BYTES, np.dtype(">i8")),
    ValueType.TIMESTAMP: (Encoding.EIGHT_BYTES, np.dtype(">i8")),
    ValueType.DOUBLE: (Encoding.EIGHT_BYTES, np.dtype(">f8")),
    ValueType.TEXT: (Encoding.TEXTS, np.dtype("O")),
    ValueType.STRING: (Encoding.TEXTS, np.dtype("O")),
    ValueType.BLOB: (Encoding.TEXTS, np.dtype("O")),
}


class BlockReader:
    """A place in a block. Nothing is read beyond the end, and no memory is taken for values that are not there.

    Every method raises TsBlockError.
    """

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes that were not read yet."""
        return len(self._data) - self._at

    def header(self, most_columns: int) -> Header:
        """What stands before the columns."""
        width = self._number("the number of columns")
        if not 0 <= width <= most_columns:
            raise TsBlockError(f"the block has {width} value columns; at most {most_columns} are read")
        types = bytes(self._take(width, "the types of the columns"))
        rows = self._number("the number of rows")
        if not 0 <= rows <= MOST_ROWS:
            raise TsBlockError(f"the block has {rows} rows; at most {MOST_ROWS} are read")
        return Header(types, rows, bytes(self._take(width + 1, "the encodings of the columns")))

    def column(self, kind: ValueType, encoding: int, rows: int, what: str) -> StoredColumn:
        """The next column, of this type; `what` names it in an error."""
        expected, layout = _LAYOUTS[kind]
        if encoding == Encoding.REPEATED:
            return self._repeated(kind, rows, what)
        if encoding != expected:
            raise TsBlockError(f"{what} has encoding {encoding}, and values of type {kind.name} have {expected.value}")
        missing = self._missing(rows, what)
        if expected is Encoding.BOOLEANS:
            return StoredColumn(self._bits(rows, what), missing)
        count = rows if missing is None else rows - int(missing.sum())
        # A copy in the machine's byte order: the block itself can be let go.
        present = self._texts(count, what) if expected is Encoding.TEXTS else self._numbers(layout, count, what)
        if missing is None:
            return StoredColumn(present, None)
        values = np.zeros(rows, present.dtype)
        values[~missing] = present
        return StoredColumn(values, missing)

    def skip_column(self, encoding: int, rows: int, what: str) -> None:
        """Passes over the next column, whatever its type is."""
        inner = self._data[self._at] if encoding == Encoding.REPEATED and self.left else encoding
        kind = next((kind for kind, (layout, _) in _LAYOUTS.items() if layout == inner), ValueType.INT64)
        self.column(kind, encoding, rows, what)

    def _repeated(self, kind: ValueType, rows: int, what: str) -> StoredColumn:
        inner = self._take(1, f"the inner encoding of {what}")[0]
        if inner == Encoding.REPEATED:
            raise TsBlockError(f"{what} is repeated twice")
        one = self.column(kind, inner, 1, what)
        missing = None if one.missing is None else np.repeat(one.missing, rows)
        return StoredColumn(np.repeat(one.values, rows), missing)

    def _missing(self, rows: int, what: str) -> NDArray[np.bool_] | None:
        if not self._take(1, f"the flag for missing values of {what}")[0]:
            return None
        missing = self._bits(rows, f"the missing values of {what}")
        return missing if missing.any() else None

    def _bits(self, rows: int, what: str) -> NDArray[np.bool_]:
        """One bit for each row, highest first."""
        packed = np.frombuffer(self._take((rows + 7) // 8, what), np.uint8)
        return np.unpackbits(packed, count=rows).astype(np.bool_)

    def _numbers(self, layout: np.dtype, count: int, what: str) -> NDArray[np.generic]:
        found = np.frombuffer(self._take(layout.itemsize * count, what), layout)
        return found.astype(layout.newbyteorder("="))

    def _texts(self, count: int, what: str) -> NDArray[np.object_]:
        found: list[bytes] = []
        for _ in range(count):
            found.append(bytes(self._take(self._number(f"the length of a text of {what}"), f"a text of {what}")))
        values = np.empty(count, np.object_)
        values[:] = found
        return values

    def _number(self, what: str) -> int:
        return int.from_bytes(self._take(4, what), "big", signed=True)

    def _take(self, size: int, what: str) -> memoryview:
        if not 0 <= size <= self.left:
            raise TsBlockError(f"the block ends at byte {len(self._data)} inside {what}, which needs {size} bytes")
        self._at += size
        return self._data[self._at - size : self._at]


def encode_doubles(values: NDArray[np.float64]) -> bytes:
    """A block with one DOUBLE column and times of zero, as an AINode answers: the DataNode fills the times in."""
    rows = len(values)
    head = (1).to_bytes(4, "big") + bytes([ValueType.DOUBLE]) + rows.to_bytes(4, "big")
    encodings = bytes([Encoding.EIGHT_BYTES, Encoding.EIGHT_BYTES])
    return b"".join((head, encodings, b"\0", bytes(8 * rows), b"\0", np.asarray(values, ">f8").tobytes()))
