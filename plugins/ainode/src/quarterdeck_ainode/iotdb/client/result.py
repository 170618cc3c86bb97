"""The answer to a query: what its columns are, and their blocks, fetched part by part."""

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quarterdeck_ainode.iotdb.client.query_blocks import Column, read_block
from quarterdeck_ainode.iotdb.client.rows import ColumnBatch
from quarterdeck_ainode.value_types import ValueType
from quarterdeck_api.errors import ProtocolError, UnsupportedError
from quarterdeck_api.resources import Cell

#: The name of the time column of the tree dialect, which the server does not send.
TIME = "Time"


class Result:
    """One query's answer; read once, by `blocks` or `batches`, and released at the end or when the reader stops."""

    def __init__(
        self,
        names: Sequence[str],
        types: Sequence[ValueType],
        type_names: Sequence[str],
        places: Sequence[int],
        first: list[bytes],
        more: bool,
        fetch: Callable[[], Any],
        release: Callable[[], None],
    ) -> None:
        self.names = tuple(names)
        self.types = tuple(types)
        self.type_names = tuple(type_names)
        self._places = tuple(places)
        self._first = first
        self._more = more
        self._fetch = fetch
        self._release = release

    @classmethod
    def of(cls, answer: Any, fetch: Callable[[], Any], release: Callable[[], None]) -> "Result":
        """Reads what the server says of the columns; releases the query when they cannot be read."""
        try:
            names, types, places = _columns_of(answer)
        except BaseException:
            if answer.moreData:
                release()
            raise
        # Without time stamps of its own an answer of the tree dialect begins with the time column of the blocks.
        timed = answer.ignoreTimeStamp is False
        return cls(
            [TIME, *names] if timed else names,
            [ValueType.TIMESTAMP, *types] if timed else types,
            ["TIMESTAMP", *(each.name for each in types)] if timed else [each.name for each in types],
            [-1, *places] if timed else places,
            [*(answer.queryResult or ())],
            bool(answer.moreData),
            fetch,
            release,
        )

    def parts(self) -> Generator[list[bytes]]:
        """The blocks of each part as the server sends them."""
        try:
            part = self._first
            self._first: list[bytes] = []
            while True:
                yield part
                if not self._more:
                    return
                answer = self._fetch()
                self._more = bool(answer.moreData)
                if not answer.hasResultSet:
                    self._more = False
                    return
                part = [*(answer.queryResult or ())]
        finally:
            if self._more:
                self._more = False
                self._release()

    def blocks(self) -> Generator[list[Column]]:
        """The columns of each block."""
        parts = self.parts()
        try:
            for part in parts:
                for data in part:
                    yield read_block(data, self._places, self.types)
        finally:
            parts.close()

    def batches(self) -> Generator[ColumnBatch]:
        """The columns of each part; an empty result gives no batch."""
        parts = self.parts()
        labels = _labels(self.names)
        kinds = dict(zip(labels, self.types, strict=True))
        try:
            for part in parts:
                blocks = [read_block(data, self._places, self.types) for data in part]
                blocks = [block for block in blocks if block and len(block[0].values)]
                if blocks:
                    yield _joined(blocks, labels, kinds)
        finally:
            parts.close()

    def cells(self, block: list[Column]) -> Iterator[tuple[Cell, ...]]:
        """The rows of a block as plain values."""
        return zip(*(_cells(column, kind) for column, kind in zip(block, self.types, strict=True)), strict=True)


def _columns_of(answer: Any) -> tuple[list[str], list[ValueType], list[int]]:
    names: list[str] = list(answer.columns or ())
    said: list[str] = list(answer.dataTypeList or ())
    places = answer.columnIndex2TsBlockColumnIndexList
    places = list(range(len(names))) if places is None else list(places)
    if not len(names) == len(said) == len(places):
        raise ProtocolError(
            f"the server's answer has {len(names)} columns and {len(said)} types",
            "this version of IoTDB may not be supported: see `quarterdeck backend test`",
        )
    unknown = [(name, kind) for name, kind in zip(names, said, strict=True) if kind not in ValueType.__members__]
    if unknown:
        name, kind = unknown[0]
        raise UnsupportedError(
            f"column {name} is of type {kind}, which cannot be read", "choose the columns that you need in the query"
        )
    return names, [ValueType[kind] for kind in said], places


def _labels(names: Sequence[str]) -> list[str]:
    """Names that differ: one that occurs again gets its number."""
    seen: dict[str, int] = {}
    labels: list[str] = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        label = name if seen[name] == 1 else f"{name} ({seen[name]})"
        while label in labels:
            seen[name] += 1
            label = f"{name} ({seen[name]})"
        labels.append(label)
    return labels


def _joined(blocks: list[list[Column]], labels: Sequence[str], kinds: dict[str, ValueType]) -> ColumnBatch:
    columns: dict[str, NDArray[np.generic]] = {}
    missing: dict[str, NDArray[np.bool_]] = {}
    for place, label in enumerate(labels):
        parts = [block[place] for block in blocks]
        columns[label] = np.concatenate([each.values for each in parts]) if len(parts) > 1 else parts[0].values
        if any(each.missing is not None for each in parts):
            missing[label] = np.concatenate(
                [np.zeros(len(each.values), np.bool_) if each.missing is None else each.missing for each in parts]
            )
    return ColumnBatch(columns, sum(len(block[0].values) for block in blocks), missing, kinds)


def _cells(column: Column, kind: ValueType) -> list[Cell]:
    """A column as plain values: dates as 2024-01-31, bytes as 0x…, what is missing or no number as None."""
    if kind is ValueType.DATE:
        found: list[Any] = column.values.astype(str).tolist()
    elif kind is ValueType.BLOB:
        found = [None if each is None else "0x" + each.hex() for each in column.values]
    elif kind is ValueType.FLOAT:
        # As few digits as tell it from other single-precision numbers.
        found = [float(str(each)) for each in column.values]
    else:
        found = column.values.tolist()
    if kind in (ValueType.FLOAT, ValueType.DOUBLE):
        found = [None if math.isnan(each) else each for each in found]
    if column.missing is not None:
        found = [None if gone else each for each, gone in zip(found, column.missing.tolist(), strict=True)]
    return found
