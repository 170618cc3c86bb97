"""The store: every mirrored resource and every backend's state, in memory, under one revision."""

from collections.abc import Callable, Collection, Iterable
from typing import Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import Change, Remove, Resource, Synced, Unreachable, Upsert

#: The most mirrored resources of one backend; a kind with more must be browsed.
BACKEND_LIMIT = 200_000

Clock = Callable[[], float]
Matches = Callable[[Resource], bool]
L = TypeVar("L")


class StoreChange(Struct, frozen=True):
    """What one revision changed: addresses of one backend, by kind. An address that the store no longer has was removed."""

    revision: int
    backend: str
    addresses: dict[str, set[str]]


class Timeline(Protocol):
    """Where health, state and reason of resources go when they change; `before` is None for one that appeared."""

    def __call__(self, time: float, before: Resource | None, after: Resource) -> None:
        """Takes one change; called while a batch is applied, so it must not block."""
        ...


class _Shelf:
    """The resources of one kind of one backend, with their address order kept ready."""

    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}
        self._order: list[str] | None = None
        self._rows: list[Resource] | None = None

    def put(self, resource: Resource) -> None:
        if resource.address not in self.resources:
            self._order = None
        self.resources[resource.address] = resource
        self._rows = None

    def take(self, address: str) -> None:
        del self.resources[address]
        self._order = self._rows = None

    def rows(self) -> list[Resource]:
        if self._rows is None:
            if self._order is None:
                self._order = sorted(self.resources)
            self._rows = [self.resources[address] for address in self._order]
        return self._rows


class _Batch:
    """What one call of `apply` has changed so far."""

    def __init__(self, backend: str, time: float) -> None:
        self.backend = backend
        self.time = time
        self.addresses: dict[str, set[str]] = {}

    def touch(self, kind: str, address: str) -> None:
        self.addresses.setdefault(kind, set()).add(address)


class _Backend:
    """What is kept of a backend beside its resources.

    `unconfirmed` are addresses that the current round has not mentioned yet, `synced` the kinds that have been said completely.
    """

    def __init__(self) -> None:
        self.state: BackendState | None = None
        self.count = 0
        self.unconfirmed: set[str] = set()
        self.synced: set[str] = set()
        self.notice: tuple[str, str] = ("", "")


