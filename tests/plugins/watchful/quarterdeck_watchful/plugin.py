"""What the watchful plugin declares, and its hooks that are called in the host."""

import os
import time

from quarterdeck_api import API_VERSION
from quarterdeck_api.authorization import Authorization, AuthorizationRequest
from quarterdeck_api.catalogue import Column, ColumnType, Danger, PluginInfo
from quarterdeck_api.declarations import Action, BackendType, Command, Controller, Kind
from quarterdeck_api.events import FindingChanged, HealthChanged, JobFinished
from quarterdeck_api.hooks import hookimpl
from quarterdeck_watchful.notes import note, orders
from quarterdeck_watchful.settings import Fill, GaugeSettings, Levels, Refill, SetLevel


@hookimpl
def quarterdeck_plugin() -> PluginInfo:
    return PluginInfo("watchful", "Watchful", "1.0", API_VERSION, "Gauges that are watched")


@hookimpl
def quarterdeck_backend_types() -> list[BackendType]:
    return [
        BackendType("watchful", "Gauges", "quarterdeck_watchful.backends:open_gauges", GaugeSettings, embedded=True),
        BackendType("watchful.plain", "Plain gauges", "quarterdeck_watchful.backends:open_plain", GaugeSettings),
    ]


@hookimpl
def quarterdeck_kinds() -> list[Kind]:
    return [Kind("gauge", "Gauges", (Column("level", "Level", ColumnType.NUMBER),))]


@hookimpl
def quarterdeck_actions() -> list[Action]:
    return [
        Action("gauge.set", "Set", ("gauge",), SetLevel, bulk=True),
        Action("gauge.empty", "Empty", ("gauge",), danger=Danger.CONFIRM),
        Action("gauge.set-silently", "Set and say nothing", ("gauge",), SetLevel),
        Action("gauge.hang", "Never answer", ("gauge",)),
    ]


@hookimpl
def quarterdeck_controllers() -> list[Controller]:
    return [
        Controller(
            "refill",
            "Refill",
            "quarterdeck_watchful.controllers:refill",
            Refill,
            interval=60.0,
            backend_types=("watchful",),
            summary="Refills gauges that are low.",
        )
    ]


@hookimpl
def quarterdeck_commands() -> list[Command]:
    return [
        Command("levels", "quarterdeck_watchful.commands:levels", Levels, "List gauges with their levels."),
        Command("fill", "quarterdeck_watchful.commands:fill", Fill, "Fill a gauge."),
    ]


@hookimpl
def quarterdeck_health_changed(event: HealthChanged) -> None:
    if orders("hook") == "raise":
        raise ValueError("the hook was told to raise")
    note("events", event)


@hookimpl
def quarterdeck_job_finished(event: JobFinished) -> None:
    note("events", event)


@hookimpl
def quarterdeck_finding(event: FindingChanged) -> None:
    note("events", event)


@hookimpl
def quarterdeck_authorize(request: AuthorizationRequest) -> Authorization:
    note("asked", request)
    match orders("authorize").partition(":"):
        case ("no", _, reason):
            return Authorization(False, reason.strip())
        case ("hang", _, _):
            while orders("authorize") == "hang":
                time.sleep(0.05)
        case ("crash", _, _):
            os._exit(8)
        case ("raise", _, _):
            raise ValueError("the hook was told to raise")
        case ("text", _, _):
            return "yes"  # type: ignore[return-value]
        case _:
            pass
    return Authorization(True)
