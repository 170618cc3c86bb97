"""The job queue: what is submitted is claimed in order, one live job a key, and acknowledged means kept."""

import sqlite3
from pathlib import Path

import pytest
from msgspec import structs

from quarterdeck.runtime.database import open_database
from quarterdeck.runtime.jobs.queue import JobQueue
from quarterdeck.runtime.jobs.rows import Lane
from quarterdeck_api.errors import NotFoundError, RefusedError, UsageError
from quarterdeck_api.jobs import ArtefactFile, JobState
from queue_bench import LOCAL, REQUEST, Clock, anything, claim, events, new_clock, open_queue, open_state, succeeded

clock = pytest.fixture(new_clock)
database = pytest.fixture(open_state)
queue = pytest.fixture(open_queue)


def test_a_job_goes_from_submission_to_success(queue: JobQueue) -> None:
    job = queue.submit(structs.replace(REQUEST, key="k"), 3)
    claimed = claim(queue)
    assert (claimed.job, claimed.token, claimed.record.parameters) == (job, 1, {"epochs": 3})
    files = (ArtefactFile("f.csv", "text/csv", "F", 10),)
    assert queue.finish(job, 1, structs.replace(succeeded(claimed), artefacts=files))
    record = queue.record(job)
    assert (record.state, record.result, record.artefacts) == (JobState.SUCCEEDED, {"mae": 1.5}, files)
    assert record.progress == 1.0
    assert events(queue, job) == ["submitted", "started", "succeeded"]
    assert queue.counts()["succeeded"] == 1


def test_highest_priority_first_then_oldest(queue: JobQueue) -> None:
    numbers = [
        queue.submit(structs.replace(REQUEST, priority=priority, plugin=f"p{priority % 2}"), 1)
        for priority in (0, 5, 5, 9, -1)
    ]
    assert [claim(queue).job for _ in numbers] == [numbers[3], numbers[1], numbers[2], numbers[0], numbers[4]]
    assert queue.claim(anything, 100) is None


def test_limits_of_a_lane_and_in_all(queue: JobQueue) -> None:
    for job_type in ("a", "a", "b", "b"):
        queue.submit(structs.replace(REQUEST, job_type=job_type), 1)

    def one_each(_: Lane, running: int) -> bool:
        return running < 1

    assert [queue.claim(one_each, 100) is not None for _ in range(3)] == [True, True, False]
    assert queue.claim(anything, 2) is None
    assert queue.claim(anything, 3) is not None


def test_a_lane_that_is_not_admitted_does_not_hold_up_others(queue: JobQueue) -> None:
    queue.submit(structs.replace(REQUEST, plugin="busy", priority=9), 1)
    other = queue.submit(structs.replace(REQUEST, plugin="free"), 1)
    found = queue.claim(lambda lane, _: lane.plugin == "free", 100)
    assert found is not None and found.job == other


def test_a_key_has_one_live_job_and_is_free_again_afterwards(queue: JobQueue) -> None:
    keyed = structs.replace(REQUEST, key="nightly")
    first = queue.submit(keyed, 1)
    with pytest.raises(RefusedError) as refused:
        queue.submit(keyed, 1)
    assert refused.value.address == f"core/job/{first}"
    assert queue.live_job("nightly") == first
    claimed = claim(queue)
    with pytest.raises(RefusedError):
        queue.submit(keyed, 1)
    queue.finish(first, claimed.token, succeeded(claimed))
    second = queue.submit(keyed, 1)
    with pytest.raises(RefusedError):
        queue.retry(first)
    assert queue.live_job("nightly") == second
    assert queue.live_job("") is None


def test_the_index_itself_forbids_a_second_live_job(queue: JobQueue, database: sqlite3.Connection) -> None:
    queue.submit(structs.replace(REQUEST, key="nightly"), 1)
    other = queue.submit(REQUEST, 1)
    with pytest.raises(sqlite3.IntegrityError):
        database.execute("UPDATE job SET key = 'nightly' WHERE number = ?", (other,))


def test_not_before(queue: JobQueue, clock: Clock) -> None:
    job = queue.submit(REQUEST, 1, not_before=1_060.0)
    assert queue.claim(anything, 100) is None
    assert queue.next_due() == 1_060.0
    clock.now = 1_060.0
    assert claim(queue).job == job
    assert queue.next_due() is None


def test_cancelling_a_queued_job_is_immediate(queue: JobQueue) -> None:
    job = queue.submit(REQUEST, 1)
    assert queue.request_cancel(job) is JobState.CANCELLED
    assert queue.claim(anything, 100) is None
    assert queue.request_cancel(job) is JobState.CANCELLED
    assert events(queue, job) == ["submitted", "cancelled"]


@pytest.mark.parametrize("number", [0, -1, 7, 2**63, 10**30])
def test_an_unknown_job_is_a_sentence(queue: JobQueue, number: int) -> None:
    with pytest.raises(NotFoundError, match="there is no job"):
        queue.record(number)


def test_a_priority_out_of_range_is_refused(queue: JobQueue) -> None:
    with pytest.raises(UsageError, match="out of range"):
        queue.submit(structs.replace(REQUEST, priority=2**70), 1)


def test_history_is_append_only(queue: JobQueue, database: sqlite3.Connection) -> None:
    queue.submit(REQUEST, 1)
    for statement in ("UPDATE job_event SET event = 'x'", "DELETE FROM job_event"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            database.execute(statement)


def test_what_is_acknowledged_is_there_for_the_next_runtime(tmp_path: Path, clock: Clock) -> None:
    connection = open_database(tmp_path / "other.db", mounts=LOCAL)
    job = JobQueue(connection, clock).submit(REQUEST, 2)
    again = open_database(tmp_path / "other.db", mounts=LOCAL)
    claimed = claim(JobQueue(again, clock))
    assert claimed.job == job
    assert [each.token for each in JobQueue(connection, clock).running()] == [1]
    again.close()
    connection.close()


def test_claims_use_indexes_however_many_wait(database: sqlite3.Connection, queue: JobQueue) -> None:
    statements: list[str] = []
    queue.submit(REQUEST, 1)
    queue.submit(structs.replace(REQUEST, plugin="other"), 1, not_before=5_000.0)
    database.set_trace_callback(statements.append)
    queue.claim(anything, 10)
    database.set_trace_callback(None)
    looked = [each for each in statements if each.lstrip().startswith(("SELECT", "UPDATE")) and " job " in each]
    assert len(looked) >= 5
    for statement in looked:
        plan = [row["detail"] for row in database.execute(f"EXPLAIN QUERY PLAN {statement}")]
        assert not any(line.startswith("SCAN") for line in plan), (statement, plan)


def test_recent_has_every_live_job_and_the_newest_ended(queue: JobQueue) -> None:
    ended = [queue.submit(REQUEST, 1) for _ in range(3)]
    for job in ended:
        queue.request_cancel(job)
    live = queue.submit(REQUEST, 1)
    assert [record.job for record in queue.recent(2)] == [*ended[1:], live]
