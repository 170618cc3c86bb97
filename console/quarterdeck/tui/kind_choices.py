"""What the catalogue says of kinds: how they are called, which lie below which, and whose they are. Decisions only."""

from msgspec import Struct

from quarterdeck_api.catalogue import KindInfo
from quarterdeck_api.errors import UsageError
from quarterdeck_api.protocol import CatalogueResult
from quarterdeck_api.resources import CORE, Resource


class ChildKinds(Struct, frozen=True):
    """The kinds below a resource: those that are mirrored, and those that are asked for page by page."""

    mirrored: tuple[KindInfo, ...]
    browsed: tuple[KindInfo, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """The kinds' ids, mirrored ones first."""
        return tuple(kind.id for kind in (*self.mirrored, *self.browsed))


def kind_info(known: CatalogueResult, kind: str) -> KindInfo | None:
    """The kind as it is declared with a title, or as the first plugin has it; None when no plugin has it."""
    found = [each for status in known.plugins if status.catalogue for each in status.catalogue.kinds if each.id == kind]
    return next((each for each in found if each.title), found[0] if found else None)


def kind_title(known: CatalogueResult, kind: str) -> str:
    """What many of the kind are called."""
    info = kind_info(known, kind)
    return info.title if info is not None and info.title else f"{kind}s"


def kind_words(known: CatalogueResult) -> dict[str, str]:
    """The word for each kind in commands, its title where that is one word, to the kind's id."""
    words: dict[str, str] = {}
    for status in known.plugins:
        for each in status.catalogue.kinds if status.catalogue else ():
            title = kind_title(known, each.id).lower()
            words.setdefault(title if title.isalnum() else f"{each.id}s", each.id)
    return words


def child_kinds(known: CatalogueResult, resource: Resource) -> ChildKinds:
    """The kinds that lie below a resource: those of its backend's plugin, and of the core."""
    owner = plugin_of(known, resource.backend)
    backend_type = next((each.type for each in known.backends if each.name == resource.backend), "")
    found: dict[str, KindInfo] = {}
    for status in known.plugins:
        if status.catalogue is not None and status.id in (owner, CORE):
            for kind in status.catalogue.kinds:
                if resource.kind in kind.parent_kinds and kind.of_type(backend_type):
                    found.setdefault(kind.id, kind)
    return ChildKinds(
        tuple(kind for kind in found.values() if kind.mirrored),
        tuple(kind for kind in found.values() if not kind.mirrored),
    )


def plugin_of(known: CatalogueResult, backend: str) -> str:
    """The plugin of a backend; empty when there is no such backend."""
    if backend == CORE:
        return CORE
    return next((each.plugin for each in known.backends if each.name == backend), "")


def browsing_backend(known: CatalogueResult, kind: str, wanted: str) -> str:
    """The backend whose rows of a browsed kind are shown; raises UsageError when that is not clear."""
    owners = {
        status.id: found for status in known.plugins if status.catalogue and (found := status.catalogue.kind(kind))
    }
    having = [each.name for each in known.backends if each.plugin in owners and owners[each.plugin].of_type(each.type)]
    title = kind_title(known, kind).lower()
    if wanted:
        if wanted not in having:
            raise UsageError(f"{wanted} has no {title}", f"take one of {', '.join(having) or '(none)'}")
        return wanted
    if len(having) == 1:
        return having[0]
    if not having:
        raise UsageError(f"no backend has {title}", "see the deck for what is configured")
    raise UsageError(f"{len(having)} backends have {title}", f"say which: @{', @'.join(having)}")
