"""What a statement gave, as plain values: small results as rows, large ones as batches of columns."""

from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.value_types import ValueType
from quarterdeck_api.errors import ProtocolError
from quarterdeck_api.resources import Cell


class Rows(Struct, frozen=True):
    """A small result. `types` are IoTDB's names (INT32, TEXT …); times are integers in the server's precision."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    values: tuple[tuple[Cell, ...], ...]

    def column(self, name: str) -> list[Cell]:
        """The values of a column; names are compared without case. Raises ProtocolError when the server has no such column."""
        place = self.place(name)
        return [row[place] for row in self.values]

    def place(self, name: str) -> int:
        """Where a column stands."""
        for place, each in enumerate(self.columns):
            if each.lower() == name.lower():
                return place
        raise ProtocolError(
            f"the server's answer has no column {name}; it has {', '.join(self.columns) or 'none'}",
            "this version of IoTDB may not be supported: see `quarterdeck backend test`",
        )

    def texts(self) -> Iterator[Mapping[str, str]]:
        """Each row by lower-case column names, every value as text (None is empty)."""
        names = [name.lower() for name in self.columns]
        for row in self.values:
            yield {name: "" if cell is None else str(cell) for name, cell in zip(names, row, strict=True)}


class GivesRows(Protocol):
    """Whoever answers small questions."""

    def rows(self, statement: str, *, dialect: Dialect = Dialect.TREE) -> Rows:
        """The rows of a query whose result is small."""
        ...


class ColumnBatch(Struct, frozen=True):
    """Some rows of a large result, column by column.

    `columns` hold arrays of equal length: bool, int32, int64, float32 and float64 in the machine's byte order, int64 in the server's time
    precision for the time column and TIMESTAMP, datetime64[D] for DATE, str for TEXT and STRING and bytes for BLOB in object arrays.
    `missing` has a mask (True where a value is missing) for each column with missing values, and no entry for the others; at such places
    floats hold NaN, dates NaT, objects None, and integers and booleans hold 0. A name that occurs twice has ` (2)` added.
    """

    columns: Mapping[str, NDArray[np.generic]]
    rows: int
    missing: Mapping[str, NDArray[np.bool_]] = {}
    types: Mapping[str, ValueType] = {}
