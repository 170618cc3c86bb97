"""A job queue at hand for tests, with a clock that they set."""

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from quarterdeck.runtime.borders import JobRequest
from quarterdeck.runtime.database import open_database
from quarterdeck.runtime.jobs.queue import JobQueue
from quarterdeck.runtime.jobs.rows import Claim, Lane
from quarterdeck_api.errors import ErrorReport
from quarterdeck_api.jobs import JobResult, JobState, JobValue

LOCAL = "/dev/vda / ext4 rw 0 0"
REQUEST = JobRequest("train", "demo", "model.train", "demo/model/a", {"epochs": 3}, {"order": [1, 2]})
ERROR = ErrorReport("failed", "it broke", "mend it")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def new_clock() -> Clock:
    return Clock()


def open_state(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_database(tmp_path / "state.db", mounts=LOCAL)
    yield connection
    connection.close()


def open_queue(database: sqlite3.Connection, clock: Clock) -> JobQueue:
    return JobQueue(database, clock, random.Random(1))


def anything(_: Lane, __: int) -> bool:
    return True


def claim(queue: JobQueue) -> Claim:
    found = queue.claim(anything, 100)
    assert found is not None
    return found


def succeeded(claimed: Claim) -> JobResult:
    return JobResult(claimed.job, claimed.token, JobState.SUCCEEDED, JobValue({"mae": 1.5}))


def failed(claimed: Claim, retry: bool) -> JobResult:
    return JobResult(claimed.job, claimed.token, JobState.FAILED, error=ERROR, retry=retry)


def events(queue: JobQueue, job: int) -> list[str]:
    return [event.event for event in queue.record(job).history]
