"""Schedules as one part of the runtime: its pieces put together, and what the others see of it."""

import os
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

from quarterdeck.config.service import starts_with_machine
from quarterdeck.runtime.core_findings import schedule_findings
from quarterdeck.runtime.core_rows import CoreRows
from quarterdeck.runtime.journal import Journal
from quarterdeck.runtime.schedules.actions import ScheduleActions
from quarterdeck.runtime.schedules.conflicts import Conflict, ConflictWatch
from quarterdeck.runtime.schedules.schedule_store import Schedule, ScheduleStore
from quarterdeck.runtime.schedules.scheduler import Scheduler
from quarterdeck.runtime.schedules.view import schedule_blocks
from quarterdeck_api.documents import Block
from quarterdeck_api.findings import Finding
from quarterdeck_api.protocol import DoParams, DoResult, JobRecord


class Schedules:
    """All schedules of the runtime.

    `request` is a client's way to request an action, `require_possible` raises when a request could not be carried out now as it stands, `job` looks
    up a job by number, `changed` is told when findings about schedules may be others. `clock` gives Unix seconds.
    """

    def __init__(
        self,
        database: sqlite3.Connection,
        journal: Journal,
        rows: CoreRows,
        *,
        request: Callable[[str, DoParams], Awaitable[DoResult]],
        require_possible: Callable[[DoParams], Awaitable[None]],
        job: Callable[[int], JobRecord],
        changed: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._rows = rows
        self._changed = changed
        self._clock = clock
        self._conflicts = ConflictWatch()
        self._store = ScheduleStore(database, self._publish)
        self._scheduler = Scheduler(self._store, journal, request, job, clock)
        self.actions = ScheduleActions(self._store, self._scheduler, require_possible, clock, _is_installed)

    async def run(self) -> None:
        """Requests what is due until it is cancelled; call it once plugins are known."""
        await self._scheduler.run()

    def all(self) -> list[Schedule]:
        """Every schedule, by name."""
        return self._store.all()

    def live(self) -> int:
        """Schedules that still have a time to come: they keep the runtime alive."""
        return self._scheduler.live()

    def job_ended(self, record: JobRecord) -> None:
        """A job came to its end; it may be a schedule's."""
        self._store.job_ended(record)

    def show_conflicts(self) -> None:
        """Shows every schedule with what it comes into the way of."""
        self._rows.conflicts(self._store.all(), self._look())

    def blocks(self, name: str) -> list[Block]:
        """What describes a schedule; raises NotFoundError."""
        conflicts = self._look().get(name, [])
        return schedule_blocks(self._store.get(name), self._clock(), self._store.runs(name), conflicts, _is_installed())

    def findings(self) -> list[Finding]:
        """What is wrong with schedules."""
        return schedule_findings(self._store.all(), self._look())

    def _look(self) -> dict[str, list[Conflict]]:
        return self._conflicts.look(self._store.all(), self._clock())

    def _publish(self, name: str, schedule: Schedule | None) -> None:
        self._rows.schedule(name, schedule, self._look())
        self._scheduler.wake()
        self._changed()


def _is_installed() -> bool:
    return starts_with_machine(os.environ, Path.home())
