"""One worker behind its guard, as the runtime sees it: the connection, what it does now, and its certain end."""

import asyncio
import logging
import signal
import subprocess
from enum import Enum
from typing import Any, Protocol

from quarterdeck.runtime.workers.guard_launch import GuardFiles
from quarterdeck.runtime.workers.process_sessions import ProcessIdentity, boot_id, end_session
from quarterdeck_api.errors import ErrorReport, JobCancelledError, ProtocolError, QuarterdeckError, UnreachableError
from quarterdeck_api.host_protocol import (
    JOB_CANCEL,
    JOB_CHECKPOINT,
    JOB_ENDED,
    JOB_PROGRESS,
    JOB_START,
    JobCheckpoint,
    JobEnded,
    JobNumber,
    JobProgress,
)
from quarterdeck_api.jobs import JobSpec
from quarterdeck_api.peer import Peer
from quarterdeck_api.wire import Nothing
from quarterdeck_api.worker_protocol import (
    GUARD_EXIT,
    GUARD_HELLO,
    GUARD_REPLACED,
    GUARD_STOP,
    JOB_ANSWER,
    JOB_ASK,
    ChildExited,
    GuardIdentity,
    GuardStop,
    JobAnswer,
    JobAsk,
)

_log = logging.getLogger(__name__)

#: Seconds that a guard has to greet, and to answer: both need no more than its loop.
ANSWER_TIMEOUT = 20.0
#: Seconds between asking a guard to end its group and ending guard and group without it.
_STOP_MARGIN = 3.0
_FIRM_GRACE = 1.0


class WorkerState(Enum):
    """What a worker is doing."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    STOPPING = "stopping"
    GONE = "gone"


class WorkerOwner(Protocol):
    """Whom a worker tells what happens to it; called on the loop."""

    def on_worker_progress(self, progress: JobProgress) -> None:
        """Its job came further."""
        ...

    def on_worker_checkpoint(self, checkpoint: JobCheckpoint) -> None:
        """Its job can be taken up from here."""
        ...

    def on_worker_ask(self, worker: "GuardedWorker", ask: JobAsk) -> None:
        """Its job asks something of the runtime; `answer` of the worker answers."""
        ...

    def on_worker_job_ended(self, worker: "GuardedWorker", ended: JobNumber) -> None:
        """A result lies in the spool folder; the worker is idle now."""
        ...

    def on_worker_gone(self, worker: "GuardedWorker", attempt: JobNumber | None) -> None:
        """No process of it is left, or it is another runtime's now; `attempt` is what was lost with it."""
        ...


