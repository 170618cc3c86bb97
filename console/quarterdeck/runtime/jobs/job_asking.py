"""What attempts at jobs ask of the runtime for themselves: to start other jobs, to wait for them, and to commit a checkpoint."""

import asyncio
from collections.abc import Awaitable, Callable

from quarterdeck.runtime.asking import JobAsker
from quarterdeck.runtime.borders import JobParent
from quarterdeck.runtime.jobs.rows import job_address
from quarterdeck.runtime.jobs.service import JobService
from quarterdeck_api.errors import QuarterdeckError, RefusedError, UsageError, error_from_report
from quarterdeck_api.job_requests import JobAddress, JobCheckpointCommit, JobSubmission
from quarterdeck_api.jobs import JobOutcome, JobState
from quarterdeck_api.protocol import DoParams, DoResult
from quarterdeck_api.resources import CORE, Address
from quarterdeck_api.wire import Nothing


class JobAsking:
    """Answers JOB_SUBMIT, JOB_WAIT and JOB_COMMIT; `do` carries out a request that starts a job as the child of another."""

    def __init__(self, jobs: JobService, do: Callable[[str, DoParams, JobParent], Awaitable[DoResult]]) -> None:
        self._jobs = jobs
        self._do = do
        self._under_way: dict[tuple[int, str], asyncio.Task[JobAddress]] = {}

    def actor(self, plugin: str, job: int, token: int) -> str:
        """The actor of an attempt that runs; raises RefusedError when it is not this plugin's, or runs no longer."""
        record = self._jobs.get(job)
        if record.plugin != plugin or record.attempt != token or record.state is not JobState.RUNNING:
            raise RefusedError(f"job {job} does not run in attempt {token}, so it cannot ask", "ask while it runs")
        return f"job {job}"

    async def submit(self, asker: JobAsker, wanted: JobSubmission) -> JobAddress:
        """Starts a job, once for each key; raises what validation and policy raise."""
        parent = JobParent(asker.job, asker.token, wanted.key)
        started = self._jobs.started_job(parent)
        if started is not None:
            return JobAddress(job_address(started))
        if not wanted.key:
            return await self._start(asker, wanted, parent)
        # The attempt before may have asked for the same, and been lost while policy was still asked.
        name = (asker.job, wanted.key)
        task = self._under_way.get(name)
        if task is None:
            task = self._under_way[name] = asyncio.create_task(self._start(asker, wanted, parent))
            task.add_done_callback(lambda _: self._under_way.pop(name))
        return await asyncio.shield(task)

    async def _start(self, asker: JobAsker, wanted: JobSubmission, parent: JobParent) -> JobAddress:
        addresses = (wanted.address,) if wanted.address else ()
        request = DoParams(wanted.action, addresses, wanted.parameters, wanted.settings)
        [outcome] = (await self._do(asker.actor, request, parent)).outcomes
        if outcome.error is not None:
            raise error_from_report(outcome.error)
        if not outcome.job:
            raise QuarterdeckError(f"{wanted.action} started no job: {outcome.message}", "see `quarterdeck journal`")
        return JobAddress(outcome.job)

    async def commit(self, asker: JobAsker, wanted: JobCheckpointCommit) -> Nothing:
        """Commits a checkpoint; raises RefusedError for an attempt that is outdated, and what kept it from being written."""
        self._jobs.commit_checkpoint(asker.job, asker.token, wanted.value, wanted.done)
        return Nothing()

    async def wait(self, asker: JobAsker | None, job: JobAddress) -> JobOutcome:
        """Answers when the job has ended, to a job or (None) to a client; raises UsageError for the asker itself, and NotFoundError."""
        address = Address.parse(job.address)
        if (address.backend, address.kind) != (CORE, "job") or not address.name.isdecimal():
            raise UsageError(f"{job.address} is not a job's address", "pass what submit gave", job.address)
        number = int(address.name)
        if asker is not None and number == asker.job:
            raise UsageError(f"job {number} cannot wait for itself", "wait for another job", job.address)
        record = await self._jobs.wait(number, asker.job if asker is not None else 0)
        return JobOutcome(record.address, record.state, record.result, record.error)
