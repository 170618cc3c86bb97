"""Schedules as they are kept: what each requests and when, how far it has come, and what came of its last request."""

import sqlite3
from collections.abc import Callable, Sequence
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

_ENCODED = ("parameters", "settings", "targets", "typed_names")
_SELECT = "SELECT * FROM schedule"


#: What happened at earlier times is remembered for so many targets and times of each schedule.
RUNS_KEPT = 200

#: Outcomes from the worst to the best: several targets are told by the worst.
_WORST_FIRST = ("unknown", "failed", "dead", "refused", "cancelled", "accepted", "done", "succeeded")


class Overlap(Enum):
    """Whether a job of the schedule may be queued while an earlier one still lives."""

    REFUSE = "refuse"
    ALLOW = "allow"


class Schedule(Struct, frozen=True):
    """One schedule. `targets` are addresses, none for a standalone action; they are requested together.

    Due times up to `handled` are done with; `claimed` is the one under way (0: none), and `claim_mark` the newest journal entry before it was
    requested. `last` is the time of the last request (0: none), `last_job` the jobs that it queued, parted by blanks.
    """

    name: str
    rule: str
    zone: str
    action: str
    targets: tuple[str, ...]
    parameters: dict[str, Any]
    settings: dict[str, Any]
    priority: int
    confirmed: bool
    typed_names: tuple[str, ...]
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

    def request(self, targets: tuple[str, ...] | None = None) -> DoParams:
        """What the schedule requests, on all its targets or on some of them."""
        return DoParams(
            self.action,
            self.targets if targets is None else targets,
            self.parameters,
            self.settings,
            confirmed=self.confirmed,
            typed_names=self.typed_names,
            priority=self.priority,
            key=f"schedule/{self.name}" if self.overlap is Overlap.REFUSE else "",
        )


class Occasion(Enum):
    """Why something happened to a schedule."""

    DUE = "due"
    RUN_NOW = "run now"
    LEFT_OUT = "left out"


