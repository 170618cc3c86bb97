"""A server with a store on a real socket at hand for tests, and clients of it."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck.runtime.instance import InstanceLock
from quarterdeck.runtime.serving.log_streams import LogSource
from quarterdeck.runtime.serving.server import Server
from quarterdeck.runtime.serving.session import ClientSession
from quarterdeck.runtime.store import Store
from quarterdeck_api.catalogue import Catalogue, Column, KindInfo, PluginInfo, PluginPhase, PluginStatus
from quarterdeck_api.errors import NotFoundError, RefusedError
from quarterdeck_api.peer import Peer
from quarterdeck_api.protocol import DO, HELLO, BackendState, DoParams, DoResult, HelloParams, HelloResult, Outcome
from quarterdeck_api.resources import Resource, Upsert
from quarterdeck_api.wire import PROTOCOL_VERSION

COLUMNS = tuple(Column(f"c{number}", f"C{number}") for number in range(8))


class OnePlugin:
    def plugins(self) -> tuple[PluginStatus, ...]:
        kinds = (KindInfo("model", "Models", COLUMNS), KindInfo("node", "Nodes"))
        catalogue = Catalogue(PluginInfo("t", "T", "1", "1.0"), kinds=kinds)
        return (PluginStatus("t", "t", "1", PluginPhase.READY, catalogue=catalogue),)

    def columns(self, backend: str, kind: str) -> tuple[Column, ...]:
        return COLUMNS if kind == "model" else ()


class Runtime:
    """A server with a store, as much of a runtime as clients see."""

    def __init__(self, paths: InstancePaths) -> None:
        self.paths = paths
        self.store = Store(lambda: 1.0)
        self.faults: list[tuple[str, BaseException]] = []
        self.offered: list[dict[str, str]] = []
        self.wanted: tuple[str, ...] = ()
        self.logs: dict[str, LogSource] = {}
        self.client_changes = 0
        self.ready = asyncio.Event()
        self.ready.set()
        self.lock = InstanceLock.take(paths, "9.9")
        self.server = Server(
            paths,
            self.store,
            OnePlugin(),
            hello=self.hello,
            log_source=self.log_source,
            on_environment=self.offered.append,
            on_fault=lambda what, error: self.faults.append((what, error)),
            on_clients=self.count_change,
            ready=self.ready,
        )
        self.server.on(DO, self.do)

    def hello(self) -> HelloResult:
        return HelloResult(PROTOCOL_VERSION, "9.9", os.getpid(), self.paths.home, 1.0, self.wanted)

    def log_source(self, address: str) -> LogSource:
        if address not in self.logs:
            raise NotFoundError(f"{address} has no log", "see `quarterdeck jobs`")
        return self.logs[address]

    def count_change(self) -> None:
        self.client_changes += 1

    async def do(self, client: ClientSession, params: DoParams) -> DoResult:
        if params.action == "crash":
            raise ZeroDivisionError("boom")
        if params.action == "refuse":
            raise RefusedError("no", "ask somebody else", "plant/model/a")
        return DoResult((Outcome("plant/model/a", "done", client.actor),))

    def fill(self, count: int, value: int = 0) -> None:
        self.store.apply("plant", tuple(Upsert(row(number, value)) for number in range(count)))

    async def connect(self, hello: bool = True) -> Peer:
        reader, writer = await asyncio.open_unix_connection(os.fspath(self.paths.socket))
        peer = Peer(reader, writer, "the runtime", lambda what, error: self.faults.append((what, error)), 1 << 28)
        peer.reading = asyncio.create_task(peer.run())  # type: ignore[attr-defined]
        if hello:
            await peer.call(HELLO, greeting(), 10)
        return peer


def greeting(protocol: str = PROTOCOL_VERSION, **environment: str) -> HelloParams:
    return HelloParams(protocol, "1", "test", os.getpid(), environment)


def row(number: int, value: int = 0) -> Resource:
    cells = ("type", number, value, 1.5, True, None, "text", "end")
    return Resource(f"plant/model/m{number:06d}", str(number), cells=cells)


def backend(state: str = "ready", name: str = "plant") -> BackendState:
    return BackendState(name, "t.x", "t", "T", state)


@asynccontextmanager
async def serving(paths: InstancePaths) -> AsyncIterator[Runtime]:
    runtime = Runtime(paths)
    await runtime.server.start(runtime.lock)
    try:
        yield runtime
    finally:
        await runtime.server.close()
        runtime.lock.release()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.002)


def paths_of(home: Path) -> InstancePaths:
    return instance_paths()


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)
