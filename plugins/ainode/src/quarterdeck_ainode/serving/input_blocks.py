"""What a DataNode sends to be computed with: a block of numbers. Pure; nothing in it is trusted."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.tsblock import MOST_ROWS, BlockReader, Encoding, StoredColumn, TsBlockError
from quarterdeck_ainode.value_types import ValueType

#: Value columns of one block; the DataNode sends one.
MOST_COLUMNS = 1_000

#: Values of one block in all its columns: as many as the longest column has, because booleans take 64 times their bytes.
MOST_VALUES = MOST_ROWS

#: Of them, and of times, those that are repeated: they need no bytes at all, and no model takes a fifth as many.
MOST_REPEATED = 500_000

#: Types that can be taken for numbers.
NUMERIC = (ValueType.BOOLEAN, ValueType.INT32, ValueType.INT64, ValueType.FLOAT, ValueType.DOUBLE)


class InputBlock(Struct, frozen=True):
    """Times and columns of equal length; a missing value is NaN."""

    times: NDArray[np.int64]
    columns: tuple[NDArray[np.float64], ...]


def read_input_block(data: bytes) -> InputBlock:
    """Reads a block of numbers; raises TsBlockError for anything else, before memory is taken for it."""
    source = BlockReader(data)
    header = source.header(MOST_COLUMNS)
    if header.rows * len(header.types) > MOST_VALUES:
        raise TsBlockError(
            f"the block has {header.rows} rows of {len(header.types)} value columns; at most {MOST_VALUES} values are read"
        )
    repeated = header.rows * header.encodings.count(Encoding.REPEATED)
    if repeated > MOST_REPEATED:
        raise TsBlockError(f"the block has {repeated} values that are repeated; at most {MOST_REPEATED} are read")
    types = [_numeric(code, index) for index, code in enumerate(header.types)]
    times = source.column(ValueType.INT64, header.encodings[0], header.rows, "the time column")
    if times.missing is not None:
        raise TsBlockError("the time column has missing values")
    columns = tuple(
        _numbers(source.column(kind, header.encodings[index + 1], header.rows, f"column {index}"))
        for index, kind in enumerate(types)
    )
    if source.left:
        raise TsBlockError(f"{source.left} bytes follow the last column")
    return InputBlock(times.values.astype(np.int64, copy=False), columns)


def _numeric(code: int, index: int) -> ValueType:
    known = code in tuple(ValueType)
    if not known or ValueType(code) not in NUMERIC:
        name = ValueType(code).name if known else f"type {code}"
        raise TsBlockError(f"column {index} is {name}; only numbers and booleans can be computed with")
    return ValueType(code)


def _numbers(stored: StoredColumn) -> NDArray[np.float64]:
    if stored.missing is None:
        return stored.values.astype(np.float64, copy=False)
    numbers = stored.values.astype(np.float64)
    numbers[stored.missing] = np.nan
    return numbers
