"""Which steps of a job need not be done again, decided from what is recorded."""

from collections.abc import Iterable, Mapping
from typing import Any

from quarterdeck_api.errors import UsageError
from quarterdeck_api.jobs import JobState, JobStep
from quarterdeck_api.resources import CORE, Address


def kept_steps(steps: Iterable[JobStep], done: Mapping[str, Any]) -> tuple[JobStep, ...]:
    """Steps of attempts before that the next one shows: those that are done."""
    latest = {step.name: step for step in steps if step.name in done and step.state is JobState.SUCCEEDED}
    return tuple(latest.values())


def done_before(job: int, first: str, steps: Iterable[JobStep], done: Mapping[str, Any]) -> dict[str, Any]:
    """What stays done when a job is run again from the step `first`; raises UsageError for a step that the job never had."""
    names = list(dict.fromkeys([*done, *(step.name for step in steps)]))
    if first not in names:
        raise UsageError(
            f"job {job} has no step {first!r}",
            f"it has: {', '.join(names)}" if names else "leave --from out: the job has no steps",
            str(Address(CORE, "job", str(job))),
        )
    if first not in done:
        return dict(done)
    order = list(done)
    return {name: done[name] for name in order[: order.index(first)]}
