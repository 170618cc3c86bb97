"""The client's side: starting the runtime once, the blocking and the asynchronous connection, rows of a watch."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quarterdeck.client.blocking import BlockingConnection
from quarterdeck.client.launch import connect, connect_or_start
from quarterdeck.client.streaming import StreamingConnection
from quarterdeck.client.watching import RowChanges, WatchedRows
from quarterdeck.config.instance_lock import read_holder, try_lock
from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck_api.errors import (
    CallTimeoutError,
    ProtocolError,
    QuarterdeckError,
    RefusedError,
    UnknownOutcomeError,
    UnreachableError,
    UsageError,
)
from quarterdeck_api.protocol import (
    CATALOGUE,
    DO,
    GET,
    WATCH_DELTA,
    WATCH_OPEN,
    WATCH_SNAPSHOT,
    Delta,
    DoParams,
    GetParams,
    HelloResult,
    SnapshotChunk,
    WatchParams,
)
from quarterdeck_api.resources import Resource
from quarterdeck_api.runtime_requests import STATUS
from quarterdeck_api.wire import Nothing

RUNTIME = '''
"""As much of a runtime as these tests need: the lock, the server, a store with some rows."""
import asyncio, os, sys, time
from quarterdeck.config.paths import instance_paths
from quarterdeck.runtime.instance import InstanceLock
from quarterdeck.runtime.serving.server import Server
from quarterdeck.runtime.store import Store
from quarterdeck_api.catalogue import Catalogue, KindInfo, PluginInfo, PluginPhase, PluginStatus
from quarterdeck_api.protocol import DO, DoResult, BackendState, HelloResult
from quarterdeck_api.runtime_requests import STOP
from quarterdeck_api.resources import Resource, Synced, Upsert
from quarterdeck_api.wire import PROTOCOL_VERSION, Nothing

class OnePlugin:
    def plugins(self):
        catalogue = Catalogue(PluginInfo("t", "T", "1", "1.0"), kinds=(KindInfo("model", "Models"),))
        return (PluginStatus("t", "t", "1", PluginPhase.READY, catalogue=catalogue),)
    def columns(self, backend, kind):
        return ()

async def main():
    paths = instance_paths()
    descriptor = int(sys.argv[sys.argv.index("--lock-fd") + 1])
    lock = InstanceLock.inherit(paths, descriptor, "9.9")
    with open(paths.home + "/started", "a") as file:
        file.write(f"{os.getpid()} {os.getcwd()} {os.getsid(0)}\\n")
    store = Store(time.time)
    store.set_backend(BackendState("plant", "t.x", "t", "T", "connecting"))
    wanted = [name for name in os.environ.get("TEST_WANTED", "").split(",") if name]
    protocol = os.environ.get("TEST_PROTOCOL", PROTOCOL_VERSION)
    hello = lambda: HelloResult(protocol, "9.9", os.getpid(), paths.home, 0.0, tuple(wanted))
    def offered(values):
        store.apply("plant", tuple(Upsert(Resource(f"plant/model/{name}", value)) for name, value in values.items()))
    server = Server(paths, store, OnePlugin(), hello=hello, log_source=None, on_environment=offered,
                    on_fault=lambda what, error: print(what, repr(error), file=sys.stderr, flush=True))
    ended = asyncio.Event()
    async def do(client, params):
        if params.action == "die":
            os._exit(3)
        if params.action == "push":
            store.apply("plant", (Upsert(Resource(f"plant/model/{params.key}", "u")),))
        elif params.action == "want":
            wanted.append(params.key)
            server.want_environment((params.key,))
        elif params.action == "wait":
            await asyncio.sleep(60)
        return DoResult(())
    async def stop(client, params):
        ended.set()
        return Nothing()
    server.on(DO, do)
    server.on(STOP, stop)
    await server.start(lock)
    store.apply("plant", (Upsert(Resource("plant/model/a", "a")), Synced(("model",))))
    await ended.wait()
    await server.close()

asyncio.run(main())
'''

BROKEN = "import sys; print('first'); sys.exit('the database is damaged')"


@pytest.fixture
def paths(home: Path) -> InstancePaths:
    return instance_paths()


@pytest.fixture
def runtime(home: Path, paths: InstancePaths, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, ...]]:
    """Arguments that start the small runtime; it is ended after the test."""
    script = home / "small_runtime.py"
    script.write_text(RUNTIME)
    arguments = (str(script),)
    monkeypatch.setattr("quarterdeck.client.launch.RUNTIME_ARGUMENTS", arguments)
    yield arguments
    holder = read_holder(paths)
    lock = try_lock(paths)
    if lock is not None:
        os.close(lock)
    elif holder is not None:
        os.kill(holder.pid, signal.SIGKILL)


def started(home: Path) -> list[list[str]]:
    file = home / "started"
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def test_ten_clients_at_once_start_exactly_one_runtime(
    home: Path, paths: InstancePaths, runtime: tuple[str, ...]
) -> None:
    program = (
        "import sys; from quarterdeck.config.paths import instance_paths;"
        "from quarterdeck.client.launch import connect_or_start;"
        "from quarterdeck.client.blocking import BlockingConnection;"
        "c = BlockingConnection(connect_or_start(instance_paths(), wait_seconds=60, arguments=(sys.argv[1],)));"
        "print(c.greet('racer').pid)"
    )
    racers = [
        subprocess.Popen([sys.executable, "-c", program, runtime[0]], stdout=subprocess.PIPE, text=True)
        for _ in range(10)
    ]
    answers = [racer.communicate(timeout=120)[0].strip() for racer in racers]
    (only,) = started(home)
    assert answers == [only[0]] * 10
    assert only[1] == "/", "it must not hold the folder of whoever started it"
    assert only[2] == only[0], "it has a session of its own"
    assert [racer.returncode for racer in racers] == [0] * 10


def test_the_runtime_outlives_its_starter_and_holds_no_descriptor_of_it(
    home: Path, paths: InstancePaths, runtime: tuple[str, ...]
) -> None:
    program = (
        "import sys; from quarterdeck.config.paths import instance_paths;"
        "from quarterdeck.client.launch import connect_or_start;"
        "connect_or_start(instance_paths(), arguments=(sys.argv[1],)); print('started')"
    )
    # `check_output` waits for the end of the pipe, as a shell's $(…) does.
    assert subprocess.check_output([sys.executable, "-c", program, runtime[0]], text=True, timeout=60) == "started\n"
    again = connect(paths)
    assert again is not None
    again.close()
    assert len(started(home)) == 1


def test_a_killed_runtime_is_replaced_and_its_socket_is_no_obstacle(
    home: Path, paths: InstancePaths, runtime: tuple[str, ...]
) -> None:
    connect_or_start(paths, arguments=runtime).close()
    ((pid, *_),) = started(home)
    os.kill(int(pid), signal.SIGKILL)
    wait_until(lambda: connect(paths) is None)
    assert paths.socket.exists()
    connection = BlockingConnection.open(paths, "test")
    assert connection.hello is not None
    assert str(connection.hello.pid) == started(home)[1][0] != pid
    connection.close()


def test_a_runtime_that_does_not_come_up_is_explained_by_its_log(home: Path, paths: InstancePaths) -> None:
    paths.logs.mkdir(parents=True)
    (paths.logs / "runtime.log").write_text("an old line\n")
    with pytest.raises(UnreachableError) as raised:
        connect_or_start(paths, arguments=("-c", BROKEN))
    assert "ended with status 1" in raised.value.message
    assert "the database is damaged" in raised.value.message
    assert "an old line" not in raised.value.message
    assert str(paths.logs / "runtime.log") in raised.value.remedy
    with pytest.raises(UnreachableError, match="ended by signal 9"):
        connect_or_start(paths, arguments=("-c", "import os; os.kill(os.getpid(), 9)"))
    lock = try_lock(paths)
    assert lock is not None, "the lock is free again"
    os.close(lock)


def test_a_lock_holder_that_does_not_answer_is_named(paths: InstancePaths) -> None:
    lock = try_lock(paths)
    assert lock is not None
    os.write(lock, b'{"pid":4242,"version":"1"}')
    with pytest.raises(UnreachableError, match="process 4242"):
        connect_or_start(paths, wait_seconds=0.05)
    os.close(lock)


def test_a_socket_of_somebody_else_is_refused(
    paths: InstancePaths, runtime: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_or_start(paths).close()
    monkeypatch.setattr("quarterdeck.config.peer_identity.peer_user", lambda _: os.getuid() + 1)
    with pytest.raises(RefusedError, match="the runtime runs as user"):
        connect(paths)


def test_without_a_runtime_nothing_is_started_unasked(
    home: Path, paths: InstancePaths, runtime: tuple[str, ...]
) -> None:
    with pytest.raises(UnreachableError, match="no runtime runs"):
        BlockingConnection.open(paths, "test", start=False)
    assert started(home) == []


def test_calls_notifications_and_errors(paths: InstancePaths, runtime: tuple[str, ...]) -> None:
    with BlockingConnection.open(paths, "test") as connection:
        result = connection.call(GET, GetParams("model"))
        assert [resource.uid for resource in result.resources] == ["a"]
        connection.call(WATCH_OPEN, WatchParams(1, "model"))
        chunk = connection.next_notification(10)
        assert chunk is not None
        assert chunk.method == WATCH_SNAPSHOT.name
        assert isinstance(chunk.params, SnapshotChunk)
        connection.call(DO, DoParams("push", key="b"))
        connection.call(CATALOGUE, Nothing())
        delta = connection.next_notification(10)
        assert delta is not None
        assert delta.method == WATCH_DELTA.name
        assert [resource.address for resource in delta.params.upserts] == ["plant/model/b"]
        assert connection.next_notification(0.01) is None
        with pytest.raises(UsageError, match="no kind 'nothing'"):
            connection.call(GET, GetParams("nothing"))
        with pytest.raises(UsageError, match="unknown method"):
            connection.call(STATUS, Nothing())
        with pytest.raises(CallTimeoutError, match="do: the runtime did not answer"):
            connection.call(DO, DoParams("wait"), 0.05)
        with pytest.raises(UnknownOutcomeError, match="may or may not"):
            connection.call(DO, DoParams("wait"), 0.05, changes_something=True)
        assert connection.call(GET, GetParams("model")).resources, "a late answer confuses nobody"


def test_a_lost_answer_is_unknown_only_when_something_may_have_changed(
    paths: InstancePaths, runtime: tuple[str, ...]
) -> None:
    with BlockingConnection.open(paths, "test") as connection:
        with pytest.raises(UnknownOutcomeError):
            connection.call(DO, DoParams("die"), changes_something=True)
        with pytest.raises(UnreachableError):
            connection.next_notification(5)
    with BlockingConnection.open(paths, "test") as connection, pytest.raises(UnreachableError):
        connection.call(DO, DoParams("die"))


def test_wanted_environment_is_offered_and_nothing_else(
    paths: InstancePaths, runtime: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_WANTED", "PLANT_PASSWORD,MISSING")
    monkeypatch.setenv("PLANT_PASSWORD", "secret")
    with BlockingConnection.open(paths, "test") as connection:
        assert connection.call(GET, GetParams("model", filter="PLANT_PASSWORD")).resources[0].uid == "secret"
        assert len(connection.call(GET, GetParams("model")).resources) == 2


def test_a_connected_console_offers_what_a_changed_configuration_names(
    paths: InstancePaths, runtime: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[BaseException] = []

    async def scenario() -> None:
        connection = StreamingConnection(paths, "test", on_fault=lambda _, error: faults.append(error))
        connection.start()
        async with asyncio.timeout(60):
            while not connection.connected:
                await asyncio.sleep(0.01)
            # The runtime is started by now, so that it cannot have inherited the value.
            monkeypatch.setenv("LATE_PASSWORD", "secret")
            for name in ("MISSING", "LATE_PASSWORD"):
                await connection.call(DO, DoParams("want", key=name))
            found = await connection.call(GET, GetParams("model", filter="LATE_PASSWORD"))
            while not found.resources:
                await asyncio.sleep(0.01)
                found = await connection.call(GET, GetParams("model", filter="LATE_PASSWORD"))
            assert found.resources[0].uid == "secret"
            assert len((await connection.call(GET, GetParams("model"))).resources) == 2
        await connection.close()

    asyncio.run(scenario())
    assert not faults


def test_a_runtime_of_another_major_version_is_refused_with_both_versions(
    paths: InstancePaths, runtime: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_PROTOCOL", "2.0")
    with pytest.raises(ProtocolError, match=r"speaks protocol 2\.0, this side 1\.") as raised:
        BlockingConnection.open(paths, "test")
    assert "runtime restart" in raised.value.remedy


def test_the_console_comes_back_after_the_runtime_was_killed(
    home: Path, paths: InstancePaths, runtime: tuple[str, ...]
) -> None:
    async def scenario() -> None:
        hellos: list[HelloResult] = []
        reasons: list[QuarterdeckError] = []
        rows = WatchedRows(1, lambda _: None)

        def opened(hello: HelloResult) -> None:
            hellos.append(hello)
            tasks.add(asyncio.create_task(connection.call(WATCH_OPEN, WatchParams(1, "model"))))

        tasks: set[asyncio.Task[Nothing]] = set()
        connection = StreamingConnection(
            paths,
            "test",
            on_connected=opened,
            on_disconnected=reasons.append,
            on_fault=lambda _, error: reasons.append(QuarterdeckError(str(error))),
            rng=random.Random(1),
            first_pause=0.01,
        )
        connection.on_notification(WATCH_SNAPSHOT, rows.snapshot)
        connection.on_notification(WATCH_DELTA, rows.delta)
        with pytest.raises(UnreachableError, match="not connected"):
            await connection.call(GET, GetParams("model"))
        connection.start()
        async with asyncio.timeout(60):
            while not rows.complete:
                await asyncio.sleep(0.01)
            await connection.call(DO, DoParams("push", key="b"))
            while len(rows.rows) < 2:
                await asyncio.sleep(0.01)
            with pytest.raises(UnknownOutcomeError):
                await connection.call(DO, DoParams("die"), changes_something=True)
            while len(hellos) < 2:
                await asyncio.sleep(0.01)
            while list(rows.rows) != ["plant/model/a"]:
                await asyncio.sleep(0.01)
        assert connection.connected
        assert reasons[0].message == "the connection to the runtime ended"
        assert len(started(home)) == 2
        await connection.close()
        assert not connection.connected
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(scenario())


def test_the_console_waits_for_a_runtime_that_it_may_not_start(
    home: Path, paths: InstancePaths, runtime: tuple[str, ...]
) -> None:
    async def scenario() -> None:
        hellos: list[HelloResult] = []
        reasons: list[QuarterdeckError] = []
        connection = StreamingConnection(
            paths,
            "test",
            on_connected=hellos.append,
            on_disconnected=reasons.append,
            on_fault=lambda _, error: reasons.append(QuarterdeckError(str(error))),
            first_pause=0.01,
            may_start=False,
        )
        connection.start()
        async with asyncio.timeout(60):
            while not reasons:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            assert [reason.message for reason in reasons] == ["no runtime runs"], "the same reason is told once"
            assert started(home) == []
            starter = threading.Thread(target=lambda: connect_or_start(paths, arguments=runtime).close())
            starter.start()
            while not hellos:
                await asyncio.sleep(0.01)
            starter.join()
        await connection.close()

    asyncio.run(scenario())


def test_a_console_that_is_left_while_it_connects_does_not_wait(
    paths: InstancePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    entered = threading.Event()

    def stuck(_: InstancePaths) -> None:
        entered.set()
        released.wait(60)

    async def scenario() -> None:
        connection = StreamingConnection(paths, "test", on_fault=lambda _what, _error: None)
        connection.start()
        while not entered.is_set():
            await asyncio.sleep(0.01)
        await connection.close()

    monkeypatch.setattr("quarterdeck.client.streaming.connect_or_start", stuck)
    asyncio.run(scenario())
    assert not released.is_set(), "the loop ended while the thread was still stuck"
    released.set()


def row(name: str, uid: str = "1") -> Resource:
    return Resource(f"plant/model/{name}", uid)


def test_rows_report_what_changed_and_a_new_snapshot_reports_differences_only() -> None:
    changes: list[RowChanges] = []
    rows = WatchedRows(1, changes.append)

    def last() -> tuple[list[str], list[str], list[str]]:
        change = changes[-1]
        return [each.name for each in change.added], [each.name for each in change.updated], list(change.removed)

    rows.snapshot(SnapshotChunk(1, 1, (row("a"), row("b")), 3, True, False))
    assert last() == (["a", "b"], [], [])
    assert not rows.complete
    rows.snapshot(SnapshotChunk(1, 1, (row("c"),), 3, False, True))
    assert last() == (["c"], [], [])
    assert rows.complete
    rows.delta(Delta(1, 2, (row("a", "2"), row("d")), ("plant/model/b", "plant/model/none")))
    assert last() == (["d"], ["a"], ["plant/model/b"])
    assert (rows.total, rows.revision) == (3, 2)
    count = len(changes)
    rows.delta(Delta(1, 3, (row("a", "2"),), ()))
    rows.delta(Delta(2, 9, (row("x"),), ()))
    rows.snapshot(SnapshotChunk(2, 9, (row("x"),), 1, True, True))
    assert len(changes) == count, "nothing changed, or it is another watch"
    rows.snapshot(SnapshotChunk(1, 4, (row("a", "2"), row("c", "3")), 3, True, False))
    assert last() == ([], ["c"], [])
    assert "plant/model/d" in rows.rows, "what is missing so far may still come"
    rows.snapshot(SnapshotChunk(1, 4, (row("e"),), 3, False, True))
    assert last() == (["e"], [], ["plant/model/d"])
    assert sorted(rows.rows) == ["plant/model/a", "plant/model/c", "plant/model/e"]
    rows.snapshot(SnapshotChunk(1, 5, (), 0, True, True))
    assert (rows.rows, rows.total) == ({}, 0)


def test_the_command_lines_connection_imports_little() -> None:
    program = (
        "import sys; import quarterdeck.client.launch, quarterdeck.client.blocking;"
        "print(*(name for name in ('asyncio', 'subprocess', 'pluggy', 'importlib.metadata', 'logging', 'textual', 'click',"
        " 'multiprocessing', 'quarterdeck.runtime') if name in sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True).split() == []
