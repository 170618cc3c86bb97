"""Times as people read them."""

from datetime import UTC, datetime


def time_text(seconds: float | None) -> str | None:
    """A Unix time as text, with as many digits of the second as it has, in threes; a float tells no more than microseconds."""
    if seconds is None:
        return None
    try:
        found = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
        return f"{found.removesuffix('000').removesuffix('.000')}Z"
    except (OverflowError, OSError, ValueError):
        return f"{seconds:g} s after 1970"
