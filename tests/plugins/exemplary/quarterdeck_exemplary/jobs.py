"""Jobs that sleep, fail and crash as they are told."""

import asyncio
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quarterdeck_api.documents import Document, Fact, FactsBlock
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.jobs import JobContext, JobValue

_SLICE_SECONDS = 0.02


def sleep(context: JobContext) -> JobValue:
    """Sleeps in steps, goes on after the last checkpoint, and ends as its parameters say."""
    with _trail(context):
        first = _first_step(context)
        for step in range(first, _steps(context)):
            _begin(context, step)
            ends = time.monotonic() + _step_seconds(context)
            while time.monotonic() < ends:
                context.raise_if_cancelled()
                time.sleep(min(_SLICE_SECONDS, max(0.0, ends - time.monotonic())))
            context.checkpoint(step + 1)
        return _end(context, first)


async def host_sleep(context: JobContext) -> JobValue:
    """The same in the host."""
    with _trail(context):
        first = _first_step(context)
        for step in range(first, _steps(context)):
            _begin(context, step)
            ends = time.monotonic() + _step_seconds(context)
            while time.monotonic() < ends:
                context.raise_if_cancelled()
                await asyncio.sleep(min(_SLICE_SECONDS, max(0.0, ends - time.monotonic())))
            context.checkpoint(step + 1)
        return _end(context, first)


def empty(context: JobContext) -> JobValue:
    """Does nothing."""
    return JobValue({})


@contextmanager
def _trail(context: JobContext) -> Iterator[None]:
    """Appends to a file of the job what its attempts do, and `overlap` when another attempt of it lives: the lock is the kernel's."""
    folder = str(context.spec.parameters.get("trail", ""))
    if not folder:
        yield
        return
    with (Path(folder) / str(context.spec.job)).open("a", encoding="utf-8", buffering=1) as trail:
        try:
            fcntl.flock(trail, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            trail.write(f"overlap {context.spec.token}\n")
        trail.write(f"begin {context.spec.token}\n")
        yield
        trail.write(f"end {context.spec.token}\n")


def _steps(context: JobContext) -> int:
    return int(context.spec.parameters.get("steps", 4))


def _step_seconds(context: JobContext) -> float:
    return float(context.spec.parameters.get("seconds", 1.0)) / _steps(context)


def _first_step(context: JobContext) -> int:
    return int(context.spec.checkpoint or 0)


def _begin(context: JobContext, step: int) -> None:
    context.step(f"step-{step + 1}")
    context.progress(step / _steps(context), f"step {step + 1} of {_steps(context)}")
    context.log(f"step {step + 1} of {_steps(context)} by process {os.getpid()}")


def _end(context: JobContext, first: int) -> JobValue:
    if context.spec.parameters.get("work", False):
        (context.work_folder() / f"by-attempt-{context.spec.token}").touch()
        context.log("shared: " + " ".join(sorted(each.name for each in context.work_folder().iterdir())))
    if context.spec.parameters.get("crash", False):
        os.kill(os.getpid(), signal.SIGKILL)
    if context.spec.parameters.get("fail", False):
        raise QuarterdeckError(f"the job on {context.spec.address} was told to fail", "leave out --fail")
    if context.spec.parameters.get("artefact", False):
        context.artefact("slept.txt", "text/plain", "What was slept").write_text("well slept\n", encoding="utf-8")
        if context.spec.parameters.get("trail", ""):
            context.artefact(f"by-attempt-{context.spec.token}.txt", "text/plain").touch()
    context.progress(1.0, "slept")
    data = {"steps": _steps(context), "first_step": first, "attempt": context.spec.attempt, "pid": os.getpid()}
    return JobValue(data, Document("Sleep", (FactsBlock(tuple(Fact(key, value) for key, value in data.items())),)))
