"""The server on a real socket: greeting, requests, watches and logs, bad clients."""

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.client.watching import WatchedRows
from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck.runtime.instance import InstanceLock
from quarterdeck.runtime.serving.log_streams import LogSource
from quarterdeck.runtime.serving.server import Server
from quarterdeck.runtime.serving.session import ClientSession
from quarterdeck.runtime.store import Store
from quarterdeck_api.backend import Interest
from quarterdeck_api.catalogue import Catalogue, Column, KindInfo, PluginInfo, PluginPhase, PluginStatus
from quarterdeck_api.errors import CallTimeoutError, NotFoundError, ProtocolError, RefusedError, UsageError
from quarterdeck_api.peer import Peer
from quarterdeck_api.protocol import (
    BACKENDS_CHANGED,
    CATALOGUE,
    DO,
    GET,
    HELLO,
    LOGS_CLOSE,
    LOGS_LINES,
    LOGS_OPEN,
    STATUS,
    STOP,
    WATCH_CLOSE,
    WATCH_DELTA,
    WATCH_OPEN,
    WATCH_SNAPSHOT,
    BackendsChanged,
    BackendState,
    DoParams,
    DoResult,
    GetParams,
    HelloParams,
    HelloResult,
    LogLines,
    LogsParams,
    Outcome,
    StopParams,
    StreamNumber,
    WatchNumber,
    WatchParams,
)
from quarterdeck_api.resources import Remove, Resource, Synced, Unreachable, Upsert
from quarterdeck_api.wire import PROTOCOL_VERSION, Nothing

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


@pytest.fixture
def paths(home: Path) -> InstancePaths:
    return instance_paths()


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def test_the_socket_is_private_and_goes_with_the_server(paths: InstancePaths) -> None:
    async def scenario() -> None:
        paths.socket_folder.mkdir(parents=True)
        paths.socket.touch()  # What a killed runtime left over is removed under the lock.
        async with serving(paths):
            assert stat.S_ISSOCK(paths.socket.lstat().st_mode)
            assert paths.socket.lstat().st_mode & 0o777 == 0o600
            assert paths.socket_folder.stat().st_mode & 0o777 == 0o700
        assert not paths.socket.exists()

    run(scenario())


def test_nobody_listens_without_the_lock(paths: InstancePaths) -> None:
    async def scenario() -> None:
        runtime = Runtime(paths)
        runtime.lock.release()
        with pytest.raises(UsageError, match="lock is not held"):
            await runtime.server.start(runtime.lock)
        assert not paths.socket.exists()

    run(scenario())


def test_another_major_version_is_refused_with_both_versions(paths: InstancePaths) -> None:
    async def scenario() -> None:
        async with serving(paths) as runtime:
            peer = await runtime.connect(hello=False)
            with pytest.raises(ProtocolError, match=rf"speaks protocol 99\.3, this side {PROTOCOL_VERSION}"):
                await peer.call(HELLO, greeting("99.3"), 10)
            await until(lambda: peer.closed)
            newer_minor = await runtime.connect(hello=False)
            assert (await newer_minor.call(HELLO, greeting("1.99"), 10)).version == "9.9"
            newer_minor.close()

    run(scenario())


def test_nothing_is_answered_before_hello(paths: InstancePaths) -> None:
    async def scenario() -> None:
        async with serving(paths) as runtime:
            peer = await runtime.connect(hello=False)
            with pytest.raises(UsageError, match="not said hello"):
                await peer.call(CATALOGUE, Nothing(), 10)
            assert runtime.server.clients() == ()
            await peer.call(HELLO, greeting(), 10)
            await peer.call(CATALOGUE, Nothing(), 10)
            peer.close()

    run(scenario())


def test_what_needs_catalogues_waits_until_they_are_there(paths: InstancePaths) -> None:
    async def scenario() -> None:
        async with serving(paths) as runtime:

            async def stop(_client: ClientSession, _params: StopParams) -> Nothing:
                return Nothing()

            runtime.ready.clear()
            runtime.server.on(STOP, stop)
            peer = await runtime.connect()
            asked = asyncio.create_task(peer.call(CATALOGUE, Nothing(), 10))
            assert await peer.call(STOP, StopParams("test"), 10) == Nothing()
            await asyncio.sleep(0.02)
            assert not asked.done()
            runtime.ready.set()
            assert [status.id for status in (await asked).plugins] == ["t"]
            peer.close()

    run(scenario())


