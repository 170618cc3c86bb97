"""What no plugin may change: the core, quarterdeck-api, Textual, and everything else that the core needs."""

import re
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import Distribution, distributions

from msgspec import Struct

from quarterdeck.loading.names import canonical

#: Distributions whose requirements are followed.
ROOTS = ("quarterdeck", "quarterdeck-api")

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_ONLY_WITH_EXTRA = re.compile(r"\bextra\s*==")


class Installed(Struct, frozen=True):
    """An installed distribution: its name as written, its version, and the canonical names of what it requires."""

    name: str
    version: str
    requires: tuple[str, ...] = ()


def required_name(requirement: str) -> str:
    """The canonical name in a requirement; empty when it holds only with an extra, or cannot be read.

    Other markers are not evaluated: what is installed although no marker asks for it is protected too, which costs nothing.
    """
    text, _, marker = requirement.partition(";")
    found = _NAME.match(text.strip())
    return canonical(found.group()) if found and not _ONLY_WITH_EXTRA.search(marker) else ""


def closure(installed: Mapping[str, Installed], roots: Iterable[str] = ROOTS) -> dict[str, str]:
    """The version of every installed distribution that the roots need, themselves among them, by canonical name."""
    found: dict[str, str] = {}
    waiting = [canonical(root) for root in roots]
    while waiting:
        name = waiting.pop()
        if name in found or name not in installed:
            continue
        found[name] = installed[name].version
        waiting += installed[name].requires
    return found


def needed_by(installed: Mapping[str, Installed], name: str) -> tuple[str, ...]:
    """The distributions that require one, as they write themselves."""
    return tuple(sorted(each.name for each in installed.values() if name in each.requires))


def installed_distributions(
    find: Callable[[], Iterable[Distribution]] = distributions,
) -> dict[str, Installed]:
    """Every distribution of this environment by canonical name; of two of one name the first counts, as for Python."""
    found: dict[str, Installed] = {}
    for each in find():
        name = str(each.metadata["Name"] or "")
        if name and canonical(name) not in found:
            requires = tuple(dict.fromkeys(filter(None, map(required_name, each.requires or ()))))
            found[canonical(name)] = Installed(name, str(each.metadata["Version"] or "0"), requires)
    return found
