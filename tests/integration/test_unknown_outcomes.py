"""A request whose answer is lost is unknown, is recorded so, and is never repeated by itself."""

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from quarterdeck_api.errors import UnknownOutcomeError
from quarterdeck_api.protocol import DO, DoParams

N1 = "exemplary/node/n1"


@pytest.fixture
def instance(make_instance: Callable[..., Any]) -> Iterator[Any]:
    """An instance whose nodes are there: what is sent from now on is begun at once."""
    made = make_instance("[runtime]\ncall_timeout = 1.0\n")
    assert made.client("first").get("node", "exemplary").pending == {}
    yield made
    made.close()


def entries(client: Any, action: str) -> list[Any]:
    return client.journal(f"action={action}")


def test_an_action_that_hangs_is_unknown(instance: Any) -> None:
    client = instance.client()
    outcome = client.do_one("node.hang", N1)
    assert (outcome.status, outcome.error.code) == ("unknown", "unknown-outcome")
    assert outcome.error.remedy
    [entry] = entries(client, "node.hang")
    assert (entry.decision, entry.outcome) == ("allowed", "unknown")
    assert client.do_one("node.ping", N1).status == "done"


def test_what_its_client_did_not_wait_for_is_recorded_all_the_same(instance: Any, until: Callable[..., None]) -> None:
    impatient = instance.client("impatient")
    with pytest.raises(UnknownOutcomeError):
        impatient.call(DO, DoParams("node.hang", (N1,)), 0.2, changes_something=True)
    impatient.close()
    client = instance.client()
    until(lambda: [entry.outcome for entry in entries(client, "node.hang")] == ["unknown"])
    assert "(impatient)" in entries(client, "node.hang")[0].actor


@pytest.mark.parametrize("action", ["node.crash", "node.hang"])
def test_a_host_that_dies_during_an_action_leaves_it_unknown(
    instance: Any, action: str, until: Callable[..., None]
) -> None:
    client, other = instance.client(), instance.client("asks")
    assert client.do_one("node.ping", N1).status == "done"
    pid = instance.host_pid(client)
    if action == "node.crash":
        outcome = other.do_one(action, N1)
        assert (outcome.status, outcome.error.code) == ("unknown", "unknown-outcome")
    else:
        with pytest.raises(UnknownOutcomeError):
            other.call(DO, DoParams(action, (N1,)), 0.2, changes_something=True)
        os.kill(pid, signal.SIGKILL)
    until(lambda: [entry.outcome for entry in entries(client, action)] == ["unknown"])
    until(lambda: instance.host_pid(client) not in (0, pid))
    until(lambda: client.do_one("node.ping", N1).status == "done")
    assert len(entries(client, action)) == 1


def test_a_host_that_restarts_leaves_its_rows_and_says_so(instance: Any, until: Callable[..., None]) -> None:
    client = instance.client()
    rows = {row.address for row in client.get("node", "exemplary").resources}
    pid = instance.host_pid(client)
    os.kill(pid, signal.SIGKILL)
    until(lambda: bool(client.get("node", "exemplary").pending))
    found = client.get("node", "exemplary")
    assert {row.address for row in found.resources} == rows
    assert "host of plugin exemplary ended" in found.pending.get("exemplary", "host of plugin exemplary ended")
    until(lambda: not client.get("node", "exemplary").pending)
    assert {row.address for row in client.get("node", "exemplary").resources} == rows
    assert client.get("model").pending == {}
    assert next(host.restarts for host in client.status().hosts if host.plugin == "exemplary") == 1


def test_a_runtime_that_was_killed_finds_the_request_unknown(instance: Any) -> None:
    client = instance.client()
    assert client.do_one("node.ping", N1, parameters={"text": "before"}).status == "done"
    with pytest.raises(UnknownOutcomeError):
        client.call(DO, DoParams("node.hang", (N1,)), 0.3, changes_something=True)
    instance.kill()
    again = instance.client()
    outcomes = {entry.action: (entry.decision, entry.outcome) for entry in again.journal()}
    assert outcomes == {"node.ping": ("allowed", "done"), "node.hang": ("allowed", "unknown")}
    assert "before it knew" in entries(again, "node.hang")[0].detail
    assert [row.cells[0] for row in again.get("node", "exemplary").resources] == [0, 0, 0]


def test_a_runtime_that_stops_still_records_what_comes_of_what_is_under_way(instance: Any) -> None:
    client = instance.client()
    with pytest.raises(UnknownOutcomeError):
        client.call(DO, DoParams("node.hang", (N1,)), 0.3, changes_something=True)
    assert instance.stop() == 0
    assert "Traceback" not in instance.log()
    again = instance.client()
    [entry] = entries(again, "node.hang")
    # Whether the host's last answer arrives is open; that the runtime which stops records what it knows is not.
    assert entry.outcome in ("done", "unknown")
    assert entry.detail
    assert "before it knew" not in entry.detail
