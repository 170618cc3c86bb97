"""The server on a real socket: greeting, requests, and bad clients."""

import asyncio
import json
import os
import stat

import pytest

from quarterdeck.config.paths import InstancePaths
from quarterdeck.runtime.serving.session import ClientSession
from quarterdeck_api.errors import CallTimeoutError, ProtocolError, RefusedError, UsageError
from quarterdeck_api.protocol import CATALOGUE, DO, GET, HELLO, DoParams, GetParams
from quarterdeck_api.runtime_requests import STATUS, STOP, StopParams
from quarterdeck_api.wire import PROTOCOL_VERSION, Nothing
from served_runtime import Runtime, backend, greeting, paths_of, run, serving, until

paths = pytest.fixture(paths_of)


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