def test_only_wanted_environment_is_taken(paths: InstancePaths) -> None:
    async def scenario() -> None:
        async with serving(paths) as runtime:
            runtime.wanted = ("PLANT_PASSWORD",)
            peer = await runtime.connect(hello=False)
            answer = await peer.call(HELLO, greeting(AWS_KEY="x"), 10)
            assert answer.wanted_environment == ("PLANT_PASSWORD",)
            assert runtime.offered == []
            await peer.call(HELLO, greeting(PLANT_PASSWORD="p", AWS_KEY="x"), 10)
            assert runtime.offered == [{"PLANT_PASSWORD": "p"}]
            assert len(runtime.server.clients()) == 1
            peer.close()

    run(scenario())


def test_handlers_get_the_client_and_their_errors_arrive(paths: InstancePaths) -> None:
    async def scenario() -> None:
        async with serving(paths) as runtime:
            peer = await runtime.connect()
            done = await peer.call(DO, DoParams("act"), 10)
            assert done.outcomes[0].message.endswith("(test)")
            with pytest.raises(RefusedError) as refused:
                await peer.call(DO, DoParams("refuse"), 10)
            assert (refused.value.remedy, refused.value.address) == ("ask somebody else", "plant/model/a")
            with pytest.raises(Exception, match="failed inside ZeroDivisionError"):
                await peer.call(DO, DoParams("crash"), 10)
            assert [what for what, _ in runtime.faults] == ["do"]
            with pytest.raises(UsageError, match="unknown method"):
                await peer.call(STATUS, Nothing(), 10)
            peer.close()

    run(scenario())


def test_clients_are_counted_and_interest_follows_watches(paths: InstancePaths) -> None:
    async def scenario() -> None:
        async with serving(paths) as runtime:
            runtime.store.set_backend(backend())
            assert runtime.server.interest("plant") is Interest.NONE
            assert runtime.server.idle_since is not None
            peer = await runtime.connect()
            assert runtime.server.interest("plant") is Interest.BACKGROUND
            assert runtime.server.idle_since is None
            await peer.call(WATCH_OPEN, WatchParams(1, "model", "plant"), 10)
            assert runtime.server.interest("plant") is Interest.FOREGROUND
            assert runtime.server.interest("other") is Interest.BACKGROUND
            (client,) = runtime.server.clients()
            assert (client.client, client.pid, client.watches) == ("test", os.getpid(), 1)
            await peer.call(WATCH_CLOSE, WatchNumber(1), 10)
            assert runtime.server.interest("plant") is Interest.BACKGROUND
            changes = runtime.client_changes
            peer.close()
            await until(lambda: runtime.server.idle_since is not None)
            assert runtime.client_changes == changes + 1
            assert runtime.server.interest("plant") is Interest.NONE

    run(scenario())


def test_get_waits_for_backends_and_says_which_are_pending(paths: InstancePaths) -> None:
    async def scenario() -> None:
        async with serving(paths) as runtime:
            runtime.store.set_backend(backend("connecting"))
            runtime.store.set_backend(backend("connecting", "dead"))
            runtime.store.apply("dead", (Unreachable("no route"),))
            peer = await runtime.connect()
            asked = asyncio.create_task(peer.call(GET, GetParams("model", wait=30.0), 30))
            await asyncio.sleep(0.02)
            assert not asked.done(), "plant is still connecting"
            runtime.store.apply("plant", (Upsert(row(2)), Upsert(row(1)), Synced(("model",))))
            result = await asked
            assert [resource.uid for resource in result.resources] == ["1", "2"]
            assert result.columns["plant"] == tuple(column.id for column in COLUMNS)
            assert result.pending == {"dead": "unreachable: no route"}
            again = await peer.call(GET, GetParams("node", wait=0.01), 10)
            assert again.resources == ()
            assert again.pending["plant"] == "has not said yet which node it has"
            one = await peer.call(GET, GetParams("model", "plant", filter="c1=2"), 10)
            assert [resource.uid for resource in one.resources] == ["2"]
            peer.close()

    run(scenario())


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (GetParams("modle"), "did you mean model?"),
        (GetParams("model", "plnt"), "did you mean plant?"),
        (GetParams("model", "core"), "core has no model"),
        (GetParams("model", filter="c9=1"), "c9"),
        (GetParams(""), "which kind"),
    ],
)
def test_a_wrong_get_is_a_sentence(paths: InstancePaths, params: GetParams, words: str) -> None:
    async def scenario() -> None:
        async with serving(paths) as runtime:
            runtime.store.set_backend(backend())
            runtime.store.set_backend(BackendState("core", "core", "core", "Core", "ready", synced=True))
            peer = await runtime.connect()
            with pytest.raises(UsageError) as raised:
                await peer.call(GET, params, 10)
            assert words in f"{raised.value.message} {raised.value.remedy}"
            peer.close()

    run(scenario())


