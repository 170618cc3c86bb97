"""The job service: from the queue to a runner, and from the spool to the record, for host and worker jobs alike."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from quarterdeck.config.paths import InstancePaths
from quarterdeck.runtime.borders import JobEnvironment, JobParent, JobRequest, JobRunner, MapTerms
from quarterdeck.runtime.database import StateWriteError
from quarterdeck.runtime.jobs.artefacts import artefact_paths, lease_path, log_path, remove_artefacts
from quarterdeck.runtime.jobs.attempts import Attempt, Publisher, ResultKeeper, job_spec
from quarterdeck.runtime.jobs.cleaning import Cleaning
from quarterdeck.runtime.jobs.leases import lease_is_held
from quarterdeck.runtime.jobs.queue import JobQueue
from quarterdeck.runtime.jobs.recording import Recording, interruption
from quarterdeck.runtime.jobs.rows import Claim, Lane, RunningAttempt
from quarterdeck.runtime.jobs.secret_fields import require_references, with_secrets
from quarterdeck.runtime.jobs.waiting import JobWaiting
from quarterdeck_api.catalogue import JobTypeInfo, PluginStatus, RunsIn
from quarterdeck_api.errors import ErrorReport, QuarterdeckError, RefusedError, UnreachableError
from quarterdeck_api.host_protocol import JobCheckpoint, JobProgress
from quarterdeck_api.jobs import JobSpec, JobState
from quarterdeck_api.protocol import JobRecord

_log = logging.getLogger(__name__)

#: Seconds between looks at the clock while jobs wait for a time: the clock may have been set meanwhile.
_LONGEST_WAIT = 30.0
_LEASE_LOOK_SECONDS = 1.0
_WRITE_AGAIN_SECONDS = 5.0


class JobService:
    """Submits, starts, follows, cancels and records jobs; implements JobEvents. Everything happens on the runtime's loop.

    `keeper` takes files of results over, `runners` run attempts (may be filled later), `publish` is told of every change of a job,
    `clock` gives Unix seconds, `max_running` bounds the running jobs of all types together, those that wait for another job left out.
    `map_terms` gives what maps of workers may use.
    """

    def __init__(
        self,
        paths: InstancePaths,
        queue: JobQueue,
        environment: JobEnvironment,
        keeper: ResultKeeper,
        runners: Mapping[RunsIn, JobRunner],
        publish: Callable[[JobRecord], None],
        clock: Callable[[], float],
        max_running: int,
        map_terms: Callable[[], MapTerms] = MapTerms,
    ) -> None:
        self.runners: dict[RunsIn, JobRunner] = dict(runners)
        self._paths = paths
        self._queue = queue
        self._environment = environment
        self._publish = publish
        self._clock = clock
        self._max_running = max_running
        self._map_terms = map_terms
        self._recording = Recording(paths, queue, keeper, clock)
        self._cleaning = Cleaning(paths)
        self._ends = JobWaiting()
        self._attempts: dict[int, Attempt] = {}
        self._waiting: dict[Lane, str] = {}
        self._publisher = Publisher(self._publish_attempt)
        self._tasks: set[asyncio.Task[None]] = set()
        self._pump_planned = False
        self._due_timer: asyncio.TimerHandle | None = None
        self._closed = False

    def submit(self, request: JobRequest, not_before: float = 0.0) -> JobRecord:
        """Queues a job; it is committed when this returns.

        Raises UsageError, also for a secret that is not a reference, UnreachableError for one that refers to nothing, and RefusedError naming
        the live job with the same key.
        """
        require_references(request)
        with_secrets(request.parameters, request.settings, request.secrets, self._environment.secret)
        info = self._environment.job_type(request.plugin, request.job_type)
        job = self._queue.submit(request, info.max_attempts, not_before, info.runs_in)
        self._changed()
        return self._seen(self._queue.summary(job))

    def get(self, job: int) -> JobRecord:
        """Everything that is known of a job. Raises NotFoundError."""
        record = self._seen(self._queue.record(job))
        logs = [log_path(self._paths, job, token) for token in range(1, record.attempt + 1)]
        return msgspec.structs.replace(
            record,
            artefact_paths=artefact_paths(self._paths, job, record.artefacts),
            log_paths=tuple(str(path) for path in logs if path.exists() or path == logs[-1]),
        )

    def started_job(self, parent: JobParent) -> int | None:
        """The job that was started under the parent's key and still counts, or None."""
        return self._queue.started_job(parent)

    async def wait(self, job: int, waiter: int = 0) -> JobRecord:
        """The job once it has ended; `waiter` is the job that waits for it, which leaves its place to it meanwhile. Raises NotFoundError."""
        if not self._queue.summary(job).state.final:
            end = self._ends.begin(job, waiter)
            self._plan_pump()
            try:
                await end
            finally:
                self._ends.leave(job, waiter, end)
        return self.get(job)

    def waits(self, job: int) -> bool:
        """Whether a job waits for another one."""
        return self._ends.waits(job)

    def live_job(self, key: str) -> int | None:
        """The number of the live job that holds a key, or None."""
        return self._queue.live_job(key)

    def running(self, plugin: str, runs_in: RunsIn | None = None) -> list[int]:
        """The numbers of the jobs of a plugin that run, everywhere or in one place."""
        return [
            attempt.job
            for attempt in self._attempts.values()
            if attempt.lane.plugin == plugin and runs_in in (None, attempt.runs_in)
        ]

    def counts(self) -> dict[str, int]:
        """The number of jobs in each state."""
        return self._queue.counts()

    async def cancel(self, job: int) -> JobRecord:
        """Ends a queued job at once and asks a running one to end; a job that has ended stays as it is. Raises NotFoundError."""
        state = self._queue.request_cancel(job)
        self._changed()
        attempt = self._attempts.get(job)
        if state is JobState.RUNNING and attempt is not None:
            attempt.cancel_requested = True
            await self._ask_to_end(attempt)
        return self._seen(self._queue.summary(job))

    def retry(self, job: int, first_step: str = "") -> JobRecord:
        """Queues a job that has ended once more, from a step on. Raises NotFoundError, UsageError, and RefusedError with the reason."""
        self._queue.retry(job, first_step)
        remove_artefacts(self._paths, job)
        self._changed()
        return self._seen(self._queue.summary(job))

    def pump(self) -> None:
        """Starts the next job that may start, and looks again on the loop's next turn until there is none."""
        self._pump_planned = False
        if self._closed:
            return
        try:
            claim = self._queue.claim(self._admits, self._max_running + self._ends.jobs)
            if claim is not None:
                self._begin(claim)
            self._publish_changed()
        except StateWriteError as error:
            _log.warning("%s. %s", error.message, error.remedy)
            asyncio.get_running_loop().call_later(_WRITE_AGAIN_SECONDS, self.pump)
            return
        if claim is not None:
            # Not at once: the runner takes the place that the attempt needs in its task's first step.
            self._plan_pump()
        else:
            self._wait_for_due()

    def close(self, workers_ended: bool) -> None:
        """Starts nothing any more, and takes back what ended with the runtime without counting it; call it once runners are closed.

        With `workers_ended` false, worker jobs go on behind their guards and stay recorded as running.
        """
        self._closed = True
        if self._due_timer is not None:
            self._due_timer.cancel()
        for task in self._tasks:
            task.cancel()
        for attempt in list(self._attempts.values()):
            attempt.stop_timers()
            if workers_ended or attempt.runs_in is RunsIn.HOST:
                self.conclude(attempt.job, attempt.token, interruption(attempt.job), blameless=True)
        self._cleaning.close()

    def on_progress(self, progress: JobProgress) -> None:
        """Progress or a new step."""
        attempt = self._attempt(progress.job, progress.token)
        if attempt is None:
            return
        if attempt.note(progress, self._clock()):
            self._recording.keep_steps(attempt)
        self._publisher.progressed(attempt)

    def on_checkpoint(self, checkpoint: JobCheckpoint) -> None:
        """A checkpoint, to be committed."""
        try:
            self._queue.checkpoint(checkpoint.job, checkpoint.token, checkpoint.value, checkpoint.done)
        except StateWriteError as error:
            _log.warning("job %d goes on without this checkpoint: %s. %s", checkpoint.job, error.message, error.remedy)

    def commit_checkpoint(self, job: int, token: int, value: Any, done: Mapping[str, Any]) -> None:
        """Commits a checkpoint; raises RefusedError for an outdated attempt, and StateWriteError."""
        if not self._queue.checkpoint(job, token, value, done):
            raise RefusedError(f"attempt {token} of job {job} is no longer the one that runs", "end it")

    def on_ended(self, job: int, token: int) -> None:
        """A result lies in the spool folder: commits it."""
        missing = ErrorReport("lost", f"job {job} said that it ended, but left no result", "read its log", "")
        self.conclude(job, token, missing)

    def on_lost(self, job: int, token: int, error: ErrorReport) -> None:
        """The attempt's process is gone. A result that was spooled before still counts."""
        self.conclude(job, token, error, blameless=self._closed)

    def on_free(self) -> None:
        """A runner can take another attempt."""
        self._plan_pump()

    def conclude(
        self, job: int, token: int, error: ErrorReport, *, retry: bool = True, blameless: bool = False
    ) -> None:
        """Records the end of an attempt: its spooled result, or `error` when there is none. Nothing changes for an outdated one.

        `retry` says whether trying again may help after `error`; a `blameless` attempt ended with the runtime and does not count. When the state cannot be written now, it is tried again later; the result stays in the spool meanwhile.
        """
        attempt = self._attempt(job, token)
        try:
            if self._queue.is_current(job, token):
                self._recording.record_end(job, token, attempt, error, retry=retry, blameless=blameless)
            self._cleaning.remove(job, token)
        except StateWriteError as failure:
            _log.warning("the end of job %d is not recorded yet: %s. %s", job, failure.message, failure.remedy)
            again = partial(self.conclude, job, token, error, retry=retry, blameless=blameless)
            asyncio.get_running_loop().call_later(_WRITE_AGAIN_SECONDS, again)
            return
        if attempt is not None:
            attempt.stop_timers()
            del self._attempts[job]
        self._changed()

    def follow(self, running: RunningAttempt) -> None:
        """Follows an attempt that an earlier runtime started, from what that one recorded."""
        attempt = Attempt(
            running.job,
            running.token,
            running.lane,
            running.runs_in,
            running.started,
            cancel_requested=running.cancel_requested,
            progress=running.progress,
            message=running.message,
            steps=list(running.steps),
        )
        self._attempts[running.job] = attempt

    def cancel_again(self, job: int, token: int) -> None:
        """Asks an attempt that a runner has adopted to end, when an earlier runtime was asked to and may not have passed it on."""
        attempt = self._attempt(job, token)
        if attempt is not None and attempt.cancel_requested:
            self._spawn(self._ask_to_end(attempt))

    def wait_for_lease(self, job: int, token: int, *, blameless: bool = False) -> None:
        """Watches the lease of an attempt that still runs but that no runner has adopted, and records its end."""
        if self._closed or not self._queue.is_current(job, token):
            return
        if lease_is_held(lease_path(self._paths, job, token)):
            again = partial(self.wait_for_lease, job, token, blameless=blameless)
            asyncio.get_running_loop().call_later(_LEASE_LOOK_SECONDS, again)
            return
        self.conclude(job, token, interruption(job), blameless=blameless)

    def _admits(self, lane: Lane, running: int) -> bool:
        try:
            info = self._environment.job_type(lane.plugin, lane.job_type)
            self._environment.plugin(lane.plugin)
        except QuarterdeckError as error:
            # Jobs of a plugin that cannot be used now wait for it; they would be lost if they failed.
            self._waiting[lane] = f"waits: {error.message}"
            return False
        self._waiting.pop(lane, None)
        runner = self.runners.get(info.runs_in)
        busy = running - sum(each.lane == lane and self.waits(each.job) for each in self._attempts.values())
        return runner is not None and not 0 < info.limit <= busy and runner.free(lane.plugin)

    def _begin(self, claim: Claim) -> None:
        record = claim.record
        info = self._environment.job_type(record.plugin, record.job_type)
        lane = Lane(record.plugin, record.job_type)
        attempt = Attempt(
            claim.job,
            claim.token,
            lane,
            info.runs_in,
            record.started,
            limit=info.wall_clock_limit,
            grace=info.grace,
            starting=True,
            steps=list(claim.steps),
        )
        self._attempts[claim.job] = attempt
        try:
            plugin = self._environment.plugin(record.plugin)
            spec = job_spec(self._paths, self._environment, claim, info, self._map_terms())
        except QuarterdeckError as error:
            self.conclude(claim.job, claim.token, error.report(), retry=isinstance(error, UnreachableError))
            return
        if attempt.limit:
            # A guard enforces the limit of its worker; this is for hosts, and for what a guard fails to end.
            allowance = 0.0 if attempt.runs_in is RunsIn.HOST else 2 * attempt.grace
            delay = attempt.limit + allowance
            attempt.limit_timer = asyncio.get_running_loop().call_later(delay, self._limit_reached, attempt)
        self._spawn(self._start(attempt, plugin, info, spec))

    async def _start(self, attempt: Attempt, plugin: PluginStatus, info: JobTypeInfo, spec: JobSpec) -> None:
        job, token = attempt.job, attempt.token
        try:
            self._queue.keep_datasets(job, (each.address for each in spec.datasets.values()))
            for folder in (Path(spec.spool_folder), Path(spec.lease_path).parent, Path(spec.log_path).parent):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            await self.runners[attempt.runs_in].start(plugin, info, spec)
        except QuarterdeckError as error:
            self.conclude(job, token, error.report(), retry=isinstance(error, UnreachableError | StateWriteError))
        except Exception as error:  # noqa: BLE001 - the boundary to runners: a job never stays running because of a fault there.
            _log.error("job %d could not be started", job, exc_info=error)
            sentence = f"job {job} could not be started: {type(error).__name__}: {error}"
            self.conclude(job, token, ErrorReport("failed", sentence, "see `quarterdeck runtime logs`"))
        else:
            attempt.starting = False
            if attempt.cancel_requested:
                await self._ask_to_end(attempt)

    async def _ask_to_end(self, attempt: Attempt) -> None:
        runner = self.runners.get(attempt.runs_in)
        if attempt.starting or runner is None:
            return  # Whoever starts it looks at `cancel_requested` afterwards.
        try:
            await runner.cancel(attempt.job, attempt.token, attempt.grace)
        except QuarterdeckError as error:
            _log.warning("job %d could not be asked to end: %s. %s", attempt.job, error.message, error.remedy)

    def _limit_reached(self, attempt: Attempt) -> None:
        self._spawn(self._ask_to_end(attempt))

    def _attempt(self, job: int, token: int) -> Attempt | None:
        attempt = self._attempts.get(job)
        return attempt if attempt is not None and attempt.token == token else None

    def _seen(self, record: JobRecord) -> JobRecord:
        """The record with what is known in memory only."""
        attempt = self._attempts.get(record.job)
        if record.state is JobState.RUNNING and attempt is not None:
            return msgspec.structs.replace(
                record, progress=attempt.progress, message=attempt.message, steps=tuple(attempt.steps)
            )
        waiting = self._waiting.get(Lane(record.plugin, record.job_type), "")
        if record.state is JobState.QUEUED and waiting:
            return msgspec.structs.replace(record, message=waiting)
        return record

    def _publish_attempt(self, attempt: Attempt) -> None:
        if self._attempts.get(attempt.job) is attempt:
            self._publish(self._seen(self._queue.summary(attempt.job)))

    def _publish_changed(self) -> None:
        for job in self._queue.take_changed():
            record = self._seen(self._queue.summary(job))
            self._publish(record)
            self._ends.ended(record)

    def _changed(self) -> None:
        self._publish_changed()
        self._plan_pump()

    def _plan_pump(self) -> None:
        if not self._pump_planned and not self._closed:
            self._pump_planned = True
            asyncio.get_running_loop().call_soon(self.pump)

    def _wait_for_due(self) -> None:
        if self._due_timer is not None:
            self._due_timer.cancel()
            self._due_timer = None
        due = self._queue.next_due()
        if due is not None:
            delay = min(max(due - self._clock(), 0.0), _LONGEST_WAIT)
            self._due_timer = asyncio.get_running_loop().call_later(delay, self.pump)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
