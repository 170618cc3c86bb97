"""`get` without click: the command that scripts run most starts without a library for command lines.

Whatever is not one of the plain forms below is left to click, which knows how to complain and how to help.
"""

from collections.abc import Sequence

from quarterdeck.cli.boundary import guarded
from quarterdeck.cli.listing import Listing, run_listing

_FLAGS = {"--json": "as_json", "--watch": "watch", "-w": "watch"}
_VALUES = {"-b": "backend", "--backend": "backend", "--filter": "filter", "-f": "filter"}


def read_listing(arguments: Sequence[str]) -> Listing | None:
    """What `get` is asked, or None when click has to look at it."""
    kinds: list[str] = []
    said: dict[str, str | bool] = {}
    waiting = ""
    for word in arguments:
        name, equals, value = word.partition("=")
        if waiting:
            said[waiting], waiting = word, ""
        elif word in _FLAGS:
            said[_FLAGS[word]] = True
        elif word in _VALUES:
            waiting = _VALUES[word]
        elif equals and name.startswith("--") and name in _VALUES:
            said[_VALUES[name]] = value
        elif word.startswith("-"):
            return None
        else:
            kinds.append(word)
    if waiting or len(kinds) != 1:
        return None
    return Listing(
        kind=kinds[0],
        backend=str(said.get("backend", "")),
        filter=str(said.get("filter", "")),
        watch=bool(said.get("watch")),
        as_json=bool(said.get("as_json")),
    )


def run_get(arguments: Sequence[str]) -> int | None:
    """Runs `get` and returns its exit code, or None when click has to."""
    listing = read_listing(arguments)
    return None if listing is None else guarded(lambda: run_listing(listing))
