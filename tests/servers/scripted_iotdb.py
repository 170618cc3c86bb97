"""A client whose answers a test gives, and what servers answer, for tests of what is decided about a cluster."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.rows import ColumnBatch, Rows
from quarterdeck_ainode.iotdb.data.statements import Span
from quarterdeck_ainode.iotdb.series import TreeSeries, parse_series
from quarterdeck_ainode.iotdb.versions import recognise
from quarterdeck_ainode.iotdb.workbench.window import SeriesWindow, read_window
from quarterdeck_ainode.value_types import TimePrecision

HOUR = 3_600_000


START = 1_699_999_200_000


FACTS = recognise("2.0.10").facts


TAGGED = parse_series('plant.telemetry.v[site="n"]')


TREE = TreeSeries("root.plant.d.t")


class ScriptedClient:
    """Answers statements by the first part of them that it knows, and keeps what it was sent."""

    def __init__(self, answers: Mapping[str, Any], precision: TimePrecision = TimePrecision.ms) -> None:
        self.answers = answers
        self._precision = precision
        self.sent: list[str] = []

    def _answer(self, statement: str) -> Any:
        self.sent.append(statement)
        found = next((answer for part, answer in self.answers.items() if part in statement), None)
        assert found is not None, f"nothing is said to {statement}"
        if isinstance(found, Exception):
            raise found
        return found

    def rows(self, statement: str, **_: Any) -> Rows:
        return cast("Rows", self._answer(statement))

    def batches(self, statement: str, **_: Any) -> Iterator[ColumnBatch]:
        yield cast("ColumnBatch", self._answer(statement))

    def execute(self, statement: str, **_: Any) -> None:
        self.sent.append(statement)

    def precision(self) -> TimePrecision:
        return self._precision

    @property
    def client(self) -> IotdbClient:
        return cast("IotdbClient", self)


def rows(*values: tuple[Any, ...], columns: tuple[str, ...] = ("time", "value")) -> Rows:
    return Rows(columns, tuple("TEXT" for _ in columns), values)


def newest_first(times: list[int], values: list[float | None]) -> ColumnBatch:
    """A batch as the window's query gives it."""
    numbers = np.array([0.0 if value is None else value for value in reversed(values)])
    missing = np.array([value is None for value in reversed(values)])
    moments = np.array(list(reversed(times)), dtype=np.int64)
    return ColumnBatch({"__time": moments, "v": numbers}, len(times), {"v": missing} if missing.any() else {})


COLUMNS = rows(
    ("time", "TIMESTAMP", "TIME"),
    ("site", "STRING", "TAG"),
    ("press", "STRING", "TAG"),
    ("v", "DOUBLE", "FIELD"),
    ("i", "INT32", "FIELD"),
    columns=("ColumnName", "DataType", "Category"),
)


def window(
    values: list[float | None], times: list[int] | None = None, nulls: str = "refuse", later: int = 0
) -> SeriesWindow:
    moments = times or [START + number * HOUR for number in range(len(values))]
    client = ScriptedClient(
        {
            'DESCRIBE "': COLUMNS,
            "LIMIT 1000": newest_first(moments, values),
            "LIMIT 1": rows((moments[-1],)),
            f"time >= {moments[-1] + 1}": rows((later,)),
            "count(*)": rows((0,)),
        }
    )
    return read_window(client.client, TAGGED, 1000, Span(), drop_nulls=nulls == "drop", address="plant/series/x")


def at(number: int) -> int:
    return START + number * HOUR
