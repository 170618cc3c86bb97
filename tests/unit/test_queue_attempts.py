"""Attempts in the job queue: how they end, when another follows and with what, and that outdated tokens change nothing."""

import pytest

from quarterdeck.runtime.jobs.decisions import Standing, ending, retry_delay
from quarterdeck.runtime.jobs.queue import JobQueue
from quarterdeck_api.errors import RefusedError, UsageError
from quarterdeck_api.jobs import JobResult, JobState, JobStep
from queue_bench import ERROR, REQUEST, Clock, claim, events, failed, new_clock, open_queue, open_state, succeeded

clock = pytest.fixture(new_clock)
database = pytest.fixture(open_state)
queue = pytest.fixture(open_queue)


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


def test_delays_double_up_to_a_bound() -> None:
    assert [retry_delay(failures, 0.0) for failures in (1, 2, 3)] == [1.0, 2.0, 4.0]
    assert retry_delay(50, 0.0) == 300.0
    assert retry_delay(2, 1.0) == 1.0


def test_a_cancelled_attempt_is_not_tried_again_even_when_the_runtime_ended() -> None:
    standing = Standing(1, 3, 3, cancel_requested=True)
    assert ending(standing, JobState.FAILED, ERROR, True, 0.5, blameless=True).state is JobState.CANCELLED


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
