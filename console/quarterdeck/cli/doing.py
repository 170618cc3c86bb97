"""Sends a request, follows the jobs that it starts, and says what came of everything."""

from typing import NamedTuple

from quarterdeck.cli.following import follow_job
from quarterdeck.cli.outcomes import (
    job_code,
    job_document,
    outcome_code,
    outcome_document,
    tell_job,
    tell_outcome,
)
from quarterdeck.cli.progress import ProgressLine
from quarterdeck.cli.session import Session
from quarterdeck.cli.streams import narrate, write_json, write_lines
from quarterdeck.cli.terminal_program import run_program
from quarterdeck_api.errors import ExitCode
from quarterdeck_api.protocol import DO, DoParams, JobRecord, Outcome

#: Seconds for a short action: a little more than the runtime gives it.
DO_TIMEOUT = 45.0


class Manner(NamedTuple):
    """How to go about it: output as JSON, without waiting for jobs, and what ctrl-C does."""

    as_json: bool = False
    no_wait: bool = False
    cancel_on_interrupt: bool = False


def carry_out(session: Session, request: DoParams, manner: Manner) -> int:
    """Does what is requested and returns the first exit code that is not DONE.

    JSON is one document for one address, a list for several. Interrupted while a job runs: its address is printed and it goes on, or it is
    cancelled; INTERRUPTED either way.
    """
    outcomes = session.call(DO, request, DO_TIMEOUT, changes_something=not request.dry_run).outcomes
    codes: list[int] = []
    documents: list[dict[str, object]] = []
    interrupted = False
    for outcome in outcomes:
        if not outcome.job or manner.no_wait or interrupted:
            documents.append(outcome_document(outcome))
            codes.append(outcome_code(outcome))
            _tell_short(outcome, manner)
            if outcome.run is not None and not manner.as_json:
                codes.append(run_program(outcome.run))
            continue
        try:
            record = wait_for(session, outcome.job)
            documents.append(job_document(record))
            codes.append(job_code(record))
            if not manner.as_json:
                tell_job(record)
        except KeyboardInterrupt:
            interrupted = True
            documents.append(outcome_document(outcome))
            _interrupted(session, outcome, manner)
    if manner.as_json:
        write_json(documents[0] if len(request.addresses) <= 1 else documents)
    if interrupted:
        return ExitCode.INTERRUPTED
    return next((code for code in codes if code), ExitCode.DONE)


def wait_for(session: Session, address: str) -> JobRecord:
    """Waits for a job with its progress on standard error."""
    line = ProgressLine(address)
    try:
        return follow_job(session, address, line)
    finally:
        line.clear()


def _tell_short(outcome: Outcome, manner: Manner) -> None:
    if manner.as_json:
        if outcome.error is not None:
            tell_outcome(outcome)
    elif outcome.job:
        write_lines([outcome.job])
    else:
        tell_outcome(outcome)


def _interrupted(session: Session, outcome: Outcome, manner: Manner) -> None:
    if manner.cancel_on_interrupt:
        session.call(DO, DoParams("job.cancel", (outcome.job,)), changes_something=True)
        narrate(f"{outcome.job} was asked to end")
    else:
        narrate(f"{outcome.job} goes on; wait for it with `quarterdeck jobs wait {outcome.job.rpartition('/')[2]}`")
    if not manner.as_json:
        write_lines([outcome.job])
