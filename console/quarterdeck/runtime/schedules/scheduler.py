"""Requests what schedules are due for: once for each due time, whenever the runtime dies in between."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence

from quarterdeck.runtime.database import StateWriteError
from quarterdeck.runtime.journal import Journal
from quarterdeck.runtime.schedules.rules import due, next_time
from quarterdeck.runtime.schedules.schedule_store import Occasion, Schedule, ScheduleRun, ScheduleStore
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

    async def run_now(self, name: str) -> tuple[Outcome, ...]:
        """Requests the schedule's action at once, beside its times; one outcome for each target. Raises RefusedError while a request of it is under way."""
        schedule = self._schedules.get(name)
        if name in self._busy:
            raise RefusedError(
                f"schedule {name} is just requesting {schedule.action}", "try again", str(schedule.address)
            )
        outcomes = await self._ask(f"{schedule.actor} run now", schedule, schedule.targets)
        if name not in self._busy:
            self._finish(schedule, self._runs(schedule, Occasion.RUN_NOW, outcomes))
        return outcomes

    def _begin_due(self, schedule: Schedule) -> None:
        try:
            rule = schedule.when()
        except UsageError:
            return  # The resource says what is wrong with the rule.
        found = due(rule, schedule.handled, self._clock(), schedule.misfire, schedule.misfire_limit)
        if found.missed:
            _log.warning("schedule %s: %d due times were missed and are passed over", schedule.name, found.missed)
        if found.run:
            self._begin(schedule.name, self._run(schedule.name, found.run, found.missed))
        elif found.last != schedule.handled:
            self._begin(schedule.name, self._pass_over(schedule.name, found.last, found.missed))

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

    async def _run(self, name: str, times: tuple[float, ...], missed: int) -> None:
        self._schedules.missed(name, times[0], missed, self._clock())
        for time in times:
            if not self._is_enabled(name):
                return
            await self._fulfil(self._schedules.claim(name, time))

    async def _pass_over(self, name: str, handled: float, missed: int) -> None:
        self._schedules.pass_over(name, handled, missed, self._clock())

    async def _resume(self, schedule: Schedule) -> None:
        """Goes on with a claim of an earlier runtime: targets that the journal knows of are done with, the others are requested."""
        known = self._schedules.journalled(schedule)
        if schedule.enabled or known:
            await self._fulfil(schedule, only_known=not schedule.enabled)
        else:
            self._schedules.pass_over(schedule.name, schedule.claimed)

    async def _fulfil(self, schedule: Schedule, *, only_known: bool = False) -> None:
        """Requests a claimed due time on every target that the journal has no entry of since. What cannot even begin is journalled here."""
        known = self._schedules.journalled(schedule)
        wanted = tuple(target for target in schedule.targets or ("",) if target not in known)
        outcomes: dict[str, Outcome] = {}
        for pause in (0.0, *self._pauses):
            if not wanted or only_known:
                break
            await asyncio.sleep(pause)
            if outcomes and not self._is_enabled(schedule.name):
                break
            asked = tuple(target for target in wanted if target)
            for target, outcome in zip(wanted, await self._ask(schedule.actor, schedule, asked), strict=True):
                outcomes[target] = outcome
            begun = self._schedules.journalled(schedule)
            wanted = tuple(each for each in wanted if each not in begun and _is_unreachable(outcomes[each]))
        begun = self._schedules.journalled(schedule)
        for target, outcome in outcomes.items():
            if target not in begun:
                number = self._journal.begin(schedule.actor, schedule.action, target, "not begun")
                self._journal.finish(number, outcome.status, outcome.message)
        said = {target: Outcome(target, *known[target]) for target in known} | outcomes
        self._finish(
            schedule,
            self._runs(schedule, Occasion.DUE, [said[each] for each in schedule.targets or ("",) if each in said]),
        )

    async def _ask(self, actor: str, schedule: Schedule, targets: tuple[str, ...]) -> tuple[Outcome, ...]:
        """One outcome for each target, in their order; one for a standalone action."""
        try:
            result = await self._request(actor, schedule.request(targets))
        except QuarterdeckError as error:
            return tuple(Outcome(each, "failed", error.message, error=error.report()) for each in targets or ("",))
        return result.outcomes

    def _runs(self, schedule: Schedule, occasion: Occasion, outcomes: Sequence[Outcome]) -> list[ScheduleRun]:
        due = schedule.claimed if occasion is Occasion.DUE else 0.0
        now = self._clock()
        return [ScheduleRun(due, now, occasion, each.address, each.status, each.message, each.job) for each in outcomes]

    def _finish(self, schedule: Schedule, runs: list[ScheduleRun]) -> None:
        self._schedules.finish(schedule.name, runs, runs[0].time if runs else self._clock())
        for run in runs:
            if run.job:  # It may have ended before it was known to be this schedule's.
                record = self._job(int(run.job.rpartition("/")[2]))
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


def _is_unreachable(outcome: Outcome) -> bool:
    return outcome.error is not None and isinstance(error_from_report(outcome.error), UnreachableError)


def _next(schedule: Schedule) -> float | None:
    try:
        return next_time(schedule.when(), schedule.handled)
    except UsageError:
        return None
