"""What a backend's `watch` is given: where changes go, who looks, and when to end."""

import threading
from collections.abc import Callable
from difflib import get_close_matches

from quarterdeck_api.backend import Interest
from quarterdeck_api.catalogue import Catalogue
from quarterdeck_api.errors import UsageError
from quarterdeck_api.resources import Cell, Change, Health, Link, Remove, Resource, Synced, Upsert


class HostWatchContext:
    """The host's WatchContext for one run of `watch`; all methods may be called from any thread.

    `sink` takes the changes until `stop`; what an abandoned `watch` emits afterwards is dropped.
    """

    def __init__(self, backend: str, catalogue: Catalogue, interest: Interest, sink: Callable[[Change], None]) -> None:
        self._backend = backend
        self._catalogue = catalogue
        self._sink = sink
        self._condition = threading.Condition()
        self._interest = interest
        self._unseen_interest = False
        self._stopped = False
        self._synced = False

    @property
    def stopped(self) -> bool:
        """Whether `watch` must return."""
        return self._stopped

    @property
    def synced(self) -> bool:
        """Whether this run has said everything at least once."""
        return self._synced

    @property
    def interest(self) -> Interest:
        """Who looks at the backend now."""
        with self._condition:
            return self._interest

    def stop(self) -> None:
        """Tells `watch` to return."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()

    def set_interest(self, interest: Interest) -> None:
        """Tells `watch` who looks now."""
        with self._condition:
            if interest is not self._interest:
                self._interest = interest
                self._unseen_interest = True
                self._condition.notify_all()

    def wait(self, seconds: float) -> bool:
        """Sleeps, but wakes when `watch` must return or the interest changes; True when it must return."""
        with self._condition:
            self._condition.wait_for(lambda: self._stopped or self._unseen_interest, max(seconds, 0.0))
            self._unseen_interest = False
            return self._stopped

    def emit(self, change: Change) -> None:
        """Reports one change; never blocks.

        Raises UsageError for a resource of another backend or of a kind that is not mirrored, and for what is not a change.
        """
        if isinstance(change, Upsert):
            self._check_address(change.resource.address)
        elif isinstance(change, Remove):
            self._check_address(change.address)
        if self._stopped:
            return
        if isinstance(change, Synced):
            self._synced = True
        self._sink(change)

    def resource(
        self,
        kind: str,
        name: str,
        *,
        cells: dict[str, Cell],
        health: str = "ok",
        state: str = "",
        reason: str = "",
        since: float = 0.0,
        uid: str = "",
        parent: str = "",
        links: dict[str, str] | None = None,
        actions_off: dict[str, str] | None = None,
    ) -> Resource:
        """Builds a resource of this backend with its cells in the catalogue's order; columns that are not given are empty.

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
            raise UsageError(f"a {kind} of {self._backend} has an empty name", "give every resource a name")
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
            address=f"{self._backend}/{kind}/{name}",
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

    def _check_address(self, address: str) -> None:
        backend, _, rest = address.partition("/")
        kind, _, name = rest.partition("/")
        info = self._catalogue.kind(kind)
        if backend != self._backend or not name:
            raise UsageError(
                f"{address!r} is not an address of {self._backend}", "build resources with context.resource"
            )
        if info is None or not info.mirrored:
            raise UsageError(
                f"{address} is of a kind that is not mirrored", "declare the kind, or leave it to browsing"
            )


def _declare(where: str, name: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(name, known, n=1)
    return (
        f"did you mean {close[0]}?" if close else f"declare it in {where}; declared are: {', '.join(known) or 'none'}"
    )
