"""Browsed kinds: pages asked of backends, or of the parts of the core that have such kinds."""

from collections.abc import Awaitable, Callable

from quarterdeck.runtime.backend_asking import BackendAsking
from quarterdeck.runtime.registry import Registry
from quarterdeck.runtime.serving.session import ClientSession
from quarterdeck_api.browsing import PAGE_LIMIT, BrowseRequest, BrowseResult, Page, ResourceMaker
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, UsageError
from quarterdeck_api.host.making import BackendResources
from quarterdeck_api.host_protocol import BACKEND_BROWSE
from quarterdeck_api.resources import CORE, Address

#: One page of a browsed kind of the core; `make` builds its resources.
CoreBrowser = Callable[[BrowseRequest, ResourceMaker], Awaitable[Page]]

#: Seconds for a page.
PAGE_TIMEOUT = 15.0


class Browsing:
    """Answers `browse`."""

    def __init__(self, registry: Registry, asking: BackendAsking) -> None:
        self._registry = registry
        self._asking = asking
        self._core: dict[str, CoreBrowser] = {}

    def register(self, kind: str, browser: CoreBrowser) -> None:
        """Has a browsed kind of the core answered by a function."""
        self._core[kind] = browser

    async def browse(self, session: ClientSession, request: BrowseRequest) -> BrowseResult:
        """One page, checked: its resources are of the backend and kind that were asked for.

        Raises UsageError for a kind that is mirrored or a limit out of range, NotFoundError for an unknown backend or kind, and what the
        backend answers.
        """
        if not 1 <= request.limit <= PAGE_LIMIT:
            raise UsageError(f"a page of {request.limit} is not possible", f"ask for 1 to {PAGE_LIMIT}")
        if self._registry.mirrored(request.backend, request.kind):
            raise UsageError(
                f"{request.kind} of {request.backend} is not browsed page by page: the runtime has all of it",
                f"use `quarterdeck get {request.kind}`",
            )
        if request.parent:
            Address.parse(request.parent)
        session.browsed(request.backend)
        page = await self._page(request)
        if len(page.resources) > PAGE_LIMIT:
            raise QuarterdeckError(
                f"a page of {request.backend}/{request.kind} has {len(page.resources)} resources",
                f"report it to the authors of plugin {self._registry.plugin_of(request.backend)}",
            )
        prefix = f"{request.backend}/{request.kind}/"
        for resource in page.resources:
            if not resource.address.startswith(prefix):
                raise QuarterdeckError(
                    f"a page of {request.backend}/{request.kind} has {resource.address!r} in it",
                    f"report it to the authors of plugin {self._registry.plugin_of(request.backend)}",
                )
        columns = self._registry.columns(request.backend, request.kind)
        return BrowseResult(page, tuple(column.id for column in columns))

    async def _page(self, request: BrowseRequest) -> Page:
        if request.backend != CORE:
            return await self._asking.ask(request.backend, BACKEND_BROWSE, request, PAGE_TIMEOUT)
        browser = self._core.get(request.kind)
        if browser is None:
            raise NotFoundError(f"the core has no {request.kind} to browse", "see `quarterdeck plugin info core`")
        return await browser(request, BackendResources(CORE, self._registry.catalogue(CORE)))
