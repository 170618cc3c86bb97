"""The one backend, and the jobs."""

import asyncio
import sys
import time
from pathlib import Path

from quarterdeck_api.backend import WatchContext
from quarterdeck_api.jobs import HostJobContext, JobContext, JobValue
from quarterdeck_api.process import ManagedProcess
from quarterdeck_api.resources import Synced, Upsert
from quarterdeck_lodger import VERSION


class Room:
    """A backend with one room."""

    def watch(self, context: WatchContext) -> None:
        cells = {"prefix": sys.prefix, "version": VERSION}
        context.emit(Upsert(context.resource("room", "r1", cells=cells)))
        context.emit(Synced(("room",)))
        while not context.wait(60.0):
            pass

    def close(self) -> None:
        """There is nothing to release."""


def open_room(name: str, settings: object) -> Room:
    return Room()


def stay(context: JobContext) -> JobValue:
    context.step("staying")
    until = str(context.spec.parameters.get("until", ""))
    while until and not Path(until).exists():
        context.raise_if_cancelled()
        time.sleep(0.05)
    from quarterdeck_lodger.leaving import farewell  # As late as code can be needed.

    return JobValue(farewell())


async def host_stay(context: HostJobContext) -> JobValue:
    context.step("staying")
    until = str(context.spec.parameters.get("until", ""))
    while until and not Path(until).exists():
        context.raise_if_cancelled()
        await asyncio.sleep(0.05)
    from quarterdeck_lodger.leaving import farewell

    return JobValue(farewell())


def guest(process: ManagedProcess) -> None:
    process.ready(f"{VERSION} in {sys.prefix}")
    while not process.wait_drain(60.0):
        pass
