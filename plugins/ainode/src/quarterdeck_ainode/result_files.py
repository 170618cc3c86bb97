"""A result's files: its table as CSV and Parquet, its data as JSON, and its chart for documents and mails."""

import csv
from collections.abc import Mapping
from typing import Any

import msgspec
import pandas as pd

from quarterdeck_ainode.svg_chart import render_svg
from quarterdeck_api.documents import ChartBlock, Document
from quarterdeck_api.jobs import JobContext

#: A column of a table: numbers, texts (None is empty), or a DatetimeIndex.
ColumnValues = Any


def write_files(
    context: JobContext,
    name: str,
    title: str,
    columns: Mapping[str, ColumnValues],
    data: dict[str, Any],
    document: Document,
) -> None:
    """Writes NAME.csv, NAME.json, NAME.parquet and chart.svg as artefacts of the job; columns are of equal length."""
    write_table(context, name, title, columns)
    path = context.artefact(f"{name}.json", "application/json", f"{title} as JSON")
    path.write_bytes(msgspec.json.format(msgspec.json.encode(data), indent=1))
    chart = next(block for block in document.blocks if isinstance(block, ChartBlock))
    path = context.artefact("chart.svg", "image/svg+xml", "Chart")
    path.write_text(render_svg(chart), encoding="utf-8")


def write_table(context: JobContext, name: str, title: str, columns: Mapping[str, ColumnValues]) -> None:
    """Writes NAME.csv and NAME.parquet; times are ISO 8601 in the one and timestamps in the other."""
    import pyarrow as arrow
    from pyarrow import parquet

    path = context.artefact(f"{name}.csv", "text/csv", f"{title} as CSV")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*map(_written, columns.values()), strict=True))
    path = context.artefact(f"{name}.parquet", "application/vnd.apache.parquet", f"{title} as Parquet")
    arrays = {key: arrow.array(values) for key, values in columns.items()}
    for key, array in arrays.items():
        if arrow.types.is_null(array.type):
            arrays[key] = array.cast(arrow.float64())  # Only numbers can be missing everywhere.
    parquet.write_table(arrow.table(arrays), str(path))


def _written(values: ColumnValues) -> Any:
    return iso_times(values) if isinstance(values, pd.DatetimeIndex) else values


def iso_times(index: Any) -> list[str]:
    """Times in ISO 8601, with offset when the dataset has a time zone."""
    return [moment.isoformat() for moment in index]


def read_times(index: Any) -> list[str]:
    """Times as a person reads them: days without a time of day when every one begins at midnight."""
    if all(moment == moment.normalize() for moment in index):
        return [moment.date().isoformat() for moment in index]
    return [moment.isoformat(sep=" ") for moment in index]


def unix_seconds(index: Any) -> tuple[float, ...]:
    """Unix seconds of a DatetimeIndex; naive times count as UTC."""
    return tuple(moment.timestamp() for moment in index)
