"""The worker pool: warm workers behind guards, at most so many, each running one attempt at a time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

import psutil
from msgspec import Raw, Struct

from quarterdeck.config.paths import InstancePaths, make_private
from quarterdeck.runtime.borders import JobEvents
from quarterdeck.runtime.workers.guard_child import creation_time
from quarterdeck.runtime.workers.guard_launch import GuardFiles, existing_guards, launch_guard, new_guard_files
from quarterdeck.runtime.workers.guarded_worker import GuardedWorker, WorkerState, guard_of, loss_report
from quarterdeck.runtime.workers.process_sessions import ProcessIdentity
from quarterdeck_api.catalogue import JobTypeInfo, PluginStatus
from quarterdeck_api.errors import ErrorReport, QuarterdeckError, UnreachableError
from quarterdeck_api.host_protocol import Ask, JobCheckpoint, JobNumber, JobProgress
from quarterdeck_api.jobs import JobSpec
from quarterdeck_api.runtime_requests import WorkerStatus
from quarterdeck_api.spool import RESULT_FILE
from quarterdeck_api.worker_protocol import JobAnswer, JobAsk

_log = logging.getLogger(__name__)

#: A worker without a job needs no time to put anything in order.
_IDLE_GRACE = 1.0
_CLOSE_GRACE = 2.0
_KEPT_LOGS = 20


class WorkerKey(Struct, frozen=True):
    """What a warm worker has imported: one of another version, interpreter or path is not reused."""

    plugin: str
    version: str
    interpreter: str
    paths: tuple[str, ...]


def worker_key(plugin: PluginStatus) -> WorkerKey:
    """The key of workers that can run this plugin's jobs."""
    return WorkerKey(plugin.id, plugin.version, plugin.interpreter, plugin.paths)


