"""The backend: its stages are resources as it hears of them."""

import threading

from msgspec import Struct

from quarterdeck_api.backend import ActionRequest, ActionResult, WatchContext
from quarterdeck_api.errors import UnsupportedError
from quarterdeck_api.processes import ControlMessage, ProcessReport, Telemetry
from quarterdeck_api.resources import Address, Synced, Upsert


class Settings(Struct):
    """There is nothing to set."""


class StagesBackend:
    """Follows its managed processes; implements ProcessListener."""

    def __init__(self, name: str, settings: Settings) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._context: WatchContext | None = None
        self._reports: dict[str, ProcessReport] = {}
        self._seen: dict[str, tuple[int, float, str]] = {}

    def watch(self, context: WatchContext) -> None:
        self._context = context
        while not context.stopped:
            self._wake.clear()
            with self._lock:
                reports, seen = dict(self._reports), dict(self._seen)
            for name, report in reports.items():
                calls, value, phase = seen.get(name, (0, 0.0, ""))
                cells = {"connected": report.connected, "seen": value, "calls": calls, "phase": phase}
                context.emit(
                    Upsert(
                        context.resource("stage", name, cells=cells, health=report.health.value, state=report.message)
                    )
                )
            context.emit(Synced(("stage",)))
            while not (self._wake.wait(0.1) or context.stopped):
                continue

    def close(self) -> None:
        self._wake.set()

    def process_changed(self, report: ProcessReport) -> None:
        with self._lock:
            self._reports[report.name] = report
        self._wake.set()

    def process_telemetry(self, instance: str, telemetry: Telemetry) -> None:
        with self._lock:
            calls, value, phase = self._seen.get(instance, (0, 0.0, ""))
            self._seen[instance] = (
                calls + 1,
                telemetry.values.get("seen", value),
                telemetry.notes.get("phase", phase),
            )
        self._wake.set()

    def perform(self, request: ActionRequest) -> ActionResult:
        if request.action != "stage.tune" or self._context is None:
            raise UnsupportedError(f"{request.action} is unknown here", "see the plugin's actions", request.address)
        message = ControlMessage("threshold", {"value": request.parameters["value"]})
        answer = self._context.send(Address.parse(request.address).name, message)
        return ActionResult(f"threshold {answer.body['threshold']:g}")


def open_stages(name: str, settings: Settings) -> StagesBackend:
    """Opens the backend."""
    return StagesBackend(name, settings)
