"""A tablet as bytes: times and values column by column, big endian, then for each column whether and where values are missing. Pure.

The layout is that of `insertTablet` in IoTDB's client protocol: times as int64; numbers as they are, booleans as bytes, dates as the number
20240131, texts with their lengths before them; a byte per column that says whether a bitmap follows, which has a bit per row, lowest first,
set where a value is missing, in rows // 8 + 1 bytes.
"""

import struct

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.iotdb.client.tablet import ColumnCategory, Tablet, TabletColumn
from quarterdeck_ainode.value_types import ValueType
from quarterdeck_api.errors import UsageError

#: Rows that the server takes in one request without trouble; more are written in several tablets.
MOST_ROWS = 1_000_000

_STORED = {
    ValueType.BOOLEAN: "?",
    ValueType.INT32: ">i4",
    ValueType.INT64: ">i8",
    ValueType.FLOAT: ">f4",
    ValueType.DOUBLE: ">f8",
    ValueType.TIMESTAMP: ">i8",
}

_TEXTS = (ValueType.TEXT, ValueType.STRING, ValueType.BLOB)


class TabletBytes(Struct, frozen=True):
    """What `insertTablet` takes."""

    times: bytes
    values: bytes
    rows: int


def tablet_bytes(tablet: Tablet) -> TabletBytes:
    """Packs a tablet, its rows in the order of their times (rows of equal times keep theirs). Raises UsageError for one that is no table."""
    rows = len(tablet.times)
    _check(tablet, rows)
    times = np.asarray(tablet.times, np.int64)
    order = None
    if rows > 1 and not bool((times[1:] >= times[:-1]).all()):
        order = np.argsort(times, kind="stable")
        times = times[order]
    parts: list[bytes] = []
    bitmaps: list[bytes] = []
    for column in tablet.columns:
        values = np.asarray(column.values)
        missing = column.missing
        if order is not None:
            values = values[order]
            missing = None if missing is None else missing[order]
        parts.append(_packed(column, values, missing))
        bitmaps.append(_bitmap(missing))
    if any(each != b"\0" for each in bitmaps):
        parts += bitmaps
    return TabletBytes(times.astype(">i8").tobytes(), b"".join(parts), rows)


def _check(tablet: Tablet, rows: int) -> None:
    place = f"{tablet.database}.{tablet.target}" if tablet.database else tablet.target
    if not 0 < rows <= MOST_ROWS:
        raise UsageError(f"a tablet for {place} has {rows} rows", f"write 1 to {MOST_ROWS} rows at a time")
    if not tablet.columns:
        raise UsageError(f"a tablet for {place} has no columns", "give at least one value column")
    for column in tablet.columns:
        mask = column.missing
        if len(column.values) != rows or (mask is not None and len(mask) != rows):
            raise UsageError(
                f"column {column.name} of a tablet for {place} has {len(column.values)} values and "
                f"{len(mask) if mask is not None else 'no'} marks for {rows} rows",
                "give every column one entry per row",
            )
        if not tablet.database and column.category is not ColumnCategory.FIELD:
            raise UsageError(
                f"column {column.name} is a {column.category.name}, but {place} is a device",
                "give a database: only tables have tags and attributes",
            )


def _packed(column: TabletColumn, values: NDArray[np.generic], missing: NDArray[np.bool_] | None) -> bytes:
    try:
        if column.type in _TEXTS:
            return _texts(values, missing)
        if column.type is ValueType.DATE:
            return _dates(values, missing).tobytes()
        stored = np.dtype(_STORED[column.type])
        if missing is not None:
            values = np.where(missing, np.zeros(1, values.dtype), values)
        if values.dtype.kind == "f" and stored.kind == "i" and not np.isfinite(values).all():
            raise ValueError("it holds NaN or infinity, which a whole number cannot be: mark them as missing")
        packed = values.astype(stored)
        if values.dtype.kind in "iuf" and stored.kind == "i" and not (packed == values).all():
            raise ValueError(f"it holds values that {column.type.name} cannot hold")
        return packed.tobytes()
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(
            f"column {column.name} cannot be written as {column.type.name}: {error}", "give it another type"
        ) from error


def _texts(values: NDArray[np.generic], missing: NDArray[np.bool_] | None) -> bytes:
    found: list[bytes] = []
    length = struct.Struct(">i").pack
    gone = missing.tolist() if missing is not None else [False] * len(values)
    for value, absent in zip(values.tolist(), gone, strict=True):
        data = b"" if absent else value if isinstance(value, bytes) else value.encode("utf-8")
        found += (length(len(data)), data)
    return b"".join(found)


def _dates(values: NDArray[np.generic], missing: NDArray[np.bool_] | None) -> NDArray[np.generic]:
    days = values.astype("M8[D]")
    if missing is not None:
        days = np.where(missing, np.datetime64("1970-01-01", "D"), days)
    if np.isnat(days).any():
        raise ValueError("it holds days that are none: mark them as missing")
    months = days.astype("M8[M]")
    years = months.astype("M8[Y]").astype(np.int64) + 1970
    if ((years < 1000) | (years > 9999)).any():
        raise ValueError("IoTDB's dates go from the year 1000 to 9999")
    number = years * 10000 + (months.astype(np.int64) % 12 + 1) * 100 + (days - months.astype("M8[D]")).astype(int) + 1
    return number.astype(">i4")


def _bitmap(missing: NDArray[np.bool_] | None) -> bytes:
    if missing is None or not missing.any():
        return b"\0"
    packed = np.packbits(missing, bitorder="little").tobytes()
    return b"\1" + packed.ljust(len(missing) // 8 + 1, b"\0")
