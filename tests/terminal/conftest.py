"""A stand-in for the runtime that speaks the protocol over the instance's real socket."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.config.paths import instance_paths, make_private
from quarterdeck_api.backend import Choice, RunInTerminal
from quarterdeck_api.browsing import BROWSE, BrowseRequest, BrowseResult, Page
from quarterdeck_api.catalogue import (
    ActionInfo,
    BackendTypeInfo,
    Catalogue,
    Column,
    ColumnType,
    Danger,
    KeymapInfo,
    KindInfo,
    PluginInfo,
    PluginPhase,
    PluginStatus,
)
from quarterdeck_api.documents import Document, Fact, FactsBlock
from quarterdeck_api.errors import ErrorReport, NotFoundError
from quarterdeck_api.live_documents import (
    DOCUMENT_CLOSE,
    DOCUMENT_OPEN,
    DOCUMENT_SHOWN,
    DocumentNumber,
    DocumentOpen,
    DocumentShown,
)
from quarterdeck_api.logs import LOG_SOURCES, LogSourceInfo, LogSourcesParams, LogSourcesResult
from quarterdeck_api.metrics import (
    METRICS,
    METRICS_CHANGED,
    METRICS_CLOSE,
    METRICS_OPEN,
    MetricSample,
    MetricsChanged,
    MetricsNumber,
    MetricsParams,
    MetricsResult,
    MetricsWatch,
)
from quarterdeck_api.peer import Peer
from quarterdeck_api.protocol import (
    BACKENDS_CHANGED,
    CATALOGUE,
    COMPLETE,
    DESCRIBE,
    DO,
    GET,
    HELLO,
    JOURNAL,
    LOGS_CLOSE,
    LOGS_LINES,
    LOGS_OPEN,
    PARAMETERS,
    WATCH_CLOSE,
    WATCH_DELTA,
    WATCH_OPEN,
    WATCH_SNAPSHOT,
    AddressParams,
    BackendsChanged,
    BackendState,
    CatalogueResult,
    CompleteParams,
    CompleteResult,
    Delta,
    DescribeResult,
    DoParams,
    DoResult,
    GetParams,
    GetResult,
    HelloParams,
    HelloResult,
    JournalEntry,
    JournalParams,
    JournalResult,
    LogLines,
    LogsParams,
    Outcome,
    ParametersParams,
    ParametersResult,
    SnapshotChunk,
    StreamNumber,
    WatchNumber,
    WatchParams,
)
from quarterdeck_api.resources import Health, Resource
from quarterdeck_api.timeline import TIMELINE, TimelineEntry, TimelineParams, TimelineResult
from quarterdeck_api.wire import PROTOCOL_VERSION, Nothing

_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}, "required": []}

#: Whatever they are: a form asks for them.
_SOME_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {"dataset": {"type": "string"}}, "required": []}

_MODEL_COLUMNS = (
    Column("algorithm", "Algorithm"),
    Column("mae", "MAE", ColumnType.NUMBER),
    Column("size", "Size", ColumnType.BYTES),
    Column("trained", "Trained", ColumnType.TIMESTAMP),
)

_SERIES_COLUMNS = (Column("number", "Number", ColumnType.INTEGER),)

_JOB_COLUMNS = (Column("type", "Type"), Column("target", "Target"), Column("progress", "Progress", ColumnType.FRACTION))

_PLUGINS = (
    PluginStatus(
        "ainode",
        "quarterdeck-ainode",
        "0.1",
        PluginPhase.READY,
        catalogue=Catalogue(
            PluginInfo("ainode", "AINode", "0.1", "1.0"),
            backend_types=(BackendTypeInfo("ainode", "Local engine", _NO_PARAMETERS, "", embedded=True),),
            keymaps=(KeymapInfo("emacs", {"table.down": "ctrl+n", "resource.raw": "ctrl+o"}),),
            kinds=(
                KindInfo("model", "Models", _MODEL_COLUMNS),
                KindInfo("node", "Nodes", (Column("cores", "Cores"),)),
                KindInfo("version", "Versions", (Column("size", "Size", ColumnType.BYTES),), parent_kind="model"),
                KindInfo("series", "Series", _SERIES_COLUMNS, mirrored=False, parent_kind="node"),
            ),
            actions=(
                ActionInfo("model.load", "Load", ("model",), _NO_PARAMETERS, key="o", summary="Loads the model."),
                ActionInfo("model.forecast", "Forecast", ("model",), _NO_PARAMETERS, key="f"),
                ActionInfo("model.train", "Train", ("model",), _SOME_PARAMETERS, key="t", bulk=True),
                ActionInfo(
                    "model.drop", "Drop", ("model",), _NO_PARAMETERS, key="D", bulk=True, danger=Danger.TYPE_NAME
                ),
                ActionInfo("model.shell", "Shell", ("model",), _NO_PARAMETERS, key="s"),
            ),
        ),
    ),
    PluginStatus(
        "core",
        "quarterdeck",
        "0.1",
        PluginPhase.READY,
        catalogue=Catalogue(
            PluginInfo("core", "Quarterdeck", "0.1", "1.0"),
            actions=(ActionInfo("job.cancel", "Cancel", ("job",), _NO_PARAMETERS, key="x", bulk=True),),
            kinds=(
                KindInfo("job", "Jobs", _JOB_COLUMNS),
                KindInfo("dataset", "Datasets"),
                KindInfo("journal", "Journal"),
                KindInfo("plugin", "Plugins", (Column("version", "Version"), Column("remedy", "Remedy"))),
                KindInfo("process", "Processes", (Column("target", "Target"),)),
            ),
        ),
    ),
)


_PARAMETERS = FactsBlock((Fact("order", "2,1,1"),), "Parameters")


def model(name: str, mae: float = 1.5, health: Health = Health.OK, backend: str = "ainode") -> Resource:
    """A model of the embedded backend."""
    return Resource(f"{backend}/model/{name}", name, health, "active", cells=("arima", mae, 2_048, 1_700_000_000.0))


def job(number: int, state: str = "running") -> Resource:
    """A job for a model."""
    health = {"running": Health.BUSY, "failed": Health.FAILED}.get(state, Health.OK)
    return Resource(f"core/job/{number}", str(number), health, state, cells=("forecast", "ainode/model/arima", 0.25))


def series(number: int, parent: str = "") -> Resource:
    """A series of a node, of which there are too many to be mirrored."""
    return Resource(f"ainode/series/s-{number}", str(number), Health.OK, "open", cells=(number,), parent=parent)


class FakeRuntime:
    """Answers the console as the runtime would, from the rows that a test puts into it."""

    def __init__(self, folder: Path, *rows: Resource) -> None:
        self.rows = {row.address: row for row in rows}
        self.backends: tuple[BackendState, ...] = (
            BackendState("ainode", "ainode", "ainode", "Local engine", "ready", synced=True, embedded=True),
            BackendState("core", "core", "core", "Quarterdeck itself", "ready", synced=True, embedded=True),
        )
        self.chunk_rows = 5_000
        self.done: list[DoParams] = []
        self.watches: dict[int, tuple[Peer, WatchParams]] = {}
        self.logs: dict[int, Peer] = {}
        self.documents: dict[int, tuple[Peer, str]] = {}
        self.document_of: dict[str, Document] = {}
        self.metrics: dict[int, Peer] = {}
        self.log_params: dict[int, LogsParams] = {}
        self.sources: tuple[LogSourceInfo, ...] = ()
        self.parameters = _NO_PARAMETERS
        self.choices: dict[str, tuple[Choice, ...]] = {}
        self.completing: list[str] = []
        self.entries: tuple[JournalEntry, ...] = ()
        self.refused: set[str] = set()
        self.outcome: Callable[[str], Outcome] = lambda address: Outcome(address, "done", "it is loaded")
        #: Parameters wait for `hold`, and completions of `slow_prefix` for `slow`.
        self.hold: asyncio.Event | None = None
        self.slow: asyncio.Event | None = None
        self.slow_prefix = ""
        self.peers: list[Peer] = []
        self.faults: list[BaseException] = []
        self.series = 0
        self.timeline: list[TimelineEntry] = []
        self.browsed: list[BrowseRequest] = []
        self.browsing = asyncio.Event()
        self.browsing.set()
        self.can_filter = True
        self._folder = folder
        self._server: asyncio.Server | None = None
        self._readers: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "FakeRuntime":
        paths = instance_paths()
        make_private(paths.socket_folder)
        self._server = await asyncio.start_unix_server(self._serve, paths.socket)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.drop()
        instance_paths().socket.unlink(missing_ok=True)
        await asyncio.gather(*self._readers)
        assert not self.faults, self.faults

    def drop(self) -> None:
        """Ends every connection, as a runtime that was killed."""
        for peer in self.peers:
            peer.close()
        self.peers.clear()
        self.watches.clear()

    def put(self, *rows: Resource) -> None:
        """Adds or changes rows, and tells every watch."""
        self.rows |= {row.address: row for row in rows}
        for row in rows:
            self.show_document(row.address)
        for number, (peer, params) in self.watches.items():
            wanted = tuple(row for row in rows if self._wanted(params, row))
            if wanted:
                peer.notify(WATCH_DELTA, Delta(number, 2, wanted, ()))

    def remove(self, *addresses: str) -> None:
        """Removes rows, and tells every watch."""
        for address in addresses:
            del self.rows[address]
        for number, (peer, _) in self.watches.items():
            peer.notify(WATCH_DELTA, Delta(number, 2, (), addresses))

    def set_backends(self, *backends: BackendState) -> None:
        """Changes the backends, and tells everybody."""
        self.backends = backends
        for peer in self.peers:
            peer.notify(BACKENDS_CHANGED, BackendsChanged(backends))

    def log(self, *lines: str, error: ErrorReport | None = None) -> None:
        """Writes lines to every log that is open."""
        for stream, peer in self.logs.items():
            peer.notify(LOGS_LINES, LogLines(stream, lines, ended=error is not None, error=error))

    def measure(self, *samples: MetricSample) -> None:
        """Gives samples to everybody who follows metrics."""
        for stream, peer in self.metrics.items():
            peer.notify(METRICS_CHANGED, MetricsChanged(stream, samples))

    @staticmethod
    def program(*argv: str) -> RunInTerminal:
        """Something for the console to run."""
        return RunInTerminal(argv)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, "the console", lambda _, error: self.faults.append(error))
        self.peers.append(peer)

        async def open_watch(params: WatchParams) -> Nothing:
            self.watches[params.watch] = (peer, params)
            found = sorted(
                (row for row in self.rows.values() if self._wanted(params, row)), key=lambda row: row.address
            )
            starts = range(0, max(1, len(found)), self.chunk_rows)
            for start in starts:
                part = tuple(found[start : start + self.chunk_rows])
                last = start + self.chunk_rows >= len(found)
                peer.notify(WATCH_SNAPSHOT, SnapshotChunk(params.watch, 1, part, len(found), start == 0, last))
            return Nothing()

        async def open_logs(params: LogsParams) -> Nothing:
            self.logs[params.stream] = peer
            self.log_params[params.stream] = params
            return Nothing()

        async def close_logs(params: StreamNumber) -> Nothing:
            self.logs.pop(params.stream, None)
            self.log_params.pop(params.stream, None)
            return Nothing()

        peer.on_request(HELLO, self._hello)
        peer.on_request(CATALOGUE, self._catalogue)
        peer.on_request(WATCH_OPEN, open_watch)
        peer.on_request(WATCH_CLOSE, self._close_watch)

        async def open_document(params: DocumentOpen) -> Nothing:
            self.documents[params.stream] = (peer, params.address)
            self.show_document(params.address)
            return Nothing()

        async def close_document(params: DocumentNumber) -> Nothing:
            self.documents.pop(params.stream, None)
            return Nothing()

        async def open_metrics(params: MetricsWatch) -> Nothing:
            self.metrics[params.stream] = peer
            return Nothing()

        async def close_metrics(params: MetricsNumber) -> Nothing:
            self.metrics.pop(params.stream, None)
            return Nothing()

        async def give_sources(_: LogSourcesParams) -> LogSourcesResult:
            return LogSourcesResult(self.sources)

        async def no_metrics(_: MetricsParams) -> MetricsResult:
            return MetricsResult(())

        peer.on_request(DESCRIBE, self._describe)
        peer.on_request(DOCUMENT_OPEN, open_document)
        peer.on_request(DOCUMENT_CLOSE, close_document)
        peer.on_request(METRICS_OPEN, open_metrics)
        peer.on_request(METRICS_CLOSE, close_metrics)
        peer.on_request(LOG_SOURCES, give_sources)
        peer.on_request(COMPLETE, self._complete)
        peer.on_request(JOURNAL, self._journal)
        peer.on_request(GET, self._get)
        peer.on_request(METRICS, no_metrics)
        peer.on_request(DO, self._do)
        peer.on_request(PARAMETERS, self._parameters)
        peer.on_request(BROWSE, self._browse)
        peer.on_request(TIMELINE, self._timeline)
        peer.on_request(LOGS_OPEN, open_logs)
        peer.on_request(LOGS_CLOSE, close_logs)
        task = asyncio.current_task()
        assert task is not None
        self._readers.add(task)
        await peer.run()

    async def _hello(self, _: HelloParams) -> HelloResult:
        return HelloResult(PROTOCOL_VERSION, "0.1.0", 1, str(self._folder), 0.0)

    async def _catalogue(self, _: Nothing) -> CatalogueResult:
        return CatalogueResult(_PLUGINS, self.backends)

    async def _close_watch(self, params: WatchNumber) -> Nothing:
        self.watches.pop(params.watch, None)
        return Nothing()

    def show_document(self, address: str) -> None:
        """Sends the document of an address, as it is now, to everybody who has it open."""
        row = self.rows.get(address)
        document = self.document_of.get(address) or Document(address, (_PARAMETERS,))
        for stream, (peer, wanted) in self.documents.items():
            if wanted != address:
                continue
            error = ErrorReport("not-found", f"nothing bears the address {address}", "look at the models")
            shown = DocumentShown(stream, row, (), document) if row else DocumentShown(stream, error=error)
            peer.notify(DOCUMENT_SHOWN, shown)

    async def _describe(self, params: AddressParams) -> DescribeResult:
        if params.address not in self.rows:
            raise NotFoundError(f"nothing bears the address {params.address}", "look at the models")
        return DescribeResult(self.rows[params.address], (), Document(params.address, (_PARAMETERS,)))

    async def _parameters(self, _: ParametersParams) -> ParametersResult:
        if self.hold is not None:
            await self.hold.wait()
        return ParametersResult(self.parameters)

    async def _get(self, params: GetParams) -> GetResult:
        return GetResult(1, tuple(row for row in self.rows.values() if row.kind == params.kind), {})

    async def _journal(self, _: JournalParams) -> JournalResult:
        return JournalResult(self.entries)

    async def _complete(self, asked: CompleteParams) -> CompleteResult:
        self.completing.append(asked.prefix)
        if self.slow is not None and asked.prefix == self.slow_prefix:
            await self.slow.wait()
        known = self.choices.get(asked.field, ())
        return CompleteResult(tuple(choice for choice in known if choice.value.startswith(asked.prefix)))

    async def _do(self, params: DoParams) -> DoResult:
        self.done.append(params)
        busy = ErrorReport("refused", "it is busy", "wait for it")
        danger = Danger.TYPE_NAME if params.action == "model.drop" else Danger.NONE
        return DoResult(
            tuple(
                Outcome(address, "refused", "it is busy", error=busy)
                if address in self.refused
                else self.outcome(address)
                for address in params.addresses
            ),
            danger=danger,
        )

    async def _timeline(self, _: TimelineParams) -> TimelineResult:
        return TimelineResult(tuple(self.timeline))

    async def _browse(self, request: BrowseRequest) -> BrowseResult:
        """Numbered series, as many as a test says; a filter takes those whose number ends so."""
        self.browsed.append(request)
        await self.browsing.wait()
        text = request.filter if self.can_filter else ""
        numbers = [number for number in range(self.series) if str(number).endswith(text)] if text else None
        total = self.series if numbers is None else len(numbers)
        start = max(0, total - request.limit) if request.last else int(request.cursor or 0)
        places = range(start, min(start + request.limit, total))
        rows = tuple(series(place if numbers is None else numbers[place], request.parent) for place in places)
        end = start + len(rows)
        page = Page(
            rows,
            str(end) if end < total else "",
            str(max(0, start - request.limit)) if start else "",
            start,
            total,
            unfiltered=bool(request.filter) and not self.can_filter,
        )
        return BrowseResult(page, ("number",))

    @staticmethod
    def _wanted(params: WatchParams, row: Resource) -> bool:
        return params.kind in ("", row.kind) and params.address in ("", row.address)


@pytest.fixture
def make_model() -> Callable[..., Resource]:
    """Makes models."""
    return model


@pytest.fixture
def make_job() -> Callable[..., Resource]:
    """Makes jobs."""
    return job


@pytest.fixture
def fake_runtime(home: Path) -> Callable[..., FakeRuntime]:
    """Makes a runtime with rows for this test's instance; to be entered with `async with`."""

    def make(*rows: Resource) -> FakeRuntime:
        return FakeRuntime(home, *rows)

    return make
