"""Records how attempts at jobs ended: the result that lies in the spool with its files, or why there is none."""

import logging
from collections.abc import Callable

from quarterdeck.config.paths import InstancePaths
from quarterdeck.runtime.database import StateWriteError
from quarterdeck.runtime.jobs.artefacts import discard_work, keep_artefacts, spool_folder
from quarterdeck.runtime.jobs.attempts import Attempt, ResultKeeper
from quarterdeck.runtime.jobs.queue import JobQueue
from quarterdeck_api.errors import ErrorReport, QuarterdeckError
from quarterdeck_api.jobs import JobResult, JobState
from quarterdeck_api.spool import read_result

_log = logging.getLogger(__name__)


class Recording:
    """Commits ends and steps of attempts. `keeper` takes files of results over, `clock` gives Unix seconds."""

    def __init__(self, paths: InstancePaths, queue: JobQueue, keeper: ResultKeeper, clock: Callable[[], float]) -> None:
        self._paths = paths
        self._queue = queue
        self._keeper = keeper
        self._clock = clock

    def record_end(
        self, job: int, token: int, attempt: Attempt | None, error: ErrorReport, *, retry: bool, blameless: bool
    ) -> None:
        """Records the end of the attempt that runs the job now, followed as `attempt` or by nobody; raises StateWriteError.

        `error` says why when there is no result, `retry` whether trying again may help then.
        """
        too_long = attempt is not None and attempt.too_long(self._clock())
        if attempt is not None and too_long:
            error = ErrorReport(
                "failed", f"job {job} ran longer than its limit of {attempt.limit:g} s", "give it less to do", ""
            )
        try:
            result = read_result(spool_folder(self._paths, job, token), token)
        except QuarterdeckError as damaged:
            result, error = None, damaged.report()
        if result is not None and result.job == job:
            if attempt is not None:
                attempt.complete(result.steps)
            if result.state is not JobState.SUCCEEDED and (result.done or result.checkpoint is not None):
                self._queue.checkpoint(job, token, result.checkpoint, result.done)
        if attempt is not None and (attempt.steps or attempt.message):
            attempt.end_step(self._clock(), result.state if result is not None else JobState.FAILED)
            self.keep_steps(attempt)
        if result is None or result.job != job:
            self._queue.lose(job, token, error, retry=retry and not too_long, blameless=blameless and not too_long)
        else:
            if too_long and result.state is JobState.CANCELLED:
                result = JobResult(job, token, JobState.FAILED, error=error)
            self._finish(job, token, result)
        self._discard_work(job, token)

    def keep_steps(self, attempt: Attempt) -> None:
        """Keeps how far an attempt came, for a runtime that starts later."""
        steps = tuple(attempt.steps)
        try:
            self._queue.keep_steps(attempt.job, attempt.token, steps, attempt.progress, attempt.message)
        except StateWriteError as error:
            _log.warning("steps of job %d are in memory only: %s. %s", attempt.job, error.message, error.remedy)

    def _finish(self, job: int, token: int, result: JobResult) -> None:
        try:
            self._queue.finish(job, token, result, self._keep)
        except StateWriteError:
            raise
        except QuarterdeckError as refused:
            self._queue.finish(job, token, JobResult(job, token, JobState.FAILED, error=refused.report()))

    def _keep(self, result: JobResult) -> JobResult:
        folder = spool_folder(self._paths, result.job, result.token)
        kept = self._keeper.keep(self._queue.summary(result.job), result, folder)
        keep_artefacts(self._paths, result.job, result.token, kept.artefacts)
        return kept

    def _discard_work(self, job: int, token: int) -> None:
        """What attempts have shared is of use to those that may still come."""
        if self._queue.summary(job).state not in (JobState.SUCCEEDED, JobState.CANCELLED):
            return
        try:
            discard_work(self._paths, job, token)
        except OSError as error:
            _log.warning("what the attempts at job %d have shared stays until it is forgotten: %s", job, error)


def interruption(job: int) -> ErrorReport:
    """Why an attempt ended that the runtime took with it."""
    return ErrorReport(
        "lost", f"the process of job {job} ended together with the runtime", "nothing: it is tried again", ""
    )
