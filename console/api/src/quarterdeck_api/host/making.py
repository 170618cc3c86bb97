"""Builds resources of a backend by column names, for `watch` and for pages alike."""

from collections.abc import Mapping

from quarterdeck_api.catalogue import Catalogue
from quarterdeck_api.errors import UsageError
from quarterdeck_api.nearest import nearest_name
from quarterdeck_api.resources import Cell, Health, Link, Resource


class BackendResources:
    """Makes resources of one backend as its plugin's catalogue declares them; may be called from any thread."""

    def __init__(self, backend: str, catalogue: Catalogue) -> None:
        self.backend = backend
        self._catalogue = catalogue

    def __call__(
        self,
        kind: str,
        name: str,
        *,
        cells: Mapping[str, Cell],
        health: str = "ok",
        state: str = "",
        reason: str = "",
        since: float = 0.0,
        uid: str = "",
        parent: str = "",
        links: dict[str, str] | None = None,
        actions_off: dict[str, str] | None = None,
    ) -> Resource:
        """Builds a resource with its cells in the catalogue's order; columns that are not given are empty.

        Raises UsageError for an unknown kind, column or health. Without `uid` the name identifies the resource.
        """
        info = self._catalogue.kind(kind)
        if info is None:
            known = tuple(each.id for each in self._catalogue.kinds)
            raise UsageError(
                f"plugin {self._catalogue.plugin.id} declares no kind {kind!r}",
                _declare("quarterdeck_kinds", kind, known),
            )
        if not name:
            raise UsageError(f"a {kind} of {self.backend} has an empty name", "give every resource a name")
        columns = self._catalogue.columns(kind)
        unknown = [column for column in cells if column not in columns]
        if unknown:
            raise UsageError(f"kind {kind} has no column {unknown[0]!r}", _declare("its columns", unknown[0], columns))
        try:
            found_health = Health(health)
        except ValueError:
            words = ", ".join(each.value for each in Health)
            raise UsageError(f"{health!r} is not a health of {kind} {name}", f"use one of {words}") from None
        return Resource(
            address=f"{self.backend}/{kind}/{name}",
            uid=uid or name,
            health=found_health,
            state=state,
            reason=reason,
            since=since,
            cells=tuple(cells.get(column) for column in columns),
            parent=parent,
            links=tuple(Link(relation, address) for relation, address in (links or {}).items()),
            actions_off=actions_off or {},
        )

    def check_own(self, address: str) -> None:
        """Raises UsageError for what is not an address of this backend."""
        backend, _, rest = address.partition("/")
        if backend != self.backend or not rest.partition("/")[2]:
            raise UsageError(f"{address!r} is not an address of {self.backend}", "name the backend's own resources")

    def check_mirrored(self, address: str) -> None:
        """Raises UsageError for what is not a mirrored resource of this backend."""
        backend, _, rest = address.partition("/")
        kind, _, name = rest.partition("/")
        info = self._catalogue.kind(kind)
        if backend != self.backend or not name:
            raise UsageError(
                f"{address!r} is not an address of {self.backend}", "build resources with context.resource"
            )
        if info is None or not info.mirrored:
            raise UsageError(
                f"{address} is of a kind that is not mirrored", "declare the kind, or leave it to browsing"
            )


def _declare(where: str, name: str, known: tuple[str, ...]) -> str:
    close = nearest_name(name, known)
    return f"did you mean {close}?" if close else f"declare it in {where}; declared are: {', '.join(known) or 'none'}"
