"""The job queue in SQLite: what is acknowledged is committed, one attempt holds a job at a time, and every job ends once."""

import random
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from quarterdeck.runtime.borders import JobParent, JobRequest
from quarterdeck.runtime.database import transaction
from quarterdeck.runtime.jobs.children import note_started, started_job
from quarterdeck.runtime.jobs.decisions import Ending, Standing, ending
from quarterdeck.runtime.jobs.gates import fail_dependents, gate, open_dependents
from quarterdeck.runtime.jobs.next_job import next_job
from quarterdeck.runtime.jobs.rows import (
    LARGEST_NUMBER,
    SUMMARY_COLUMNS,
    Claim,
    Lane,
    RunningAttempt,
    job_address,
    running_attempt,
    steps_and_done,
    summary,
    to_json,
    whole,
)
from quarterdeck.runtime.jobs.steps import done_before, kept_steps
from quarterdeck_api.catalogue import RunsIn
from quarterdeck_api.errors import ErrorReport, NotFoundError, RefusedError, UsageError
from quarterdeck_api.jobs import ArtefactFile, JobResult, JobState, JobStep, JobValue
from quarterdeck_api.protocol import JobRecord

_LARGEST_PRIORITY = 1_000_000
_FINAL = "('succeeded', 'failed', 'cancelled', 'dead')"

Keep = Callable[[JobResult], JobResult]


def _as_it_is(result: JobResult) -> JobResult:
    return result


