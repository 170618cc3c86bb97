"""Running an implementation to its end and turning whatever comes of it into a JobResult; shared by worker and host."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable

from quarterdeck_api.errors import ErrorReport, JobCancelledError, QuarterdeckError, UnreachableError
from quarterdeck_api.job_context import RunningJob
from quarterdeck_api.jobs import ArtefactFile, JobResult, JobSpec, JobState, JobValue
from quarterdeck_api.wire import encode_value


def execute(context: RunningJob, run: Callable[[], object]) -> JobResult:
    """Runs a blocking implementation; never raises on its behalf: the sentence of an expected error, or the traceback of any other, goes to the job's log."""
    try:
        context.raise_if_cancelled()
        value = storable_value(context.spec, run())
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the boundary to plugin code: every failure becomes a result.
        return _conclude_failure(context, error)
    return JobResult(context.spec.job, context.spec.token, JobState.SUCCEEDED, value=value, artefacts=context.finish())


async def execute_coroutine(context: RunningJob, run: Callable[[], Awaitable[object]]) -> JobResult:
    """Runs a coroutine as `execute` runs a function.

    When its task is cancelled because the job was (`context.cancelled`), that is the result; otherwise CancelledError passes through, since
    the process itself is ending and the attempt has no result.
    """
    try:
        context.raise_if_cancelled()
        value = storable_value(context.spec, await run())
    except asyncio.CancelledError:
        if not context.cancelled:
            raise
        return _conclude_failure(context, JobCancelledError(f"job {context.spec.job} was cancelled"))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the boundary to plugin code: every failure becomes a result.
        return _conclude_failure(context, error)
    return JobResult(context.spec.job, context.spec.token, JobState.SUCCEEDED, value=value, artefacts=context.finish())


def storable_value(spec: JobSpec, value: object) -> JobValue:
    """The implementation's value when it is a JobValue of JSON values; raises QuarterdeckError when not."""
    remedy = "this is a mistake in the plugin: report it to its authors"
    if not isinstance(value, JobValue):
        raise QuarterdeckError(f"{spec.implementation} returned {type(value).__name__} instead of a JobValue", remedy)
    try:
        encode_value(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise QuarterdeckError(f"{spec.implementation} returned a value that is not JSON: {error}", remedy) from error
    return value


def failure(spec: JobSpec, error: BaseException, artefacts: tuple[ArtefactFile, ...] = ()) -> JobResult:
    """The result of an attempt that ended by an exception. What was unreachable or unexpected may be tried again."""
    if isinstance(error, JobCancelledError):
        return JobResult(spec.job, spec.token, JobState.CANCELLED, error=error.report(), artefacts=artefacts)
    if isinstance(error, QuarterdeckError):
        report = error.report()
        retry = isinstance(error, UnreachableError)
    else:
        sentence = f"{spec.job_type} failed: {type(error).__name__}: {error}"
        report = ErrorReport("failed", sentence, "read the job's log for the traceback", spec.address)
        retry = True
    return JobResult(spec.job, spec.token, JobState.FAILED, error=report, retry=retry, artefacts=artefacts)


def _conclude_failure(context: RunningJob, error: BaseException) -> JobResult:
    if isinstance(error, QuarterdeckError):
        if not isinstance(error, JobCancelledError):
            context.log(
                f"{error.message}. {error.remedy}".rstrip(". ")
            )  # A sentence for the user: where in the code it arose says nothing.
    else:
        context.log("".join(traceback.format_exception(error)).rstrip())
    return failure(context.spec, error, context.finish())
