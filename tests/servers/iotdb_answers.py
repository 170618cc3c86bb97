"""Answers of a cluster, statement by statement, for tests of what is read from it and written to it."""

from typing import Any

from quarterdeck_ainode.iotdb.client.faults import refusal
from quarterdeck_ainode.iotdb.client.rows import Rows
from quarterdeck_ainode.iotdb.data.statements import (
    SourceColumn,
)
from quarterdeck_ainode.iotdb.quoting import node
from quarterdeck_ainode.value_types import TimePrecision, ValueType

DOUBLE = ValueType.DOUBLE


def column(name: str, kind: ValueType = DOUBLE) -> SourceColumn:
    return SourceColumn(name, node(name), kind)


class Server:
    """A client whose answers are given by statement; whatever else is asked is an error of the server."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def rows(self, statement: str, **_: Any) -> Rows:
        self.asked.append(statement)
        found = self.answers.get(statement)
        if found is None:
            raise refusal(550, f"{statement} is not known")
        columns, *values = found
        return Rows(tuple(columns), ("TEXT",) * len(columns), tuple(tuple(row) for row in values))

    def precision(self) -> TimePrecision:
        return TimePrecision.ms

    def batches(self, statement: str, **_: Any) -> Any:
        self.asked.append(statement)
        yield from self.answers[statement]


def series(*rows: tuple[str, str]) -> Any:
    return (("Timeseries", "DataType"), *rows)


def described(**columns: str) -> Any:
    """A table: column to `TYPE CATEGORY`."""
    return (("ColumnName", "DataType", "Category"), *((name, *said.split()) for name, said in columns.items()))
