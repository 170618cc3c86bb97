"""Which kinds and columns there are, and filters bound to them: what reading the store needs to know of the catalogues."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Protocol

from quarterdeck.runtime.store import Matches, Store
from quarterdeck_api.catalogue import Column, KindInfo, PluginStatus
from quarterdeck_api.errors import NotFoundError, UsageError
from quarterdeck_api.filters import parse_filter
from quarterdeck_api.resources import CORE, Resource


class CatalogueProvider(Protocol):
    """What the server asks of the runtime's registry."""

    def plugins(self) -> tuple[PluginStatus, ...]:
        """Every plugin, the core among them."""
        ...

    def columns(self, backend: str, kind: str) -> tuple[Column, ...]:
        """The columns in which a backend's cells of a kind stand; empty when it has none."""
        ...


class Lookup:
    """Answers what a request may name, and binds filters to columns."""

    def __init__(self, store: Store, catalogue: CatalogueProvider) -> None:
        self._store = store
        self._catalogue = catalogue

    def check(self, kind: str, backend: str) -> None:
        """Raises NotFoundError or UsageError when there is no such backend or kind, or when the kind is not mirrored; empty means any."""
        names = [CORE, *(state.name for state in self._store.backends())]
        if backend and backend not in names:
            raise NotFoundError(f"there is no backend {backend!r}", _nearest(backend, names))
        if not kind:
            return
        found = self._kinds(kind)
        if not found:
            known = [
                each.id for status in self._catalogue.plugins() if status.catalogue for each in status.catalogue.kinds
            ]
            raise UsageError(f"there is no kind {kind!r}", _nearest(kind, known))
        own = self._own_kind(backend, kind) if backend else None
        if not any(each.mirrored for each in found) or (own is not None and not own.mirrored):
            where = f" in {backend}" if backend else ""
            raise UsageError(
                f"{kind} is browsed page by page{where}, not watched or listed",
                f"ask for a page, as `quarterdeck get {kind} --limit 200`, or open it from its parent",
            )

    def backends_with(self, kind: str, backend: str) -> list[str]:
        """Names of the backends whose plugin mirrors the kind; an empty `backend` means all."""
        plugins = {
            status.id
            for status in self._catalogue.plugins()
            if status.catalogue and (own := status.catalogue.kind(kind)) is not None and own.mirrored
        }
        return [
            state.name for state in self._store.backends() if state.plugin in plugins and backend in ("", state.name)
        ]

    def columns(self, backend: str, kind: str) -> tuple[str, ...]:
        """Ids of the columns in which a backend's cells of a kind stand."""
        return tuple(column.id for column in self._catalogue.columns(backend, kind))

    def matcher(self, text: str, kind: str) -> Matches | None:
        """The test that a filter is, or None when everything passes; raises UsageError that says what is wrong with the filter.

        Terms about age are judged when a resource is looked at, so a watch follows them at its next change only.
        """
        wanted = parse_filter(text)
        if not wanted.terms:
            return None
        wanted.check([column for each in self._kinds(kind) for column in each.columns])
        columns: dict[tuple[str, str], Sequence[Column]] = {}

        def matches(resource: Resource) -> bool:
            backend, own_kind, _ = resource.address.split("/", 2)
            found = columns.get((backend, own_kind))
            if found is None:
                found = columns[backend, own_kind] = self._catalogue.columns(backend, own_kind)
            return wanted.matches(resource, found)

        return matches

    def _own_kind(self, backend: str, kind: str) -> KindInfo | None:
        """The kind as a backend's plugin declares it."""
        state = self._store.backend(backend)
        plugin = state.plugin if state is not None else backend
        catalogues = [each.catalogue for each in self._catalogue.plugins() if each.id == plugin and each.catalogue]
        return catalogues[0].kind(kind) if catalogues else None

    def _kinds(self, kind: str) -> list[KindInfo]:
        catalogues = [status.catalogue for status in self._catalogue.plugins() if status.catalogue]
        return [each for catalogue in catalogues for each in catalogue.kinds if kind in ("", each.id)]


def _nearest(name: str, known: Sequence[str]) -> str:
    names = sorted(set(known))
    close = get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"there are: {', '.join(names)}" if names else "none is configured"