class WorkerPool:
    """Runs attempts of worker jobs; implements JobRunner.

    `asking` answers what jobs ask of the runtime (plugin, question), `waits` says whether a job waits for another one: its worker takes no place
    then. Both are set before the first job. `idle_seconds` is how long a worker stays warm after its last job, `linger` how long guard and worker without a job outlive the runtime.
    """

    def __init__(
        self, paths: InstancePaths, events: JobEvents, max_workers: int, idle_seconds: float, linger: float
    ) -> None:
        self.asking: Callable[[str, Ask], Awaitable[Raw]] = _nobody_answers
        self.waits: Callable[[int], bool] = lambda job: False
        self._paths = paths
        self._events = events
        self._max_workers = max_workers
        self._idle_seconds = idle_seconds
        self._linger = linger
        self._workers: set[GuardedWorker] = set()
        self._idle_timers: dict[GuardedWorker, asyncio.TimerHandle] = {}
        self._stoppers: set[asyncio.Task[None]] = set()
        self._answers: set[asyncio.Task[None]] = set()
        self._closing = False

    def free(self, plugin: str) -> bool:
        """Whether an attempt of this plugin could start at once; an idle worker of any plugin makes room."""
        return not self._closing and (self._occupied() < self._max_workers or bool(self._idle()))

    async def start(self, plugin: PluginStatus, job_type: JobTypeInfo, spec: JobSpec) -> None:
        """Starts an attempt in a warm worker, or in a new one; its lease is held when this returns.

        Raises UnreachableError when it was not started; then nothing of it runs, and no event follows.
        """
        if self._closing:
            raise UnreachableError("the runtime is stopping, so no job is started", "try again when it runs")
        for path in (Path(spec.lease_path).parent, Path(spec.log_path).parent, Path(spec.spool_folder)):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = worker_key(plugin)
        warm = next((worker for worker in reversed(self._idle()) if worker.key == key), None)
        if warm is not None and await self._begin_warm(warm, spec):
            return
        worker = await self._new_worker(plugin, job_type, key)
        await worker.begin(spec)

    async def cancel(self, job: int, token: int, grace: float) -> None:
        """Asks the attempt to end, and ends its processes after `grace` seconds; nothing happens when it has ended already."""
        for worker in self._workers:
            if worker.attempt == JobNumber(job, token):
                worker.cancel(grace)

    def retire(self, plugins: Collection[str]) -> None:
        """Ends the workers of these plugins, for they have imported what is no longer there: busy ones once their job has ended."""
        for worker in self._workers:
            if worker.plugin in plugins:
                worker.key = None  # It is not kept warm after its job.
                if worker.state is WorkerState.IDLE:
                    self._stop_in_background(worker)

    async def adopt(self) -> set[tuple[int, int]]:
        """Finds what guards of an earlier runtime have kept, and follows it: the attempts (job, token) that live.

        Ends what is left of dead guards, and idle workers too: they may have imported an older version. An attempt that is known to have
        ended without anybody listening is told to `events` before this returns. Call it before looking at leases.
        """
        make_private(self._paths.guards)
        self._paths.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_old_logs(self._paths.logs, _KEPT_LOGS)
        known = {worker.files.name for worker in self._workers}
        found = [files for files in existing_guards(self._paths.guards) if files.name not in known]
        await asyncio.gather(*(self._adopt(files) for files in found))
        adopted = {worker.attempt for worker in self._workers if worker.files in found and worker.attempt is not None}
        return {(attempt.job, attempt.token) for attempt in adopted}

    def status(self) -> tuple[WorkerStatus, ...]:
        """Every worker as it is now, in the order of process numbers."""
        return tuple(sorted((_status(worker) for worker in self._workers), key=lambda status: status.pid))

    async def close(self, stop_workers: bool) -> None:
        """Ends idle workers, and with `stop_workers` busy ones too; else those go on for another runtime. No event follows."""
        self._closing = True
        for answering in self._answers:
            answering.cancel()
        for worker in list(self._idle_timers):
            self._keep(worker)
        await asyncio.gather(
            *(
                worker.leave_alone()
                if worker.state is WorkerState.BUSY and not worker.handing_over and not stop_workers
                else worker.stop(_IDLE_GRACE if worker.state is WorkerState.IDLE else _CLOSE_GRACE)
                for worker in list(self._workers)
            )
        )
        self._workers.clear()

    def on_worker_progress(self, progress: JobProgress) -> None:
        """Passes progress on."""
        if not self._closing:
            self._events.on_progress(progress)

    def on_worker_checkpoint(self, checkpoint: JobCheckpoint) -> None:
        """Passes a checkpoint on."""
        if not self._closing:
            self._events.on_checkpoint(checkpoint)

    def on_worker_ask(self, worker: GuardedWorker, ask: JobAsk) -> None:
        """Answers what a job asks, as soon as there is an answer."""
        if not self._closing:
            task = asyncio.create_task(self._answer(worker, ask))
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)

    def on_worker_job_ended(self, worker: GuardedWorker, ended: JobNumber) -> None:
        """Keeps the worker warm for a while, or ends one that this runtime did not start."""
        if self._closing:
            return
        if worker.state is WorkerState.IDLE:
            self._rest(worker)
        self._events.on_ended(ended.job, ended.token)
        self._events.on_free()

    def on_worker_gone(self, worker: GuardedWorker, attempt: JobNumber | None) -> None:
        """Frees its place."""
        self._keep(worker)
        self._workers.discard(worker)
        if self._closing:
            return
        if attempt is not None:
            self._events.on_lost(attempt.job, attempt.token, worker.loss(attempt))
        self._events.on_free()

    async def _begin_warm(self, worker: GuardedWorker, spec: JobSpec) -> bool:
        """Gives a warm worker the attempt; False when it died unnoticed, for which the job must not pay with an attempt."""
        self._keep(worker)
        try:
            await worker.begin(spec)
        except UnreachableError as error:
            if (Path(spec.spool_folder) / RESULT_FILE).exists():
                raise  # It did run, to its end: that counts.
            _log.info("job %d gets another worker: %s", spec.job, error.message)
            return False
        return True

    async def _new_worker(self, plugin: PluginStatus, job_type: JobTypeInfo, key: WorkerKey) -> GuardedWorker:
        evicted = self._make_room()
        make_private(self._paths.guards)
        self._paths.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        worker = GuardedWorker(new_guard_files(self._paths.guards), self, plugin.id, key)
        self._workers.add(worker)
        try:
            if evicted is not None:
                await evicted.stop(_IDLE_GRACE)
            if worker.state is WorkerState.GONE:
                raise UnreachableError("the runtime is stopping, so no job is started", "try again when it runs")
            process = launch_guard(self._paths, worker.files, plugin, job_type.preload, self._linger)
            await worker.connect(process, ProcessIdentity(process.pid, creation_time(process.pid)))
        except OSError as error:
            worker.files.remove()
            raise UnreachableError(
                f"no worker for {plugin.id} can be started: {error}", "see `quarterdeck doctor`"
            ) from error
        finally:
            if worker.identity is None:
                self._workers.discard(worker)
        return worker

    def _make_room(self) -> GuardedWorker | None:
        if self._occupied() < self._max_workers:
            return None
        idle = self._idle()
        if not idle:
            raise UnreachableError(f"all {self._max_workers} workers are busy", "wait until one is free")
        self._keep(idle[0])
        idle[0].state = WorkerState.STOPPING  # At once: nobody else may take it while the new one waits for its place.
        return idle[0]

    async def _adopt(self, files: GuardFiles) -> None:
        worker = GuardedWorker(files, self, "")
        self._workers.add(worker)
        try:
            await worker.connect(None, guard_of(files))
        except UnreachableError as error:
            self._workers.discard(worker)
            _log.info("nothing is left of the guard %s: %s", files.name, error.message)
            exited = worker.exited
            if worker.identity is None and exited is not None and exited.job:
                self._events.on_lost(exited.job, exited.token, loss_report(exited.job, exited, cancelled=False))
            return
        if worker.state is WorkerState.IDLE:
            self._stop_in_background(worker)

    def _occupied(self) -> int:
        return sum(worker.state is not WorkerState.STOPPING and not self._waits(worker) for worker in self._workers)

    def _waits(self, worker: GuardedWorker) -> bool:
        return worker.attempt is not None and self.waits(worker.attempt.job)

    async def _answer(self, worker: GuardedWorker, ask: JobAsk) -> None:
        question = Ask(ask.method, ask.params, job=ask.job, token=ask.token)
        try:
            result = await self.asking(worker.plugin, question)
        except QuarterdeckError as error:
            worker.answer(JobAnswer(ask.job, ask.token, ask.number, error=error.report()))
        except Exception as error:  # noqa: BLE001 - the boundary to other parts: the job gets a sentence and does not wait for ever.
            _log.error("%s of job %d", ask.method, ask.job, exc_info=error)
            report = ErrorReport("internal", f"the runtime failed inside {type(error).__name__}", "see its log")
            worker.answer(JobAnswer(ask.job, ask.token, ask.number, error=report))
        else:
            worker.answer(JobAnswer(ask.job, ask.token, ask.number, result))

    def _idle(self) -> list[GuardedWorker]:
        """Idle workers, the one that has been idle longest first."""
        return sorted(
            (worker for worker in self._workers if worker.state is WorkerState.IDLE),
            key=lambda worker: worker.idle_since,
        )

    def _rest(self, worker: GuardedWorker) -> None:
        if worker.key is None:
            self._stop_in_background(worker)
            return
        loop = asyncio.get_running_loop()
        worker.idle_since = loop.time()
        self._idle_timers[worker] = loop.call_later(self._idle_seconds, self._stop_in_background, worker)

    def _keep(self, worker: GuardedWorker) -> None:
        timer = self._idle_timers.pop(worker, None)
        if timer is not None:
            timer.cancel()

    def _stop_in_background(self, worker: GuardedWorker) -> None:
        self._keep(worker)
        worker.state = WorkerState.STOPPING
        task = asyncio.create_task(worker.stop(_IDLE_GRACE))
        self._stoppers.add(task)
        task.add_done_callback(self._stoppers.discard)


async def _nobody_answers(plugin: str, ask: Ask) -> Raw:
    raise UnreachableError(f"nobody answers {ask.method} for {plugin}", "try again")


def remove_old_logs(folder: Path, keep: int) -> None:
    """Removes logs of workers of the past, but for the newest `keep`."""
    logs = sorted(folder.glob("worker-*.log*"), key=lambda path: path.stat().st_mtime)
    for path in logs[: max(0, len(logs) - keep)]:
        path.unlink(missing_ok=True)


def _status(worker: GuardedWorker) -> WorkerStatus:
    identity = worker.identity
    job = worker.attempt.job if worker.attempt else 0
    if identity is None:
        return WorkerStatus(worker.plugin, worker.state.value, job=job)
    try:
        memory = psutil.Process(identity.child_pid).memory_info().rss
    except psutil.Error:  # It has just ended, and its end is on its way.
        memory = 0
    return WorkerStatus(
        worker.plugin, worker.state.value, identity.child_pid, identity.guard_pid, memory, job, worker.jobs_done
    )
