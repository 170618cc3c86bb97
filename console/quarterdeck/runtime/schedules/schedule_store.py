"""Schedules as they are kept: what each requests and when, how far it has come, and what came of its last request."""

import sqlite3
from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec
from msgspec import Struct

from quarterdeck.runtime.database import transaction
from quarterdeck.runtime.schedules.rules import Misfire, Rule, parse_rule
from quarterdeck_api.errors import NotFoundError, RefusedError
from quarterdeck_api.nearest import nearest
from quarterdeck_api.protocol import DoParams, JobRecord
from quarterdeck_api.resources import CORE, Address

_SELECT = "SELECT * FROM schedule"


class Overlap(Enum):
    """Whether a job of the schedule may be queued while an earlier one still lives."""

    REFUSE = "refuse"
    ALLOW = "allow"


class Schedule(Struct, frozen=True):
    """One schedule. `target` is an address, empty for a standalone action.

    Due times up to `handled` are done with; `claimed` is the one under way (0: none), and `claim_mark` the newest journal entry before it was
    requested. `last` is the time of the last request (0: none), `last_job` the job that it queued.
    """

    name: str
    rule: str
    zone: str
    action: str
    target: str
    parameters: dict[str, Any]
    settings: dict[str, Any]
    priority: int
    confirmed: bool
    typed_name: str
    misfire: Misfire
    misfire_limit: int
    overlap: Overlap
    enabled: bool
    created: float
    changed: float
    handled: float
    claimed: float = 0.0
    claim_mark: int = 0
    last: float = 0.0
    last_outcome: str = ""
    last_detail: str = ""
    last_job: str = ""

    @property
    def address(self) -> Address:
        """The schedule's own address."""
        return Address(CORE, "schedule", self.name)

    @property
    def actor(self) -> str:
        """Who requests, as the journal says."""
        return f"schedule {self.name}"

    def when(self) -> Rule:
        """The rule as read; raises UsageError when it cannot be read any more (its time zone is gone)."""
        return parse_rule(self.rule, self.zone, self.created)

    def request(self) -> DoParams:
        """What the schedule requests."""
        return DoParams(
            self.action,
            (self.target,) if self.target else (),
            self.parameters,
            self.settings,
            confirmed=self.confirmed,
            typed_name=self.typed_name,
            priority=self.priority,
            key=f"schedule/{self.name}" if self.overlap is Overlap.REFUSE else "",
        )


class ScheduleStore:
    """The table of schedules; every change is committed when it returns, and told to `publish` with the schedule's new state (None: removed)."""

    def __init__(self, connection: sqlite3.Connection, publish: Callable[[str, Schedule | None], None]) -> None:
        self._db = connection
        self._publish = publish
        self._known = {row["name"]: _schedule(row) for row in connection.execute(_SELECT)}

    def all(self) -> list[Schedule]:
        """Every schedule, by name."""
        return [self._known[name] for name in sorted(self._known)]

    def get(self, name: str) -> Schedule:
        """A schedule; raises NotFoundError with the nearest name."""
        found = self._known.get(name)
        if found is None:
            remedy = nearest(name, self._known, "see `quarterdeck schedules list`")
            raise NotFoundError(f"there is no schedule {name!r}", remedy, str(Address(CORE, "schedule", name)))
        return found

    def refuse_existing(self, name: str) -> None:
        """Raises RefusedError when a schedule bears the name."""
        if name in self._known:
            address = str(Address(CORE, "schedule", name))
            remedy = f"choose another name, or remove it first: quarterdeck schedules remove {name} --yes"
            raise RefusedError(f"there is a schedule {name} already", remedy, address)

    def add(self, schedule: Schedule) -> None:
        """Keeps a new schedule; raises RefusedError when its name is taken."""
        self.refuse_existing(schedule.name)
        self._write(schedule)

    def remove(self, name: str) -> None:
        """Forgets a schedule; raises NotFoundError."""
        self.get(name)
        with transaction(self._db):
            self._db.execute("DELETE FROM schedule WHERE name = ?", (name,))
        del self._known[name]
        self._publish(name, None)

    def set_enabled(self, name: str, enabled: bool, now: float) -> Schedule:
        """Switches a schedule on or off; times that pass while it is off are never made up for. Raises NotFoundError."""
        found = self.get(name)
        if found.enabled == enabled:
            return found
        handled = now if enabled else found.handled
        return self._write(msgspec.structs.replace(found, enabled=enabled, changed=now, handled=handled))

    def claim(self, name: str, due: float) -> Schedule:
        """Records that a due time is about to be requested, with the journal's newest entry."""
        mark: int = self._db.execute("SELECT coalesce(max(entry), 0) FROM journal").fetchone()[0]
        return self._write(msgspec.structs.replace(self.get(name), claimed=due, claim_mark=mark))

    def journalled(self, schedule: Schedule) -> tuple[str, str, str] | None:
        """Outcome, detail and job of the request that the journal has of this schedule since its claim; None when it has none."""
        row = self._db.execute(
            "SELECT outcome, detail, job FROM journal WHERE actor = ? AND entry > ? ORDER BY entry LIMIT 1",
            (schedule.actor, schedule.claim_mark),
        ).fetchone()
        return (row["outcome"], row["detail"], row["job"]) if row is not None else None

    def pass_over(self, name: str, handled: float) -> None:
        """Records that due times up to `handled` are done with; nothing happens when the schedule is gone."""
        if name in self._known:
            self._write(msgspec.structs.replace(self._known[name], handled=handled, claimed=0.0))

    def finish(self, name: str, outcome: tuple[str, str, str], now: float) -> None:
        """Records outcome, detail and job of a request, and its claim as handled; nothing happens when the schedule is gone."""
        found = self._known.get(name)
        if found is None:
            return
        self._write(
            msgspec.structs.replace(
                found,
                handled=found.claimed or found.handled,
                claimed=0.0,
                last=now,
                last_outcome=outcome[0],
                last_detail=outcome[1],
                last_job=outcome[2],
            )
        )

    def job_ended(self, job: JobRecord) -> None:
        """Records how the job of a schedule's last request ended."""
        state, detail = job.state.value, job.error.message.partition("\n")[0] if job.error else ""
        for found in self._known.values():
            if found.last_job == job.address and (found.last_outcome, found.last_detail) != (state, detail):
                self._write(msgspec.structs.replace(found, last_outcome=state, last_detail=detail))
                return

    def _write(self, schedule: Schedule) -> Schedule:
        values = _row(schedule)
        names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
        with transaction(self._db):
            self._db.execute(f"INSERT OR REPLACE INTO schedule ({names}) VALUES ({places})", values)
        self._known[schedule.name] = schedule
        self._publish(schedule.name, schedule)
        return schedule


def _row(schedule: Schedule) -> dict[str, str | int | float]:
    values: dict[str, Any] = msgspec.structs.asdict(schedule)
    values["parameters"] = msgspec.json.encode(schedule.parameters).decode()
    values["settings"] = msgspec.json.encode(schedule.settings).decode()
    return values | {"misfire": schedule.misfire.value, "overlap": schedule.overlap.value}


def _schedule(row: sqlite3.Row) -> Schedule:
    values: dict[str, Any] = dict(row)
    for name in ("parameters", "settings"):
        values[name] = msgspec.json.decode(values[name])
    return msgspec.convert(values, Schedule, strict=False)