def test_a_large_get_is_the_same_as_a_small_one(paths: InstancePaths) -> None:
    async def scenario() -> None:
        async with serving(paths) as runtime:
            runtime.store.set_backend(backend())
            runtime.fill(12_345)
            runtime.store.apply("plant", (Synced(("model",)),))
            peer = await runtime.connect()
            result = await peer.call(GET, GetParams("model"), 30)
            assert list(result.resources) == runtime.store.get("model")
            assert (result.pending, list(result.columns)) == ({}, ["plant"])
            some = await peer.call(GET, GetParams("model", filter="m00000"), 30)
            assert [resource.uid for resource in some.resources] == [str(number) for number in range(10)]
            peer.close()

    run(scenario())


def test_a_watch_follows_the_store_over_the_socket(paths: InstancePaths) -> None:
    async def scenario() -> None:
        async with serving(paths) as runtime:
            runtime.store.set_backend(backend())
            runtime.fill(6_000)
            peer = await runtime.connect()
            rows = WatchedRows(7, lambda _: None)
            peer.on_notification(WATCH_SNAPSHOT, rows.snapshot)
            peer.on_notification(WATCH_DELTA, rows.delta)
            await peer.call(WATCH_OPEN, WatchParams(7, "model"), 10)
            await until(lambda: rows.complete)
            runtime.fill(3_000, value=1)
            runtime.store.apply("plant", (Remove(row(5_999).address),))
            await until(lambda: list(rows.rows.values()) == runtime.store.get("model"))
            with pytest.raises(UsageError, match="no kind 'modal'"):
                await peer.call(WATCH_OPEN, WatchParams(8, "modal"), 10)
            peer.close()

    run(scenario())


def test_a_client_that_stops_reading_holds_up_nobody_and_catches_up(paths: InstancePaths) -> None:
    async def scenario() -> None:
        async with serving(paths) as runtime:
            runtime.store.set_backend(backend())
            runtime.fill(20_000)
            stopped = socket.socket(socket.AF_UNIX)
            stopped.connect(os.fspath(paths.socket))
            hello = {"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {"protocol": "1.0", "version": "1"}}
            hello["params"] |= {"client": "stopped", "pid": 1}  # type: ignore[operator]
            watch = {"jsonrpc": "2.0", "id": 2, "method": "watch.open", "params": {"watch": 1, "kind": "model"}}
            stopped.sendall(json.dumps(hello).encode() + b"\n" + json.dumps(watch).encode() + b"\n")
            await until(lambda: any(client.unsent_bytes > 500_000 for client in runtime.server.clients()))
            largest = 0
            peer = await runtime.connect()
            for value in range(1, 40):
                runtime.fill(2_000, value)
                assert (await peer.call(DO, DoParams("act"), 10)).outcomes[0].status == "done"
                largest = max(largest, *(client.unsent_bytes for client in runtime.server.clients()))
            assert largest < 4 * 1024 * 1024
            rows = WatchedRows(1, lambda _: None)
            received = Peer(*await asyncio.open_unix_connection(sock=stopped), "the runtime", print, 1 << 28)  # type: ignore[arg-type]
            received.on_notification(WATCH_SNAPSHOT, rows.snapshot)
            received.on_notification(WATCH_DELTA, rows.delta)
            reading = asyncio.create_task(received.run())
            await until(lambda: rows.complete and list(rows.rows.values()) == runtime.store.get("model"))
            received.close()
            peer.close()
            await reading

    run(scenario())


def test_everybody_is_told_when_a_backend_changes(paths: InstancePaths) -> None:
    async def scenario() -> None:
        async with serving(paths) as runtime:
            told: list[list[BackendsChanged]] = [[], []]
            peers = [await runtime.connect(), await runtime.connect()]
            for peer, list_of_one in zip(peers, told, strict=True):
                peer.on_notification(BACKENDS_CHANGED, list_of_one.append)
            for _ in range(50):
                runtime.store.set_backend(backend("connecting"))
                runtime.store.set_backend(backend("ready"))
            await until(lambda: all(told))
            await asyncio.sleep(0.1)
            assert [len(each) for each in told] == [1, 1], "a hundred changes at once are told once"
            assert told[0][0].backends[0].state == "ready"
            result = await peers[0].call(CATALOGUE, Nothing(), 10)
            assert [status.id for status in result.plugins] == ["t"]
            assert result.backends == told[0][0].backends
            for peer in peers:
                peer.close()

    run(scenario())


def test_logs_over_the_socket(paths: InstancePaths, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(paths) as runtime:
            log = tmp_path / "1.log"
            log.write_text("one\ntwo\n")
            runtime.logs["core/job/1"] = LogSource(lambda: (log,), lambda: False)
            batches: list[LogLines] = []
            peer = await runtime.connect()
            peer.on_notification(LOGS_LINES, batches.append)
            with pytest.raises(NotFoundError, match="core/job/2 has no log"):
                await peer.call(LOGS_OPEN, LogsParams(1, "core/job/2"), 10)
            await peer.call(LOGS_OPEN, LogsParams(1, "core/job/1", follow=True, tail=1), 10)
            await until(lambda: bool(batches))
            assert batches[0].lines == ("two",)
            with log.open("a") as file:
                file.write("three\n")
            await until(lambda: len(batches) == 2)
            assert batches[1].lines == ("three",)
            await peer.call(LOGS_CLOSE, StreamNumber(1), 10)
            peer.close()

    run(scenario())


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b'{"jsonrpc":"2.0"}\n',
        b"[1,2,3]\n",
        b"x" * (17 * 1024 * 1024),
        b'{"jsonrpc":"2.0","id":"one","method":"hello"}\n',
        b"\xff\xfe\n",
    ],
    ids=["http", "empty message", "batch", "too long", "text id", "not text"],
)
def test_what_is_not_the_protocol_ends_the_connection_only(paths: InstancePaths, garbage: bytes) -> None:
    async def scenario() -> None:
        async with serving(paths) as runtime:
            reader, writer = await asyncio.open_unix_connection(os.fspath(paths.socket))
            try:
                writer.write(garbage)
                await writer.drain()
                assert await asyncio.wait_for(reader.read(), 20) == b""
            except ConnectionError:
                pass  # The server closed before it had read everything: as good an end.
            writer.close()
            await until(lambda: bool(runtime.faults))
            assert isinstance(runtime.faults[0][1], ProtocolError)
            peer = await runtime.connect()
            assert (await peer.call(DO, DoParams("act"), 10)).outcomes[0].status == "done"
            peer.close()

    run(scenario())