class Store:
    """Holds resources by kind and backend. `clock` gives Unix seconds.

    A *round* begins when a backend is opened or asked again (`begin`, or a state of `connecting`). `Synced(kinds)` ends it for these kinds:
    what the round has not mentioned is removed. Until then everything known before stays. A backend that is `connecting` is not synced;
    one that merely begins a round stays so.
    """

    def __init__(self, clock: Clock, timeline: Timeline | None = None, limit: int = BACKEND_LIMIT) -> None:
        self._clock = clock
        self._timelines: list[Timeline] = [timeline] if timeline is not None else []
        self._limit = limit
        self._revision = 0
        self._shelves: dict[tuple[str, str], _Shelf] = {}
        self._backends: dict[str, _Backend] = {}
        self._listeners: list[Callable[[StoreChange], None]] = []
        self._backend_listeners: list[Callable[[], None]] = []

    @property
    def revision(self) -> int:
        """Grows by one with every batch that changed something."""
        return self._revision

    def subscribe(self, listener: Callable[[StoreChange], None]) -> Callable[[], None]:
        """Calls the listener after every revision; gives a function that ends this."""
        return _subscribe(self._listeners, listener)

    def subscribe_backends(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls the listener after the state of any backend changed; gives a function that ends this."""
        return _subscribe(self._backend_listeners, listener)

    def subscribe_conditions(self, listener: Timeline) -> Callable[[], None]:
        """Calls the listener whenever health, state or reason of a resource changes; gives a function that ends this."""
        return _subscribe(self._timelines, listener)

    def begin(self, backend: str) -> None:
        """A backend begins to say everything that it has; what was complete before still counts as complete meanwhile."""
        entry = self._entry(backend)
        entry.notice = ("", "")
        entry.unconfirmed = {
            address for (owner, _), shelf in self._shelves.items() if owner == backend for address in shelf.resources
        }

    def apply(self, backend: str, changes: tuple[Change, ...]) -> None:
        """Applies one batch as one revision; a batch that changes nothing makes none.

        An upsert keeps `since` while the health stays; a backend that knows the time itself gives it. Resources beyond the limit, or with
        addresses of another backend, are left out, and the backend's state says so.
        """
        entry = self._entry(backend)
        before = self._state_with_notice(entry), len(entry.synced)
        batch = _Batch(backend, self._clock())
        for change in changes:
            if isinstance(change, Upsert):
                self._upsert(entry, batch, change.resource)
            elif isinstance(change, Remove):
                self._remove(entry, batch, change.address)
            elif isinstance(change, Synced):
                self._sync(entry, batch, change.kinds)
            else:
                self._mark_unreachable(entry, batch.time, change)
        if batch.addresses:
            self._publish(batch)
        if (self._state_with_notice(entry), len(entry.synced)) != before:
            self._tell_backends()

    def set_backend(self, state: BackendState) -> None:
        """A backend's state changed. `since` is kept while the state stays; `synced` stays true until a new round begins."""
        entry = self._entry(state.name)
        earlier = entry.state
        if state.state == "connecting" and (earlier is None or earlier.state != "connecting"):
            self.begin(state.name)
            entry.synced = set()
        stays = earlier is not None and earlier.state == state.state
        since = earlier.since if earlier is not None and stays else state.since or self._clock()
        entry.state = replace(state, since=since, synced=state.synced or bool(entry.synced))
        if entry.state != earlier:
            self._tell_backends()

    def remove_backend(self, name: str) -> None:
        """A backend is no longer configured: it goes with everything that it had."""
        batch = _Batch(name, self._clock())
        for key in [key for key in self._shelves if key[0] == name]:
            batch.addresses[key[1]] = set(self._shelves.pop(key).resources)
        if self._backends.pop(name, None) is not None:
            self._tell_backends()
        if any(batch.addresses.values()):
            self._publish(batch)

    def backends(self) -> tuple[BackendState, ...]:
        """The state of every backend, by name."""
        entries = [self._state_with_notice(entry) for _, entry in sorted(self._backends.items())]
        return tuple(state for state in entries if state is not None)

    def backend(self, name: str) -> BackendState | None:
        """The state of one backend, or None."""
        entry = self._backends.get(name)
        return self._state_with_notice(entry) if entry else None

    def is_synced(self, backend: str, kind: str) -> bool:
        """Whether the backend has said everything it has of a kind since it was connecting."""
        entry = self._backends.get(backend)
        if entry is None:
            return False
        said_for_all = entry.state is not None and entry.state.synced and not entry.synced
        return said_for_all or kind in entry.synced

    def resource(self, address: str) -> Resource | None:
        """The resource that bears an address, or None."""
        parts = address.split("/", 2)
        shelf = self._shelves.get((parts[0], parts[1])) if len(parts) == 3 else None
        return shelf.resources.get(address) if shelf else None

    def get(self, kind: str = "", backend: str = "", matches: Matches | None = None) -> list[Resource]:
        """Resources in address order; an empty kind or backend means all."""
        rows = [resource for shelf in self._selected(kind, backend) for resource in shelf.rows()]
        return rows if matches is None else [resource for resource in rows if matches(resource)]

    def count(self, kind: str = "", backend: str = "") -> int:
        """How many resources `get` would give without a filter."""
        return sum(len(shelf.resources) for shelf in self._selected(kind, backend))

    def _entry(self, backend: str) -> _Backend:
        return self._backends.setdefault(backend, _Backend())

    def _selected(self, kind: str, backend: str) -> Iterable[_Shelf]:
        keys = [key for key in self._shelves if backend in ("", key[0]) and kind in ("", key[1])]
        return [self._shelves[key] for key in sorted(keys, key=lambda key: f"{key[0]}/{key[1]}/")]

    def _upsert(self, entry: _Backend, batch: _Batch, resource: Resource) -> None:
        parts = resource.address.split("/", 2)
        if len(parts) < 3 or parts[0] != batch.backend or not parts[1] or not parts[2]:
            entry.notice = (
                f"{batch.backend} reported {resource.address!r}, which is not an address of it, and was left out",
                "report it to the plugin's author",
            )
            return
        entry.unconfirmed.discard(resource.address)
        kind = parts[1]
        shelf = self._shelves.get((batch.backend, kind))
        if shelf is None:
            shelf = self._shelves[batch.backend, kind] = _Shelf()
        before = shelf.resources.get(resource.address)
        if before is None:
            if entry.count >= self._limit:
                entry.notice = (
                    f"{batch.backend} has more than {self._limit:,} resources; the others are not shown",
                    "narrow what the backend is configured to mirror",
                )
                return
            entry.count += 1
        if not resource.since:
            unchanged = before is not None and before.health is resource.health
            resource = _with_since(resource, before.since if before is not None and unchanged else batch.time)
        if resource == before:
            return
        shelf.put(resource)
        batch.touch(kind, resource.address)
        if self._timelines and (before is None or _condition(before) != _condition(resource)):
            for timeline in self._timelines:
                timeline(batch.time, before, resource)

    def _remove(self, entry: _Backend, batch: _Batch, address: str) -> None:
        parts = address.split("/", 2)
        shelf = self._shelves.get((batch.backend, parts[1])) if len(parts) == 3 else None
        if shelf is None or address not in shelf.resources:
            return
        shelf.take(address)
        entry.unconfirmed.discard(address)
        entry.count -= 1
        batch.touch(parts[1], address)

    def _sync(self, entry: _Backend, batch: _Batch, kinds: Collection[str]) -> None:
        for kind in kinds:
            shelf = self._shelves.get((batch.backend, kind))
            if shelf is not None and entry.unconfirmed:
                for address in entry.unconfirmed & shelf.resources.keys():
                    self._remove(entry, batch, address)
        entry.synced.update(kinds)
        state = entry.state
        if state is not None and state.state in ("connecting", "unreachable"):
            state = replace(state, state="ready", reason="", remedy="", since=batch.time)
        entry.state = replace(state, synced=True) if state is not None else None

    def _mark_unreachable(self, entry: _Backend, time: float, change: Unreachable) -> None:
        if entry.state is not None:
            since = entry.state.since if entry.state.state == "unreachable" else time
            entry.state = replace(
                entry.state, state="unreachable", reason=change.reason, remedy=change.remedy, since=since
            )

    def _state_with_notice(self, entry: _Backend) -> BackendState | None:
        state = entry.state
        if state is None or state.reason or not entry.notice[0]:
            return state
        return replace(state, reason=entry.notice[0], remedy=entry.notice[1])

    def _publish(self, batch: _Batch) -> None:
        self._revision += 1
        change = StoreChange(self._revision, batch.backend, batch.addresses)
        for listener in tuple(self._listeners):
            listener(change)

    def _tell_backends(self) -> None:
        for listener in tuple(self._backend_listeners):
            listener()


def _subscribe(listeners: list[L], listener: L) -> Callable[[], None]:
    listeners.append(listener)

    def end() -> None:
        if listener in listeners:
            listeners.remove(listener)

    return end


def _condition(resource: Resource) -> tuple[object, str, str]:
    return resource.health, resource.state, resource.reason


def _with_since(resource: Resource, since: float) -> Resource:
    """The resource with another `since`; written out because it runs for every reported row, where `replace` is five times slower."""
    return Resource(
        resource.address,
        resource.uid,
        resource.health,
        resource.state,
        resource.reason,
        since,
        resource.cells,
        resource.parent,
        resource.links,
        resource.actions_off,
    )