class GuardedWorker:
    """A worker behind its guard.

    `state` and `attempt` are this side's view, kept up by the guard's lines. While `handing_over`, it is open whether the guard has the job.
    """

    def __init__(self, files: GuardFiles, owner: WorkerOwner, plugin: str, key: object = None) -> None:
        self.files = files
        self.plugin = plugin
        self.key = key
        self.state = WorkerState.STARTING
        self.attempt: JobNumber | None = None
        self.identity: GuardIdentity | None = None
        self.exited: ChildExited | None = None
        self.jobs_done = 0
        self.idle_since = 0.0
        self._owner = owner
        self._guard: ProcessIdentity | None = None
        self._process: subprocess.Popen[Any] | None = None
        self._peer: Peer | None = None
        self._follower: asyncio.Task[None] | None = None
        self._stopper: asyncio.Task[None] | None = None
        self._greeted = asyncio.Event()
        self._gone = asyncio.Event()
        self._escalation: asyncio.TimerHandle | None = None
        self._cancelled = False
        self.handing_over = False
        self._left_alone = False

    async def connect(self, process: "subprocess.Popen[Any] | None", guard: ProcessIdentity | None) -> None:
        """Connects and waits for the guard's greeting; `process` is there when this runtime started the guard.

        Raises UnreachableError; then nothing of the guard is left, if `guard` is known.
        """
        self._process, self._guard = process, guard
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                reader, writer = await asyncio.open_unix_connection(str(self.files.socket))
                self._follow(Peer(reader, writer, f"the guard {self.files.name}", _report_fault))
                await self._greeted.wait()
        except (OSError, TimeoutError) as error:
            if self._peer is not None:
                self._peer.close()
                await self._gone.wait()
            else:
                await self._bury()
            raise UnreachableError(f"a worker of {self.plugin} does not answer: {error!r}", "try again") from error
        if self.state is WorkerState.GONE or self.identity is None:
            raise UnreachableError(
                f"a worker of {self.plugin} ended before it was ready",
                f"see guards.log and worker-{self.files.name}.log in the folder of logs",
            )

    async def begin(self, spec: JobSpec) -> None:
        """Gives the worker a job; the guard holds its lease when this returns. Raises UnreachableError; then it does not run."""
        if self._peer is None or self.state in (WorkerState.STOPPING, WorkerState.GONE):
            raise UnreachableError(f"the worker of {self.plugin} is ending", "try again")
        self.state = WorkerState.BUSY
        self.attempt = JobNumber(spec.job, spec.token)
        self._cancelled = False
        self.handing_over = True
        try:
            await self._peer.call(JOB_START, spec, ANSWER_TIMEOUT)
        except QuarterdeckError as error:
            self.attempt = None
            await self.stop(0.0)
            raise UnreachableError(f"job {spec.job} was not started: {error.message}", error.remedy) from error
        finally:
            self.handing_over = False
        if self.attempt is not None and self.state is WorkerState.GONE:
            raise UnreachableError(f"the worker of {self.plugin} ended when it got job {spec.job}", "try again")

    def cancel(self, grace: float) -> None:
        """Asks the job to end; after `grace` seconds its processes are ended."""
        if self._peer is None or self.attempt is None:
            return
        self._cancelled = True
        self._peer.notify(JOB_CANCEL, self.attempt)
        if self._escalation is None:
            self._escalation = asyncio.get_running_loop().call_later(grace, self._end_firmly)

    async def stop(self, grace: float) -> None:
        """Ends the worker with all of its processes: politely, after `grace` seconds firmly. Returns when nothing is left."""
        if self.state is WorkerState.GONE:
            return
        if self._peer is None and self._guard is None:
            self.state = WorkerState.GONE  # It was never started.
            return
        self.state = WorkerState.STOPPING
        if self._peer is not None:
            self._peer.notify(GUARD_STOP, GuardStop(grace))
            try:
                async with asyncio.timeout(grace + _STOP_MARGIN):
                    await self._gone.wait()
            except TimeoutError:
                _log.warning("the guard %s does not obey and is ended", self.files.name)
        if self._guard is not None:
            await end_session(self._guard)
        await self._gone.wait()

    def answer(self, answer: JobAnswer) -> None:
        """Answers what the worker's job has asked; an answer to one that has ended is not sent."""
        if self._peer is not None and self.attempt == JobNumber(answer.job, answer.token):
            self._peer.notify(JOB_ANSWER, answer)

    async def leave_alone(self) -> None:
        """Closes the connection; guard and worker go on, for another runtime to find."""
        self._left_alone = True
        self._cancel_escalation()
        if self._peer is not None and self._follower is not None:
            self._peer.close()
            await self._follower

    def loss(self, attempt: JobNumber) -> ErrorReport:
        """Why an attempt has no result, once the worker is gone."""
        return loss_report(attempt.job, self.exited, self._cancelled)

    def _follow(self, peer: Peer) -> None:
        self._peer = peer
        peer.on_notification(GUARD_HELLO, self._on_hello)
        peer.on_notification(GUARD_EXIT, self._on_exit)
        peer.on_notification(GUARD_REPLACED, self._on_replaced)
        peer.on_notification(JOB_PROGRESS, self._owner.on_worker_progress)
        peer.on_notification(JOB_CHECKPOINT, self._owner.on_worker_checkpoint)
        peer.on_notification(JOB_ENDED, self._on_job_ended)
        peer.on_notification(JOB_ASK, lambda ask: self._owner.on_worker_ask(self, ask))
        self._follower = asyncio.create_task(self._run(peer))

    async def _run(self, peer: Peer) -> None:
        try:
            await peer.run()
        except ProtocolError as error:
            _log.error("%s: %s", peer.name, error.message)
        if self._left_alone:
            self.state = WorkerState.GONE
            self._greeted.set()
            self._gone.set()
            self._owner.on_worker_gone(self, None)
        else:
            await self._bury()

    async def _bury(self) -> None:
        """Makes sure that nothing of the worker is left, then says so."""
        guard = self._guard or guard_of(self.files)
        if guard is not None:
            await end_session(guard)
        if self._process is not None:
            self._process.wait()  # It has ended, so this only reaps it.
        self.exited = self.exited or self.files.read_exit()
        self.files.remove()
        self._cancel_escalation()
        self.state = WorkerState.GONE
        self._greeted.set()
        self._gone.set()
        self._owner.on_worker_gone(self, None if self.handing_over else self.attempt)

    def _on_hello(self, identity: GuardIdentity) -> None:
        self.identity = identity
        self.jobs_done = identity.jobs_done
        if self._process is None:
            self._guard = ProcessIdentity(identity.guard_pid, identity.guard_created)
            self.plugin = identity.plugin
            self.attempt = JobNumber(identity.job, identity.token) if identity.job else None
            self.state = WorkerState.BUSY if identity.job else WorkerState.IDLE
        self._greeted.set()

    def _on_exit(self, exited: ChildExited) -> None:
        self.exited = exited

    def _on_replaced(self, nothing: Nothing) -> None:
        _log.warning("another runtime has taken over the guard %s", self.files.name)
        self._left_alone = True

    def _on_job_ended(self, ended: JobEnded) -> None:
        number = JobNumber(ended.job, ended.token)
        if self.attempt == number:
            self.attempt = None
            self.jobs_done += 1
            self._cancel_escalation()
            if self.state is WorkerState.BUSY:
                self.state = WorkerState.IDLE
        self._owner.on_worker_job_ended(self, number)

    def _cancel_escalation(self) -> None:
        if self._escalation is not None:
            self._escalation.cancel()
            self._escalation = None

    def _end_firmly(self) -> None:
        self._stopper = asyncio.create_task(self.stop(_FIRM_GRACE))


