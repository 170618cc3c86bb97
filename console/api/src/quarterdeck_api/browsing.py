"""Browsed kinds: what a backend has too much of to mirror is asked for page by page, and never stored."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from msgspec import Struct

from quarterdeck_api.resources import Resource
from quarterdeck_api.wire import Method

#: The most resources that a page may hold.
PAGE_LIMIT = 1_000


class BrowseRequest(Struct, frozen=True, omit_defaults=True):
    """One page of a browsed kind.

    `parent` is the address below which to look, empty for the top. `filter` is the user's text; a backend narrows by it as far as it can,
    and says in the page what it could not do. `cursor` is what the page before gave, empty for the first page. With `last` the page that
    ends the list is wanted. `limit` is at most PAGE_LIMIT.
    """

    backend: str
    kind: str
    parent: str = ""
    filter: str = ""
    cursor: str = ""
    limit: int = 200
    last: bool = False


class Page(Struct, frozen=True, omit_defaults=True):
    """Resources in the backend's own order.

    `next` and `previous` are cursors of the pages around it, empty at the ends. `start` is the first resource's position in the whole
    list and `total` the list's length, both None where counting would be dear. With `unfiltered` the backend could not apply the filter.
    """

    resources: tuple[Resource, ...]
    next: str = ""
    previous: str = ""
    start: int | None = None
    total: int | None = None
    unfiltered: bool = False


@runtime_checkable
class Browser(Protocol):
    """A backend with browsed kinds."""

    def browse(self, request: BrowseRequest, make: "ResourceMaker") -> Page:
        """One page; `make` builds resources with cells in the catalogue's order. Raises UsageError for a cursor that is not its own."""
        ...


class ResourceMaker(Protocol):
    """Builds resources of a backend by column names: the `resource` of WatchContext, for pages."""

    def __call__(
        self,
        kind: str,
        name: str,
        *,
        cells: Mapping[str, str | int | float | bool | None],
        health: str = "ok",
        state: str = "",
        reason: str = "",
        since: float = 0.0,
        uid: str = "",
        parent: str = "",
        links: dict[str, str] | None = None,
        actions_off: dict[str, str] | None = None,
    ) -> Resource:
        """The resource; an unknown kind or column is an error."""
        ...


class BrowseResult(Struct, frozen=True):
    """A page as a client gets it, with the ids of the columns in which its cells stand."""

    page: Page
    columns: tuple[str, ...]


BROWSE = Method("browse", BrowseRequest, BrowseResult)
