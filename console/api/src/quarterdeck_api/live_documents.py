"""Live documents: what *describe* shows, again and again while somebody looks."""

from typing import Protocol, runtime_checkable

from msgspec import Struct

from quarterdeck_api.documents import Document
from quarterdeck_api.errors import ErrorReport
from quarterdeck_api.resources import Resource
from quarterdeck_api.wire import Method, Nothing


class DocumentContext(Protocol):
    """What `describe_live` is given: where documents go, and when to end."""

    @property
    def stopped(self) -> bool:
        """Whether nobody looks any more."""
        ...

    def show(self, document: Document) -> None:
        """Shows the document's latest state; never blocks. At most 10 a second are sent, and always the last."""
        ...

    def wait(self, seconds: float) -> bool:
        """Sleeps, but wakes when nobody looks any more; then it is True."""
        ...


@runtime_checkable
class LiveDescribable(Protocol):
    """A backend whose resources can be watched as documents; one that has it has `describe` as well."""

    def describe_live(self, address: str, context: DocumentContext) -> None:
        """Shows the document until `context.stopped`; runs in a thread of its own. Raises UnsupportedError for what does not live."""
        ...


class DocumentOpen(Struct, frozen=True):
    """A document to follow, under a number that the client chooses. What has no live document is sent once, and then on each change of its resource."""

    stream: int
    address: str


class DocumentNumber(Struct, frozen=True):
    """A document stream of this connection."""

    stream: int


class DocumentShown(Struct, frozen=True, omit_defaults=True):
    """The latest state of a document; with `error` it could not be had, and the one before stands. Nothing follows after `ended`."""

    stream: int
    resource: Resource | None = None
    columns: tuple[str, ...] = ()
    document: Document | None = None
    error: ErrorReport | None = None
    ended: bool = False


DOCUMENT_OPEN = Method("document.open", DocumentOpen, Nothing)
DOCUMENT_CLOSE = Method("document.close", DocumentNumber, Nothing)
DOCUMENT_SHOWN = Method("document.shown", DocumentShown, Nothing)
