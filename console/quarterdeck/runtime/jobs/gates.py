"""Gates that jobs wait behind: `after` other jobs, until a `time`, or `open`; and what the end of a job means for those that come after it."""

import sqlite3
from collections.abc import Iterable, Iterator

from quarterdeck.runtime.jobs.rows import LARGEST_NUMBER, job_address, to_json
from quarterdeck_api.errors import ErrorReport, RefusedError, UsageError
from quarterdeck_api.jobs import JobState

_DEPENDENTS = "SELECT job FROM job_after WHERE before = ?"


def gate(connection: sqlite3.Connection, after: Iterable[int], not_before: float, now: float) -> str:
    """The gate of a job that is queued; raises RefusedError when one to come after did not succeed, UsageError for an unknown one."""
    waits = False
    for before in after:
        state = _state_to_come_after(connection, before)
        if state.final and state is not JobState.SUCCEEDED:
            raise RefusedError(
                f"job {before}, to come after, {_ended_as(state)}", f"run job {before} again first", job_address(before)
            )
        waits = waits or not state.final
    return "after" if waits else "time" if not_before > now else "open"


def open_dependents(connection: sqlite3.Connection, job: int, now: float) -> list[int]:
    """Opens the gates of the jobs that came after this one alone, which has succeeded; their numbers."""
    rows = connection.execute(
        "UPDATE job SET gate = iif(not_before > ?, 'time', 'open') WHERE state = 'queued' AND gate = 'after' "
        f"AND number IN ({_DEPENDENTS}) AND NOT EXISTS (SELECT 1 FROM job_after JOIN job AS before ON before.number = job_after.before "
        "WHERE job_after.job = job.number AND before.state <> 'succeeded') RETURNING number",
        (now, job),
    ).fetchall()
    return [row["number"] for row in rows]


def fail_dependents(
    connection: sqlite3.Connection, job: int, state: JobState, now: float
) -> Iterator[tuple[int, int, str]]:
    """Fails the jobs that come after this one, which ended in `state`, and those after them: each with its attempt and the reason."""
    ended = [(job, state)]
    while ended:
        before, how = ended.pop()
        reason = f"{job_address(before)}, which it comes after, {_ended_as(how)}"
        error = ErrorReport("failed", reason, f"run job {before} again, then this one", job_address(before))
        rows = connection.execute(
            "UPDATE job SET state = 'failed', gate = 'open', ended = ?, error = ? WHERE state = 'queued' AND gate = 'after' "
            f"AND number IN ({_DEPENDENTS}) RETURNING number, attempt",
            (now, to_json(error), before),
        ).fetchall()
        for row in rows:
            yield row["number"], row["attempt"], reason
            ended.append((row["number"], JobState.FAILED))


def _state_to_come_after(connection: sqlite3.Connection, job: int) -> JobState:
    row = None
    if 0 < job <= LARGEST_NUMBER:
        row = connection.execute("SELECT state FROM job WHERE number = ?", (job,)).fetchone()
    if row is None:
        raise UsageError(f"there is no job {job} to come after", "see `quarterdeck jobs`")
    return JobState(row["state"])


def _ended_as(state: JobState) -> str:
    return {JobState.CANCELLED: "was cancelled", JobState.DEAD: "is dead"}.get(state, state.value)
