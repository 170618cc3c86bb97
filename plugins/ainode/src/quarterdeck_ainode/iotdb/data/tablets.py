"""Rows of a dataset as tablets of a target; pure."""

import numpy as np
from numpy.typing import NDArray

from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.tablet import ColumnCategory, Tablet, TabletColumn
from quarterdeck_ainode.iotdb.data.ingest_plan import IngestPlan
from quarterdeck_ainode.iotdb.data.reading import NumberBatch
from quarterdeck_ainode.iotdb.data.statements import SourceColumn
from quarterdeck_ainode.iotdb.data.time_precision import from_microseconds, written
from quarterdeck_ainode.value_types import TimePrecision, ValueType
from quarterdeck_api.errors import UsageError

#: Points of one tablet, and its rows at least, however many columns it has.
POINTS, FEWEST_ROWS = 50_000, 500

_WHOLE = {ValueType.INT32: np.int32, ValueType.INT64: np.int64}

#: Types that do not hold every number of a dataset.
NARROW = frozenset({*_WHOLE, ValueType.FLOAT})


def rows_at_once(columns: int) -> int:
    """Rows of a tablet."""
    return max(FEWEST_ROWS, POINTS // columns)


def tablet_of(plan: IngestPlan, batch: NumberBatch, precision: TimePrecision) -> Tablet | None:
    """Some rows (times in microseconds) for the target; None when none of them has a value that the tree could keep.

    Raises UsageError for times and values that the target cannot hold.
    """
    masks = [np.isnan(values) for values in batch.columns]
    times, columns = batch.times, batch.columns
    if plan.dialect is Dialect.TREE and (empty := np.logical_and.reduce(masks)).any():
        times = times[~empty]
        columns = tuple(values[~empty] for values in columns)
        masks = [mask[~empty] for mask in masks]
    if not len(times):
        return None
    check_values(plan, NumberBatch(times, columns))
    converted = from_microseconds(times, precision)
    tags = tuple(
        TabletColumn(name, ValueType.STRING, np.full(len(times), value, dtype=object), category=ColumnCategory.TAG)
        for name, value in plan.tags
    )
    # A tablet of the tree has names as they stand in SQL: unusual ones in backquotes.
    fields = tuple(
        TabletColumn(
            column.sql if plan.dialect is Dialect.TREE else column.name,
            column.type,
            _typed(column, values, mask),
            mask if mask.any() else None,
        )
        for column, values, mask in zip(plan.columns, columns, masks, strict=True)
    )
    return Tablet(plan.target, converted, (*tags, *fields), plan.database, plan.aligned)


def check_values(plan: IngestPlan, batch: NumberBatch) -> None:
    """Raises UsageError for a number that a target cannot hold, with its time."""
    for column, values in zip(plan.columns, batch.columns, strict=True):
        if column.type not in NARROW:
            continue
        wrong = np.flatnonzero(~_fits(column.type, values) & ~np.isnan(values))
        if len(wrong):
            time = written(int(batch.times[wrong[0]]), TimePrecision.us)
            raise UsageError(
                f"{float(values[wrong[0]])!r} at {time} does not fit into {column.name} of {plan.sql}, which holds {column.type.name}",
                "leave the column out, or write into a new one, which holds DOUBLE",
            )


def _fits(kind: ValueType, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which numbers a type can hold; of a FLOAT those that do not become infinite."""
    with np.errstate(invalid="ignore", over="ignore"):
        if kind is ValueType.FLOAT:
            return np.isfinite(values.astype(np.float32)) | np.isinf(values)
        bounds = np.iinfo(_WHOLE[kind])
        # As floats the largest int64 is 2**63, which is one too many.
        return (values == np.floor(values)) & (values >= float(bounds.min)) & (values < float(bounds.max) + 1)


def _typed(column: SourceColumn, values: NDArray[np.float64], missing: NDArray[np.bool_]) -> NDArray[np.generic]:
    kind = _WHOLE.get(column.type)
    return values if kind is None else np.where(missing, 0.0, values).astype(kind)
