"""The nearest known name to an unknown one, and the remedy that says it."""

from collections.abc import Iterable


def nearest_name(name: str, known: Iterable[str]) -> str:
    """The nearest known name; empty when none is near."""
    from difflib import get_close_matches  # Imported here: most runs never meet an unknown name.

    return next(iter(get_close_matches(name, sorted(set(known)), n=1)), "")


def nearest(name: str, known: Iterable[str], nothing: str = "none is declared") -> str:
    """The nearest known name as a question, else what there is, else `nothing`."""
    names = sorted(set(known))
    close = nearest_name(name, names)
    if close:
        return f"did you mean {close}?"
    return f"there are: {', '.join(names[:12])}" if names else nothing
