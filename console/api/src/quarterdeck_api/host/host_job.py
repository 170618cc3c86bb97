"""The context of a job in a host: what waits is awaited, and blocking functions run in the host's threads."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from quarterdeck_api.errors import CallTimeoutError
from quarterdeck_api.host.pool import CallAbandonedError, CallNotStartedError, CallPool
from quarterdeck_api.host_protocol import ASK, Ask
from quarterdeck_api.job_context import FileLog, RunningJob
from quarterdeck_api.job_requests import (
    JOB_COMMIT,
    JOB_SUBMIT,
    JOB_WAIT,
    JobAddress,
    JobCheckpointCommit,
    JobSubmission,
)
from quarterdeck_api.jobs import HostJobProcesses, HostJobSubmitter, JobOutcome, JobSpec
from quarterdeck_api.process_asks import ANSWER_MARGIN, READY_LOOK
from quarterdeck_api.process_requests import (
    PROCESS_CONTROL,
    PROCESS_ENSURE,
    PROCESS_READY,
    PROCESS_REMOVE,
    ProcessEnsure,
    ProcessName,
    ProcessReadiness,
)
from quarterdeck_api.processes import ControlAnswer, ControlMessage, ProcessControl
from quarterdeck_api.wire import Method, decode_value, encode_value

P = TypeVar("P")
T = TypeVar("T")
R = TypeVar("R")

#: Items of one job's map that may hold a thread at once: the pool also answers the console.
MAP_THREADS = 4


class LoopChannel:
    """A job's Channel: sends on the host's loop, in the order in which `send` was called from any thread."""

    def __init__(self, notify: Callable[[Method[Any, Any], Any], None]) -> None:
        self._notify = notify
        self._loop = asyncio.get_running_loop()

    def send(self, method: Method[P, Any], params: P) -> None:
        """Sends one notification."""
        self._loop.call_soon_threadsafe(self._notify, method, params)


class HostAsker(Protocol):
    """How a host asks the runtime; `timeout` in seconds, None is none."""

    def __call__(
        self, method: Method[P, R], params: P, timeout: float | None, *, changes_something: bool = False
    ) -> Awaitable[R]:
        """Asks; raises what the runtime answers."""
        ...


class HostJob(RunningJob):
    """The HostJobContext of one attempt."""

    def __init__(
        self,
        spec: JobSpec,
        channel: LoopChannel,
        log: FileLog,
        backend: Callable[[], object],
        pool: CallPool,
        ask: HostAsker,
    ) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(spec, channel, log, later=lambda seconds, act: _later(loop, seconds, act))
        self._open_backend = backend
        self._pool = pool
        self._ask_runtime = ask

    def open(self) -> object:
        """The host's backend; raises UnreachableError while it is not open. The host closes it, not the job."""
        return self._open_backend()

    async def call(self, function: Callable[[], R], timeout: float) -> R:
        """Runs a blocking function in the host's pool of threads, at most `timeout` seconds; raises CallTimeoutError after that."""
        try:
            return await self._pool.run(function, timeout)
        except (CallAbandonedError, CallNotStartedError):
            raise CallTimeoutError(
                f"a call of job {self.spec.job} did not end within {timeout:g} s", "retry the job", self.spec.address
            ) from None

    async def commit(self, value: object) -> None:
        """Keeps a checkpoint and returns once the runtime has committed it; raises what kept it from that."""
        self.checkpoint(value)
        await self.ask(JOB_COMMIT, JobCheckpointCommit(value, dict(self._done)))

    async def map(
        self,
        function: Callable[[T], R],
        items: Iterable[T],
        timeout: float,
        on_done: Callable[[int, int], None] | None = None,
    ) -> list[R]:
        """Applies a blocking function to items in the host's threads, each within `timeout` seconds; results in order."""
        wanted = list(items)
        results: dict[int, R] = {}
        left = iter(enumerate(wanted))

        async def work() -> None:
            for index, item in left:
                self.raise_if_cancelled()
                try:
                    results[index] = await self.call(lambda item=item: function(item), timeout)
                except Exception as error:
                    error.add_note(f"in item {index + 1} of {len(wanted)} of a map")
                    raise
                if on_done is not None:
                    on_done(len(results), len(wanted))

        tasks = [asyncio.create_task(work()) for _ in range(min(MAP_THREADS, len(wanted)))]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        return [results[index] for index in range(len(wanted))]

    @property
    def processes(self) -> HostJobProcesses:
        """Managed processes, wanted by this job."""
        return _HostProcesses(self)

    @property
    def jobs(self) -> HostJobSubmitter:
        """Other jobs, started by this one."""
        return _HostSubmitter(self)

    async def ask(
        self, method: Method[P, R], params: P, timeout: float | None = None, *, changes_something: bool = False
    ) -> R:
        """Asks the runtime in this job's name; raises what it answers, and what Peer.call raises."""
        asked = Ask(method.name, encode_value(params), job=self.spec.job, token=self.spec.token)
        answer = await self._ask_runtime(ASK, asked, timeout, changes_something=changes_something)
        return decode_value(answer, method.result)


