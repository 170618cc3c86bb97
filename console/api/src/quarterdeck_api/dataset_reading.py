"""Loading a dataset's rows for models: numpy arrays or a pandas frame, both imported only when asked for."""

from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quarterdeck_api.errors import NotFoundError, QuarterdeckError, UsageError
from quarterdeck_api.jobs import DatasetLocation

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd  # pyright: ignore[reportMissingTypeStubs]
    from numpy.typing import NDArray


def choose_column(location: DatasetLocation, column: str = "") -> str:
    """The numeric column that is meant: the one named, else the dataset's target, else its only one.

    Raises UsageError with the nearest name, or when several columns could be meant.
    """
    known = location.value_columns
    if column:
        if column in known:
            return column
        close = get_close_matches(column, known, n=1, cutoff=0.4)
        hint = f"did you mean {close[0]}? " if close else ""
        raise UsageError(
            f"{location.address} has no numeric column {column!r}",
            f"{hint}there are: {', '.join(known) or 'none'}",
            location.address,
        )
    if location.target in known:
        return location.target
    if len(known) == 1:
        return known[0]
    if not known:
        raise UsageError(f"{location.address} has no numeric column", "import a series with numbers", location.address)
    raise UsageError(
        f"{location.address} has several columns and no target", f"name one of: {', '.join(known)}", location.address
    )


def read_series(location: DatasetLocation, column: str = "") -> "tuple[NDArray[np.datetime64], NDArray[np.float64]]":
    """One column over time: `times` as datetime64 (UTC when the dataset has a time zone) and `values` as float64, of equal length.

    A null is NaN; nothing else is changed. An empty `column` means the dataset's target. Raises UsageError for an unknown column,
    NotFoundError when the file is gone, QuarterdeckError when it cannot be read.
    """
    name = choose_column(location, column)
    table = _read_table(location, [location.time_column, name])
    times = table.column(location.time_column).to_numpy()
    numbers = table.column(name).cast("float64", safe=False)
    return times, numbers.to_numpy().astype("float64")


def read_frame(location: DatasetLocation, columns: tuple[str, ...] = ()) -> "pd.DataFrame":
    """Some columns (all numeric ones when none are named) as float64, with the times as DatetimeIndex (UTC when there is a time zone).

    Raises as `read_series` does.
    """
    pandas: Any = import_module("pandas")
    names = [choose_column(location, column) for column in columns or location.value_columns]
    table = _read_table(location, [location.time_column, *names])
    values = {name: table.column(name).cast("float64", safe=False).to_numpy() for name in names}
    index = pandas.DatetimeIndex(table.column(location.time_column).to_numpy(), name=location.time_column)
    if location.time_zone:
        index = index.tz_localize("UTC")
    return pandas.DataFrame(values, index=index)


def _read_table(location: DatasetLocation, columns: list[str]) -> Any:
    arrow: Any = import_module("pyarrow")
    parquet: Any = import_module("pyarrow.parquet")
    if not Path(location.path).is_file():
        raise NotFoundError(
            f"the file of {location.address} is gone: {location.path}",
            "remove the dataset and import it again",
            location.address,
        )
    try:
        return parquet.ParquetFile(location.path).read(columns=columns)
    except (OSError, arrow.ArrowException) as error:
        raise QuarterdeckError(
            f"{location.address} cannot be read from {location.path}: {error}",
            "remove the dataset and import it again",
            location.address,
        ) from error
