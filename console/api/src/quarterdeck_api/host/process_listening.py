"""Telling a backend what becomes of its managed processes: in the pool, one call at a time for each instance, coalesced to the latest."""

import asyncio
from collections.abc import Callable

from msgspec.structs import replace

from quarterdeck_api.backend import Backend, ProcessListener
from quarterdeck_api.errors import QuarterdeckError, UnreachableError
from quarterdeck_api.host.backends import BackendRunner
from quarterdeck_api.host.faults import log_fault
from quarterdeck_api.processes import ProcessReport, Telemetry

#: Seconds between two looks whether a backend is open that has something to be told.
_PAUSE = 0.5


class ProcessFollower:
    """Tells one backend of one instance. `runner` gives the backend's runner, None while there is none."""

    def __init__(self, name: str, runner: Callable[[], BackendRunner | None]) -> None:
        self._name = name
        self._runner = runner
        self._report = ProcessReport(name, False)
        self._report_new = False
        self._telemetry: Telemetry | None = None
        self._told: object = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def changed(self, report: ProcessReport) -> None:
        """The instance came, went, or beats; the backend is told when that is news, or when it was opened since."""
        known = self._report
        self._report = report
        backend = _open_backend(self._runner())
        other = backend is not None and backend is not self._told
        if other or (report.connected, report.health, report.message) != (
            known.connected,
            known.health,
            known.message,
        ):
            self._report_new = True
            self._begin()

    def telemetry(self, told: Telemetry) -> None:
        """The instance reported something."""
        earlier = self._telemetry or Telemetry({})
        self._telemetry = replace(
            told,
            values={**earlier.values, **told.values},
            units={**earlier.units, **told.units},
            notes={**earlier.notes, **told.notes},
        )
        self._begin()

    def close(self, last: ProcessReport) -> None:
        """The instance is no longer expected: that is the last thing that is told."""
        was_connected = self._report.connected
        self._closed = True
        if was_connected:
            self._report, self._report_new, self._telemetry = last, True, None
            self._begin()

    def _begin(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        while self._report_new or self._telemetry is not None:
            runner = self._runner()
            backend = _open_backend(runner)
            if runner is None or backend is None:
                if self._closed:
                    return
                await asyncio.sleep(_PAUSE)
                continue
            if not isinstance(backend, ProcessListener):
                self._report_new, self._telemetry = False, None
                return
            if backend is not self._told:
                self._report_new, self._told = True, backend
            report_new, report = self._report_new, self._report
            told, self._telemetry = (None, self._telemetry) if report_new else (self._telemetry, None)
            self._report_new = False
            try:
                if report_new:
                    await self._call(runner, lambda listener, report=report: listener.process_changed(report))
                elif told is not None:
                    await self._call(runner, lambda listener, told=told: listener.process_telemetry(self._name, told))
            except QuarterdeckError as error:
                log_fault(f"telling {runner.name} of {self._name}", error)

    async def _call(self, runner: BackendRunner, function: Callable[[ProcessListener], None]) -> None:
        await runner.call(ProcessListener, "follow its processes", function, type(None))


def _open_backend(runner: BackendRunner | None) -> Backend | None:
    """The backend when it is open and can be called now."""
    try:
        return runner.backend if runner is not None else None
    except UnreachableError:
        return None
