"""What an import wrote, read again for tests, and the CSV that they import."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec import Struct

from quarterdeck.runtime.datasets.frequency import to_moment
from quarterdeck.runtime.datasets.import_plan import ImportPlan
from quarterdeck.runtime.datasets.series_import import ImportedSeries, import_series
from quarterdeck_api.errors import UsageError


class Series(Struct):
    """What an import wrote, read again: `times` in microseconds since 1970, None for a missing value."""

    found: ImportedSeries
    times: list[int]
    columns: dict[str, list[float | None]]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.found, name)


Read = Callable[..., Series]


def read_plan(plan: ImportPlan, folder: Path) -> Series:
    target = folder / "target.parquet"
    found = import_series(plan, target, folder, lambda _fraction, _rows: None)
    assert {each.name for each in folder.iterdir()} <= {target.name, plan.path.name}
    table = pq.read_table(target)
    times = table.column(found.time_column)
    assert times.type == pa.timestamp("us", tz="UTC" if found.utc else None)
    columns = {name: table.column(name).to_pylist() for name in found.columns}
    return Series(found, times.cast(pa.int64()).to_pylist(), columns)


def csv_reader(tmp_path: Path) -> Read:
    """Imports a text as a CSV file, as a fixture gives it."""

    def reading(text: str | bytes, **plan: Any) -> Series:
        path = tmp_path / "file.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        asked = {"time": "t"} if "start" not in plan else {}
        return read_plan(ImportPlan(path, **{**asked, **plan}), tmp_path)

    return reading


def error(read: Read, text: str | bytes, **plan: Any) -> str:
    with pytest.raises(UsageError) as raised:
        read(text, **plan)
    return f"{raised.value.message} / {raised.value.remedy}"


def rows(*times: str) -> str:
    return "t,y\n" + "".join(f"{time},{number}\n" for number, time in enumerate(times))


def moments(series: Series) -> list[datetime]:
    return [to_moment(time) for time in series.times]
