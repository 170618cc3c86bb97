"""What the runtime asks of backends, as calls in the host's thread pool: each with a time-out and counted by the backend's breaker."""

from collections.abc import Callable
from typing import TypeVar

from quarterdeck_api.backend import (
    ActionRequest,
    ActionResult,
    Completer,
    Describable,
    Parameterised,
    Performer,
    Probeable,
    ProbeResult,
    VerifiedOutcome,
    Verifier,
)
from quarterdeck_api.browsing import PAGE_LIMIT, Browser, BrowseRequest, Page
from quarterdeck_api.catalogue import Catalogue, JsonSchema
from quarterdeck_api.documents import Document
from quarterdeck_api.editing import Editable, EditableText, TextChange, TextParams, TextPut
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.host.backends import BackendRunner
from quarterdeck_api.host.making import BackendResources
from quarterdeck_api.host_protocol import (
    BACKEND_BROWSE,
    BACKEND_COMPLETE,
    BACKEND_DESCRIBE,
    BACKEND_GET_TEXT,
    BACKEND_LOG_SOURCES,
    BACKEND_METRICS,
    BACKEND_PARAMETERS,
    BACKEND_PERFORM,
    BACKEND_PROBE,
    BACKEND_PUT_TEXT,
    BACKEND_VERIFY,
    BackendName,
    MetricsAsked,
)
from quarterdeck_api.logs import LogProvider, LogSourcesParams, LogSourcesResult
from quarterdeck_api.metrics import MetricProvider, MetricsResult
from quarterdeck_api.peer import Peer
from quarterdeck_api.protocol import AddressParams, CompleteParams, CompleteResult, ParametersParams

R = TypeVar("R")


class BackendCalls:
    """Answers the runtime's questions to backends. `runner` gives a backend by name, `catalogue` what the plugin declares."""

    def __init__(self, runner: Callable[[str], BackendRunner], catalogue: Callable[[], Catalogue]) -> None:
        self._runner = runner
        self._catalogue = catalogue

    def register(self, peer: Peer) -> None:
        """Has the peer answer by this."""
        peer.on_request(BACKEND_DESCRIBE, self._describe)
        peer.on_request(BACKEND_PERFORM, self._perform)
        peer.on_request(BACKEND_VERIFY, self._verify)
        peer.on_request(BACKEND_PARAMETERS, self._parameters)
        peer.on_request(BACKEND_COMPLETE, self._complete)
        peer.on_request(BACKEND_PROBE, self._probe)
        peer.on_request(BACKEND_BROWSE, self._browse)
        peer.on_request(BACKEND_GET_TEXT, self._get_text)
        peer.on_request(BACKEND_PUT_TEXT, self._put_text)
        peer.on_request(BACKEND_LOG_SOURCES, self._log_sources)
        peer.on_request(BACKEND_METRICS, self._metrics)

    async def _describe(self, asked: AddressParams) -> Document:
        return await self._of(asked.address).call(
            Describable, "describe its resources", lambda backend: backend.describe(asked.address), Document
        )

    async def _perform(self, request: ActionRequest) -> ActionResult:
        actions = self._catalogue().actions
        harmless = request.dry_run or any(each.id == request.action and each.read_only for each in actions)
        return await self._of(request.address).call(
            Performer,
            f"do {request.action}",
            lambda backend: backend.perform(request),
            ActionResult,
            changes_something=not harmless,
        )

    async def _verify(self, request: ActionRequest) -> VerifiedOutcome:
        return await self._of(request.address).call(
            Verifier,
            "find out whether an action has happened",
            lambda backend: backend.verify(request),
            VerifiedOutcome,
        )

    async def _parameters(self, asked: ParametersParams) -> JsonSchema:
        return await self._of(asked.address).call(
            Parameterised,
            "say which parameters a resource has",
            lambda backend: backend.own_parameters(asked.action, asked.address),
            dict,
        )

    async def _complete(self, asked: CompleteParams) -> CompleteResult:
        choices = await self._of(asked.address).call(
            Completer,
            "complete values",
            lambda backend: backend.complete(asked.action, asked.address, asked.field, asked.prefix),
            list,
        )
        return CompleteResult(tuple(choices))

    async def _probe(self, asked: BackendName) -> ProbeResult:
        return await self._runner(asked.name).call(
            Probeable, "say what it is", lambda backend: backend.probe(), ProbeResult
        )

    async def _browse(self, request: BrowseRequest) -> Page:
        make = BackendResources(request.backend, self._catalogue())
        page: Page = await self._runner(request.backend).call(
            Browser, f"be browsed for {request.kind}", lambda backend: backend.browse(request, make), Page
        )
        if len(page.resources) > PAGE_LIMIT:
            raise QuarterdeckError(
                f"{request.backend} gave a page of {len(page.resources)} {request.kind}, more than {PAGE_LIMIT}",
                f"report it to the authors of plugin {self._catalogue().plugin.id}",
            )
        return page

    async def _get_text(self, asked: TextParams) -> EditableText:
        return await self._of(asked.address).call(
            Editable, "give its resources as text", lambda backend: backend.get_text(asked.address), EditableText
        )

    async def _put_text(self, wanted: TextPut) -> TextChange:
        return await self._of(wanted.address).call(
            Editable,
            "take its resources as text",
            lambda backend: backend.put_text(wanted.address, wanted.text, wanted.version, wanted.dry_run),
            TextChange,
            changes_something=not wanted.dry_run,
        )

    async def _log_sources(self, asked: LogSourcesParams) -> LogSourcesResult:
        sources = await self._of(asked.address).call(
            LogProvider, "show logs", lambda backend: backend.log_sources(asked.address), list
        )
        return LogSourcesResult(tuple(sources))

    async def _metrics(self, asked: MetricsAsked) -> MetricsResult:
        series = await self._of(asked.address).call(
            MetricProvider,
            "give metrics",
            lambda backend: backend.metrics(asked.address, asked.names, asked.since, asked.until),
            list,
        )
        return MetricsResult(tuple(series))

    def _of(self, address: str) -> BackendRunner:
        return self._runner(address.split("/", 1)[0])
