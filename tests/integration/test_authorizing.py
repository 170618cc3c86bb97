"""Plugins that may refuse requests: what is asked, and that nothing but a clear yes is a yes."""

import json
from collections.abc import Callable
from typing import Any

import pytest

G1 = "watchful/gauge/g1"
N1 = "exemplary/node/n1"


@pytest.fixture(scope="module")
def instance(make_instance: Callable[..., Any]) -> Any:
    made = make_instance("", ("watchful", "exemplary"))
    (made.home / "watchful").mkdir(parents=True)
    client = made.client("first")
    assert client.get("gauge", "watchful").pending == client.get("node", "exemplary").pending == {}
    return made


def order(instance: Any, text: str) -> None:
    (instance.home / "watchful" / "authorize").write_text(text, encoding="utf-8")


def asked(instance: Any) -> list[Any]:
    file = instance.home / "watchful" / "asked"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture(autouse=True)
def _yes(instance: Any, until: Callable[..., None]) -> None:
    order(instance, "yes")
    client = instance.client("waits")
    until(lambda: client.do_one("gauge.set", G1).status == "done")


def test_requests_of_every_plugin_are_asked_about_without_secrets(instance: Any) -> None:
    client = instance.client()
    before = len(asked(instance))
    assert client.do_one("node.ping", N1, parameters={"text": "hey", "token": "hush-hush"}).status == "done"
    [request] = asked(instance)[before:]
    assert (request["action"], request["addresses"], request["danger"]) == ("node.ping", [N1], "none")
    assert request["parameters"] == {"text": "hey", "token": "***"}
    assert request["actor"].endswith("(test)")
    order(instance, "no: not on a Friday")
    refused = client.do_one("node.ping", N1)
    assert (refused.status, "plugin watchful: not on a Friday" in refused.message) == ("refused", True)
    [entry] = client.journal("outcome=refused")[:1]
    assert (entry.decision, "not on a Friday" in entry.detail) == ("refused", True)
    before = len(asked(instance))
    assert client.do_one("node.ping", N1, dry_run=True).status == "preview"
    assert len(asked(instance)) == before


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("hang", "did not answer"),
        ("raise", "ValueError"),
        ("text", "not an Authorization"),
        ("crash", "no answer means no"),
    ],
)
def test_no_clear_answer_is_no(instance: Any, wanted: str, words: str, until: Callable[..., None]) -> None:
    client = instance.client()
    order(instance, wanted)
    refused = client.do_one("node.ping", N1)
    assert (refused.status, words in refused.message, "plugin watchful" in refused.message) == ("refused", True, True)
    pings = next(each.cells[0] for each in client.get("node", "exemplary").resources if each.address == N1)
    order(instance, "yes")
    until(lambda: client.do_one("node.ping", N1).status == "done")
    found = client.get("node", "exemplary")
    until(lambda: next(e.cells[0] for e in client.get("node", "exemplary").resources if e.address == N1) == pings + 1)
    assert found.pending == {}


def test_a_schedules_and_a_controllers_requests_are_asked_about(instance: Any, until: Callable[..., None]) -> None:
    client = instance.client()
    parameters = {"name": "often", "rule": "every 1s", "action": "node.ping", "target": N1}
    assert client.do_one("schedule.add", parameters=parameters).status == "done"
    until(lambda: any(each["actor"] == "schedule often" for each in asked(instance)))
    client.do_one("schedule.remove", "core/schedule/often", confirmed=True)
    client.do_one("gauge.set", G1, parameters={"level": 1})
    client.do_one("controller.look", "core/controller/watchful/refill")
    assert any(each["actor"] == "controller watchful/refill" for each in asked(instance))
    order(instance, "no: later")
    assert client.do_one("controller.look", "core/controller/watchful/refill").status == "refused"


def test_who_starts_the_runtime_waits_for_the_plugin(make_instance: Callable[..., Any]) -> None:
    made = make_instance("", ("watchful", "exemplary"))
    (made.home / "watchful").mkdir(parents=True)
    client = made.client()
    assert client.do_one("node.ping", N1).status == "done"
