"""The context of a job in a worker: what blocks until it is done."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from quarterdeck_api.backend_factory import make_backend
from quarterdeck_api.errors import UsageError
from quarterdeck_api.job_asks import JobAsks
from quarterdeck_api.job_context import Channel, JobLog, RunningJob, start_timer
from quarterdeck_api.job_requests import JOB_SUBMIT, JOB_WAIT, JobAddress, JobSubmission
from quarterdeck_api.jobs import ArtefactFile, JobOutcome, JobProcesses, JobSpec, JobSubmitter
from quarterdeck_api.process_asks import AskedProcesses
from quarterdeck_api.worker_pool import ProcessPool

T = TypeVar("T")
R = TypeVar("R")


class WorkerJob(RunningJob):
    """The JobContext of one attempt in a worker; `pools` gives the worker's pool of so many processes."""

    def __init__(
        self,
        spec: JobSpec,
        channel: Channel,
        log: JobLog,
        clock: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], None] = start_timer,
        pools: Callable[[int], ProcessPool] = ProcessPool,
    ) -> None:
        super().__init__(spec, channel, log, clock, later)
        self.asks = JobAsks(spec.job, spec.token, channel)
        self._pools = pools
        self._backend: object = None
        self._backend_lock = threading.RLock()

    def cancel(self) -> None:
        """Asks the job to end; whatever it waits for of the runtime ends at once."""
        super().cancel()
        self.asks.cancel()

    def open(self) -> object:
        """The backend that the job belongs to, opened once in this process and closed when the job ends."""
        with self._backend_lock:
            if self._backend is None:
                if not self._spec.backend_factory:
                    raise UsageError(
                        f"job {self._spec.job} has no backend", "start the action on a resource of a backend"
                    )
                self._backend = make_backend(
                    self._spec.backend, self._spec.backend_factory, self._spec.backend_settings
                )
            return self._backend

    @property
    def processes(self) -> JobProcesses:
        """Managed processes, wanted by this job."""
        return AskedProcesses(self.spec.backend, self.asks)

    @property
    def jobs(self) -> JobSubmitter:
        """Other jobs, started by this one."""
        return _AskedJobs(self.asks)

    def map(
        self, function: Callable[[T], R], items: Iterable[T], on_done: Callable[[int, int], None] | None = None
    ) -> list[R]:
        """Applies a function to items on the worker's pool of processes, or on the Dask cluster that is configured; results in order."""
        if self._spec.dask:
            from quarterdeck_api.dask_pool import DaskPool  # Only where it is used.

            return DaskPool(self._spec.dask).map(function, items, lambda: self.cancelled, on_done)
        return self._pools(self._spec.map_processes).map(function, items, lambda: self.cancelled, on_done)

    def finish(self) -> tuple[ArtefactFile, ...]:
        """Closes the backend, sends the last progress and gives the artefacts that were written, with their sizes in bytes."""
        self._close_backend()
        return super().finish()

    def _close_backend(self) -> None:
        close = getattr(self._backend, "close", None)
        if close is None:
            return
        try:
            close()
        except Exception as error:  # noqa: BLE001 - the boundary to plugin code: a result is not lost because closing failed.
            self._log.write(f"closing the backend {self._spec.backend} failed: {type(error).__name__}: {error}")


class _AskedJobs:
    """The JobSubmitter of an attempt."""

    def __init__(self, asks: JobAsks) -> None:
        self._asks = asks

    def submit(
        self,
        action: str,
        address: str = "",
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        key: str = "",
    ) -> str:
        """Requests an action that is a job; gives the job's address."""
        named = key or self._asks.new_key()  # So that a request whose answer was lost can be repeated.
        wanted = JobSubmission(action, named, address, dict(parameters or {}), dict(settings or {}))
        return self._asks.ask(JOB_SUBMIT, wanted).address

    def wait(self, job: str) -> JobOutcome:
        """Returns when the job has ended."""
        return self._asks.ask(JOB_WAIT, JobAddress(job))
