"""`get` of a browsed kind: one page, or page after page to the end."""

from collections.abc import Sequence
from typing import NamedTuple

from quarterdeck.cli.listing import listing_lines
from quarterdeck.cli.session import Session
from quarterdeck.cli.streams import narrate, write_json, write_lines
from quarterdeck_api.browsing import BROWSE, PAGE_LIMIT, BrowseRequest, BrowseResult
from quarterdeck_api.catalogue import Column
from quarterdeck_api.errors import ExitCode, UsageError
from quarterdeck_api.protocol import CatalogueResult
from quarterdeck_api.resources import CORE, Address, resource_document
from quarterdeck_api.visible import visible

#: Seconds for a page.
_PAGE_TIMEOUT = 30.0

#: Resources on a page when nothing is said.
DEFAULT_LIMIT = 200


class BrowseListing(NamedTuple):
    """What `get` is asked of a browsed kind; `everything` goes on to the last page, `limit` 0 is the usual page."""

    kind: str
    backend: str = ""
    filter: str = ""
    parent: str = ""
    cursor: str = ""
    limit: int = 0
    last: bool = False
    everything: bool = False
    as_json: bool = False


def browsed_backends(catalogue: CatalogueResult, kind: str) -> list[str]:
    """The backends that have a kind page by page."""
    plugins = {
        status.id: info
        for status in catalogue.plugins
        if status.catalogue and (info := status.catalogue.kind(kind)) is not None and not info.mirrored
    }
    names = [
        backend.name
        for backend in catalogue.backends
        if backend.plugin in plugins and plugins[backend.plugin].of_type(backend.type)
    ]
    return list(dict.fromkeys([CORE, *names] if CORE in plugins else names))


def run_browsing(session: Session, listing: BrowseListing) -> int:
    """Prints a page and says how to get the next, or prints all pages; raises UsageError when the backend is not clear."""
    backend = _backend(session.catalogue(), listing)
    columns = _columns(session.catalogue(), backend, listing.kind)
    limit = listing.limit or (PAGE_LIMIT if listing.everything else DEFAULT_LIMIT)
    request = BrowseRequest(backend, listing.kind, listing.parent, listing.filter, listing.cursor, limit, listing.last)
    found = session.call(BROWSE, request, _PAGE_TIMEOUT)
    if found.page.unfiltered:
        narrate(f"{backend} cannot filter its {listing.kind}: everything is shown")
    if listing.everything:
        return _all_pages(session, request, found, columns, listing.as_json)
    if listing.as_json:
        write_json(_page_document(found))
        return ExitCode.DONE
    write_lines(listing_lines(found.page.resources, {backend: columns}, backend))
    _tell_position(found)
    return ExitCode.DONE


def _all_pages(
    session: Session, request: BrowseRequest, found: BrowseResult, columns: Sequence[Column], as_json: bool
) -> int:
    """Prints pages to the last, one in memory at a time; JSON is one document a line."""
    from msgspec.structs import replace

    header_shown = False
    while True:
        if as_json:
            for each in found.page.resources:
                write_json(resource_document(each, found.columns), compact=True)
        else:
            lines = listing_lines(found.page.resources, {request.backend: tuple(columns)}, request.backend)
            write_lines(lines[1:] if header_shown else lines)
            header_shown = True
        if not found.page.next:
            return ExitCode.DONE
        found = session.call(BROWSE, replace(request, cursor=found.page.next, last=False), _PAGE_TIMEOUT)


def _backend(catalogue: CatalogueResult, listing: BrowseListing) -> str:
    if listing.parent:
        parent = Address.parse(listing.parent)
        if listing.backend not in ("", parent.backend):
            raise UsageError(f"{listing.parent} is not of backend {listing.backend}", "leave -b out")
        return parent.backend
    if listing.backend:
        return listing.backend
    having = browsed_backends(catalogue, listing.kind)
    if len(having) == 1:
        return having[0]
    if not having:
        raise UsageError(
            f"{listing.kind} is not browsed page by page", "leave --parent, --cursor, --limit and --all out"
        )
    raise UsageError(f"{listing.kind} is browsed in one backend at a time", f"add -b with one of: {', '.join(having)}")


def _columns(catalogue: CatalogueResult, backend: str, kind: str) -> tuple[Column, ...]:
    plugins = {CORE: CORE} | {each.name: each.plugin for each in catalogue.backends}
    for status in catalogue.plugins:
        if status.id == plugins.get(backend) and status.catalogue and (info := status.catalogue.kind(kind)):
            return info.columns
    return ()


def _page_document(found: BrowseResult) -> dict[str, object]:
    page = found.page
    return {
        "resources": [resource_document(each, found.columns) for each in page.resources],
        "next": page.next,
        "previous": page.previous,
        "start": page.start,
        "total": page.total,
        "unfiltered": page.unfiltered,
    }


def _tell_position(found: BrowseResult) -> None:
    page = found.page
    shown = len(page.resources)
    where = f"{page.start + 1:,} to {page.start + shown:,}" if page.start is not None and shown else f"{shown:,}"
    of = f" of {page.total:,}" if page.total is not None else ""
    more = f"; go on with --cursor {visible(page.next)}" if page.next else ""
    narrate(f"{where}{of}{more}")