class JobQueue:
    """Jobs as recorded. Every method is one short transaction; `clock` gives Unix seconds, `rng` the jitter of retries.

    A job waits behind a gate: `after` other jobs, until a `time`, or `open`. Attempts are numbered for each job, and the number of an attempt
    is its fencing token: what an earlier attempt reports changes nothing.
    """

    def __init__(
        self, connection: sqlite3.Connection, clock: Callable[[], float], rng: random.Random | None = None
    ) -> None:
        self._db = connection
        self._clock = clock
        self._rng = rng or random.Random()
        self._changed: dict[int, None] = {}

    def submit(
        self, request: JobRequest, max_attempts: int, not_before: float = 0.0, runs_in: RunsIn = RunsIn.WORKER
    ) -> int:
        """Records a job as queued, to run at `not_before` (Unix seconds) at the earliest, and returns its number.

        What its parent has started under the same key before is returned instead.
        Raises RefusedError naming the live job when the key is taken, or when a job to come after did not succeed; UsageError for an
        unknown `after` or a priority out of range.
        """
        if abs(request.priority) > _LARGEST_PRIORITY:
            raise UsageError(
                f"priority {request.priority} is out of range",
                f"use -{_LARGEST_PRIORITY} to {_LARGEST_PRIORITY}; higher runs earlier",
            )
        now = self._clock()
        after = tuple(dict.fromkeys(request.after))
        with transaction(self._db):
            if request.parent is not None and (before := started_job(self._db, request.parent)) is not None:
                return before
            self._refuse_taken_key(request.key)
            number = self._db.execute(
                "INSERT INTO job (job_type, plugin, action, target, parameters, settings, runs_in, key, priority, comes_after, not_before, "
                "state, gate, attempt, max_attempts, attempt_budget, cancel_requested, created, started, ended, progress, message, steps, "
                "artefacts, secrets) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, 0, ?, ?, 0, ?, 0, 0, 0, '', '[]', '[]', ?) "
                "RETURNING number",
                (
                    request.job_type,
                    request.plugin,
                    request.action,
                    request.target,
                    to_json(request.parameters),
                    to_json(request.settings),
                    runs_in.value,
                    request.key,
                    request.priority,
                    to_json(after),
                    not_before,
                    gate(self._db, after, not_before, now),
                    max(max_attempts, 1),
                    max(max_attempts, 1),
                    now,
                    to_json(request.secrets),
                ),
            ).fetchone()["number"]
            if request.parent is not None:
                note_started(self._db, request.parent, number)
            self._db.executemany(
                "INSERT INTO job_after (before, job) VALUES (?, ?)", [(before, number) for before in after]
            )
            self._note(number, "submitted", 0)
        return number

    def claim(self, admits: Callable[[Lane, int], bool], max_running: int) -> Claim | None:
        """Makes the next job that may run now a running attempt: highest priority first, then the lowest number.

        `admits(lane, running)` says whether another attempt of the lane may start when so many run; `max_running` bounds all of them.
        """
        now = self._clock()
        with transaction(self._db):
            job = next_job(self._db, admits, max_running, now)
            if job is None:
                return None
            steps = kept_steps(*steps_and_done(self._row(job, "steps, done")))
            row = self._db.execute(
                "UPDATE job SET state = 'running', attempt = attempt + 1, started = ?, progress = 0, message = '', steps = ?, "
                "error = NULL WHERE number = ? RETURNING *",
                (now, to_json(steps), job),
            ).fetchone()
            self._note(row["number"], "started", row["attempt"])
        checkpoint = msgspec.json.decode(row["checkpoint"]) if row["checkpoint"] else None
        _, done = steps_and_done(row)
        secrets = msgspec.json.decode(row["secrets"], type=tuple[tuple[str | int, ...], ...])
        return Claim(row["number"], row["attempt"], summary(row), checkpoint, done, steps, secrets)

    def is_current(self, job: int, token: int) -> bool:
        """Whether the attempt is the one that runs the job now."""
        return self._current(job, token) is not None

    def checkpoint(self, job: int, token: int, value: Any, done: Mapping[str, Any]) -> bool:
        """Keeps what the next attempt gets, a checkpoint and what steps are done; False for an outdated attempt."""
        with transaction(self._db):
            return self._update_current(job, token, "checkpoint = ?, done = ?", to_json(value), to_json(done))

    def started_job(self, parent: JobParent) -> int | None:
        """The job that was started under the parent's key and still counts, or None."""
        return started_job(self._db, parent)

    def keep_steps(self, job: int, token: int, steps: tuple[JobStep, ...], progress: float, message: str) -> bool:
        """Keeps how far an attempt came, for a runtime that starts later; False for an outdated attempt."""
        with transaction(self._db):
            return self._update_current(
                job, token, "steps = ?, progress = ?, message = ?", to_json(steps), progress, message
            )

    def keep_datasets(self, job: int, addresses: Iterable[str]) -> None:
        """Records which datasets a job reads."""
        with transaction(self._db):
            self._db.executemany("INSERT OR IGNORE INTO job_dataset VALUES (?, ?)", [(job, each) for each in addresses])

    def finish(self, job: int, token: int, result: JobResult, keep: Keep = _as_it_is) -> bool:
        """Records how an attempt ended by itself; False, and nothing changes, for an outdated attempt.

        `keep` is called within the transaction once the token is known to be good: it puts files where they belong and gives the result to
        record. When it raises, nothing is recorded.
        """
        with transaction(self._db):
            row = self._current(job, token)
            if row is None:
                return False
            kept = keep(result) if result.state is JobState.SUCCEEDED else result
            what = ending(_standing(row), result.state, result.error, result.retry, self._rng.random())
            self._end(row, what, kept.error, kept.value, kept.artefacts)
        return True

    def lose(self, job: int, token: int, error: ErrorReport, *, retry: bool = True, blameless: bool = False) -> bool:
        """Records that an attempt ended without a result; False, and nothing changes, for an outdated one.

        A `blameless` attempt, ended by the runtime's own end, is queued again at once and does not count.
        """
        with transaction(self._db):
            row = self._current(job, token)
            if row is None:
                return False
            what = ending(_standing(row), JobState.FAILED, error, retry, self._rng.random(), blameless=blameless)
            self._end(row, what, error, None, ())
        return True

    def request_cancel(self, job: int) -> JobState:
        """Cancels a queued job at once, marks a running one as asked to end; the state that it is in now.

        Raises NotFoundError.
        """
        with transaction(self._db):
            row = self._row(job)
            state = JobState(row["state"])
            if state is JobState.QUEUED:
                what = Ending(JobState.CANCELLED, "cancelled", row["max_attempts"], "cancelled while it was queued")
                self._end(row, what, None, None, ())
                return JobState.CANCELLED
            if state is JobState.RUNNING and not row["cancel_requested"]:
                self._db.execute("UPDATE job SET cancel_requested = 1 WHERE number = ?", (job,))
                self._note(job, "cancel-requested", row["attempt"])
        return state

    def retry(self, job: int, first_step: str = "") -> None:
        """Queues a job that has ended once more, with a new budget of attempts.

        Its last checkpoint and the steps that are done count, unless it succeeded. From a `first_step` on, nothing counts but the steps done
        before it. Raises UsageError for a step that it never had, NotFoundError, and RefusedError when it has not ended, its key is taken, or the job to come after did not succeed.
        """
        now = self._clock()
        with transaction(self._db):
            row = self._row(job)
            if not JobState(row["state"]).final:
                raise RefusedError(f"job {job} has not ended", "cancel it first", job_address(job))
            self._refuse_taken_key(row["key"])
            behind = gate(self._db, summary(row).after, 0.0, now)
            fresh = bool(first_step) or row["state"] == JobState.SUCCEEDED.value
            steps, done = steps_and_done(row)
            if first_step:
                done = done_before(job, first_step, steps, done)
            elif fresh:
                done = {}
            self._db.execute(
                "UPDATE job SET state = 'queued', gate = ?, max_attempts = attempt + attempt_budget, cancel_requested = 0, not_before = 0, "
                "started = 0, ended = 0, progress = 0, message = '', error = NULL, value = NULL, steps = ?, done = ?, artefacts = '[]', "
                "checkpoint = iif(?, NULL, checkpoint) WHERE number = ?",
                (behind, to_json(kept_steps(steps, done)), to_json(done), fresh, job),
            )
            self._note(job, "retried", row["attempt"], f"from step {first_step}" if first_step else "")

    def summary(self, job: int) -> JobRecord:
        """A job without result, history, steps and artefacts. Raises NotFoundError."""
        return summary(self._row(job, SUMMARY_COLUMNS))

    def record(self, job: int) -> JobRecord:
        """A job with everything that the database has of it. Raises NotFoundError."""
        row = self._row(job)
        events = self._db.execute("SELECT * FROM job_event WHERE job = ? ORDER BY number", (job,)).fetchall()
        return whole(row, events)

    def recent(self, ended: int) -> list[JobRecord]:
        """Every live job and so many of those that have ended, newest last."""
        rows = self._db.execute(
            f"SELECT {SUMMARY_COLUMNS} FROM job WHERE state IN ('queued', 'running') UNION ALL SELECT * FROM "
            f"(SELECT {SUMMARY_COLUMNS} FROM job WHERE state IN {_FINAL} ORDER BY number DESC LIMIT ?) ORDER BY number",
            (ended,),
        )
        return [summary(row) for row in rows]

    def live_job(self, key: str) -> int | None:
        """The live job that holds a key, or None."""
        row = self._db.execute(
            "SELECT number FROM job WHERE key = ? AND key <> '' AND state IN ('queued', 'running')", (key,)
        ).fetchone()
        return row["number"] if row else None

    def running(self) -> list[RunningAttempt]:
        """Every attempt that is recorded as running."""
        return [
            running_attempt(row)
            for row in self._db.execute("SELECT * FROM job WHERE state = 'running' ORDER BY number")
        ]

    def counts(self) -> dict[str, int]:
        """The number of jobs in each state."""
        found = {
            row["state"]: row["n"] for row in self._db.execute("SELECT state, count(*) AS n FROM job GROUP BY state")
        }
        return {state.value: found.get(state.value, 0) for state in JobState}

    def next_due(self) -> float | None:
        """When the next job that waits for a time may run (Unix seconds), or None."""
        return self._db.execute(
            "SELECT min(not_before) AS due FROM job INDEXED BY job_due WHERE state = 'queued' AND gate = 'time'"
        ).fetchone()["due"]

    def take_changed(self) -> list[int]:
        """The jobs that changed since this was asked last."""
        changed, self._changed = list(self._changed), {}
        return changed

    def _refuse_taken_key(self, key: str) -> None:
        holder = self.live_job(key)
        if holder is not None:
            address = job_address(holder)
            raise RefusedError(
                f"a live job has the key {key!r}: {address}", f"wait for {address}, or cancel it", address
            )

    def _row(self, job: int, columns: str = "*") -> sqlite3.Row:
        row = None
        if 0 < job <= LARGEST_NUMBER:
            row = self._db.execute(f"SELECT {columns} FROM job WHERE number = ?", (job,)).fetchone()
        if row is None:
            raise NotFoundError(f"there is no job {job}", "see `quarterdeck jobs`", job_address(job))
        return row

    def _current(self, job: int, token: int) -> sqlite3.Row | None:
        return self._db.execute(
            "SELECT * FROM job WHERE number = ? AND attempt = ? AND state = 'running'", (job, token)
        ).fetchone()

    def _update_current(self, job: int, token: int, assignment: str, *values: object) -> bool:
        cursor = self._db.execute(
            f"UPDATE job SET {assignment} WHERE number = ? AND attempt = ? AND state = 'running'", (*values, job, token)
        )
        return cursor.rowcount == 1

    def _end(
        self,
        row: sqlite3.Row,
        what: Ending,
        error: ErrorReport | None,
        value: JobValue | None,
        artefacts: tuple[ArtefactFile, ...],
    ) -> None:
        now = self._clock()
        job: int = row["number"]
        again = what.state is JobState.QUEUED
        succeeded = what.state is JobState.SUCCEEDED
        self._db.execute(
            "UPDATE job SET state = ?, gate = ?, not_before = iif(?, ?, not_before), ended = ?, max_attempts = ?, error = ?, value = ?, "
            "artefacts = ?, progress = iif(?, 1, progress) WHERE number = ?",
            (
                what.state.value,
                "time" if again and what.delay > 0 else "open",
                again,
                now + what.delay,
                0.0 if again else now,
                what.max_attempts,
                to_json(error) if error else None,
                to_json(value) if value and succeeded else None,
                to_json(artefacts) if succeeded else "[]",
                succeeded,
                job,
            ),
        )
        self._note(job, what.event, row["attempt"], what.detail)
        if succeeded:
            self._changed.update(dict.fromkeys(open_dependents(self._db, job, now)))
        elif not again:
            for dependent, attempt, reason in fail_dependents(self._db, job, what.state, now):
                self._note(dependent, "failed", attempt, reason)

    def _note(self, job: int, event: str, attempt: int, detail: str = "") -> None:
        self._db.execute(
            "INSERT INTO job_event (job, time, event, attempt, detail) VALUES (?, ?, ?, ?, ?)",
            (job, self._clock(), event, attempt, detail),
        )
        self._changed[job] = None


def _standing(row: sqlite3.Row) -> Standing:
    return Standing(row["attempt"], row["max_attempts"], row["attempt_budget"], bool(row["cancel_requested"]))
