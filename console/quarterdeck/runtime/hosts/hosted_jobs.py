"""Jobs in one plugin's host: each attempt that it took is told as ended or as lost, once."""

from pathlib import Path

from quarterdeck.runtime.borders import JobEvents
from quarterdeck_api.errors import ErrorReport, QuarterdeckError, UnreachableError
from quarterdeck_api.host_protocol import (
    JOB_CANCEL,
    JOB_CHECKPOINT,
    JOB_ENDED,
    JOB_PROGRESS,
    JOB_START,
    JobEnded,
    JobNumber,
)
from quarterdeck_api.jobs import JobSpec
from quarterdeck_api.peer import Peer
from quarterdeck_api.spool import RESULT_FILE


class HostedJobs:
    """The attempts that the host has taken and that have not ended; none outlives it."""

    def __init__(self, events: JobEvents) -> None:
        self._events = events
        self._running: dict[tuple[int, int], JobSpec] = {}

    def register(self, peer: Peer) -> None:
        """Listens to what a new host says of jobs."""
        peer.on_notification(JOB_PROGRESS, self._events.on_progress)
        peer.on_notification(JOB_CHECKPOINT, self._events.on_checkpoint)
        peer.on_notification(JOB_ENDED, self._on_ended)

    async def start(self, peer: Peer, spec: JobSpec, timeout: float) -> None:
        """Starts an attempt; raises UnreachableError when the host did not take it."""
        number = (spec.job, spec.token)
        self._running[number] = spec
        try:
            await peer.call(JOB_START, spec, timeout)
        except QuarterdeckError as error:
            if self._running.pop(number, None) is None:
                return  # It was told as lost already: the attempt has begun, and has ended.
            peer.notify(JOB_CANCEL, JobNumber(*number))
            raise UnreachableError(f"job {spec.job} could not be started: {error.message}", error.remedy) from error

    def cancel(self, peer: Peer, job: int, token: int) -> bool:
        """Asks an attempt to end; False when it is not one of this host's."""
        if (job, token) not in self._running:
            return False
        peer.notify(JOB_CANCEL, JobNumber(job, token))
        return True

    def lose(self, reason: str) -> None:
        """Tells that the host is gone, and every attempt with it."""
        lost, self._running = self._running, {}
        for spec in lost.values():
            report = ErrorReport("lost", f"job {spec.job} was lost: {reason}", "it is tried again", spec.address)
            self._events.on_lost(spec.job, spec.token, report)

    def _on_ended(self, ended: JobEnded) -> None:
        spec = self._running.pop((ended.job, ended.token), None)
        if spec is None:
            return
        if (Path(spec.spool_folder) / RESULT_FILE).exists():
            self._events.on_ended(ended.job, ended.token)
        else:
            message = f"job {spec.job} ended, but its result could not be stored in {spec.spool_folder}"
            report = ErrorReport("lost", message, "make room, then retry the job", spec.address)
            self._events.on_lost(ended.job, ended.token, report)
        self._events.on_free()
