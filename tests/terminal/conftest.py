"""A stand-in for the runtime that speaks the protocol over the instance's real socket."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.config.paths import instance_paths, make_private
from quarterdeck_api.catalogue import (
    ActionInfo,
    BackendTypeInfo,
    Catalogue,
    Column,
    ColumnType,
    KindInfo,
    PluginInfo,
    PluginPhase,
    PluginStatus,
)
from quarterdeck_api.documents import Document, Fact, FactsBlock
from quarterdeck_api.errors import NotFoundError
from quarterdeck_api.peer import Peer
from quarterdeck_api.protocol import (
    BACKENDS_CHANGED,
    CATALOGUE,
    DESCRIBE,
    DO,
    HELLO,
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
    Delta,
    DescribeResult,
    DoParams,
    DoResult,
    HelloParams,
    HelloResult,
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
from quarterdeck_api.wire import PROTOCOL_VERSION, Nothing

_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}, "required": []}

_MODEL_COLUMNS = (
    Column("algorithm", "Algorithm"),
    Column("mae", "MAE", ColumnType.NUMBER),
    Column("size", "Size", ColumnType.BYTES),
    Column("trained", "Trained", ColumnType.TIMESTAMP),
)

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
            kinds=(KindInfo("model", "Models", _MODEL_COLUMNS), KindInfo("node", "Nodes", (Column("cores", "Cores"),))),
            actions=(
                ActionInfo("model.load", "Load", ("model",), _NO_PARAMETERS, key="o", summary="Loads the model."),
                ActionInfo("model.forecast", "Forecast", ("model",), _NO_PARAMETERS, key="f"),
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
            ),
        ),
    ),
)


def model(name: str, mae: float = 1.5, health: Health = Health.OK, backend: str = "ainode") -> Resource:
    """A model of the embedded backend."""
    return Resource(f"{backend}/model/{name}", name, health, "active", cells=("arima", mae, 2_048, 1_700_000_000.0))


def job(number: int, state: str = "running") -> Resource:
    """A job for a model."""
    health = {"running": Health.BUSY, "failed": Health.FAILED}.get(state, Health.OK)
    return Resource(f"core/job/{number}", str(number), health, state, cells=("forecast", "ainode/model/arima", 0.25))


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
        self.peers: list[Peer] = []
        self.faults: list[BaseException] = []
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

    def log(self, *lines: str) -> None:
        """Writes lines to every log that is open."""
        for stream, peer in self.logs.items():
            peer.notify(LOGS_LINES, LogLines(stream, lines))

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
            return Nothing()

        async def close_logs(params: StreamNumber) -> Nothing:
            self.logs.pop(params.stream, None)
            return Nothing()

        peer.on_request(HELLO, self._hello)
        peer.on_request(CATALOGUE, self._catalogue)
        peer.on_request(WATCH_OPEN, open_watch)
        peer.on_request(WATCH_CLOSE, self._close_watch)
        peer.on_request(DESCRIBE, self._describe)
        peer.on_request(DO, self._do)
        peer.on_request(PARAMETERS, self._parameters)
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

    async def _describe(self, params: AddressParams) -> DescribeResult:
        if params.address not in self.rows:
            raise NotFoundError(f"nothing bears the address {params.address}", "look at the models")
        block = FactsBlock((Fact("order", "2,1,1"),), "Parameters")
        return DescribeResult(self.rows[params.address], (), Document(params.address, (block,)))

    async def _parameters(self, _: ParametersParams) -> ParametersResult:
        return ParametersResult(_NO_PARAMETERS)

    async def _do(self, params: DoParams) -> DoResult:
        self.done.append(params)
        return DoResult(tuple(Outcome(address, "done", "it is loaded") for address in params.addresses))

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
