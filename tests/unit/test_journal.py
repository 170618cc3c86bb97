"""The journal: written before the act, its outcome once, never a secret."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck.runtime.database import open_database
from quarterdeck.runtime.journal import JOURNAL_COLUMNS, Journal, journal_resource, redact
from quarterdeck_api.errors import UsageError
from quarterdeck_api.protocol import JournalEntry
from quarterdeck_api.resources import Health

SCHEMA = {
    "type": "object",
    "properties": {
        "user": {"type": "string"},
        "password": {"type": "string", "format": "secret"},
        "token": {"anyOf": [{"type": "string", "format": "secret"}, {"type": "null"}]},
        "store": {
            "type": "object",
            "properties": {"key": {"type": "string", "format": "secret"}, "url": {"type": "string"}},
        },
        "logins": {
            "type": "array",
            "items": {"type": "object", "properties": {"password": {"type": "string", "format": "secret"}}},
        },
        "maybe": {
            "anyOf": [
                {"type": "null"},
                {"type": "object", "properties": {"pin": {"type": "string", "format": "secret"}}},
            ]
        },
    },
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_database(tmp_path / "state.db", mounts="")
    yield connection
    connection.close()


def test_secrets_are_taken_out_at_any_depth() -> None:
    given = {
        "user": "ops",
        "password": "p1",
        "token": "p2",
        "store": {"key": "p3", "url": "u"},
        "logins": [{"password": "p4"}, {"password": "p5"}],
        "maybe": {"pin": "p6"},
        "other": 3,
    }
    clean = redact(given, SCHEMA)
    assert not any(f"p{number}" in str(clean) for number in range(1, 7))
    assert clean["user"] == "ops" and clean["store"]["url"] == "u" and clean["other"] == 3
    assert clean["logins"] == [{"password": "***"}, {"password": "***"}]
    assert redact({"password": "", "token": None}, SCHEMA) == {"password": "", "token": None}
    assert given["password"] == "p1"


def test_an_entry_is_there_before_the_act_and_its_outcome_is_set_once(database: sqlite3.Connection) -> None:
    published: list[JournalEntry] = []
    journal = Journal(database, lambda: 7.0, published.append)
    number = journal.begin(
        "ann", "model.forecast", "ainode/model/arima", "allowed", {"horizon": 12}, {"order": [1, 0, 0]}
    )
    (entry,) = journal.list()
    assert (entry.outcome, entry.time) == ("", 7.0)
    assert entry.parameters == {"horizon": 12, "set": {"order": [1, 0, 0]}}
    assert journal.finish(number, "accepted", "queued", "core/job/1")
    assert not journal.finish(number, "failed", "later")
    (entry,) = journal.list()
    assert (entry.outcome, entry.detail, entry.job) == ("accepted", "queued", "core/job/1")
    assert [each.outcome for each in published] == ["", "accepted"]
    for statement in ("UPDATE journal SET outcome = 'x'", "DELETE FROM journal"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            database.execute(statement)


def test_what_an_earlier_runtime_left_open_is_unknown(database: sqlite3.Connection) -> None:
    Journal(database, lambda: 7.0).begin("ann", "node.ping", "demo/node/n", "allowed")
    (entry,) = Journal(database, lambda: 8.0).list()
    assert entry.outcome == "unknown" and "ended before" in entry.detail


def test_list_goes_backwards_in_pages_and_filters(database: sqlite3.Connection) -> None:
    journal = Journal(database, lambda: 7.0)
    for number in range(1, 8):
        entry = journal.begin("ann" if number % 2 else "bob", "node.ping", f"demo/node/n{number}", "allowed")
        journal.finish(entry, "done" if number != 3 else "failed")
    assert [each.entry for each in journal.list(3)] == [7, 6, 5]
    assert [each.entry for each in journal.list(3, 5)] == [4, 3, 2]
    assert [each.entry for each in journal.list(2, 0, "actor=ann")] == [7, 5]
    assert [each.entry for each in journal.list(9, 0, "failed")] == [3]
    assert journal.list(0) == [] and journal.list(-4) == []
    with pytest.raises(UsageError):
        journal.list(9, 0, "acter=ann")


def test_an_entry_as_a_resource() -> None:
    entry = JournalEntry(3, 9.0, "ann", "model.drop", "plant/model/m", "refused", "refused", "read-only")
    resource = journal_resource(entry)
    assert (resource.address, resource.health, resource.reason) == ("core/journal/3", Health.STOPPED, "read-only")
    assert len(resource.cells) == len(JOURNAL_COLUMNS)
    assert [link.address for link in resource.links] == ["plant/model/m"]
