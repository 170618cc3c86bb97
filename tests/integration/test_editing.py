"""Texts of resources, programs for a terminal, and secrets of short actions, through a real runtime."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from quarterdeck_api.editing import TEXT_GET, TEXT_PUT, EditableText, TextChange, TextParams, TextPut
from quarterdeck_api.errors import NotFoundError, RefusedError, UnknownOutcomeError, UnsupportedError, UsageError
from quarterdeck_api.protocol import COMPLETE, CompleteParams

CONFIG = """
[backends.locked]
type = "editable.shelf"
read_only = true

[[guardrails]]
actions = ["resource.edit"]
backends = "editable"
require = "type-name"
"""

SECRET = "open sesame"


@pytest.fixture(scope="module")
def instance(make_instance: Callable[..., Any]) -> Any:
    return make_instance(CONFIG, ("editable", "exemplary"))


@pytest.fixture(scope="module")
def client(instance: Any) -> Any:
    connection = instance.client()
    connection.get("note")
    return connection


def text(client: Any, address: str = "editable/note/a") -> EditableText:
    return client.call(TEXT_GET, TextParams(address))


def put(client: Any, content: str, version: str, **more: Any) -> TextChange:
    address = more.pop("address", "editable/note/a")
    return client.call(TEXT_PUT, TextPut(address, content, version, **more), changes_something=True)


def edits(client: Any) -> list[tuple[str, str, str]]:
    return [(each.address, each.decision, each.outcome) for each in client.journal("resource.edit")]


def test_a_text_is_put_after_a_dry_run_that_changes_nothing(client: Any) -> None:
    before = text(client)
    assert put(client, "other\n", before.version, dry_run=True).diff.splitlines()[-2:] == ["-note 0", "+other"]
    assert text(client) == before and edits(client) == []
    change = put(client, "other\n", before.version, typed_name="a")
    assert "+other" in change.diff and change.version == text(client).version != before.version
    assert text(client).text == "other\n"
    assert edits(client) == [("editable/note/a", "allowed", "done")]
    assert "other" not in str(client.journal("resource.edit")), "a text may hold secrets and is not journalled"


def test_what_was_changed_meanwhile_is_refused_and_journalled(client: Any) -> None:
    with pytest.raises(RefusedError, match="was changed meanwhile"):
        put(client, "late\n", "0", typed_name="a")
    assert edits(client)[0] == ("editable/note/a", "allowed", "refused")


def test_policy_stands_before_every_edit(client: Any) -> None:
    version = text(client).version
    with pytest.raises(RefusedError, match="name to be typed"):
        put(client, "x", version, confirmed=True)
    assert edits(client)[0] == ("editable/note/a", "refused", "refused")
    locked = text(client, "locked/note/a")
    for dry_run in (True, False):
        with pytest.raises(RefusedError, match="backend locked is read-only"):
            put(client, "x", locked.version, address="locked/note/a", confirmed=True, dry_run=dry_run)


def test_what_has_no_text_says_so(client: Any) -> None:
    with pytest.raises(UnsupportedError, match="cannot be edited"):
        text(client, "core/plugin/editable")
    with pytest.raises(UnsupportedError, match="cannot give its resources as text"):
        text(client, "exemplary/node/n1")
    with pytest.raises(NotFoundError, match="there is no editable/note/zz"):
        text(client, "editable/note/zz")
    with pytest.raises(UsageError, match="line 2"):
        put(client, "fine\nnot !! fine\n", text(client).version, typed_name="a")


def test_a_lost_answer_is_an_unknown_outcome(instance: Any, client: Any, until: Any) -> None:
    second = instance.client("second")
    faults: list[Exception] = []

    host = psutil.Process(instance.host_pid(client, "editable"))
    host.suspend()
    try:
        thread = threading.Thread(target=lambda: faults.append(_put_lost(second)))
        thread.start()
        until(lambda: any(outcome == "" for _, _, outcome in edits(client)))
    finally:
        host.kill()
    thread.join(60)
    assert isinstance(faults[0], UnknownOutcomeError)
    assert edits(client)[0] == ("editable/note/b", "allowed", "unknown")
    entry = client.journal("resource.edit")[0].entry
    assert faults[0].remedy == f"run `quarterdeck journal check {entry}` before doing it again"
    second.close()
    until(lambda: instance.host_pid(client, "editable") not in (0, host.pid))
    until(lambda: client.get("note", "editable").pending == {})
    checked = client.do_one("journal.check", f"core/journal/{entry}")
    assert checked.status == "done" and "editable/note/b is ok" in checked.message
    assert text(client, "editable/note/b").version == "1", "checking never repeats the edit"


def _put_lost(client: Any) -> Exception:
    try:
        put(client, "lost\n", "1", address="editable/note/b", typed_name="b")
    except Exception as fault:
        return fault
    return AssertionError("the answer was not lost")


def test_a_program_for_the_terminal_reaches_whoever_asked(client: Any) -> None:
    outcome = client.do_one("note.shell", "editable/note/a", parameters={"status": 3})
    assert outcome.status == "done" and outcome.run is not None
    assert outcome.run.folder == "/" and outcome.run.environment == {"NOTE": "a"} and "exit(3)" in outcome.run.argv[-1]


def test_addresses_are_completed_from_the_backend_or_from_what_is_known(client: Any) -> None:
    def choices(address: str, prefix: str) -> list[str]:
        found = client.call(COMPLETE, CompleteParams("note.copy", address, "to", prefix)).choices
        return [each.value for each in found]

    assert choices("editable/note/a", "editable/note/") == [f"editable/note/{name}" for name in "abc"]
    # This backend knows its own notes only; what others have comes from the store.
    assert choices("editable/note/a", "locked/note/") == [f"locked/note/{name}" for name in "abc"]
    assert choices("editable/note/a", "exemplary/") == []


def test_a_secret_reaches_the_backend_and_nothing_else(instance: Any, client: Any) -> None:
    assert client.do_one("note.unlock", "editable/note/a", parameters={"password": SECRET}).status == "done"
    assert client.do_one("note.unlock", "editable/note/a", parameters={"password": "wrong one"}).status == "refused"
    with pytest.raises(UsageError, match="too short") as caught:
        client.do_one("note.unlock", "editable/note/a", parameters={"password": ""})
    assert SECRET not in caught.value.message
    files = [path for path in Path(instance.home).rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert files == []
