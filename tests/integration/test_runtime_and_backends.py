"""The real runtime: greeting, environment from clients, backends that cannot be opened, watches, and its end."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.client.watching import RowChanges, WatchedRows
from quarterdeck_api.errors import NotFoundError, ProtocolError, UnreachableError, UsageError
from quarterdeck_api.protocol import (
    BACKEND_RETRY,
    CATALOGUE,
    WATCH_CLOSE,
    WATCH_DELTA,
    WATCH_OPEN,
    WATCH_SNAPSHOT,
    AddressParams,
    WatchNumber,
    WatchParams,
)
from quarterdeck_api.wire import Nothing

CONFIG = """
[backends.locked]
type = "exemplary"
nodes = 1
password = "env:QD_TEST_PASSWORD"

[backends.filed]
type = "exemplary"
nodes = 2
password = "file:{file}"

[backends.odd]
type = "exemplary.meny"

[backends.ainode]
type = "ainode.locl"
"""


@pytest.fixture(scope="module")
def secret_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secrets") / "password"


@pytest.fixture(scope="module")
def instance(make_instance: Callable[..., Any], secret_file: Path) -> Any:
    return make_instance(CONFIG.format(file=secret_file))


def state(client: Any, backend: str) -> Any:
    return next(each for each in client.call(CATALOGUE, Nothing(), 30.0).backends if each.name == backend)


def test_a_secret_that_is_missing_comes_from_the_client_that_has_it(
    instance: Any, monkeypatch: pytest.MonkeyPatch, until: Callable[..., None]
) -> None:
    monkeypatch.delenv("QD_TEST_PASSWORD", raising=False)
    client = instance.client("poor")
    until(lambda: state(client, "locked").state == "unreachable")
    found = state(client, "locked")
    assert "QD_TEST_PASSWORD" in found.reason
    assert "QD_TEST_PASSWORD" in found.remedy
    assert client.hello.wanted_environment == ("QD_TEST_PASSWORD",)
    with pytest.raises(UnreachableError, match="QD_TEST_PASSWORD"):
        client.describe("locked/node/n1")
    with pytest.raises(UnreachableError, match="QD_TEST_PASSWORD"):
        client.call(BACKEND_RETRY, AddressParams("locked"), 30.0)
    refused = client.do_one("node.ping", "locked/node/n1")
    assert (refused.status, refused.error.code) == ("failed", "unreachable")

    # The host must be up: backends open side by side, and this one must then not be disturbed by the other.
    until(lambda: state(client, "exemplary").state == "ready")
    monkeypatch.setenv("QD_TEST_PASSWORD", "cucumber")
    rich = instance.client("rich")
    assert rich.hello.wanted_environment == ()
    until(lambda: state(rich, "locked").state == "ready")
    assert [row.name for row in rich.get("node", "locked").resources] == ["n1"]
    assert state(rich, "exemplary").state == "ready"
    assert rich.do_one("node.ping", "locked/node/n1").status == "done"


def test_retry_takes_a_secret_as_it_is_now(instance: Any, secret_file: Path, until: Callable[..., None]) -> None:
    client = instance.client()
    until(lambda: state(client, "filed").state == "unreachable")
    assert str(secret_file) in state(client, "filed").reason
    secret_file.write_text("first\n", encoding="utf-8")
    client.call(BACKEND_RETRY, AddressParams("filed"), 30.0)
    until(lambda: state(client, "filed").synced)
    assert client.do_one("node.ping", "filed/node/n1").status == "done"
    secret_file.write_text("second\n", encoding="utf-8")
    client.call(BACKEND_RETRY, AddressParams("filed/node/n1"), 30.0)
    until(lambda: state(client, "filed").state == "ready" and client.get("node", "filed").resources[0].cells[0] == 0)
    client.do_one("node.ping", "filed/node/n1")
    client.call(BACKEND_RETRY, AddressParams("filed"), 30.0)
    until(lambda: state(client, "filed").state == "ready" and client.get("node", "filed").resources[0].cells[0] == 0)


def test_a_backend_of_no_known_type_says_so_and_the_others_work(instance: Any) -> None:
    client = instance.client()
    odd = state(client, "odd")
    assert (odd.state, "exemplary.meny" in odd.reason) == ("failed", True)
    assert "exemplary.many" in odd.remedy
    with pytest.raises(UsageError, match=r"exemplary\.meny"):
        client.do("node.ping", "odd/node/n1")
    with pytest.raises(UsageError, match=r"exemplary\.meny"):
        client.call(BACKEND_RETRY, AddressParams("odd"), 30.0)
    with pytest.raises(NotFoundError, match="nowhere"):
        client.call(BACKEND_RETRY, AddressParams("nowhere"), 30.0)


def test_an_embedded_backend_does_not_take_the_place_of_one_that_was_misspelt(instance: Any) -> None:
    client = instance.client()
    assert state(client, "ainode").state == "failed"
    with pytest.raises(UsageError, match=r"ainode\.locl"):
        client.do("model.forecast", "ainode/model/arima", parameters={"dataset": "airline"})


def test_a_watch_gets_the_rows_and_then_what_changes(instance: Any) -> None:
    client = instance.client()
    client.get("node", "exemplary")
    seen: list[RowChanges] = []
    watched = WatchedRows(5, seen.append)

    def follow(condition: Callable[[], bool]) -> None:
        while not condition():
            received = client.next_notification(30.0)
            assert received is not None
            if received.method == WATCH_SNAPSHOT.name:
                watched.snapshot(received.params)
            elif received.method == WATCH_DELTA.name:
                watched.delta(received.params)

    client.call(WATCH_OPEN, WatchParams(5, "node", "exemplary"), 30.0)
    follow(lambda: watched.complete)
    assert sorted(watched.rows) == [f"exemplary/node/n{number}" for number in (1, 2, 3)]
    client.do_one("node.ping", "exemplary/node/n2", parameters={"text": "seen"})
    follow(lambda: watched.rows["exemplary/node/n2"].cells[1] == "seen")
    client.do_one("node.remove", "exemplary/node/n3", typed_name="n3")
    follow(lambda: "exemplary/node/n3" not in watched.rows)
    assert any("exemplary/node/n3" in change.removed for change in seen)
    client.do_one("node.restore", "exemplary/node/n1", confirmed=True)
    follow(lambda: "exemplary/node/n3" in watched.rows)
    client.call(WATCH_CLOSE, WatchNumber(5), 30.0)


def test_a_watch_shows_jobs_and_journal_as_they_grow(instance: Any) -> None:
    client = instance.client()
    rows = {kind: WatchedRows(number, lambda _: None) for number, kind in ((1, "job"), (2, "journal"))}
    for kind, watched in rows.items():
        client.call(WATCH_OPEN, WatchParams(watched.watch, kind), 30.0)
    job = client.do_one("node.empty", "exemplary/node/n1").job

    def arrived() -> bool:
        found = rows["job"].rows.get(job)
        return (
            found is not None
            and found.state == "succeeded"
            and any(each.cells[7] == job for each in rows["journal"].rows.values())
        )

    while not arrived():
        received = client.next_notification(30.0)
        assert received is not None
        for watched in rows.values():
            if received.method == WATCH_SNAPSHOT.name:
                watched.snapshot(received.params)
            elif received.method == WATCH_DELTA.name:
                watched.delta(received.params)


@pytest.mark.parametrize("protocol", ["2.0", "99", "0.9"])
def test_another_major_version_is_refused_with_a_sentence(instance: Any, protocol: str) -> None:
    instance.client()
    hello = {"protocol": protocol, "version": "9.9", "client": "old", "pid": 1}
    with instance.raw() as connection:
        connection.settimeout(30.0)
        connection.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "hello", "params": hello}).encode() + b"\n")
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    error = json.loads(received.splitlines()[0])["error"]
    assert error["code"] == ProtocolError.code
    assert protocol in error["message"]
    assert error["remedy"]
    assert instance.client("after").status().pid


def test_a_runtime_that_nobody_needs_ends_and_leaves_nothing(
    make_instance: Callable[..., Any], until: Callable[..., None]
) -> None:
    instance = make_instance("[runtime]\nidle_exit = 1.0\n", QUARTERDECK_IDLE_EXIT="")
    client = instance.client()
    assert client.status().idle_exit == 1.0
    job = client.do_one("node.sleep", "exemplary/node/n1", parameters={"seconds": 2.5, "steps": 1}).job
    client.close()
    process = instance.process
    assert process.wait(60) == 0
    assert not instance.paths.socket.exists()
    until(lambda: not instance.processes())
    instance.process = None
    assert instance.client().job(job).state.value == "succeeded"
