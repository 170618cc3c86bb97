"""One open backend as the checks of the contract see it, and what they need to know of its resources."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from msgspec import Struct

from quarterdeck_api.catalogue import ActionInfo, Catalogue, Column, ColumnType
from quarterdeck_api.documents import Document
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.findings import Finding
from quarterdeck_api.metrics import MetricSample
from quarterdeck_api.resources import Cell, Change, Resource, Upsert
from quarterdeck_api.wire import Method

P = TypeVar("P")
R = TypeVar("R")

#: Resources of each kind that a check asks about one by one; what a backend emits is looked at in full.
SAMPLE = 20

_WHOLE = (ColumnType.INTEGER, ColumnType.BYTES)
_NUMBERS = (ColumnType.NUMBER, ColumnType.FRACTION, ColumnType.DURATION, ColumnType.TIMESTAMP)


class LogRead(Struct, frozen=True):
    """What was read of a log. `ended` says that it came to its end by itself, `error` by which error."""

    lines: tuple[str, ...]
    skipped: int
    ended: bool
    error: QuarterdeckError | None = None


class LiveRead(Struct, frozen=True):
    """What was seen of a live document, and the error that ended it."""

    documents: tuple[Document, ...]
    error: QuarterdeckError | None = None


class Subject(Protocol):
    """One open backend that is tested."""

    @property
    def name(self) -> str:
        """The backend's name."""
        ...

    @property
    def backend_type(self) -> str:
        """The id of its type."""
        ...

    @property
    def catalogue(self) -> Catalogue:
        """What its plugin declares."""
        ...

    @property
    def changes(self) -> Sequence[Change]:
        """What the backend has emitted, up to and including `Synced` for all its kinds."""
        ...

    async def ask(self, method: Method[P, R], params: P) -> R:
        """Asks the backend through its host; raises what the host reports."""
        ...


class StreamingSubject(Subject, Protocol):
    """A subject whose logs and live documents can be followed."""

    @property
    def samples(self) -> Sequence[MetricSample]:
        """Samples of metrics that the backend has reported."""
        ...

    @property
    def findings(self) -> Sequence[Finding]:
        """What the backend says needs attention now."""
        ...

    async def read_log(
        self, address: str, source: str, *, follow: bool = False, tail: int = 0, most: int = 0
    ) -> LogRead:
        """Reads a log to its end, or until `most` lines were read (0: no limit); with `follow` for a short while."""
        ...

    async def read_live(self, address: str, states: int = 1) -> LiveRead:
        """Follows a live document until so many states were shown, or for a short while."""
        ...

    async def streams_left(self) -> int:
        """Threads of logs and live documents that were told to end and have not, once they had time to."""
        ...


def resources(subject: Subject) -> dict[str, Resource]:
    """The resources that the backend has, by address, as the changes leave them."""
    found: dict[str, Resource] = {}
    for change in tuple(subject.changes):
        if isinstance(change, Upsert):
            found[change.resource.address] = change.resource
    return found


def sample(subject: Subject) -> list[Resource]:
    """Some resources of each mirrored kind, spread over all of them."""
    kinds: dict[str, list[Resource]] = {}
    for resource in resources(subject).values():
        kinds.setdefault(resource.kind, []).append(resource)
    return [each for found in kinds.values() for each in found[:: max(1, len(found) // SAMPLE)][:SAMPLE]]


def actions_of(subject: Subject, resource: Resource) -> list[ActionInfo]:
    """The actions that a resource of its kind and backend has."""
    return actions_of_kind(subject, resource.kind)


def actions_of_kind(subject: Subject, kind: str) -> list[ActionInfo]:
    """The actions that the backend's resources of a kind have."""
    return [action for action in subject.catalogue.actions if action.is_for(kind, subject.backend_type)]


def check_resource_cells(subject: Subject, resource: Resource) -> None:
    """Cells are as many as columns, and each is of its column's type or empty."""
    kind = subject.catalogue.kind(resource.kind)
    columns = kind.columns if kind else ()
    assert len(resource.cells) == len(columns), (
        f"{resource.address} has {len(resource.cells)} cells, not {len(columns)}"
    )
    for column, cell in zip(columns, resource.cells, strict=True):
        assert _fits(column, cell), f"{resource.address}: {cell!r} is no {column.type.value} ({column.id})"


def _fits(column: Column, cell: Cell) -> bool:
    if cell is None:
        return True
    if column.type is ColumnType.BOOLEAN:
        return isinstance(cell, bool)
    if column.type is ColumnType.TEXT:
        return isinstance(cell, str)
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return False
    return column.type in _NUMBERS or (column.type in _WHOLE and isinstance(cell, int))