class ScheduleRun(Struct, frozen=True):
    """What happened to one target at one due time (0: beside the times). `time` is when, `job` the job that was queued."""

    due: float
    time: float
    occasion: Occasion
    target: str
    outcome: str
    detail: str = ""
    job: str = ""


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
            self._db.execute("DELETE FROM schedule_run WHERE schedule = ?", (name,))
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

    def journalled(self, schedule: Schedule) -> dict[str, tuple[str, str, str]]:
        """Outcome, detail and job of what the journal has of this schedule since its claim, by target.

        A standalone action, whose resource gets its address only then, is below the empty target.
        """
        rows = self._db.execute(
            "SELECT address, outcome, detail, job FROM journal WHERE actor = ? AND entry > ? ORDER BY entry DESC",
            (schedule.actor, schedule.claim_mark),
        )
        found = {row["address"]: (row["outcome"], row["detail"], row["job"]) for row in rows}
        if schedule.targets:
            return {target: found[target] for target in schedule.targets if target in found}
        return {"": next(reversed(found.values()))} if found else {}

    def pass_over(self, name: str, handled: float, missed: int = 0, now: float = 0.0) -> None:
        """Records that due times up to `handled` are done with, `missed` of them left out; nothing happens when the schedule is gone."""
        if name in self._known:
            self._note_missed(name, handled, missed, now)
            self._write(msgspec.structs.replace(self._known[name], handled=handled, claimed=0.0))

    def missed(self, name: str, due: float, missed: int, now: float) -> None:
        """Notes that due times before `due` were left out."""
        with transaction(self._db):
            self._note_missed(name, due, missed, now)

    def finish(self, name: str, runs: Sequence[ScheduleRun], now: float) -> None:
        """Records what came of a request on each target, and its claim as handled; nothing happens when the schedule is gone."""
        found = self._known.get(name)
        if found is None:
            return
        outcome, detail = _told(runs)
        self._write(
            msgspec.structs.replace(
                found,
                handled=found.claimed or found.handled,
                claimed=0.0,
                last=now,
                last_outcome=outcome,
                last_detail=detail,
                last_job=" ".join(run.job for run in runs if run.job),
            ),
            runs,
        )

    def job_ended(self, job: JobRecord) -> None:
        """Records how a job of a schedule ended: in what happened at its time, and when that was the last one, as the schedule's outcome."""
        state, detail = job.state.value, job.error.message.partition("\n")[0] if job.error else ""
        row = self._db.execute(
            "SELECT number, schedule FROM schedule_run WHERE job = ? AND (outcome, detail) <> (?, ?)",
            (job.address, state, detail),
        ).fetchone()
        if row is None:
            return
        with transaction(self._db):
            self._db.execute(
                "UPDATE schedule_run SET outcome = ?, detail = ? WHERE number = ?", (state, detail, row["number"])
            )
        found = self._known.get(row["schedule"])
        if found is None or job.address not in found.last_job.split():
            return
        outcome, told = _told([run for run in self.runs(found.name) if run.time == found.last])
        self._write(msgspec.structs.replace(found, last_outcome=outcome, last_detail=told))

    def runs(self, name: str, limit: int = RUNS_KEPT) -> list[ScheduleRun]:
        """What happened at earlier times, newest first."""
        rows = self._db.execute(
            "SELECT due, time, occasion, target, outcome, detail, job FROM schedule_run WHERE schedule = ? "
            "ORDER BY number DESC LIMIT ?",
            (name, limit),
        )
        return [msgspec.convert(dict(row), ScheduleRun) for row in rows]

    def edit(self, schedule: Schedule) -> Schedule:
        """Keeps a schedule with other settings; its past stays. Raises NotFoundError."""
        self.get(schedule.name)
        return self._write(schedule)

    def _note_missed(self, name: str, due: float, missed: int, now: float) -> None:
        if missed:
            times = "1 due time was" if missed == 1 else f"{missed} due times were"
            self._note(name, ScheduleRun(due, now, Occasion.LEFT_OUT, "", "left out", f"{times} left out"))

    def _note(self, name: str, run: ScheduleRun) -> None:
        self._db.execute(
            "INSERT INTO schedule_run (schedule, due, time, occasion, target, outcome, detail, job) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (name, run.due, run.time, run.occasion.value, run.target, run.outcome, run.detail, run.job),
        )

    def _write(self, schedule: Schedule, runs: Sequence[ScheduleRun] = ()) -> Schedule:
        values = _row(schedule)
        names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
        with transaction(self._db):
            self._db.execute(f"INSERT OR REPLACE INTO schedule ({names}) VALUES ({places})", values)
            for run in runs:
                self._note(schedule.name, run)
            if runs:
                self._db.execute(
                    "DELETE FROM schedule_run WHERE schedule = ? AND number <= (SELECT number FROM schedule_run WHERE schedule = ? "
                    "ORDER BY number DESC LIMIT 1 OFFSET ?)",
                    (schedule.name, schedule.name, RUNS_KEPT),
                )
        self._known[schedule.name] = schedule
        self._publish(schedule.name, schedule)
        return schedule


def _told(runs: Sequence[ScheduleRun]) -> tuple[str, str]:
    """Outcome and detail of several targets as one: the worst, with the targets that it is of."""
    if len(runs) <= 1:
        return (runs[0].outcome, runs[0].detail) if runs else ("", "")
    outcomes = [run.outcome for run in runs]
    worst = min(outcomes, key=lambda each: _WORST_FIRST.index(each) if each in _WORST_FIRST else len(_WORST_FIRST))
    concerned = [run for run in runs if run.outcome == worst]
    if worst in ("accepted", "done", "succeeded"):
        return worst, f"{len(runs)} resources"
    first = concerned[0]
    return worst, f"{len(concerned)} of {len(runs)} resources, first {first.target}: {first.detail}"


def _row(schedule: Schedule) -> dict[str, str | int | float]:
    values: dict[str, Any] = msgspec.structs.asdict(schedule)
    for name in _ENCODED:
        values[name] = msgspec.json.encode(values[name]).decode()
    return values | {"misfire": schedule.misfire.value, "overlap": schedule.overlap.value}


def _schedule(row: sqlite3.Row) -> Schedule:
    values: dict[str, Any] = dict(row)
    for name in _ENCODED:
        values[name] = msgspec.json.decode(values[name])
    return msgspec.convert(values, Schedule, strict=False)