class _HostSubmitter:
    """The HostJobSubmitter of an attempt. The host ends with the runtime, so nothing has to be asked twice."""

    def __init__(self, job: HostJob) -> None:
        self._job = job

    async def submit(
        self,
        action: str,
        address: str = "",
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        key: str = "",
    ) -> str:
        """Requests an action that is a job; gives the job's address."""
        wanted = JobSubmission(action, key, address, dict(parameters or {}), dict(settings or {}))
        return (await self._job.ask(JOB_SUBMIT, wanted, changes_something=True)).address

    async def wait(self, job: str) -> JobOutcome:
        """Returns when the job has ended."""
        return await self._job.ask(JOB_WAIT, JobAddress(job))


class _HostProcesses:
    """The HostJobProcesses of an attempt, for processes of its backend."""

    def __init__(self, job: HostJob) -> None:
        self._job = job

    async def ensure(
        self, process_type: str, name: str, parameters: Mapping[str, Any] | None = None, count: int = 1
    ) -> str:
        """Has a process of that name exist and run with these parameters; gives its address."""
        wanted = ProcessEnsure(name, process_type, self._job.spec.backend, dict(parameters or {}), count)
        return (await self._job.ask(PROCESS_ENSURE, wanted, changes_something=True)).address

    async def remove(self, name: str) -> None:
        """Stops a process and forgets it; nothing happens when there is none."""
        await self._job.ask(PROCESS_REMOVE, ProcessName(name), changes_something=True)

    async def control(self, instance: str, message: ControlMessage, timeout: float = 5.0) -> ControlAnswer:
        """Sends a control message and waits for the answer; raises UnknownOutcomeError when it is lost."""
        asked = ProcessControl(instance, message, timeout)
        return await self._job.ask(PROCESS_CONTROL, asked, timeout + ANSWER_MARGIN, changes_something=True)

    async def readiness(self, name: str) -> ProcessReadiness:
        """Whether every instance runs and is well now, and what is waited for; raises NotFoundError."""
        return await self._job.ask(PROCESS_READY, ProcessName(name))

    async def wait_ready(self, name: str, timeout: float) -> None:
        """Returns once every instance runs and is well; raises CallTimeoutError with what it waits for."""
        deadline = asyncio.get_running_loop().time() + timeout
        while not (found := await self.readiness(name)).ready:
            if asyncio.get_running_loop().time() >= deadline:
                raise CallTimeoutError(
                    f"process {name} is not ready after {timeout:g} s: {found.waits_for}",
                    f"see `quarterdeck describe core/process/{name}`",
                )
            await asyncio.sleep(READY_LOOK)


def _later(loop: asyncio.AbstractEventLoop, seconds: float, act: Callable[[], None]) -> None:
    loop.call_soon_threadsafe(loop.call_later, seconds, act)
