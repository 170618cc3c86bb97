"""What follows from the end of an attempt: decided from facts alone, apart from recording it."""

from msgspec import Struct

from quarterdeck_api.errors import ErrorReport
from quarterdeck_api.jobs import JobState

_FIRST_DELAY_SECONDS = 1.0
_LONGEST_DELAY_SECONDS = 300.0


class Standing(Struct, frozen=True):
    """Where a job stands when one of its attempts ends; `budget` is how many attempts it was given at a time."""

    attempt: int
    max_attempts: int
    budget: int
    cancel_requested: bool


class Ending(Struct, frozen=True):
    """What becomes of the job: a final state, or QUEUED again after `delay` seconds with `max_attempts` in all."""

    state: JobState
    event: str
    max_attempts: int
    detail: str = ""
    delay: float = 0.0


def retry_delay(failures: int, draw: float) -> float:
    """Seconds until the next attempt after so many failures: doubling from 1 s to 300 s, of which `draw` (0 to 1) takes up to a half off."""
    doubled = _FIRST_DELAY_SECONDS * 2.0 ** min(max(failures - 1, 0), 30)
    return min(doubled, _LONGEST_DELAY_SECONDS) * (1.0 - draw / 2.0)


def ending(
    standing: Standing, state: JobState, error: ErrorReport | None, retry: bool, draw: float, *, blameless: bool = False
) -> Ending:
    """What becomes of a job whose attempt ended in `state` (succeeded, failed or cancelled).

    `retry` says that trying again may help. A `blameless` attempt was ended by the runtime's own end: it is tried again at once and does
    not count. A job that was asked to end is not tried again, but a result that it gave in spite of that counts.
    """
    detail = error.message if error else ""
    if state is JobState.SUCCEEDED:
        return Ending(JobState.SUCCEEDED, "succeeded", standing.max_attempts)
    if standing.cancel_requested or state is JobState.CANCELLED:
        return Ending(JobState.CANCELLED, "cancelled", standing.max_attempts, detail)
    if blameless:
        return Ending(JobState.QUEUED, "interrupted", standing.max_attempts + 1, detail)
    if not retry:
        return Ending(JobState.FAILED, "failed", standing.max_attempts, detail)
    left = standing.max_attempts - standing.attempt
    if left <= 0:
        return Ending(JobState.DEAD, "dead", standing.max_attempts, detail)
    return Ending(
        JobState.QUEUED, "retrying", standing.max_attempts, detail, retry_delay(max(standing.budget - left, 1), draw)
    )
