"""What is kept of the past: ended jobs with their artefacts and logs, and journal entries, go when there are too many or they are too old."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable

from msgspec import Struct

from quarterdeck.config.paths import InstancePaths
from quarterdeck.config.settings import RuntimeSettings
from quarterdeck.runtime.database import StateWriteError, transaction
from quarterdeck.runtime.jobs.artefacts import remove_artefacts, remove_work
from quarterdeck_api.resources import CORE, Address

_log = logging.getLogger(__name__)

_DAY = 86_400.0
#: Seconds from one look to the next, and between two steps of one.
_INTERVAL, _PAUSE = 60.0, 0.05
#: At most so many in one step, which the runtime's loop waits for.
_JOBS_AT_ONCE, _ENTRIES_AT_ONCE = 20, 500

_ENDED = "state IN ('succeeded', 'failed', 'cancelled', 'dead')"
#: Jobs that may go: nothing that is kept came after them, and whoever started them has ended.
_JOBS = (
    f"SELECT number FROM job WHERE {_ENDED} AND (ended < ? OR number <= ?) "
    "AND NOT EXISTS (SELECT 1 FROM job_after WHERE before = job.number) "
    "AND NOT EXISTS (SELECT 1 FROM job_child JOIN job AS parent ON parent.number = job_child.parent "
    "WHERE job_child.child = job.number AND parent.state IN ('queued', 'running')) ORDER BY number LIMIT ?"
)
#: The newest ended job that is one too many.
_TOO_MANY_JOBS = f"SELECT number FROM job WHERE {_ENDED} ORDER BY number DESC LIMIT 1 OFFSET ?"
_TOO_MANY_ENTRIES = "SELECT entry FROM journal ORDER BY entry DESC LIMIT 1 OFFSET ?"
#: The first entry that something may still be looked up by: one without outcome, or one since a schedule claimed a due time.
_NEEDED_ENTRY = (
    "SELECT min(entry) FROM (SELECT min(entry) AS entry FROM journal WHERE outcome = '' "
    "UNION ALL SELECT min(claim_mark) FROM schedule WHERE claimed > 0)"
)


class Kept(Struct, frozen=True):
    """How much is kept: numbers of jobs and entries, and their ages in days; 0 is no limit."""

    jobs: int
    job_days: float
    entries: int
    entry_days: float


def kept(settings: RuntimeSettings) -> Kept:
    """What the settings say."""
    return Kept(settings.keep_jobs, settings.keep_jobs_days, settings.keep_journal, settings.keep_journal_days)


class Retention:
    """Removes what is not kept, little by little. Datasets are never removed. `gone` is told the addresses of what went."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        paths: InstancePaths,
        clock: Callable[[], float],
        limits: Callable[[], Kept],
        gone: Callable[[tuple[str, ...]], None],
    ) -> None:
        self._db = connection
        self._paths = paths
        self._clock = clock
        self._limits = limits
        self._gone = gone

    async def run(self) -> None:
        """Looks every minute, for as long as the runtime lives."""
        while True:
            await asyncio.sleep(_INTERVAL)
            try:
                while self.step():
                    await asyncio.sleep(_PAUSE)
            except (StateWriteError, OSError) as error:
                _log.warning("what is too old could not be removed now: %s", error)

    def step(self) -> bool:
        """Removes a few jobs and entries; False when nothing more was to go. Raises StateWriteError and OSError, and loses nothing then."""
        limits = self._limits()
        jobs = self._remove_jobs(limits)
        entries = self._remove_entries(limits)
        if jobs or entries:
            self._gone(
                (
                    *(str(Address(CORE, "job", str(number))) for number in jobs),
                    *(str(Address(CORE, "journal", str(number))) for number in entries),
                )
            )
        return bool(jobs or entries)

    def _remove_jobs(self, limits: Kept) -> list[int]:
        cutoff = self._clock() - limits.job_days * _DAY if limits.job_days else 0.0
        too_many = self._first(_TOO_MANY_JOBS, limits.jobs) if limits.jobs else 0
        rows = self._db.execute(_JOBS, (cutoff, too_many, _JOBS_AT_ONCE)).fetchall()
        numbers = [int(row["number"]) for row in rows]
        for number in numbers:
            # The files first: a job whose files are gone is found again after a crash, files without a job are not.
            remove_artefacts(self._paths, number)
            remove_work(self._paths, number)
            for log in (self._paths.logs / "jobs").glob(f"{number}.*.log*"):
                log.unlink(missing_ok=True)
        if numbers:
            with transaction(self._db):
                self._db.execute("PRAGMA defer_foreign_keys = ON")
                for statement in (
                    "DELETE FROM job_after WHERE job = ?",
                    "DELETE FROM job_dataset WHERE job = ?",
                    "DELETE FROM job_child WHERE parent = ?",
                    "DELETE FROM job WHERE number = ?",
                    "DELETE FROM job_event WHERE job = ?",
                ):
                    self._db.executemany(statement, [(number,) for number in numbers])
        return numbers

    def _remove_entries(self, limits: Kept) -> range:
        cutoff = self._clock() - limits.entry_days * _DAY if limits.entry_days else 0.0
        too_many = self._first(_TOO_MANY_ENTRIES, limits.entries) if limits.entries else 0
        row = self._db.execute("SELECT min(entry) AS first, max(entry) AS last FROM journal").fetchone()
        if row["first"] is None:
            return range(0)
        first, end = int(row["first"]), int(row["first"]) + _ENTRIES_AT_ONCE
        # Entries are in the order of their times but for set clocks, so the old ones are those before the first that is young.
        young = self._first(
            "SELECT entry FROM journal WHERE entry < ? AND time >= ? ORDER BY entry LIMIT 1", end, cutoff
        )
        old_end = min(young or end, row["last"] + 1)
        end = min(max(old_end, too_many + 1), end, row["last"] + 1)
        needed = self._db.execute(_NEEDED_ENTRY).fetchone()[0]
        if needed is not None:
            end = min(end, int(needed))
        if end <= first:
            return range(0)
        with transaction(self._db):
            self._db.execute("UPDATE journal_retention SET until = ?", (end,))
            self._db.execute("DELETE FROM journal_check WHERE entry < ?", (end,))
            self._db.execute("DELETE FROM journal WHERE entry < ?", (end,))
        return range(first, end)

    def _first(self, statement: str, *values: float) -> int:
        row = self._db.execute(statement, values).fetchone()
        return int(row[0]) if row is not None else 0
