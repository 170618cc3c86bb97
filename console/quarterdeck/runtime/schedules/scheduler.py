"""Requests what schedules are due for: once for each due time, whenever the runtime dies in between."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence

from quarterdeck.runtime.database import StateWriteError
from quarterdeck.runtime.journal import Journal
from quarterdeck.runtime.schedules.rules import due, next_time
from quarterdeck.runtime.schedules.schedule_store import Schedule, ScheduleStore
from quarterdeck_api.errors import QuarterdeckError, RefusedError, UnreachableError, UsageError, error_from_report
from quarterdeck_api.protocol import DoParams, DoResult, JobRecord, Outcome

_log = logging.getLogger("quarterdeck.runtime")

#: Seconds between looks at the clock while schedules wait: the clock may have been set meanwhile.
_LONGEST_WAIT = 30.0
#: Seconds added to a wait, because the loop's clock and the wall clock do not tick alike.
_MARGIN = 0.002
_WRITE_AGAIN_SECONDS = 5.0
#: Seconds between tries of a request that could not begin because its backend was not there, as after a start of the machine.
_PAUSES = (5.0, 15.0, 40.0)


class Scheduler:
    """Follows the clock. `request` is a client's way to request an action, `job` looks up a job by number, `clock` gives Unix seconds.

    What could not begin because a backend is unreachable is tried again after each of `pauses` (seconds).

    A due time is claimed in the database before it is requested, together with the journal's newest entry. When the claim outlives the runtime,
    the journal says whether the request was made: only one that was not is made again.
    """

    def __init__(
        self,
        schedules: ScheduleStore,
        journal: Journal,
        request: Callable[[str, DoParams], Awaitable[DoResult]],
        job: Callable[[int], JobRecord],
        clock: Callable[[], float],
        pauses: Sequence[float] = _PAUSES,
    ) -> None:
        self._schedules = schedules
        self._journal = journal
        self._request = request
        self._job = job
        self._clock = clock
        self._pauses = pauses
        self._changed = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Something about schedules has changed: looks at them again."""
        self._changed.set()

    def live(self) -> int:
        """How many enabled schedules still have a time to come."""
        return sum(schedule.enabled and _next(schedule) is not None for schedule in self._schedules.all())

    async def run(self) -> None:
        """Follows the clock until it is cancelled; requests under way are left to their journal entries then."""
        try:
            while True:
                self.look()
                delay = self._delay()
                try:
                    async with asyncio.timeout(delay):
                        await self._changed.wait()
                except TimeoutError:
                    pass  # The time that was waited for has come.
                self._changed.clear()
        finally:
            for task in self._busy.values():
                task.cancel()

    def look(self) -> None:
        """Begins what is due now; a schedule whose last request is still under way is looked at when that has ended."""
        for schedule in self._schedules.all():
            if schedule.name in self._busy:
                continue
            if schedule.claimed:
                self._begin(schedule.name, self._resume(schedule))
            elif schedule.enabled:
                self._begin_due(schedule)

    async def run_now(self, name: str) -> Outcome:
        """Requests the schedule's action at once, beside its times. Raises RefusedError while a request of it is under way."""
        schedule = self._schedules.get(name)
        if name in self._busy:
            raise RefusedError(
                f"schedule {name} is just requesting {schedule.action}", "try again", str(schedule.address)
            )
        outcome = await self._ask(f"{schedule.actor} run now", schedule)
        if name not in self._busy:
            self._finish(schedule, (outcome.status, outcome.message, outcome.job))
        return outcome

    def _begin_due(self, schedule: Schedule) -> None:
        try:
            rule = schedule.when()
        except UsageError:
            return  # The resource says what is wrong with the rule.
        found = due(rule, schedule.handled, self._clock(), schedule.misfire, schedule.misfire_limit)
        if found.missed:
            _log.warning("schedule %s: %d due times were missed and are passed over", schedule.name, found.missed)
        if found.run:
            self._begin(schedule.name, self._run(schedule.name, found.run))
        elif found.last != schedule.handled:
            self._begin(schedule.name, self._pass_over(schedule.name, found.last))

    def _begin(self, name: str, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(name, work))
        self._busy[name] = task
        task.add_done_callback(lambda _: self._ended(name))

    def _ended(self, name: str) -> None:
        del self._busy[name]
        self.wake()

    async def _guarded(self, name: str, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except StateWriteError as error:
            _log.warning("schedule %s waits: %s. %s", name, error.message, error.remedy)
            await asyncio.sleep(_WRITE_AGAIN_SECONDS)
        except Exception as error:  # noqa: BLE001 - the boundary to plugins and requests: one schedule never stops the others.
            _log.error("schedule %s failed", name, exc_info=error)
            await asyncio.sleep(_WRITE_AGAIN_SECONDS)

    async def _run(self, name: str, times: tuple[float, ...]) -> None:
        for time in times:
            if not self._is_enabled(name):
                return
            await self._fulfil(self._schedules.claim(name, time))

    async def _pass_over(self, name: str, handled: float) -> None:
        self._schedules.pass_over(name, handled)

    async def _resume(self, schedule: Schedule) -> None:
        known = self._schedules.journalled(schedule)
        if known is not None:
            self._finish(schedule, known)
        elif schedule.enabled:
            await self._fulfil(schedule)
        else:
            self._schedules.pass_over(schedule.name, schedule.claimed)

    async def _fulfil(self, schedule: Schedule) -> None:
        """Requests a claimed due time. What fails before the journal knows of it is journalled here."""
        outcome = await self._ask(schedule.actor, schedule)
        for pause in self._pauses:
            if not self._may_begin_later(schedule, outcome):
                break
            await asyncio.sleep(pause)
            outcome = await self._ask(schedule.actor, schedule)
        if self._schedules.journalled(schedule) is None:
            number = self._journal.begin(schedule.actor, schedule.action, schedule.target, "not begun")
            self._journal.finish(number, outcome.status, outcome.message)
        self._finish(schedule, (outcome.status, outcome.message, outcome.job))

    def _may_begin_later(self, schedule: Schedule, outcome: Outcome) -> bool:
        unreachable = outcome.error is not None and isinstance(error_from_report(outcome.error), UnreachableError)
        return unreachable and self._schedules.journalled(schedule) is None and self._is_enabled(schedule.name)

    async def _ask(self, actor: str, schedule: Schedule) -> Outcome:
        try:
            result = await self._request(actor, schedule.request())
        except QuarterdeckError as error:
            return Outcome(schedule.target, "failed", error.message, error=error.report())
        return result.outcomes[0]

    def _finish(self, schedule: Schedule, outcome: tuple[str, str, str]) -> None:
        self._schedules.finish(schedule.name, outcome, self._clock())
        job = outcome[2]
        if job:  # It may have ended before it was known to be this schedule's.
            record = self._job(int(job.rpartition("/")[2]))
            if record.state.final:
                self._schedules.job_ended(record)

    def _is_enabled(self, name: str) -> bool:
        return any(schedule.name == name and schedule.enabled for schedule in self._schedules.all())

    def _delay(self) -> float | None:
        """Seconds until the next look; None when only a change can make one necessary."""
        waiting = [each for each in self._schedules.all() if each.enabled and each.name not in self._busy]
        times = [time for each in waiting if (time := _next(each)) is not None]
        if not times:
            return None
        return min(max(min(times) - self._clock(), 0.0) + _MARGIN, _LONGEST_WAIT)


def _next(schedule: Schedule) -> float | None:
    try:
        return next_time(schedule.when(), schedule.handled)
    except UsageError:
        return None