def test_bad_parameters_are_answered_with_a_sentence(paths: InstancePaths) -> None:
    async def scenario() -> None:
        async with serving(paths):
            reader, writer = await asyncio.open_unix_connection(os.fspath(paths.socket))
            writer.write(b'{"jsonrpc":"2.0","id":7,"method":"hello","params":{"protocol":1}}\n')
            answer = json.loads(await asyncio.wait_for(reader.readline(), 10))
            assert (answer["id"], answer["error"]["code"]) == (7, "protocol")
            assert "HelloParams" in answer["error"]["message"]
            writer.close()

    run(scenario())


def test_another_users_client_is_turned_away(paths: InstancePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with serving(paths) as runtime:
            monkeypatch.setattr("quarterdeck.config.peer_identity.peer_user", lambda _: os.getuid() + 1)
            reader, _writer = await asyncio.open_unix_connection(os.fspath(paths.socket))
            assert await asyncio.wait_for(reader.read(), 10) == b""
            assert isinstance(runtime.faults[0][1], RefusedError)
            _writer.close()

    run(scenario())


def test_an_answer_under_way_is_sent_before_the_server_ends(paths: InstancePaths) -> None:
    async def scenario() -> None:
        async with serving(paths) as runtime:

            async def stop(_client: ClientSession, _params: StopParams) -> Nothing:
                asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(runtime.server.close()))
                return Nothing()

            runtime.server.on(STOP, stop)
            peer = await runtime.connect()
            assert await peer.call(STOP, StopParams("test"), 10) == Nothing()
            await until(lambda: peer.closed)
            with pytest.raises((FileNotFoundError, ConnectionRefusedError)):
                await runtime.connect()

    run(scenario())


def test_an_unanswered_call_ends_in_time(paths: InstancePaths) -> None:
    async def scenario() -> None:
        async with serving(paths) as runtime:
            runtime.store.set_backend(backend("connecting"))
            peer = await runtime.connect()
            with pytest.raises(CallTimeoutError):
                await peer.call(GET, GetParams("model", wait=60), 0.05)
            peer.close()

    run(scenario())
