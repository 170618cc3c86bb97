"""Times as people read them."""

from datetime import UTC, datetime


def time_text(seconds: float | None) -> str | None:
    """A Unix time as text."""
    if seconds is None:
        return None
    try:
        return (
            datetime.fromtimestamp(seconds, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z")
            .replace(".000", "")
        )
    except (OverflowError, OSError, ValueError):
        return f"{seconds:g} s after 1970"
