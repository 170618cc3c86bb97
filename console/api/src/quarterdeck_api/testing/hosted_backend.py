"""One backend that a test has open in a real host: asked, acted upon, watched, and checked against the contract."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from quarterdeck_api.backend import ActionRequest, ActionResult, Choice, Interest, ProbeResult
from quarterdeck_api.browsing import BrowseRequest, Page
from quarterdeck_api.catalogue import Catalogue
from quarterdeck_api.documents import Document
from quarterdeck_api.editing import EditableText, TextChange, TextParams, TextPut
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, UnreachableError, error_from_report
from quarterdeck_api.findings import Finding
from quarterdeck_api.host_protocol import (
    BACKEND_BROWSE,
    BACKEND_CLOSE,
    BACKEND_COMPLETE,
    BACKEND_DESCRIBE,
    BACKEND_GET_TEXT,
    BACKEND_INTEREST,
    BACKEND_METRICS,
    BACKEND_PARAMETERS,
    BACKEND_PERFORM,
    BACKEND_PROBE,
    BACKEND_PUT_TEXT,
    BACKEND_REOPEN,
    LIVE_DOCUMENT_OPEN,
    LOG_OPEN,
    STREAM_CLOSE,
    STREAM_CREDIT,
    BackendName,
    BackendReport,
    Heartbeat,
    InterestParams,
    MetricsAsked,
    StreamCredit,
    StreamDocument,
    StreamEnded,
    StreamLines,
    StreamNumber,
    StreamOpen,
)
from quarterdeck_api.logs import LogOptions
from quarterdeck_api.metrics import MetricSample, MetricSeries
from quarterdeck_api.parameter_values import validate
from quarterdeck_api.protocol import AddressParams, CompleteParams, ParametersParams
from quarterdeck_api.resources import Change, Resource, Synced, Unreachable
from quarterdeck_api.testing.subject import LiveRead, LogRead, resources
from quarterdeck_api.wire import Method

P = TypeVar("P")
R = TypeVar("R")
T = TypeVar("T")

#: Seconds that a log is followed, that a live document has for its first state, and that streams have to end.
FOLLOW_SECONDS = 1.0
LIVE_SECONDS = 10.0
END_SECONDS = 15.0


class _Host(Protocol):
    """What is used of a FakeRuntime."""

    catalogue: Catalogue

    def run(self, work: Coroutine[Any, Any, T]) -> T: ...

    async def call(self, method: Method[P, R], params: P) -> R: ...

    def notify(self, method: Method[P, Any], params: P) -> None: ...

    def next_stream(self) -> int: ...

    def until(self, condition: Callable[[], bool], seconds: float, otherwise: str) -> None: ...

    def heartbeat(self, seconds: float = ...) -> Heartbeat: ...


class HostedBackend:
    """A backend in the host of a FakeRuntime; a StreamingSubject of the contract. Its plain methods are for the thread of the test."""

    def __init__(self, name: str, backend_type: str, host: _Host) -> None:
        self.name = name
        self.backend_type = backend_type
        self.samples: list[MetricSample] = []
        self.findings: list[Finding] = []
        self.report: BackendReport | None = None
        self._host = host
        self._changes: list[Change] = []
        self._streams: dict[int, asyncio.Queue[StreamLines | StreamDocument | StreamEnded]] = {}

    @property
    def catalogue(self) -> Catalogue:
        """What its plugin declares."""
        return self._host.catalogue

    @property
    def changes(self) -> Sequence[Change]:
        """What it has emitted since it was opened, or opened anew."""
        return tuple(self._changes)

    @property
    def resources(self) -> dict[str, Resource]:
        """The resources that it has emitted and not removed, by address."""
        return resources(self)

    def check(self, check: Callable[[Any], Awaitable[None] | None]) -> None:
        """Runs one check of the contract; raises AssertionError with a sentence."""
        result = check(self)
        if inspect.iscoroutine(result):
            self._host.run(result)

    def until(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        """Waits for a condition, as of what it emits; raises UnreachableError when it does not come true."""
        self._host.until(condition, seconds, "what the test waits for does not come")

    def wait_synced(self, seconds: float) -> None:
        """Waits until it has said everything; raises UnreachableError with its reason when it says that it cannot be reached."""
        mirrored = {kind.id for kind in self.catalogue.kinds if kind.mirrored}

        def settled() -> bool:
            said = {kind for each in self.changes if isinstance(each, Synced) for kind in each.kinds}
            return mirrored <= said or self._trouble() is not None

        self._host.until(settled, seconds, f"{self.name} has not said everything")
        trouble = self._trouble()
        if trouble is not None:
            raise trouble

    def describe(self, address: str) -> Document:
        """The document of a resource."""
        return self._host.run(self.ask(BACKEND_DESCRIBE, AddressParams(address)))

    def do(
        self,
        action: str,
        address: str,
        parameters: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        *,
        dry_run: bool = False,
    ) -> ActionResult:
        """Does a short action as the runtime would: parameters are checked against the schema, and get its defaults."""
        info = next((each for each in self.catalogue.actions if each.id == action), None)
        if info is None:
            raise NotFoundError(f"the plugin has no action {action!r}", "see quarterdeck_actions")
        given = validate(info.parameters, parameters or {})
        request = ActionRequest(action, address, given, settings or {}, dry_run)
        return self._host.run(self.ask(BACKEND_PERFORM, request))

    def own_parameters(self, action: str, address: str) -> dict[str, Any]:
        """The schema of a resource's own parameters."""
        return self._host.run(self.ask(BACKEND_PARAMETERS, ParametersParams(action, address)))

    def complete(self, action: str, address: str, field: str, prefix: str = "") -> list[Choice]:
        """Choices for a field."""
        return list(self._host.run(self.ask(BACKEND_COMPLETE, CompleteParams(action, address, field, prefix))).choices)

    def probe(self) -> ProbeResult:
        """What it says of itself."""
        return self._host.run(self.ask(BACKEND_PROBE, BackendName(self.name)))

    def browse(self, kind: str, parent: str = "", filter: str = "", cursor: str = "", limit: int = 200) -> Page:
        """One page of a browsed kind."""
        return self._host.run(self.ask(BACKEND_BROWSE, BrowseRequest(self.name, kind, parent, filter, cursor, limit)))

    def get_text(self, address: str) -> EditableText:
        """A resource's text."""
        return self._host.run(self.ask(BACKEND_GET_TEXT, TextParams(address)))

    def put_text(self, address: str, text: str, version: str, *, dry_run: bool = False) -> TextChange:
        """Puts a text in place of one of a version."""
        return self._host.run(self.ask(BACKEND_PUT_TEXT, TextPut(address, text, version, dry_run)))

    def log(self, address: str, source: str, *, follow: bool = False, tail: int = 0, most: int = 0) -> LogRead:
        """What a log says; see `read_log`."""
        return self._host.run(self.read_log(address, source, follow=follow, tail=tail, most=most))

    def live(self, address: str, states: int = 1) -> LiveRead:
        """What a live document shows; see `read_live`."""
        return self._host.run(self.read_live(address, states))

    def metrics(
        self, address: str, names: tuple[str, ...] = (), since: float = 0.0, until: float = 0.0
    ) -> list[MetricSeries]:
        """Metrics that it keeps itself."""
        asked = MetricsAsked(address, names, since, until or time.time())
        return list(self._host.run(self.ask(BACKEND_METRICS, asked)).series)

    def set_interest(self, interest: Interest) -> None:
        """Says who looks at it."""
        self._host.notify(BACKEND_INTEREST, InterestParams(self.name, interest))

    def retry(self) -> None:
        """Closes it and opens it anew; returns once it has said everything again."""
        self._changes.clear()
        self.report = None
        self._host.run(self.ask(BACKEND_REOPEN, BackendName(self.name)))
        self.wait_synced(60.0)

    def close(self) -> None:
        """Closes it for good."""
        self._host.run(self.ask(BACKEND_CLOSE, BackendName(self.name)))

    async def ask(self, method: Method[P, R], params: P) -> R:
        """Asks it through its host; raises what the host reports."""
        return await self._host.call(method, params)

    async def read_log(
        self, address: str, source: str, *, follow: bool = False, tail: int = 0, most: int = 0
    ) -> LogRead:
        """Reads a log to its end, or until `most` lines were read (0: no limit); with `follow` for a second."""
        lines: list[str] = []
        skipped, ended = 0, False
        wanted = StreamOpen(self._host.next_stream(), address, source, LogOptions(follow, tail))
        queue = self._streams[wanted.stream] = asyncio.Queue()
        deadline = asyncio.get_running_loop().time() + (FOLLOW_SECONDS if follow else END_SECONDS * 4)
        try:
            await self.ask(LOG_OPEN, wanted)
            self._host.notify(STREAM_CREDIT, StreamCredit(wanted.stream, 4))
            async with asyncio.timeout_at(deadline):
                while not ended and (not most or len(lines) < most):
                    message = await queue.get()
                    if isinstance(message, StreamEnded):
                        ended = True
                        if message.error is not None:
                            return LogRead(tuple(lines), skipped, True, error_from_report(message.error))
                    elif isinstance(message, StreamLines):
                        lines += message.lines
                        skipped += message.skipped
                        self._host.notify(STREAM_CREDIT, StreamCredit(wanted.stream, 1))
        except QuarterdeckError as error:
            return LogRead(tuple(lines), skipped, True, error)
        except TimeoutError:
            pass  # What was read until now is what there is.
        finally:
            self._end_stream(wanted.stream)
        return LogRead(tuple(lines), skipped, ended)

    async def read_live(self, address: str, states: int = 1) -> LiveRead:
        """Follows a live document until so many states were shown, it has ended, or ten seconds have passed."""
        shown: list[Document] = []
        wanted = StreamOpen(self._host.next_stream(), address)
        queue = self._streams[wanted.stream] = asyncio.Queue()
        try:
            await self.ask(LIVE_DOCUMENT_OPEN, wanted)
            self._host.notify(STREAM_CREDIT, StreamCredit(wanted.stream, 4))
            async with asyncio.timeout(LIVE_SECONDS):
                while len(shown) < states:
                    message = await queue.get()
                    if isinstance(message, StreamEnded):
                        error = error_from_report(message.error) if message.error else None
                        return LiveRead(tuple(shown), error)
                    if isinstance(message, StreamDocument):
                        shown.append(message.document)
                        self._host.notify(STREAM_CREDIT, StreamCredit(wanted.stream, 1))
        except QuarterdeckError as error:
            return LiveRead(tuple(shown), error)
        except TimeoutError:
            pass  # What was shown until now is what there is.
        finally:
            self._end_stream(wanted.stream)
        return LiveRead(tuple(shown))

    async def streams_left(self) -> int:
        """Threads of the host that hang in a call, a log or a live document, once they had time to end."""
        deadline = asyncio.get_running_loop().time() + END_SECONDS
        while True:
            stuck = (await asyncio.to_thread(self._host.heartbeat)).stuck_calls
            if not stuck or asyncio.get_running_loop().time() > deadline:
                return stuck

    def take_changes(self, changes: Sequence[Change]) -> None:
        """The host has sent changes of it."""
        self._changes += changes

    def take_report(self, report: BackendReport) -> None:
        """The host has said how it stands; when a round begins, it says everything again."""
        self.report = report
        if report.state == "connecting":
            self._changes.clear()

    def take_stream(self, message: StreamLines | StreamDocument | StreamEnded) -> None:
        """The host has sent something of a stream."""
        queue = self._streams.get(message.stream)
        if queue is not None:
            queue.put_nowait(message)

    def _end_stream(self, number: int) -> None:
        self._streams.pop(number, None)
        self._host.notify(STREAM_CLOSE, StreamNumber(number))

    def _trouble(self) -> UnreachableError | None:
        """Why it cannot be used, as it or its host has said."""
        if self.report is not None and self.report.state in ("failed", "unreachable"):
            return UnreachableError(f"{self.name} cannot be used: {self.report.reason}", self.report.remedy)
        last = self._changes[-1] if self._changes else None
        if isinstance(last, Unreachable):
            return UnreachableError(f"{self.name} cannot be reached: {last.reason}", last.remedy)
        return None
