"""Steps of attempts: what is followed, what a result tells afterwards, and what the next attempt keeps."""

from quarterdeck.runtime.jobs.attempts import Attempt
from quarterdeck.runtime.jobs.rows import Lane
from quarterdeck.runtime.jobs.steps import kept_steps
from quarterdeck_api.catalogue import RunsIn
from quarterdeck_api.host_protocol import JobProgress
from quarterdeck_api.jobs import JobState, JobStep

BEFORE = JobStep("build", 1.0, 2.0, 0, JobState.SUCCEEDED, 1)


def attempt(*steps: JobStep) -> Attempt:
    return Attempt(1, 2, Lane("a", "a.b"), RunsIn.HOST, 10.0, steps=list(steps))


def states(found: Attempt) -> list[tuple[str, str, int]]:
    return [(step.name, step.state.value, step.attempt) for step in found.steps]


def test_a_step_ends_with_its_block_or_with_the_next_one() -> None:
    found = attempt(BEFORE)
    assert found.note(JobProgress(1, 2, step="push", log_offset=5, began=11.0), 0.0)
    assert found.note(JobProgress(1, 2, step="wait", log_offset=9, began=12.0), 0.0)
    assert found.note(JobProgress(1, 2, step="wait", began=13.0, step_state="failed"), 0.0)
    assert not found.note(JobProgress(1, 2, step="wait", began=13.0, step_state="failed"), 0.0)  # Repeated by a guard.
    assert states(found) == [("build", "succeeded", 1), ("push", "succeeded", 2), ("wait", "failed", 2)]
    assert [(step.started, step.ended, step.log_offset) for step in found.steps[1:]] == [
        (11.0, 12.0, 5),
        (12.0, 13.0, 9),
    ]


def test_a_result_completes_what_nobody_followed() -> None:
    found = attempt(BEFORE, JobStep("push", 11.0, 0.0, 5, JobState.RUNNING, 2))
    told = (
        JobStep("push", 11.1, 12.0, 0, JobState.SUCCEEDED, 2),
        JobStep("wait", 12.0, 13.0, 0, JobState.SUCCEEDED, 2),
    )
    found.complete(told)
    assert states(found) == [("build", "succeeded", 1), ("push", "succeeded", 2), ("wait", "succeeded", 2)]
    assert found.steps[1] == JobStep("push", 11.0, 12.0, 5, JobState.SUCCEEDED, 2)  # Its place in the log stays.
    found.complete(())
    assert len(found.steps) == 3


def test_steps_that_are_done_are_kept_once() -> None:
    steps = (
        BEFORE,
        JobStep("push", 3.0, 4.0, 0, JobState.FAILED, 1),
        JobStep("push", 5.0, 6.0, 0, JobState.SUCCEEDED, 2),
    )
    assert kept_steps(steps, {"build": "v1", "push": True}) == (BEFORE, steps[2])
    assert kept_steps(steps, {"build": "v1"}) == (BEFORE,)
    assert kept_steps(steps, {}) == ()
