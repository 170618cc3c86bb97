"""A tablet: many rows of one device or table, column by column, as they are written in one request."""

from enum import IntEnum

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.value_types import ValueType


class ColumnCategory(IntEnum):
    """What a column is in the table dialect: tags name a series, attributes describe it, fields are measured."""

    TAG = 0
    FIELD = 1
    ATTRIBUTE = 2


class TabletColumn(Struct, frozen=True):
    """One column; `name` is a bare measurement or column name.

    `values` has one entry per row: bool, int32, int64, float32, float64 (any number is cast to the type), int64 in the server's time
    precision for TIMESTAMP, datetime64 for DATE, str or bytes in an object array for TEXT, STRING and BLOB. `missing` is True where a row
    has no value (what `values` holds there does not matter), None when every row has one; NaN in a float column is written as NaN.
    """

    name: str
    type: ValueType
    values: NDArray[np.generic]
    missing: NDArray[np.bool_] | None = None
    category: ColumnCategory = ColumnCategory.FIELD


class Tablet(Struct, frozen=True):
    """Rows to write. With a `database` it goes to its table `target` (table dialect), else to the device `target` (tree dialect).

    `times` are int64 in the server's precision, in any order; of rows with equal times (and tags) the last one stays. `aligned` is for the
    tree dialect: whether the device's series share their times; it has to be as the device was created.
    """

    target: str
    times: NDArray[np.int64]
    columns: tuple[TabletColumn, ...]
    database: str = ""
    aligned: bool = False

    @property
    def points(self) -> int:
        """Values that are written: rows times fields, less what is missing."""
        fields = [each for each in self.columns if each.category is ColumnCategory.FIELD]
        return sum(len(self.times) - (0 if each.missing is None else int(each.missing.sum())) for each in fields)
