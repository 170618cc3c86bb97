"""Jobs that depend on others: those that come after some, and those that a job has started."""

from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from quarterdeck.runtime.borders import JobParent
from quarterdeck.runtime.database import open_database
from quarterdeck.runtime.jobs.queue import JobQueue
from quarterdeck.runtime.schema import MIGRATIONS
from quarterdeck_api.errors import RefusedError, UsageError
from quarterdeck_api.jobs import JobState
from queue_bench import LOCAL, REQUEST, anything, claim, failed, new_clock, open_queue, open_state, succeeded

clock = pytest.fixture(new_clock)
database = pytest.fixture(open_state)
queue = pytest.fixture(open_queue)


def test_a_job_comes_after_another(queue: JobQueue) -> None:
    first = queue.submit(REQUEST, 1)
    second = queue.submit(structs.replace(REQUEST, after=(first,), priority=9), 1)
    claimed = claim(queue)
    assert claimed.job == first and queue.claim(anything, 100) is None
    queue.finish(first, claimed.token, succeeded(claimed))
    assert claim(queue).job == second
    third = queue.submit(structs.replace(REQUEST, after=(first,)), 1)
    assert claim(queue).job == third


def test_a_job_comes_after_several_others(queue: JobQueue) -> None:
    first, second = queue.submit(REQUEST, 1), queue.submit(REQUEST, 1)
    third = queue.submit(structs.replace(REQUEST, after=(first, second, first)), 1)
    assert queue.summary(third).after == (first, second)
    for _ in range(2):
        claimed = claim(queue)
        assert claimed.job != third and queue.summary(third).state is JobState.QUEUED
        queue.finish(claimed.job, claimed.token, succeeded(claimed))
    assert claim(queue).job == third


def test_one_failure_among_several_is_enough(queue: JobQueue) -> None:
    first, second = queue.submit(REQUEST, 1), queue.submit(REQUEST, 1)
    third = queue.submit(structs.replace(REQUEST, after=(first, second)), 1)
    claimed = claim(queue)
    queue.finish(claimed.job, claimed.token, succeeded(claimed))
    queue.request_cancel(second)
    error = queue.record(third).error
    assert error is not None and f"core/job/{second}" in error.message


def test_jobs_of_an_older_database_still_come_after_theirs(home: Path) -> None:
    path = home / "state.db"
    home.mkdir(exist_ok=True)
    old = open_database(path, migrations=MIGRATIONS[:2], mounts=LOCAL)
    for number, after in ((1, 0), (2, 1)):
        old.execute(
            "INSERT INTO job VALUES (?, 't', 'p', 'a', '', '{}', '{}', 'worker', '', 0, ?, 0, 'queued', ?, 0, 1, 1, 0, 1, 0, 0, 0, '', "
            "NULL, NULL, '[]', '[]', NULL)",
            (number, after, "after" if after else "open"),
        )
    old.close()
    with closing(open_database(path, mounts=LOCAL)) as database:
        queue = JobQueue(database, lambda: 5.0)
        assert [queue.summary(number).after for number in (1, 2)] == [(), (1,)]
        claimed = claim(queue)
        assert claimed.job == 1 and queue.claim(anything, 100) is None
        queue.finish(1, claimed.token, succeeded(claimed))
        assert claim(queue).job == 2


def test_what_comes_after_a_job_that_did_not_succeed_fails_naming_it(queue: JobQueue) -> None:
    first = queue.submit(REQUEST, 1)
    second = queue.submit(structs.replace(REQUEST, after=(first,)), 1)
    third = queue.submit(structs.replace(REQUEST, after=(second,)), 1)
    queue.take_changed()
    queue.request_cancel(first)
    error = queue.record(second).error
    assert error is not None and f"core/job/{first}" in error.message and "was cancelled" in error.message
    assert queue.summary(third).state is JobState.FAILED
    assert sorted(queue.take_changed()) == [first, second, third]
    with pytest.raises(RefusedError):
        queue.retry(second)
    with pytest.raises(RefusedError):
        queue.submit(structs.replace(REQUEST, after=(first,)), 1)
    with pytest.raises(UsageError):
        queue.submit(structs.replace(REQUEST, after=(99,)), 1)


def test_a_key_names_one_job_of_a_parent(queue: JobQueue) -> None:
    parent = queue.submit(REQUEST, 3)
    running = claim(queue)
    child = msgspec.structs.replace(REQUEST, parent=JobParent(parent, running.token, "fold-1"))
    number = queue.submit(child, 1)
    assert queue.submit(child, 1) == number
    assert queue.submit(msgspec.structs.replace(child, parent=JobParent(parent, 1, "fold-2")), 1) != number
    assert queue.submit(msgspec.structs.replace(child, parent=JobParent(parent + 1, 1, "fold-1")), 1) != number
    unnamed = msgspec.structs.replace(child, parent=JobParent(parent, 1))
    assert queue.submit(unnamed, 1) != queue.submit(unnamed, 1)


def test_a_child_that_failed_is_started_anew_by_a_later_attempt_only(queue: JobQueue) -> None:
    parent = queue.submit(REQUEST, 3)
    claim(queue)
    number = queue.submit(msgspec.structs.replace(REQUEST, parent=JobParent(parent, 1, "fold")), 1)
    child = claim(queue)
    queue.finish(number, child.token, failed(child, retry=False))
    assert queue.started_job(JobParent(parent, 1, "fold")) == number
    assert queue.started_job(JobParent(parent, 2, "fold")) is None
    again = queue.submit(msgspec.structs.replace(REQUEST, parent=JobParent(parent, 2, "fold")), 1)
    assert again != number
    second = claim(queue)
    queue.finish(again, second.token, succeeded(second))
    assert queue.started_job(JobParent(parent, 3, "fold")) == again
