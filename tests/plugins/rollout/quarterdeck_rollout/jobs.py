"""Jobs of several steps, jobs that start others, and one that maps."""

import asyncio
import hashlib
import os
import signal
import time
from pathlib import Path

import msgspec

from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.jobs import HostJobContext, JobContext, JobOutcome, JobReporting, JobState, JobValue
from quarterdeck_rollout.parameters import Release, RollOut, Score

_LOOK_SECONDS = 0.02


async def roll_out(context: HostJobContext) -> JobValue:
    """Builds an image, pushes it, and waits for the cluster; each is done once, however often the job is begun."""
    given = msgspec.convert(context.spec.parameters, RollOut)
    image = context.done("build")
    if image is None:
        with context.step("build"):
            await _obey(context, given, "build")
            image = await context.call(lambda: _build(context, given.version), 30.0)
        context.finish_step("build", image)
    context.progress(0.3, f"built {image}")
    if not context.done("push"):
        with context.step("push"):
            await _obey(context, given, "push")
            _note(context, f"push {image}")
        context.finish_step("push")
    context.progress(0.6, f"pushed {image}")
    with context.step("wait"):
        if context.spec.checkpoint is None:  # The cluster is asked once; afterwards its answer is waited for.
            _note(context, f"ask {image}")
            context.checkpoint({"rollout": f"r-{given.version}"})
        await _obey(context, given, "wait")
        _note(context, f"ready {image}")
    return JobValue({"image": image, "attempt": context.spec.attempt})


def score(context: JobContext) -> JobValue:
    """Squares numbers in several processes."""
    given = msgspec.convert(context.spec.parameters, Score)
    items = [(number, given.seconds, given.fail) for number in range(given.items)]
    results = context.map(score_item, items, lambda done, of: context.progress(done / of, f"{done} of {of}"))
    return JobValue({"sum": sum(square for square, _ in results), "pids": sorted({pid for _, pid in results})})


def score_item(item: tuple[int, float, int]) -> tuple[int, int]:
    """One number's square, and the process that made it."""
    number, seconds, fail = item
    time.sleep(seconds)
    if number == fail:
        raise LookupError("this item has no score")
    return number * number, os.getpid()


def release(context: JobContext) -> JobValue:
    """Starts jobs in a worker and waits for them."""
    given = msgspec.convert(context.spec.parameters, Release)
    ended: list[JobOutcome] = []
    for number in range(given.scores):
        job = context.jobs.submit(given.action, context.spec.address, {"items": number + 2}, key=f"score-{number}")
        _note(context, f"{context.spec.attempt} started {job}")
        if given.crash and context.spec.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        ended.append(context.jobs.wait(job))
    return _released(ended)


async def host_release(context: HostJobContext) -> JobValue:
    """The same in the host, all at once."""
    given = msgspec.convert(context.spec.parameters, Release)

    async def one(number: int) -> JobOutcome:
        job = await context.jobs.submit(
            given.action, context.spec.address, {"items": number + 2}, key=f"score-{number}"
        )
        _note(context, f"{context.spec.attempt} started {job}")
        return await context.jobs.wait(job)

    return _released(await asyncio.gather(*(one(number) for number in range(given.scores))))


def login(context: JobContext) -> JobValue:
    """Says what the token was without saying it."""
    token = str(context.spec.parameters["token"])
    return JobValue({"sha256": hashlib.sha256(token.encode()).hexdigest()})


def _released(ended: list[JobOutcome]) -> JobValue:
    failed = [outcome for outcome in ended if outcome.state is not JobState.SUCCEEDED]
    if failed:
        raise QuarterdeckError(f"{failed[0].address} ended as {failed[0].state.value}", "see its log")
    return JobValue(
        {"jobs": [each.address for each in ended], "sums": [(each.data or {}).get("sum") for each in ended]}
    )


def _folder(context: JobReporting) -> Path:
    return Path(str(context.spec.parameters["folder"]))


def _note(context: JobReporting, line: str) -> None:
    with (_folder(context) / "trail").open("a", encoding="utf-8") as trail:
        trail.write(f"{line}\n")


def _build(context: JobReporting, version: str) -> str:
    context.log(f"building version {version}")
    _note(context, f"build {version}")
    return f"image-{version}"


async def _obey(context: HostJobContext, given: RollOut, step: str) -> None:
    """Halts or fails at a step, as the parameters say."""
    folder = Path(given.folder)
    while given.hold == step and not (folder / "go").exists():
        await asyncio.sleep(_LOOK_SECONDS)
    if given.fail == step and not (folder / "fixed").exists():
        raise QuarterdeckError(f"step {step} was told to fail", f"make {folder / 'fixed'}, then retry the job")
