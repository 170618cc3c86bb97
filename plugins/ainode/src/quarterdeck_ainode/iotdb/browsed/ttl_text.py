"""A time to live in words."""


def ttl_text(written: str) -> str | None:
    """A time to live as the server writes it (milliseconds, or INF) in words; None for no limit."""
    if not written or written.upper() == "INF":
        return None
    if not written.isdecimal():
        return written
    seconds = int(written) / 1000
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
