"""Jobs that run in the host."""

import asyncio
import subprocess
import time

from quarterdeck_api.jobs import JobContext, JobValue


async def quick(context: JobContext) -> JobValue:
    """Steps, progresses, keeps a checkpoint and an artefact, and returns its parameters."""
    context.step("wait")
    await asyncio.sleep(0)
    context.progress(0.5, "half")
    context.checkpoint({"seen": 1})
    context.log("a line of the job")
    context.artefact("note.txt", "text/plain").write_text("hello")
    return JobValue({"parameters": context.spec.parameters, "backend": type(context.open()).__name__})


async def patient(context: JobContext) -> JobValue:
    """Waits until it is cancelled."""
    context.step("waiting")
    await asyncio.sleep(3600)
    return JobValue({})


async def stubborn(context: JobContext) -> JobValue:
    """Does not care for being cancelled."""
    context.step("waiting")
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            context.log("no")


async def failing(context: JobContext) -> JobValue:
    """Raises."""
    raise ValueError("this never works")


async def blocking(context: JobContext) -> JobValue:
    """Blocks the host's loop, which a coroutine must not."""
    time.sleep(3600)
    return JobValue({})


async def parenting(context: JobContext) -> JobValue:
    """Starts a process and waits."""
    child = subprocess.Popen(["sleep", "3600"])
    context.log(f"child {child.pid}")
    context.step("waiting")
    await asyncio.sleep(3600)
    return JobValue({})
