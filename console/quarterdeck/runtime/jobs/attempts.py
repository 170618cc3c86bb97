"""Attempts at jobs as the runtime follows them: what a process is told, and how far it came."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from quarterdeck.config.paths import InstancePaths
from quarterdeck.runtime.borders import JobEnvironment, MapTerms
from quarterdeck.runtime.jobs.artefacts import lease_path, log_path, spool_folder
from quarterdeck.runtime.jobs.rows import Claim, Lane
from quarterdeck.runtime.jobs.secret_fields import with_secrets
from quarterdeck_api.catalogue import JobTypeInfo, RunsIn
from quarterdeck_api.host_protocol import JobProgress
from quarterdeck_api.jobs import JobResult, JobSpec, JobState, JobStep
from quarterdeck_api.protocol import JobRecord

_MOST_STEPS = 200
_LONGEST_MESSAGE = 500


class ResultKeeper(Protocol):
    """Something that takes files of results over, as the catalogue of datasets does."""

    def keep(self, record: JobRecord, result: JobResult, folder: Path) -> JobResult:
        """Takes what it wants from the spool folder and gives the result to record; may be repeated. Raises QuarterdeckError."""
        ...


@dataclass(eq=False)
class Attempt:
    """A running attempt, followed in memory; `started` in Unix seconds, `limit` in seconds (0 is none)."""

    job: int
    token: int
    lane: Lane
    runs_in: RunsIn
    started: float
    limit: float = 0.0
    grace: float = 5.0
    starting: bool = False
    cancel_requested: bool = False
    progress: float = 0.0
    message: str = ""
    steps: list[JobStep] = field(default_factory=list[JobStep])
    limit_timer: asyncio.TimerHandle | None = None
    publish_timer: asyncio.TimerHandle | None = None
    unpublished: bool = False

    def too_long(self, now: float) -> bool:
        """Whether the attempt has used up its wall-clock limit."""
        return self.limit > 0 and now - self.started >= self.limit

    def note(self, report: JobProgress, now: float) -> bool:
        """Takes a report of progress over; True when a step began, which is worth keeping on disk.

        A guard repeats the steps of its job to a runtime that adopts it; the ones that are known already change nothing.
        """
        if report.fraction >= 0:
            self.progress = min(report.fraction, 1.0)
        if report.message:
            self.message = report.message[:_LONGEST_MESSAGE]
        began = report.began or now
        if not report.step or (len(self.steps) >= _MOST_STEPS and not report.step_state):
            return False
        if report.step_state:
            return self._end_named(report.step[:_LONGEST_MESSAGE], JobState(report.step_state), began)
        step = JobStep(report.step[:_LONGEST_MESSAGE], began, log_offset=report.log_offset, attempt=self.token)
        if any((each.name, each.started) == (step.name, step.started) for each in self.steps):
            return False
        self.end_step(began, JobState.SUCCEEDED)
        self.steps.append(step)
        return True

    def complete(self, told: Iterable[JobStep]) -> None:
        """Takes over what the result tells of this attempt's steps, where nobody was there to follow them."""
        ours = [step for step in self.steps if step.attempt == self.token]
        kept = self.steps[: len(self.steps) - len(ours)]
        merged: list[JobStep] = []
        for index, step in enumerate(told):
            known = ours[index] if index < len(ours) and ours[index].name == step.name else step
            merged.append(known if known.ended else msgspec.structs.replace(known, ended=step.ended, state=step.state))
        if len(merged) >= len(ours):
            self.steps = [*kept, *merged]

    def end_step(self, now: float, state: JobState) -> None:
        """The step that runs, if one does, has ended so."""
        if self.steps and not self.steps[-1].ended:
            self.steps[-1] = msgspec.structs.replace(self.steps[-1], ended=now, state=state)

    def _end_named(self, name: str, state: JobState, now: float) -> bool:
        """Ends the step of that name; False when it has ended already."""
        for index, step in enumerate(self.steps):
            if step.name == name and not step.ended:
                self.steps[index] = msgspec.structs.replace(step, ended=now, state=state)
                return True
        return False

    def stop_timers(self) -> None:
        """Ends every timer of the attempt."""
        for timer in (self.limit_timer, self.publish_timer):
            if timer is not None:
                timer.cancel()


def job_spec(
    paths: InstancePaths, environment: JobEnvironment, claim: Claim, job_type: JobTypeInfo, maps: MapTerms
) -> JobSpec:
    """What the process of an attempt is told.

    Raises UsageError for what no longer exists, UnreachableError for a secret that is missing.
    """
    record = claim.record
    backend = environment.backend_target(record.target)
    parameters, settings = with_secrets(record.parameters, record.settings, claim.secrets, environment.secret)
    return JobSpec(
        job=claim.job,
        token=claim.token,
        attempt=record.attempt,
        job_type=record.job_type,
        implementation=job_type.implementation,
        backend=backend.name,
        backend_factory=backend.factory,
        backend_settings=backend.settings,
        address=record.target,
        parameters=parameters,
        settings=settings,
        datasets=environment.dataset_locations(record),
        lease_path=str(lease_path(paths, claim.job, claim.token)),
        log_path=str(log_path(paths, claim.job, claim.token)),
        spool_folder=str(spool_folder(paths, claim.job, claim.token)),
        checkpoint=claim.checkpoint,
        wall_clock_limit=job_type.wall_clock_limit,
        grace=job_type.grace,
        done=claim.done,
        map_processes=maps.processes,
        dask=maps.dask,
    )


class Publisher:
    """Publishes progress at once, then at most every `interval` seconds for an attempt, always the last state."""

    def __init__(self, publish: Callable[[Attempt], None], interval: float = 0.05) -> None:
        self._publish = publish
        self._interval = interval

    def progressed(self, attempt: Attempt) -> None:
        """Progress of an attempt is to be seen."""
        if attempt.publish_timer is not None:
            attempt.unpublished = True
            return
        self._publish(attempt)
        loop = asyncio.get_running_loop()
        attempt.publish_timer = loop.call_later(self._interval, self._timer_ended, attempt)

    def _timer_ended(self, attempt: Attempt) -> None:
        attempt.publish_timer = None
        if attempt.unpublished:
            attempt.unpublished = False
            self.progressed(attempt)
