"""A time to live in words."""


def ttl_fact(written: str) -> str:
    """A time to live as a page tells it, where there is room to say that there is no limit, or that the server does not tell it."""
    return ttl_text(written) or ("no limit" if written else "not told")


def ttl_text(written: str) -> str | None:
    """A time to live as the server writes it (milliseconds, or INF) in words; None for no limit, and for one that is not told."""
    if not written or written.upper() == "INF":
        return None
    if not written.isdecimal():
        return written
    milliseconds = int(written)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)):
        if milliseconds >= size and milliseconds % size == 0:
            return f"{milliseconds // size:,} {unit}"
    return f"{milliseconds / 1000:,.15g} s"
