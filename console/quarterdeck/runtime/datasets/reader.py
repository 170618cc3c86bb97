"""The program that reads datasets' rows for the runtime, which itself never imports pyarrow: `python -m quarterdeck.runtime.datasets.reader`.

It answers one question after the other and ends with its standard input, that is: with the runtime.
"""

import sys
from bisect import bisect_right
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from quarterdeck.runtime.datasets.arrow_compute import pc
from quarterdeck.runtime.datasets.reading_messages import (
    Answer,
    Failed,
    Outline,
    Question,
    ReadOutline,
    ReadRows,
    Rows,
    encoder,
    questions,
)

_BATCH_ROWS = 65_536


def answer(question: Question) -> Answer:
    """The answer to one question."""
    try:
        with pq.ParquetFile(question.path, pre_buffer=False) as file:
            return _rows(file, question) if isinstance(question, ReadRows) else _outline(file, question)
    except (OSError, KeyError, pa.ArrowException) as error:
        return Failed(" ".join(f"{question.path} cannot be read: {error}".split()))


def _rows(file: pq.ParquetFile, question: ReadRows) -> Rows:
    sizes = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
    ends = list(accumulate(sizes))
    stop = min(question.start + question.count, file.metadata.num_rows)
    if question.start >= stop:
        return Rows((), ())
    first, last = bisect_right(ends, question.start), bisect_right(ends, stop - 1)
    table = file.read_row_groups(range(first, last + 1), [question.time_column, *question.columns])
    table = table.slice(question.start - (ends[first] - sizes[first]), stop - question.start)
    columns = [table.column(name).to_pylist() for name in question.columns]
    return Rows(_microseconds(table.column(question.time_column)), tuple(zip(*columns, strict=True)))


def _outline(file: pq.ParquetFile, question: ReadOutline) -> Outline:
    each = max(-(-file.metadata.num_rows // question.points), 1)
    points = _Points(each)
    missing = dict.fromkeys(question.columns, 0)
    for batch in file.iter_batches(_BATCH_ROWS, columns=list(dict.fromkeys([question.time_column, *question.columns]))):
        for name in question.columns:
            missing[name] += batch.column(name).null_count
        points.take(batch.column(question.time_column), batch.column(question.column))
    points.end()
    return Outline(
        each,
        tuple(points.times),
        tuple(points.means),
        tuple(points.smallest),
        tuple(points.largest),
        {name: count for name, count in missing.items() if count},
    )


class _Points:
    """Rows drawn together, `each` so many."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._rows = self._values = 0
        self._sum = 0.0
        self._least: float | None = None
        self._most: float | None = None
        self.times: list[int] = []
        self.means: list[float | None] = []
        self.smallest: list[float | None] = []
        self.largest: list[float | None] = []

    def take(self, times: pa.Array, values: pa.Array) -> None:
        """The next rows."""
        start = 0
        while start < len(values):
            part = values.slice(start, self._each - self._rows)
            if not self._rows:
                self.times += _microseconds(times.slice(start, 1))
            self._add(part)
            start += len(part)
            if self._rows == self._each:
                self.end()

    def end(self) -> None:
        """Ends a point, when it has any row."""
        if not self._rows:
            return
        self.means.append(self._sum / self._values if self._values else None)
        self.smallest.append(self._least)
        self.largest.append(self._most)
        self._rows = self._values = 0
        self._sum, self._least, self._most = 0.0, None, None

    def _add(self, part: pa.Array) -> None:
        self._rows += len(part)
        present = len(part) - part.null_count
        if not present:
            return
        bounds: dict[str, Any] = pc.min_max(part).as_py()
        self._values += present
        self._sum += pc.sum(part).as_py()
        self._least = bounds["min"] if self._least is None else min(self._least, bounds["min"])
        self._most = bounds["max"] if self._most is None else max(self._most, bounds["max"])


def _microseconds(times: Any) -> tuple[int, ...]:
    return tuple(times.cast(pa.timestamp("us", tz=times.type.tz)).cast(pa.int64()).to_pylist())


def main() -> None:
    """Answers until the standard input ends."""
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(encoder.encode(answer(questions.decode(line))) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
