"""The job queue: every job ends once, one live job a key, outdated tokens change nothing, whatever the order of events."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import structs

from quarterdeck.runtime.borders import JobParent, JobRequest
from quarterdeck.runtime.database import open_database
from quarterdeck.runtime.jobs.decisions import Standing, ending, retry_delay
from quarterdeck.runtime.jobs.queue import JobQueue
from quarterdeck.runtime.jobs.rows import Claim, Lane
from quarterdeck.runtime.schema import MIGRATIONS
from quarterdeck_api.errors import ErrorReport, NotFoundError, QuarterdeckError, RefusedError, UsageError
from quarterdeck_api.jobs import ArtefactFile, JobResult, JobState, JobStep, JobValue

LOCAL = "/dev/vda / ext4 rw 0 0"
REQUEST = JobRequest("train", "demo", "model.train", "demo/model/a", {"epochs": 3}, {"order": [1, 2]})
ERROR = ErrorReport("failed", "it broke", "mend it")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_database(tmp_path / "state.db", mounts=LOCAL)
    yield connection
    connection.close()


@pytest.fixture
def queue(database: sqlite3.Connection, clock: Clock) -> JobQueue:
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


def test_a_retry_waits_longer_each_time_and_the_last_one_is_dead(queue: JobQueue, clock: Clock) -> None:
    job = queue.submit(REQUEST, 3)
    delays: list[float] = []
    for _ in range(2):
        claimed = claim(queue)
        queue.finish(job, claimed.token, failed(claimed, retry=True))
        due = queue.next_due()
        assert due is not None
        delays.append(due - clock.now)
        clock.now = due
    assert 0.5 <= delays[0] <= 1.0 <= delays[1] <= 2.0
    claimed = claim(queue)
    assert claimed.token == 3
    queue.finish(job, 3, failed(claimed, retry=True))
    record = queue.record(job)
    assert (record.state, record.error) == (JobState.DEAD, ERROR)
    assert events(queue, job) == ["submitted", "started", "retrying", "started", "retrying", "started", "dead"]


def test_an_error_that_trying_again_cannot_help_fails_at_once(queue: JobQueue) -> None:
    job = queue.submit(REQUEST, 3)
    claimed = claim(queue)
    queue.finish(job, claimed.token, failed(claimed, retry=False))
    assert queue.summary(job).state is JobState.FAILED


def test_outdated_tokens_change_nothing(queue: JobQueue, clock: Clock) -> None:
    job = queue.submit(REQUEST, 3)
    first = claim(queue)
    queue.lose(job, first.token, ERROR)
    clock.now += 10
    second = claim(queue)
    before = queue.record(job)
    calls: list[JobResult] = []

    def keep(result: JobResult) -> JobResult:
        calls.append(result)
        return result

    assert not queue.finish(job, first.token, succeeded(first), keep)
    assert not queue.lose(job, first.token, ERROR)
    assert not queue.checkpoint(job, first.token, {"at": 3}, {})
    assert not queue.keep_steps(job, first.token, (JobStep("fit", 1.0),), 0.5, "x")
    assert calls == [] and queue.record(job) == before
    assert queue.finish(job, second.token, succeeded(second))
    assert not queue.finish(job, second.token, failed(second, retry=True))


def test_what_keep_refuses_is_not_recorded(queue: JobQueue) -> None:
    job = queue.submit(REQUEST, 3)
    claimed = claim(queue)

    def refuse(_: JobResult) -> JobResult:
        raise RefusedError("the name is taken")

    with pytest.raises(RefusedError):
        queue.finish(job, claimed.token, succeeded(claimed), refuse)
    assert queue.summary(job).state is JobState.RUNNING
    assert queue.finish(job, claimed.token, succeeded(claimed))


def test_the_next_attempt_gets_the_checkpoint(queue: JobQueue, clock: Clock) -> None:
    job = queue.submit(REQUEST, 2)
    first = claim(queue)
    assert first.checkpoint is None
    queue.checkpoint(job, first.token, {"page": 7}, {"build": "v1"})
    queue.lose(job, first.token, ERROR)
    clock.now += 10
    second = claim(queue)
    assert second.checkpoint == {"page": 7}
    assert second.done == {"build": "v1"}
    queue.finish(job, second.token, failed(second, retry=False))
    queue.retry(job)
    third = claim(queue)
    assert third.checkpoint == {"page": 7}
    queue.finish(job, third.token, succeeded(third))
    queue.retry(job)
    assert claim(queue).checkpoint is None


def test_a_blameless_end_does_not_count(queue: JobQueue) -> None:
    job = queue.submit(REQUEST, 1)
    for token in (1, 2, 3):
        claimed = claim(queue)
        assert claimed.token == token
        queue.lose(job, token, ERROR, blameless=True)
        assert queue.summary(job).state is JobState.QUEUED
    claimed = claim(queue)
    queue.lose(job, claimed.token, ERROR)
    assert queue.summary(job).state is JobState.DEAD


def test_cancelling_a_queued_job_is_immediate(queue: JobQueue) -> None:
    job = queue.submit(REQUEST, 1)
    assert queue.request_cancel(job) is JobState.CANCELLED
    assert queue.claim(anything, 100) is None
    assert queue.request_cancel(job) is JobState.CANCELLED
    assert events(queue, job) == ["submitted", "cancelled"]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (JobState.SUCCEEDED, JobState.SUCCEEDED),
        (JobState.CANCELLED, JobState.CANCELLED),
        (JobState.FAILED, JobState.CANCELLED),
    ],
)
def test_a_running_job_that_was_asked_to_end(queue: JobQueue, outcome: JobState, expected: JobState) -> None:
    job = queue.submit(REQUEST, 3)
    claimed = claim(queue)
    assert queue.request_cancel(job) is JobState.RUNNING
    assert queue.running()[0].cancel_requested
    queue.finish(job, claimed.token, JobResult(job, claimed.token, outcome, error=None, retry=True))
    assert queue.summary(job).state is expected


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


def test_retry_gives_a_new_budget_and_clears_the_outcome(queue: JobQueue) -> None:
    job = queue.submit(REQUEST, 1)
    with pytest.raises(RefusedError):
        queue.retry(job)
    claimed = claim(queue)
    queue.finish(job, claimed.token, failed(claimed, retry=True))
    assert queue.summary(job).state is JobState.DEAD
    queue.retry(job)
    record = queue.record(job)
    assert (record.state, record.error, record.ended, record.max_attempts) == (JobState.QUEUED, None, 0.0, 2)
    claimed = claim(queue)
    assert claimed.token == 2
    queue.finish(job, 2, succeeded(claimed))
    assert queue.summary(job).state is JobState.SUCCEEDED


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


def test_delays_double_up_to_a_bound() -> None:
    assert [retry_delay(failures, 0.0) for failures in (1, 2, 3)] == [1.0, 2.0, 4.0]
    assert retry_delay(50, 0.0) == 300.0
    assert retry_delay(2, 1.0) == 1.0


def test_a_cancelled_attempt_is_not_tried_again_even_when_the_runtime_ended() -> None:
    standing = Standing(1, 3, 3, cancel_requested=True)
    assert ending(standing, JobState.FAILED, ERROR, True, 0.5, blameless=True).state is JobState.CANCELLED


class QueueMachine(RuleBasedStateMachine):
    """Random orders of everything that can happen, against the few things that must always hold."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.latest = self.clock.now
        self.database = sqlite3.connect(":memory:")
        self.claimed: list[Claim] = []
        self.current: dict[int, int] = {}

    @initialize()
    def open(self) -> None:
        self.database.close()
        self.database = sqlite3.connect(":memory:", isolation_level=None)
        self.database.row_factory = sqlite3.Row
        for statement in chain.from_iterable(MIGRATIONS):
            self.database.execute(statement)
        self.queue = JobQueue(self.database, self.clock, random.Random(3))

    def jobs(self) -> list[int]:
        return [row["number"] for row in self.database.execute("SELECT number FROM job")]

    @rule(
        key=st.sampled_from(["", "", "a", "b"]),
        priority=st.integers(-2, 2),
        after=st.lists(st.integers(1, 5), max_size=3),
        attempts=st.integers(1, 3),
        delay=st.sampled_from([0.0, 0.0, 20.0]),
        plugin=st.sampled_from(["p", "q"]),
    )
    def submit(self, key: str, priority: int, after: list[int], attempts: int, delay: float, plugin: str) -> None:
        known = self.jobs()
        live = self.queue.live_job(key)
        wanted = structs.replace(
            REQUEST, key=key, priority=priority, after=tuple(each for each in after if each in known), plugin=plugin
        )
        try:
            self.queue.submit(wanted, attempts, self.clock.now + delay if delay else 0.0)
        except RefusedError as refused:
            assert live is not None or wanted.after
            assert refused.address in {f"core/job/{each}" for each in (live, *wanted.after)}
        else:
            assert live is None

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        found = self.queue.claim(lambda _, running: running < limit, 3)
        if found is not None:
            assert found.token > self.current.get(found.job, 0)
            # A job whose time has come stays claimable when the clock is set back.
            assert found.record.not_before <= self.latest
            assert all("succeeded" in events(self.queue, before) for before in found.record.after)
            self.current[found.job] = found.token
            self.claimed.append(found)

    @precondition(lambda self: self.claimed)
    @rule(
        data=st.data(),
        state=st.sampled_from([JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED]),
        retry=st.booleans(),
    )
    def finish(self, data: st.DataObject, state: JobState, retry: bool) -> None:
        self.end(
            data,
            lambda it: self.queue.finish(
                it.job, it.token, JobResult(it.job, it.token, state, error=ERROR, retry=retry)
            ),
        )

    @precondition(lambda self: self.claimed)
    @rule(data=st.data(), blameless=st.booleans())
    def lose(self, data: st.DataObject, blameless: bool) -> None:
        self.end(data, lambda it: self.queue.lose(it.job, it.token, ERROR, blameless=blameless))

    def end(self, data: st.DataObject, act: object) -> None:
        attempt = data.draw(st.sampled_from(self.claimed))
        before = self.queue.record(attempt.job)
        valid = before.state is JobState.RUNNING and before.attempt == attempt.token
        assert callable(act)
        assert act(attempt) is valid
        after = self.queue.record(attempt.job)
        if valid:
            assert after.state is not JobState.RUNNING
        else:
            assert after == before

    @rule(number=st.integers(1, 8))
    def cancel(self, number: int) -> None:
        if number in self.jobs():
            before = self.queue.summary(number).state
            now = self.queue.request_cancel(number)
            assert now is (JobState.CANCELLED if before is JobState.QUEUED else before)

    @rule(number=st.integers(1, 8))
    def retry(self, number: int) -> None:
        try:
            self.queue.retry(number)
        except QuarterdeckError:
            return
        assert self.queue.summary(number).state is JobState.QUEUED

    @rule(seconds=st.sampled_from([0.5, 5.0, 400.0, -3.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds
        self.latest = max(self.latest, self.clock.now)

    @invariant()
    def every_job_ends_once(self) -> None:
        if not hasattr(self, "queue"):
            return
        for number in self.jobs():
            record = self.queue.record(number)
            ended = [each for each in record.history if each.event in ("succeeded", "failed", "cancelled", "dead")]
            revived = [each for each in record.history if each.event == "retried"]
            assert len(ended) == len(revived) + (1 if record.state.final else 0)
            started = [each.attempt for each in record.history if each.event == "started"]
            assert started == list(range(1, record.attempt + 1))
            assert bool(record.ended) is record.state.final
            assert record.attempt <= record.max_attempts

    @invariant()
    def a_key_has_at_most_one_live_job(self) -> None:
        if not hasattr(self, "queue"):
            return
        held = [
            row["n"]
            for row in self.database.execute(
                "SELECT count(*) AS n FROM job WHERE key <> '' AND state IN ('queued', 'running') GROUP BY key"
            )
        ]
        assert all(count == 1 for count in held)

    @invariant()
    def nothing_waits_behind_a_gate_for_ever(self) -> None:
        if not hasattr(self, "queue"):
            return
        stuck = self.database.execute(
            "SELECT count(*) AS n FROM job WHERE state = 'queued' AND gate = 'after' AND NOT EXISTS (SELECT 1 FROM job_after "
            "JOIN job AS before ON before.number = job_after.before "
            "WHERE job_after.job = job.number AND before.state IN ('queued', 'running'))"
        ).fetchone()["n"]
        assert stuck == 0

    def teardown(self) -> None:
        self.database.close()


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def _steps(*names: str, last: JobState = JobState.SUCCEEDED) -> tuple[JobStep, ...]:
    states = [JobState.SUCCEEDED] * (len(names) - 1) + [last]
    return tuple(JobStep(name, 1.0, 2.0, 0, state, 1) for name, state in zip(names, states, strict=True))


def test_a_retry_keeps_the_steps_that_are_done(queue: JobQueue) -> None:
    job = queue.submit(REQUEST, 1)
    first = claim(queue)
    queue.checkpoint(job, first.token, {"at": 1}, {"build": "v1", "push": True})
    queue.keep_steps(job, first.token, _steps("build", "push", "wait", last=JobState.FAILED), 0.5, "")
    queue.finish(job, first.token, failed(first, retry=False))
    queue.retry(job)
    second = claim(queue)
    assert (second.done, second.checkpoint) == ({"build": "v1", "push": True}, {"at": 1})
    assert [step.name for step in second.steps] == ["build", "push"]
    assert queue.record(job).steps == second.steps


def test_a_retry_from_a_step_does_it_and_what_follows_again(queue: JobQueue) -> None:
    job = queue.submit(REQUEST, 1)
    first = claim(queue)
    queue.checkpoint(job, first.token, {"at": 1}, {"build": "v1", "push": True})
    queue.keep_steps(job, first.token, _steps("build", "push", "wait"), 0.5, "")
    queue.finish(job, first.token, succeeded(first))
    with pytest.raises(UsageError, match="has no step 'deploy'") as caught:
        queue.retry(job, "deploy")
    assert caught.value.remedy == "it has: build, push, wait"
    queue.retry(job, "push")
    assert queue.record(job).history[-1].detail == "from step push"
    second = claim(queue)
    assert (second.done, second.checkpoint) == ({"build": "v1"}, None)
    assert [step.name for step in second.steps] == ["build"]


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
