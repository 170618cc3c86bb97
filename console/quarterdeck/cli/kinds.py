"""Kinds as people write them: singular, plural, or the beginning of either."""

from collections.abc import Sequence

from quarterdeck_api.errors import UsageError

#: Kinds that need no look into the catalogues. Plugins add others.
SHARED_KINDS = (
    "node",
    "model",
    "version",
    "job",
    "process",
    "schedule",
    "controller",
    "stream",
    "dataset",
    "plugin",
    "journal",
    "finding",
)


def plural(kind: str) -> str:
    """The plural that the command line takes for a kind."""
    if kind.endswith("ies"):
        return kind  # A series is written like several.
    if kind.endswith(("s", "x", "ch")):
        return kind + "es"
    return kind[:-1] + "ies" if kind.endswith("y") else kind + "s"


def exact_kind(text: str, kinds: Sequence[str]) -> str:
    """The kind that bears exactly this name, in the singular or the plural; empty when none does."""
    word = text.lower()
    return next((kind for kind in kinds if word in (kind, plural(kind))), "")


def resolve_kind(text: str, kinds: Sequence[str]) -> str:
    """The kind meant; raises UsageError with the nearest when there is none, or with all when several begin so."""
    found = exact_kind(text, kinds)
    if found:
        return found
    begins = [
        kind for kind in kinds if text and (kind.startswith(text.lower()) or plural(kind).startswith(text.lower()))
    ]
    if len(begins) == 1:
        return begins[0]
    if begins:
        raise UsageError(f"{text!r} may be {' or '.join(begins)}", "write more of it")
    from difflib import get_close_matches

    close = get_close_matches(text.lower(), [*kinds, *map(plural, kinds)], n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise UsageError(f"there is no kind {text!r}", f"{hint}kinds: {', '.join(kinds)}")
