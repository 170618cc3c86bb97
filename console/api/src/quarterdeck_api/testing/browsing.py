"""Checks of browsed kinds: pages that join, cursors, the last page, filters, and documents of what is on a page."""

import re

from quarterdeck_api.browsing import BrowseRequest, Page
from quarterdeck_api.catalogue import KindInfo
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, UnsupportedError, UsageError
from quarterdeck_api.host_protocol import BACKEND_BROWSE, BACKEND_DESCRIBE
from quarterdeck_api.protocol import AddressParams
from quarterdeck_api.resources import Address, Resource
from quarterdeck_api.testing.subject import Subject, check_resource_cells, resources

#: Resources on a page of these checks, and pages that are walked at most: enough for an end or a gap of a small list to show.
_LIMIT = 7
_PAGES = 40

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")


async def check_pages(subject: Subject) -> None:
    """Pages join without gaps or doubles, forward and back; the last page is the end; a cursor that is none is refused."""
    for kind, parent in await _places(subject):
        where = f"{subject.name}/{kind.id}" + (f" below {parent}" if parent else "")
        pages = await _walk(subject, kind.id, parent, where)
        _check_joined(subject, pages, kind, where)
        await _check_way_back(subject, pages, kind.id, parent, where)
        await _check_last(subject, pages, kind.id, parent, where)
        try:
            await subject.ask(BACKEND_BROWSE, BrowseRequest(subject.name, kind.id, parent, cursor="no cursor of yours"))
        except UsageError as error:
            assert error.message, f"{where}: the error for a wrong cursor has no sentence"
        else:
            raise AssertionError(f"{where}: a cursor that it has never given is accepted")


async def check_filters(subject: Subject) -> None:
    """A filter leaves what bears the name that was typed, or the page says that it could not filter."""
    for kind, parent in await _places(subject):
        first = await _page(subject, BrowseRequest(subject.name, kind.id, parent, limit=_LIMIT))
        wanted = next((each for each in first.resources if _PLAIN_NAME.fullmatch(each.name)), None)
        if wanted is None:
            continue
        found = await _page(subject, BrowseRequest(subject.name, kind.id, parent, wanted.name, limit=200))
        addresses = {each.address for each in found.resources}
        assert found.unfiltered or wanted.address in addresses, (
            f"{subject.name}/{kind.id}: the filter {wanted.name!r} does not leave {wanted.address}"
        )


async def check_browsed_documents(subject: Subject) -> None:
    """What is on a page can be described, or nothing of the backend can be."""
    for kind, parent in await _places(subject):
        first = await _page(subject, BrowseRequest(subject.name, kind.id, parent, limit=3))
        for resource in first.resources:
            try:
                document = await subject.ask(BACKEND_DESCRIBE, AddressParams(resource.address))
            except UnsupportedError:
                return
            assert document.title and document.blocks, f"the document of {resource.address} is empty"


async def _places(subject: Subject) -> list[tuple[KindInfo, str]]:
    """Every browsed kind with a parent below which there is something to look at; kinds that need none have an empty one."""
    found: list[tuple[KindInfo, str]] = []
    known: dict[str, str] = {}
    for resource in resources(subject).values():
        known.setdefault(resource.kind, resource.address)
    waiting = [kind for kind in subject.catalogue.kinds if not kind.mirrored]
    asked: list[tuple[KindInfo, str]] = []
    while True:
        ready = [(kind, parent) for kind in waiting for parent in _parents(kind, known) if (kind, parent) not in asked]
        if not ready:
            break  # There is nothing below which the others could be.
        for kind, parent in ready:
            asked.append((kind, parent))
            try:
                first = await _page(subject, BrowseRequest(subject.name, kind.id, parent, limit=1))
            except UnsupportedError:
                continue  # This type of backend has none of this kind, or none there.
            found.append((kind, parent))
            if first.resources:
                known.setdefault(kind.id, first.resources[0].address)
    return found


def _parents(kind: KindInfo, known: dict[str, str]) -> list[str]:
    """Below what a kind can be looked at: one resource of each parent kind, or nothing when it needs none."""
    return [known[each] for each in kind.parent_kinds if each in known] if kind.parent_kinds else [""]


async def _walk(subject: Subject, kind: str, parent: str, where: str) -> list[Page]:
    pages = [await _page(subject, BrowseRequest(subject.name, kind, parent, limit=_LIMIT))]
    assert not pages[0].previous, f"{where}: the first page has one before it"
    while pages[-1].next and len(pages) < _PAGES:
        request = BrowseRequest(subject.name, kind, parent, cursor=pages[-1].next, limit=_LIMIT)
        pages.append(await _page(subject, request))
        assert pages[-1].previous, f"{where}: the page after the first has none before it"
    return pages


def _check_joined(subject: Subject, pages: list[Page], kind: KindInfo, where: str) -> None:
    seen: dict[str, Resource] = {}
    position = 0
    for page in pages:
        assert len(page.resources) <= _LIMIT, f"{where}: a page has {len(page.resources)} resources, not {_LIMIT}"
        assert page.resources or not page.next, f"{where}: an empty page has one after it"
        if page.start is not None and page.resources:
            assert page.start == position, f"{where}: a page says that it starts at {page.start}, not {position}"
        for resource in page.resources:
            address = Address.parse(resource.address)
            assert (address.backend, address.kind) == (subject.name, kind.id), f"{where}: {address} is on a page"
            assert resource.uid, f"{address} has no uid"
            assert resource.address not in seen, f"{where}: {address} is on two pages"
            check_resource_cells(subject, resource)
            seen[resource.address] = resource
        position += len(page.resources)
    if not pages[-1].next:
        for page in pages:
            assert page.total in (None, position), f"{where}: its total is {page.total}, but it has {position}"


async def _check_way_back(subject: Subject, pages: list[Page], kind: str, parent: str, where: str) -> None:
    forward = [each.address for page in pages[:-1] for each in page.resources]
    back: list[str] = []
    cursor = pages[-1].previous
    while cursor and len(back) <= len(forward):
        page = await _page(subject, BrowseRequest(subject.name, kind, parent, cursor=cursor, limit=_LIMIT))
        back[:0] = [each.address for each in page.resources]
        cursor = page.previous
    assert back == forward, f"{where}: on the way back the pages have other resources, or another order, than forward"


async def _check_last(subject: Subject, pages: list[Page], kind: str, parent: str, where: str) -> None:
    last = await _page(subject, BrowseRequest(subject.name, kind, parent, limit=_LIMIT, last=True))
    assert not last.next, f"{where}: the last page has one after it"
    assert len(last.resources) <= _LIMIT, f"{where}: the last page has {len(last.resources)} resources, not {_LIMIT}"
    assert bool(last.resources) == bool(pages[0].resources), f"{where}: first and last page disagree about being empty"
    if not pages[-1].next and pages[-1].resources:
        end = pages[-1].resources[-1].address
        assert last.resources[-1].address == end, f"{where}: the last page does not end with {end}"


async def _page(subject: Subject, request: BrowseRequest) -> Page:
    try:
        return await subject.ask(BACKEND_BROWSE, request)
    except (UnsupportedError, UsageError, NotFoundError):
        raise
    except QuarterdeckError as error:
        raise AssertionError(f"a page of {request.kind} could not be had: {error.message}") from error
