"""Rows brought into the order of their times with little memory: sorted runs in files, merged when they are read."""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa

from quarterdeck.runtime.datasets.arrow_compute import pc

#: Names of the two columns of whole numbers that every batch begins with.
LINE, TIME = "line", "time"

_BATCH_ROWS = 65_536
_ORDER = [(TIME, "ascending"), (LINE, "ascending")]


class SortedRuns:
    """Takes batches in any order and gives their rows by time, equal ones next to one another; may be read more than once.

    Rows that come in order go straight to the run's file. Others are collected, `run_rows` at most, sorted, and begin a new run when
    they do not follow the one before. At most `most_runs` files are merged at once.
    """

    def __init__(self, folder: Path, run_rows: int = 1_000_000, most_runs: int = 24) -> None:
        self._folder = folder
        self._run_rows = run_rows
        self._most_runs = most_runs
        self._runs: list[Path] = []
        self._files = 0
        self._writer: pa.RecordBatchStreamWriter | None = None
        self._last: int | None = None
        self._held: list[pa.RecordBatch] = []
        self._held_rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Takes a batch with the columns LINE, TIME (both int64) and others; all batches have one schema."""
        if not batch.num_rows:
            return
        if not self._held and _in_order(batch) and self._follows(batch):
            self._write(pa.Table.from_batches([batch]))
            return
        self._held.append(batch)
        self._held_rows += batch.num_rows
        if self._held_rows >= self._run_rows:
            self._flush()

    def finish(self) -> None:
        """Ends the taking; call it before reading."""
        self._flush()
        self._close_run()
        while len(self._runs) > self._most_runs:
            together, self._runs = self._runs[: self._most_runs], self._runs[self._most_runs :]
            for batch in _merged(together):
                self._write(pa.Table.from_batches([batch]))
            self._close_run()
            for path in together:
                path.unlink()

    def read(self) -> Iterator[pa.RecordBatch]:
        """All rows in order, batch by batch."""
        return _merged(self._runs)

    def _follows(self, batch: pa.RecordBatch | pa.Table) -> bool:
        return self._last is None or batch.column(TIME)[0].as_py() >= self._last

    def _flush(self) -> None:
        if not self._held:
            return
        table = pa.Table.from_batches(self._held).sort_by(_ORDER)
        self._held, self._held_rows = [], 0
        if not self._follows(table):
            self._close_run()
        self._write(table)

    def _write(self, table: pa.Table) -> None:
        if self._writer is None:
            path = self._folder / f"run-{self._files}"
            self._files += 1
            self._runs.append(path)
            self._writer = pa.ipc.new_stream(path, table.schema)
        self._writer.write_table(table, max_chunksize=_BATCH_ROWS)
        self._last = table.column(TIME)[-1].as_py()

    def _close_run(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer, self._last = None, None


class _Head:
    """What is left of a run's current batch."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self.batch: pa.RecordBatch | None = None
        self._times: memoryview = memoryview(b"")
        self._advance()

    @property
    def last(self) -> int:
        """The time of the batch's last row."""
        return self._times[-1]

    def take(self, bound: int) -> pa.RecordBatch | None:
        """The rows up to a time; None when there are none."""
        assert self.batch is not None
        cut = bisect_right(self._times, bound)
        if not cut:
            return None
        taken, self.batch, self._times = self.batch.slice(0, cut), self.batch.slice(cut), self._times[cut:]
        if not len(self._times):
            self._advance()
        return taken

    def _advance(self) -> None:
        self.batch = next((batch for batch in self._batches if batch.num_rows), None)
        if self.batch is not None:
            column = self.batch.column(TIME)
            values = memoryview(column.buffers()[1]).cast("q")
            self._times = values[column.offset : column.offset + len(column)]


def _merged(runs: list[Path]) -> Iterator[pa.RecordBatch]:
    with ExitStack() as stack:
        readers = [pa.ipc.open_stream(stack.enter_context(pa.OSFile(str(path)))) for path in runs]
        if len(readers) == 1:
            yield from readers[0]
            return
        heads = [_Head(iter(reader)) for reader in readers]
        while live := [head for head in heads if head.batch is not None]:
            bound = min(head.last for head in live)
            parts = [part for head in live if (part := head.take(bound)) is not None]
            if len(parts) == 1:
                yield parts[0]
                continue
            yield from pa.Table.from_batches(parts).sort_by(_ORDER).combine_chunks().to_batches(_BATCH_ROWS)


def _in_order(batch: pa.RecordBatch) -> bool:
    times = batch.column(TIME)
    return len(times) < 2 or pc.all(pc.greater_equal(times[1:], times[:-1])).as_py()
