"""Sizes and durations as people read them, for console and command line alike."""

from quarterdeck_api.catalogue import ColumnType

#: Types whose texts end at the right edge of their column.
RIGHT_ALIGNED = frozenset(
    {ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.BYTES, ColumnType.DURATION, ColumnType.FRACTION}
)

_BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def format_bytes(value: float) -> str:
    """A size in binary units, as 1.5MiB."""
    size, unit = float(value), 0
    while abs(size) >= 1024 and unit < len(_BYTE_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.0f}B" if unit == 0 else f"{size:.1f}{_BYTE_UNITS[unit]}"


def format_duration(seconds: float) -> str:
    """A duration in its two largest units, as 3m07s."""
    if seconds < 0:
        return "-" + format_duration(-seconds)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = max(60, int(seconds))
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"
