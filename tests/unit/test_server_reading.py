"""What clients read from the server on a real socket: lists, watches, logs, and what everybody is told."""

import asyncio
import json
import os
import socket
from pathlib import Path

import pytest

from quarterdeck.client.watching import WatchedRows
from quarterdeck.config.paths import InstancePaths
from quarterdeck.runtime.serving.log_streams import LogSource
from quarterdeck_api.backend import Interest
from quarterdeck_api.errors import NotFoundError, UsageError
from quarterdeck_api.peer import Peer
from quarterdeck_api.protocol import (
    BACKENDS_CHANGED,
    CATALOGUE,
    DO,
    GET,
    LOGS_CLOSE,
    LOGS_LINES,
    LOGS_OPEN,
    WATCH_CLOSE,
    WATCH_DELTA,
    WATCH_OPEN,
    WATCH_SNAPSHOT,
    BackendsChanged,
    BackendState,
    DoParams,
    GetParams,
    LogLines,
    LogsParams,
    StreamNumber,
    WatchNumber,
    WatchParams,
)
from quarterdeck_api.resources import Remove, Synced, Unreachable, Upsert
from quarterdeck_api.wire import Nothing
from served_runtime import COLUMNS, backend, paths_of, row, run, serving, until

paths = pytest.fixture(paths_of)


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
