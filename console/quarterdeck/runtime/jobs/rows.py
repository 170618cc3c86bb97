"""Rows of the table `job` as records, and the JSON that stands in their columns."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from quarterdeck_api.catalogue import RunsIn
from quarterdeck_api.errors import ErrorReport
from quarterdeck_api.jobs import ArtefactFile, JobState, JobStep, JobValue
from quarterdeck_api.protocol import JobEvent, JobRecord
from quarterdeck_api.resources import CORE, Address

#: SQLite's largest integer; a larger number names no job.
LARGEST_NUMBER = 2**63 - 1

#: Columns that a line in a list of jobs needs; the others may be large.
SUMMARY_COLUMNS = (
    "number, job_type, plugin, action, target, parameters, settings, key, priority, comes_after, not_before, state, attempt, max_attempts, "
    "created, started, ended, progress, message, error, cancel_requested"
)

_mapping = msgspec.json.Decoder(dict[str, Any])
_numbers = msgspec.json.Decoder(tuple[int, ...])
_error = msgspec.json.Decoder(ErrorReport)
_value = msgspec.json.Decoder(JobValue)
_steps = msgspec.json.Decoder(tuple[JobStep, ...])
_artefacts = msgspec.json.Decoder(tuple[ArtefactFile, ...])
_states = {state.value: state for state in JobState}


class Lane(Struct, frozen=True):
    """Jobs that are limited together: one job type of one plugin."""

    plugin: str
    job_type: str


class Claim(Struct, frozen=True):
    """An attempt that is recorded as running; its number is its fencing token. `steps` are those of attempts before that are `done`."""

    job: int
    token: int
    record: JobRecord
    checkpoint: Any = None
    done: dict[str, Any] = {}
    steps: tuple[JobStep, ...] = ()
    secrets: tuple[tuple[str | int, ...], ...] = ()


class RunningAttempt(Struct, frozen=True):
    """An attempt that is recorded as running."""

    job: int
    token: int
    lane: Lane
    target: str
    runs_in: RunsIn
    cancel_requested: bool
    started: float
    progress: float
    message: str
    steps: tuple[JobStep, ...]


def job_address(number: int) -> str:
    """The address of a job."""
    return str(Address(CORE, "job", str(number)))


def to_json(value: object) -> str:
    """A value as JSON text for a column."""
    return msgspec.json.encode(value).decode()


def summary(row: sqlite3.Row) -> JobRecord:
    """A row with at least SUMMARY_COLUMNS as a record without result, history, steps and artefacts."""
    return JobRecord(
        job=row["number"],
        address=job_address(row["number"]),
        job_type=row["job_type"],
        plugin=row["plugin"],
        action=row["action"],
        target=row["target"],
        state=_states[row["state"]],
        created=row["created"],
        parameters=_mapping.decode(row["parameters"]),
        settings=_mapping.decode(row["settings"]),
        key=row["key"],
        priority=row["priority"],
        attempt=row["attempt"],
        max_attempts=row["max_attempts"],
        after=_numbers.decode(row["comes_after"]),
        not_before=row["not_before"],
        started=row["started"],
        ended=row["ended"],
        progress=row["progress"],
        message=row["message"],
        error=_error.decode(row["error"]) if row["error"] else None,
    )


def whole(row: sqlite3.Row, events: Sequence[sqlite3.Row]) -> JobRecord:
    """A row with all columns as a record, with the rows of its history."""
    value = _value.decode(row["value"]) if row["value"] else None
    return msgspec.structs.replace(
        summary(row),
        result=value.data if value else None,
        document=value.document if value else None,
        steps=_steps.decode(row["steps"]),
        artefacts=_artefacts.decode(row["artefacts"]),
        history=tuple(JobEvent(each["time"], each["event"], each["attempt"], each["detail"]) for each in events),
    )


def steps_and_done(row: sqlite3.Row) -> tuple[tuple[JobStep, ...], dict[str, Any]]:
    """The steps of a row, and what those that are done gave, in the order in which they were."""
    return _steps.decode(row["steps"]), _mapping.decode(row["done"])


def running_attempt(row: sqlite3.Row) -> RunningAttempt:
    """A row of a running job as its attempt."""
    return RunningAttempt(
        job=row["number"],
        token=row["attempt"],
        lane=Lane(row["plugin"], row["job_type"]),
        target=row["target"],
        runs_in=RunsIn(row["runs_in"]),
        cancel_requested=bool(row["cancel_requested"]),
        started=row["started"],
        progress=row["progress"],
        message=row["message"],
        steps=_steps.decode(row["steps"]),
    )
