"""Gauges with levels."""

import threading

from quarterdeck_api.backend import ActionRequest, ActionResult, Verdict, VerifiedOutcome, WatchContext
from quarterdeck_api.errors import NotFoundError, UnsupportedError
from quarterdeck_api.findings import Finding, Severity
from quarterdeck_api.resources import Address, Synced, Upsert
from quarterdeck_watchful.settings import GaugeSettings

#: Below this a gauge is a finding.
LOW = 10.0


class Gauges:
    """A few gauges; one below LOW is degraded, and a finding."""

    def __init__(self, name: str, settings: GaugeSettings) -> None:
        self._name = name
        self.levels = {f"g{number}": 50.0 for number in range(1, settings.gauges + 1)}
        self._changed = threading.Event()
        self._closed = threading.Event()

    def watch(self, context: WatchContext) -> None:
        while not context.stopped:
            self._changed.clear()
            for name, level in self.levels.items():
                health = "degraded" if level < LOW else "ok"
                reason = "it is nearly empty" if level < LOW else ""
                context.emit(
                    Upsert(
                        context.resource(
                            "gauge", name, cells={"level": level}, health=health, state="read", reason=reason
                        )
                    )
                )
            context.emit(Synced(("gauge",)))
            context.findings(
                [
                    Finding(
                        "gauge-low",
                        f"gauge {name} is at {level:g} %",
                        f"run `quarterdeck do gauge.set {self._name}/gauge/{name}`",
                        f"{self._name}/gauge/{name}",
                        Severity.CRITICAL,
                    )
                    for name, level in self.levels.items()
                    if level < LOW
                ]
            )
            while not self._changed.wait(0.05) and not context.stopped:
                pass

    def close(self) -> None:
        self._closed.set()

    def perform(self, request: ActionRequest) -> ActionResult:
        name = self._existing(request.address)
        level = float(str(request.parameters.get("level", 100.0)))
        match request.action:
            case "gauge.set" | "gauge.empty":
                self._put(name, level if request.action == "gauge.set" else 0.0)
                return ActionResult(f"{name} is at {self.levels[name]:g} %")
            case "gauge.set-silently":  # It happens, and the answer is lost.
                self._put(name, level)
                self._closed.wait()
                return ActionResult("the backend was closed")
            case "gauge.hang":
                self._closed.wait()
                return ActionResult("the backend was closed")
            case _:
                raise UnsupportedError(f"{request.action} is unknown here", "see the plugin's actions", request.address)

    def verify(self, request: ActionRequest) -> VerifiedOutcome:
        if request.action != "gauge.set-silently":
            return VerifiedOutcome(Verdict.UNCLEAR, "a gauge does not know who has looked at it")
        name, wanted = self._existing(request.address), float(str(request.parameters.get("level", 100.0)))
        happened = self.levels[name] == wanted
        verdict = Verdict.DONE if happened else Verdict.NOT_DONE
        return VerifiedOutcome(verdict, f"gauge {name} is at {self.levels[name]:g} %")

    def _put(self, name: str, level: float) -> None:
        self.levels[name] = level
        self._changed.set()

    def _existing(self, address: str) -> str:
        name = Address.parse(address).name
        if name not in self.levels:
            raise NotFoundError(f"there is no {address}", "see `quarterdeck get gauge`", address)
        return name


class Plain:
    """Gauges without `verify`."""

    def __init__(self, gauges: Gauges) -> None:
        self._gauges = gauges

    def watch(self, context: WatchContext) -> None:
        self._gauges.watch(context)

    def close(self) -> None:
        self._gauges.close()

    def perform(self, request: ActionRequest) -> ActionResult:
        return self._gauges.perform(request)


def open_gauges(name: str, settings: GaugeSettings) -> Gauges:
    """Opens the backend."""
    return Gauges(name, settings)


def open_plain(name: str, settings: GaugeSettings) -> Plain:
    """Opens the backend that cannot verify."""
    return Plain(Gauges(name, settings))
