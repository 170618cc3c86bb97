"""*Check now*: an unknown outcome is found out by the backend, or by what there is to see; nothing is repeated."""

from collections.abc import Callable
from typing import Any

import pytest

G1 = "watchful/gauge/g1"

CONFIG = """
[runtime]
call_timeout = 1.0

[backends.plain]
type = "watchful.plain"
"""


@pytest.fixture(scope="module")
def instance(make_instance: Callable[..., Any]) -> Any:
    made = make_instance(CONFIG, ("watchful",))
    client = made.client("first")
    assert client.get("gauge").pending == {}
    return made


def unknown(client: Any, action: str, address: str, **parameters: Any) -> str:
    """The address of the journal entry of a request whose answer is lost."""
    outcome = client.do_one(action, address, parameters=parameters)
    assert (outcome.status, outcome.error.code) == ("unknown", "unknown-outcome")
    entry = client.journal(f"action={action}")[0]
    assert outcome.error.remedy == f"run `quarterdeck journal check {entry.entry}` before doing it again"
    return f"core/journal/{entry.entry}"


def entry_of(client: Any, address: str) -> Any:
    return next(each for each in client.journal() if f"core/journal/{each.entry}" == address)


def test_the_backend_finds_out_that_it_was_done_and_later_that_it_is_not_any_more(
    instance: Any, until: Callable[..., None]
) -> None:
    client = instance.client()
    address = unknown(client, "gauge.set-silently", G1, level=33, token="hush-hush")
    found = client.do_one("journal.check", address)
    assert (found.status, "it was done; gauge g1 is at 33 %" in found.message) == ("done", True)
    entry = entry_of(client, address)
    assert (entry.outcome, entry.checked, entry.check_detail) == ("unknown", "done", "gauge g1 is at 33 %")
    row = next(each for each in client.get("journal", "core").resources if each.address == address)
    assert (row.state, row.health.value) == ("unknown", "ok")
    assert "checked since: done" in row.reason
    until(lambda: client.do_one("gauge.set", G1, parameters={"level": 44}).status == "done")
    assert client.do_one("journal.check", address).status == "done"
    assert entry_of(client, address).checked == "not-done"
    described = client.describe(address)
    table = next(each for each in described.document.blocks if getattr(each, "title", "") == "Checked since")
    assert [row[2] for row in table.rows] == ["done", "not-done"]
    instance.kill()
    assert entry_of(instance.client(), address).checked == "not-done"


def test_a_backend_that_cannot_find_out_leaves_the_present_state(instance: Any, until: Callable[..., None]) -> None:
    client = instance.client()
    address = unknown(client, "gauge.set-silently", "plain/gauge/g1", level=5)
    found = client.do_one("journal.check", address)
    assert found.status == "done", found.message
    assert "the backend cannot find out; plain/gauge/g1 is degraded, read: it is nearly empty now" in found.message
    assert entry_of(client, address).checked == "unclear"


def test_only_what_is_unknown_is_checked(instance: Any, until: Callable[..., None]) -> None:
    client = instance.client()
    until(lambda: client.do_one("gauge.set", G1).status == "done")
    entry = client.journal("action=gauge.set")[0]
    refused = client.do_one("journal.check", f"core/journal/{entry.entry}")
    assert refused.status == "refused"
    assert client.do_one("journal.check", "core/journal/99999").error.code == "not-found"
