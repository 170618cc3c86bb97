"""The journal: everything that was requested, by whom, and what came of it; secrets are taken out before."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from quarterdeck.runtime.database import transaction
from quarterdeck_api.catalogue import Column, ColumnType, JsonSchema
from quarterdeck_api.errors import NotFoundError
from quarterdeck_api.filters import parse_filter
from quarterdeck_api.protocol import JournalEntry
from quarterdeck_api.resources import CORE, Address, Health, Link, Resource

JOURNAL_COLUMNS = (
    Column("time", "Time", ColumnType.TIMESTAMP),
    Column("actor", "Actor"),
    Column("action", "Action"),
    Column("address", "On"),
    Column("decision", "Decision"),
    Column("outcome", "Outcome"),
    Column("detail", "Detail"),
    Column("job", "Job"),
    Column("checked", "Checked"),
)

#: An entry with the newest of what was found out about it later.
_SELECT = """
SELECT journal.*, found.verdict, found.detail AS found_detail, found.time AS found_time FROM journal
LEFT JOIN journal_check AS found ON found.number = (SELECT max(number) FROM journal_check WHERE entry = journal.entry)
"""

REDACTED = "***"
_LARGEST_NUMBER = 2**63 - 1
_LARGEST_LIMIT = 10_000
_HEALTH = {
    "done": Health.OK,
    "accepted": Health.OK,
    "preview": Health.OK,
    "refused": Health.STOPPED,
    "failed": Health.FAILED,
    "": Health.BUSY,
}
_VERDICT_HEALTH = {"done": Health.OK, "not-done": Health.STOPPED}
#: What cannot be done with entries whose outcome is known; one mapping for all of them.
_CHECK_OFF = {"journal.check": "its outcome is known"}
_parameters = msgspec.json.Decoder(dict[str, Any])


def redact(parameters: Mapping[str, Any], schema: JsonSchema) -> dict[str, Any]:
    """The parameters with `***` for every value whose field, at any depth, has the format `secret`."""
    properties: Mapping[str, JsonSchema] = schema.get("properties", {})
    return {name: _redacted(value, properties.get(name, {})) for name, value in parameters.items()}


def _redacted(value: Any, schema: JsonSchema) -> Any:
    if _is_secret(schema):
        return value if value in ("", None) else REDACTED
    for branch in schema.get("anyOf", ()):
        value = _redacted(value, branch)
    if isinstance(value, Mapping):
        return redact(value, schema)
    items = schema.get("items")
    if isinstance(value, list | tuple) and isinstance(items, dict):
        return [_redacted(each, items) for each in value]
    return value


def _is_secret(schema: JsonSchema) -> bool:
    return schema.get("format") == "secret" or any(_is_secret(branch) for branch in schema.get("anyOf", ()))


class Journal:
    """An append-only list. An entry is written before the act, and its outcome once, after it; `publish` is told of both."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        clock: Callable[[], float],
        publish: Callable[[JournalEntry], None] = lambda _: None,
    ) -> None:
        self._db = connection
        self._clock = clock
        self._publish = publish
        self._close_interrupted()

    def begin(
        self,
        actor: str,
        action: str,
        address: str,
        decision: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> int:
        """Records a request, with parameters that were redacted before; returns the entry's number. Committed when this returns."""
        asked = {**(parameters or {}), **({"set": settings} if settings else {})}
        with transaction(self._db):
            number = self._db.execute(
                "INSERT INTO journal (time, actor, action, address, decision, parameters, outcome, detail, job) "
                "VALUES (?, ?, ?, ?, ?, ?, '', '', '') RETURNING entry",
                (self._clock(), actor, action, address, decision, msgspec.json.encode(asked).decode()),
            ).fetchone()["entry"]
        self._publish(self._entry(number))
        return number

    def finish(self, number: int, outcome: str, detail: str = "", job: str = "") -> bool:
        """Records what came of a request; False, and nothing changes, when that is recorded already."""
        with transaction(self._db):
            changed = self._db.execute(
                "UPDATE journal SET outcome = ?, detail = ?, job = ? WHERE entry = ? AND outcome = ''",
                (outcome, detail, job, number),
            ).rowcount
        if changed:
            self._publish(self._entry(number))
        return bool(changed)

    def entry(self, number: int) -> JournalEntry:
        """One entry; raises NotFoundError."""
        if not 0 < number <= _LARGEST_NUMBER:
            raise _no_entry(number)
        row = self._db.execute(_SELECT + "WHERE journal.entry = ?", (number,)).fetchone()
        if row is None:
            raise _no_entry(number)
        return _entry(row)

    def check(self, number: int, actor: str, verdict: str, detail: str) -> JournalEntry:
        """Records beside an entry what was found out about it later; the entry itself stays. Raises NotFoundError."""
        self.entry(number)
        with transaction(self._db):
            self._db.execute(
                "INSERT INTO journal_check (entry, time, actor, verdict, detail) VALUES (?, ?, ?, ?, ?)",
                (number, self._clock(), actor, verdict, detail),
            )
        entry = self._entry(number)
        self._publish(entry)
        return entry

    def checks(self, number: int) -> tuple[tuple[float, str, str, str], ...]:
        """Every time that an entry was checked, oldest first: time, actor, verdict, sentence."""
        rows = self._db.execute(
            "SELECT time, actor, verdict, detail FROM journal_check WHERE entry = ? ORDER BY number", (number,)
        )
        return tuple((row["time"], row["actor"], row["verdict"], row["detail"]) for row in rows)

    def list(self, limit: int = 100, before: int = 0, filter: str = "") -> list[JournalEntry]:
        """The newest entries with a number below `before` (0: the end) that pass the filter, newest first.

        Raises UsageError that says what is wrong with the filter.
        """
        wanted = parse_filter(filter)
        wanted.check(JOURNAL_COLUMNS)
        found: list[JournalEntry] = []
        for entry in self._newest_first(before):
            if len(found) >= min(max(limit, 0), _LARGEST_LIMIT):
                break
            if not wanted.terms or wanted.matches(journal_resource(entry), JOURNAL_COLUMNS):
                found.append(entry)
        return found

    def _newest_first(self, before: int) -> Iterable[JournalEntry]:
        end = before if 0 < before <= _LARGEST_NUMBER else _LARGEST_NUMBER
        for row in self._db.execute(_SELECT + "WHERE journal.entry < ? ORDER BY journal.entry DESC", (end,)):
            yield _entry(row)

    def _entry(self, number: int) -> JournalEntry:
        return _entry(self._db.execute(_SELECT + "WHERE journal.entry = ?", (number,)).fetchone())

    def _close_interrupted(self) -> None:
        with transaction(self._db):
            self._db.execute(
                "UPDATE journal SET outcome = 'unknown', detail = 'the runtime ended before it knew the outcome' WHERE outcome = ''"
            )


def journal_resource(entry: JournalEntry) -> Resource:
    """A journal entry as a resource."""
    links = tuple(
        Link(relation, address) for relation, address in (("on", entry.address), ("job", entry.job)) if address
    )
    return Resource(
        str(Address(CORE, "journal", str(entry.entry))),
        str(entry.entry),
        _VERDICT_HEALTH.get(entry.checked, _HEALTH.get(entry.outcome, Health.UNKNOWN)),
        entry.outcome or "under way",
        _reason(entry),
        entry.time,
        (
            entry.time,
            entry.actor,
            entry.action,
            entry.address,
            entry.decision,
            entry.outcome,
            entry.detail,
            entry.job,
            entry.checked,
        ),
        links=links,
        actions_off={} if entry.outcome == "unknown" else _CHECK_OFF,
    )


def _reason(entry: JournalEntry) -> str:
    if entry.checked:
        return f"{entry.detail}; checked since: {entry.checked}, {entry.check_detail}"
    return entry.detail if entry.outcome in ("failed", "refused", "unknown") else ""


def _no_entry(number: int) -> NotFoundError:
    return NotFoundError(f"the journal has no entry {number}", "see `quarterdeck journal`")


def _entry(row: sqlite3.Row) -> JournalEntry:
    return JournalEntry(
        entry=row["entry"],
        time=row["time"],
        actor=row["actor"],
        action=row["action"],
        address=row["address"],
        decision=row["decision"],
        outcome=row["outcome"],
        detail=row["detail"],
        job=row["job"],
        parameters=_parameters.decode(row["parameters"]),
        checked=row["verdict"] or "",
        check_detail=row["found_detail"] or "",
        check_time=row["found_time"] or 0.0,
    )