def guard_of(files: GuardFiles) -> ProcessIdentity | None:
    """The guard that wrote the identity file during this boot, dead or alive."""
    identity = files.read_identity()
    if identity is None or identity.boot_id != boot_id():
        return None
    return ProcessIdentity(identity.guard_pid, identity.guard_created)


def loss_report(job: int, exited: ChildExited | None, cancelled: bool) -> ErrorReport:
    """Why a job has no result: `exited` is how its worker ended, None when its guard was killed. Codes: cancelled, wall-clock, lost."""
    if cancelled:
        return JobCancelledError(
            f"job {job} was cancelled and did not end by itself, so its process was ended"
        ).report()
    if exited is None:
        return ErrorReport("lost", f"the guard of job {job} was killed, and the worker with it", "retry the job")
    if exited.reason == "wall-clock":
        sentence = f"job {job} ran longer than its limit allows, so its process was ended"
        return ErrorReport("wall-clock", sentence, "give it less to do, or a higher limit")
    if exited.reason:
        return ErrorReport("lost", f"the worker was stopped during job {job}", "retry the job")
    if exited.status >= 0:
        sentence = f"the worker ended with exit code {exited.status} during job {job}"
        return ErrorReport("lost", sentence, "read the job's log for the reason")
    name = signal.Signals(-exited.status).name
    remedy = "see whether the machine ran out of memory" if name == "SIGKILL" else "read the job's log for the reason"
    return ErrorReport("lost", f"the worker was ended by {name} during job {job}", remedy)


def _report_fault(method: str, error: BaseException) -> None:
    _log.error("%s from a guard could not be handled", method, exc_info=error)
