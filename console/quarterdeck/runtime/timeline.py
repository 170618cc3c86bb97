"""The timeline: changes of health, state and reason of every resource, kept in the database up to a bound."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable

from msgspec import Struct

from quarterdeck.runtime.database import StateWriteError, transaction
from quarterdeck_api.errors import NotFoundError
from quarterdeck_api.protocol import JobRecord
from quarterdeck_api.resources import CORE, Address, Health, Resource
from quarterdeck_api.timeline import TIMELINE_LIMIT, TimelineEntry, TimelineParams, TimelineResult

_log = logging.getLogger("quarterdeck.runtime")

#: Entries that are kept of all resources together, and of one.
KEPT = 50_000
KEPT_OF_ONE = 500

#: Seconds within which changes are written together.
_PAUSE = 1.0
#: Changes that wait to be written; beyond them the oldest are given up, so that a database that cannot be written costs no memory.
_WAITING = 20_000
#: Changes of one transaction: the loop does something else in between.
_SLICE = 500

#: What is a record of its own, with a history that is kept for good or never changes.
_NOT_KEPT = frozenset(("job", "journal"))

_JOB_HEALTH = {
    "submitted": Health.STOPPED,
    "retried": Health.STOPPED,
    "interrupted": Health.DEGRADED,
    "succeeded": Health.OK,
    "failed": Health.FAILED,
    "dead": Health.FAILED,
    "cancelled": Health.STOPPED,
}


class _Change(Struct, frozen=True):
    time: float
    before: Resource | None
    after: Resource


class Timeline:
    """Takes changes as they are applied, writes them a little later, and answers what is known of one resource.

    A resource that appears is written only when something is already kept of it and it has come back otherwise: what never changes
    costs nothing. `find` gives the resource that bears an address now, `job` a job's record (raises NotFoundError).
    """

    def __init__(
        self,
        database: sqlite3.Connection,
        find: Callable[[str], Resource | None],
        job: Callable[[int], JobRecord],
        kept: int = KEPT,
        kept_of_one: int = KEPT_OF_ONE,
    ) -> None:
        self._db = database
        self._find = find
        self._job = job
        self._kept = kept
        self._kept_of_one = kept_of_one
        self._waiting: list[_Change] = []
        self._wake = asyncio.Event()
        self._count: int = database.execute("SELECT count(*) FROM timeline").fetchone()[0]
        self._known = self._kept_addresses()

    def take(self, time: float, before: Resource | None, after: Resource) -> None:
        """One change; written later."""
        if after.address.startswith(f"{CORE}/") and after.kind in _NOT_KEPT:
            return
        if before is None and after.address not in self._known:
            return
        self._known.add(after.address)
        self._waiting.append(_Change(time, before, after))
        if len(self._waiting) > _WAITING:
            del self._waiting[: len(self._waiting) - _WAITING]
        self._wake.set()

    async def run(self) -> None:
        """Writes what waits, until it is cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(_PAUSE)
            self._wake.clear()
            while self._waiting and self._write_slice():
                await asyncio.sleep(0)

    def flush(self) -> None:
        """Writes everything that waits, as far as the database can be written."""
        while self._waiting and self._write_slice():
            pass

    def read(self, asked: TimelineParams) -> TimelineResult:
        """What is known of one address, the newest first. Raises NotFoundError when that is nothing."""
        address = Address.parse(asked.address)
        limit = max(1, min(asked.limit, TIMELINE_LIMIT))
        if (address.backend, address.kind) == (CORE, "job") and address.name.isdigit():
            return _of_job(self._job(int(address.name)), limit)
        self.flush()
        rows = self._db.execute(
            "SELECT time, health, state, reason FROM timeline WHERE address = ? ORDER BY number DESC LIMIT ?",
            (asked.address, limit + 1),
        ).fetchall()
        entries = [TimelineEntry(row["time"], Health(row["health"]), row["state"], row["reason"]) for row in rows]
        now = self._find(asked.address)
        if now is None and not entries:
            raise NotFoundError(
                f"nothing is known of {asked.address}, now or before", "look at the resources of its kind"
            )
        more = len(entries) > limit
        entries = entries[:limit]
        if now is not None and (
            not entries or _condition(now) != (entries[0].health, entries[0].state, entries[0].reason)
        ):
            entries.insert(0, TimelineEntry(now.since, now.health, now.state, now.reason))
        return TimelineResult(tuple(entries), gone=now is None, more=more)

    def _write_slice(self) -> bool:
        """Writes some changes; False when that cannot be done now."""
        part = self._waiting[:_SLICE]
        try:
            with transaction(self._db):
                for change in part:
                    self._write(change)
                self._prune({change.after.address for change in part})
        except StateWriteError as error:
            _log.warning("the timeline is behind: %s", error.message)
            return False
        del self._waiting[: len(part)]
        if len(self._known) > 2 * self._kept:
            self._known = self._kept_addresses()  # Names that come and go must not be remembered for ever.
        return True

    def _kept_addresses(self) -> set[str]:
        return {row[0] for row in self._db.execute("SELECT DISTINCT address FROM timeline")}

    def _write(self, change: _Change) -> None:
        after, before = change.after, change.before
        newest = self._db.execute(
            "SELECT health, state, reason FROM timeline WHERE address = ? ORDER BY number DESC LIMIT 1",
            (after.address,),
        ).fetchone()
        last = (newest["health"], newest["state"], newest["reason"]) if newest is not None else None
        if before is not None and last is None:
            self._insert(min(before.since or change.time, change.time), before)
        if last != (after.health.value, after.state, after.reason):
            self._insert(change.time, after)

    def _insert(self, time: float, resource: Resource) -> None:
        self._db.execute(
            "INSERT INTO timeline (address, time, health, state, reason) VALUES (?, ?, ?, ?, ?)",
            (resource.address, time, resource.health.value, resource.state, resource.reason),
        )
        self._count += 1

    def _prune(self, addresses: set[str]) -> None:
        """Keeps the bounds: of each of these addresses, and of all together."""
        for address in addresses:
            self._count -= self._db.execute(
                "DELETE FROM timeline WHERE address = ?1 AND number <= "
                "(SELECT number FROM timeline WHERE address = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
                (address, self._kept_of_one),
            ).rowcount
        if self._count > self._kept:
            # Counted anew, for changes that were rolled back have been counted too.
            self._count = self._db.execute("SELECT count(*) FROM timeline").fetchone()[0]
            self._count -= self._db.execute(
                "DELETE FROM timeline WHERE number IN (SELECT number FROM timeline ORDER BY number LIMIT ?)",
                (max(0, self._count - self._kept),),
            ).rowcount


def _condition(resource: Resource) -> tuple[Health, str, str]:
    return resource.health, resource.state, resource.reason


def _of_job(record: JobRecord, limit: int) -> TimelineResult:
    """A job's own history, which is kept for good, in the form of a timeline."""
    entries = [
        TimelineEntry(event.time, _JOB_HEALTH.get(event.event, Health.BUSY), event.event, event.detail)
        for event in reversed(record.history)
    ]
    return TimelineResult(tuple(entries[:limit]), more=len(entries) > limit)
