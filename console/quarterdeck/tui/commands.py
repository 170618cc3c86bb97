"""What can be typed after `:`: reading a command and completing it, from what really exists."""

from collections.abc import Iterable
from difflib import get_close_matches

from msgspec import Struct

from quarterdeck_api.errors import UsageError


class World(Struct, frozen=True):
    """What exists now: panes, backends, themes, some addresses to go to, the fields to filter by of
    what was shown, and the word for each kind with its id."""

    panes: tuple[str, ...]
    backends: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    fields: dict[str, tuple[str, ...]] = {}
    kinds: dict[str, str] = {}


class ShowPane(Struct, frozen=True):
    """Show a pane, with a filter."""

    pane: str
    filter: str


class ShowKind(Struct, frozen=True):
    """Show the resources of a kind that has no pane's name, of one backend or of all, with a filter."""

    kind: str
    backend: str
    filter: str


class OpenAddress(Struct, frozen=True):
    """Show one resource."""

    address: str


class UseTheme(Struct, frozen=True):
    """Use another theme."""

    name: str


class RetryBackend(Struct, frozen=True):
    """Connect to a backend again now."""

    name: str


class Help(Struct, frozen=True):
    """Show the keys."""


class Quit(Struct, frozen=True):
    """Close the console."""


Command = ShowPane | ShowKind | OpenAddress | UseTheme | RetryBackend | Help | Quit

_WORDS = ("help", "quit", "retry", "theme")


def parse_command(text: str, world: World) -> Command:
    """Reads a command; raises UsageError with the nearest right one."""
    words = text.split()
    if not words:
        raise UsageError("no command was given", f"type one of {', '.join(world.panes)}, quit")
    first, rest = words[0], words[1:]
    if first in ("quit", "q", "exit"):
        return Quit()
    if first in ("help", "h"):
        return Help()
    if first == "theme":
        return UseTheme(_one("theme", rest, world.themes))
    if first == "retry":
        return RetryBackend(_one("retry", rest, world.backends))
    if first.count("/") >= 2:
        return OpenAddress(text.strip())
    pane = _begun(first, world.panes)
    kind = "" if pane in (first, f"{first}s") else _kind(first, world)
    if kind:
        backend, terms = _backend_and_terms(rest, world)
        return ShowKind(kind, backend, " ".join(terms))
    if not pane:
        near = get_close_matches(first, (*world.panes, *world.kinds, *_WORDS), n=1)
        hint = f"did you mean {near[0]}?" if near else f"type one of {', '.join((*world.panes, *_WORDS))}"
        raise UsageError(f"there is no command {first!r}", hint)
    return ShowPane(pane, _filter_text(rest, world))


def complete_command(text: str, world: World) -> list[str]:
    """Whole lines that the text could become, best first."""
    head, space, last = text.rpartition(" ")
    if not space:
        if "/" in last:
            return [address for address in world.addresses if address.startswith(last)]
        return [word for word in sorted({*world.panes, *world.kinds, *_WORDS}) if word.startswith(last)]
    command = head.split()[0] if head.split() else ""
    choices: Iterable[str] = ()
    if command == "theme":
        choices = world.themes
    elif command == "retry":
        choices = world.backends
    elif command in world.panes or command in world.kinds:
        named = (
            {address.split("/", 2)[2] for address in _addresses_of(world.kinds.get(command, command[:-1]), world)}
            if last.startswith("/")
            else ()
        )
        choices = (
            *(f"@{backend}" for backend in world.backends),
            *(f"/{name}" for name in sorted(named)),
            *(f"{field}=" for field in world.fields.get(command, ())),
        )
    return [f"{head} {choice}" for choice in choices if choice.startswith(last) and last]


def _addresses_of(kind: str, world: World) -> list[str]:
    return [address for address in world.addresses if kind == address.split("/", 2)[1]]


def common_start(lines: list[str]) -> str:
    """The longest text with which all lines begin."""
    if not lines:
        return ""
    low, high = min(lines), max(lines)
    length = next((index for index, letter in enumerate(low) if letter != high[index : index + 1]), len(low))
    return low[:length]


def _begun(word: str, names: Iterable[str]) -> str:
    """The name that a word means: itself, without the s too, or the only one that begins so; empty when there is none."""
    known = tuple(names)
    for name in (word, f"{word}s"):
        if name in known:
            return name
    begun = [name for name in known if name.startswith(word)]
    return begun[0] if len(begun) == 1 else ""


def _kind(word: str, world: World) -> str:
    """The kind that a word means: its id, or what many of it are called; empty when there is none."""
    if word in world.kinds.values():
        return word
    return world.kinds.get(_begun(word, world.kinds), "")


def _one(command: str, rest: list[str], known: tuple[str, ...]) -> str:
    if len(rest) != 1 or rest[0] not in known:
        given = " ".join(rest)
        raise UsageError(f"{command} {given!r} is not known", f"type one of {', '.join(known) or '(none)'}")
    return rest[0]


def _filter_text(words: list[str], world: World) -> str:
    backend, terms = _backend_and_terms(words, world)
    return " ".join((*((f"backend={backend}",) if backend else ()), *terms))


def _backend_and_terms(words: list[str], world: World) -> tuple[str, list[str]]:
    backend = ""
    terms: list[str] = []
    for word in words:
        if word.startswith("@"):
            if word[1:] not in world.backends:
                raise UsageError(
                    f"there is no backend {word[1:]!r}", f"type one of {', '.join(world.backends) or '(none yet)'}"
                )
            backend = word[1:]
        elif word.startswith("/") and not (len(word) > 1 and word.endswith("/")):
            if word[1:]:
                terms.append(word[1:])
        else:
            terms.append(word)
    return backend, terms
