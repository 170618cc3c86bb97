"""A plugin's jobs that run in its host: coroutines that mostly wait for a remote system, many at once."""

import asyncio
import fcntl
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from quarterdeck_api.errors import JobCancelledError, QuarterdeckError, UnreachableError
from quarterdeck_api.host.faults import as_error, log_fault
from quarterdeck_api.host.host_job import HostAsker, HostJob, LoopChannel
from quarterdeck_api.host.pool import CallAbandonedError, CallNotStartedError, CallPool
from quarterdeck_api.host_protocol import JOB_ENDED, JobEnded, JobNumber
from quarterdeck_api.import_string import load_object
from quarterdeck_api.job_context import FileLog
from quarterdeck_api.job_execution import execute_coroutine, failure
from quarterdeck_api.jobs import JobResult, JobSpec
from quarterdeck_api.spool import write_result

#: Seconds that importing a job's module may take.
IMPORT_TIMEOUT = 60.0

Implementation = Callable[[HostJob], Awaitable[object]]


class _Attempt:
    """One attempt while it runs."""

    def __init__(self, context: HostJob, log: FileLog, lease: int) -> None:
        self.context = context
        self.log = log
        self.lease = lease
        self.task: asyncio.Task[JobResult] | None = None
        self.given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class HostJobs:
    """Runs attempts.

    `backend` gives an open backend by name and raises UnreachableError when it is not open, `ask` asks the runtime. `said` returns once the
    runtime has been told what a backend has reported: whoever waits for a job then finds its resources as the job has left them.
    """

    def __init__(
        self,
        channel: LoopChannel,
        pool: CallPool,
        backend: Callable[[str], object],
        ask: HostAsker,
        said: Callable[[str], Awaitable[None]],
    ) -> None:
        self._channel = channel
        self._pool = pool
        self._backend = backend
        self._ask = ask
        self._said = said
        self._attempts: dict[tuple[int, int], _Attempt] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, spec: JobSpec) -> None:
        """Starts an attempt; raises UnreachableError when its lease is held by somebody else, or its log cannot be written."""
        try:
            lease = _take_lease(Path(spec.lease_path))
        except OSError as error:
            raise UnreachableError(
                f"job {spec.job} cannot be started here: its lease {spec.lease_path} cannot be taken: {error.strerror}",
                "wait until the earlier attempt has ended",
            ) from error
        try:
            log = FileLog(Path(spec.log_path))
        except OSError as error:
            os.close(lease)
            raise UnreachableError(
                f"job {spec.job} cannot be started here: its log {spec.log_path} cannot be written: {error.strerror}",
                "make room or correct the folder's permissions, then retry the job",
            ) from error
        context = HostJob(spec, self._channel, log, lambda: self._backend(spec.backend), self._pool, self._ask)
        attempt = _Attempt(context, log, lease)
        self._attempts[spec.job, spec.token] = attempt
        task = asyncio.create_task(self._run(spec, attempt), name=f"job {spec.job}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self, number: JobNumber) -> None:
        """Asks an attempt to end; one that has not after its grace is given up: it is recorded as cancelled."""
        attempt = self._attempts.get((number.job, number.token))
        if attempt is None:
            return
        attempt.context.cancel()
        if attempt.task is not None:
            attempt.task.cancel()
        asyncio.get_running_loop().call_later(attempt.context.spec.grace, _give_up, attempt)

    async def close(self) -> None:
        """Ends every attempt without a result, so that it is tried again: the host ends, the jobs do not."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)

    async def _run(self, spec: JobSpec, attempt: _Attempt) -> None:
        """Runs one attempt to its end and stores its result."""
        try:
            attempt.task = asyncio.create_task(self._execute(spec, attempt.context))
            await asyncio.wait([attempt.task, attempt.given_up], return_when=asyncio.FIRST_COMPLETED)
            self._store(spec, attempt, _outcome(spec, attempt))
            await self._said(spec.backend)
            ended = True
        except asyncio.CancelledError:
            if attempt.task is not None:
                attempt.task.cancel()
            ended = False
        finally:
            del self._attempts[spec.job, spec.token]
            attempt.log.close()
            os.close(attempt.lease)
        if ended:
            self._channel.send(JOB_ENDED, JobEnded(spec.job, spec.token))

    async def _execute(self, spec: JobSpec, context: HostJob) -> JobResult:
        """Imports and runs the implementation, within the wall-clock limit."""
        limit = asyncio.timeout(spec.wall_clock_limit or None)
        try:
            async with limit:
                return await execute_coroutine(context, lambda: self._implementation(spec, context))
        except TimeoutError:
            error = QuarterdeckError(
                f"{spec.job_type} did not end within its limit of {spec.wall_clock_limit:g} s and was ended",
                "raise the job type's limit, or ask for less at a time",
                spec.address,
            )
            context.log(error.message)
            return failure(spec, error, context.finish())

    async def _implementation(self, spec: JobSpec, context: HostJob) -> object:
        try:
            run: Implementation = await self._pool.run(lambda: load_object(spec.implementation), IMPORT_TIMEOUT)
        except (CallAbandonedError, CallNotStartedError):
            raise UnreachableError(
                f"{spec.implementation} could not be imported within {IMPORT_TIMEOUT:g} s", "retry the job"
            ) from None
        return await run(context)

    def _store(self, spec: JobSpec, attempt: _Attempt, result: JobResult) -> None:
        try:
            write_result(spec, attempt.context.complete(result))
        except QuarterdeckError as error:
            attempt.log.write(error.message)
            log_fault(f"job {spec.job}", error)  # The runtime finds no result and records the attempt as lost.


def _outcome(spec: JobSpec, attempt: _Attempt) -> JobResult:
    """What came of the attempt, also when its coroutine never ended or ended in a way that coroutines should not."""
    task = attempt.task
    if task is None or not task.done():
        error: QuarterdeckError = JobCancelledError(
            f"job {spec.job} was cancelled; it did not end within {spec.grace:g} s and was given up"
        )
    elif task.cancelled():
        error = QuarterdeckError(f"{spec.job_type} cancelled itself", "report it to the plugin's authors", spec.address)
    elif (fault := task.exception()) is not None:
        error = as_error(f"job {spec.job}", fault)
    else:
        return task.result()
    attempt.log.write(error.message)
    return failure(spec, error, attempt.context.finish())


def _give_up(attempt: _Attempt) -> None:
    if not attempt.given_up.done():
        attempt.given_up.set_result(None)


def _take_lease(path: Path) -> int:
    """Opens and locks the lease file; the lock goes with the descriptor, and with the process at the latest."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
