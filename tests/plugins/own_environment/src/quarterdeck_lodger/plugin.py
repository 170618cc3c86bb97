"""What the plugin declares."""

from typing import Annotated

from msgspec import Meta, Struct

from quarterdeck_api import API_VERSION
from quarterdeck_api.catalogue import Column, PluginInfo, RunsIn
from quarterdeck_api.declarations import Action, BackendType, JobType, Kind, ProcessType
from quarterdeck_api.hooks import hookimpl
from quarterdeck_lodger import VERSION


class Stay(Struct):
    """How long a job stays."""

    until: Annotated[str, Meta(description="A file; the job ends when it is there. Empty: at once.")] = ""


@hookimpl
def quarterdeck_plugin() -> PluginInfo:
    return PluginInfo("lodger", "Lodger", VERSION, API_VERSION, "Says where it lives")


@hookimpl
def quarterdeck_backend_types() -> list[BackendType]:
    return [BackendType("lodger", "A room", "quarterdeck_lodger.room:open_room", embedded=True)]


@hookimpl
def quarterdeck_kinds() -> list[Kind]:
    return [Kind("room", "Rooms", (Column("prefix", "Prefix"), Column("version", "Version")))]


@hookimpl
def quarterdeck_actions() -> list[Action]:
    return [
        Action("room.stay", "Stay in a worker", ("room",), Stay, job="lodger.stay"),
        Action("room.host-stay", "Stay in the host", ("room",), Stay, job="lodger.host-stay"),
    ]


@hookimpl
def quarterdeck_jobs() -> list[JobType]:
    return [
        JobType("lodger.stay", "Stay", "quarterdeck_lodger.room:stay", max_attempts=1),
        JobType(
            "lodger.host-stay", "Stay in the host", "quarterdeck_lodger.room:host_stay", RunsIn.HOST, max_attempts=1
        ),
    ]


@hookimpl
def quarterdeck_processes() -> list[ProcessType]:
    return [ProcessType("lodger.guest", "Guest", implementation="quarterdeck_lodger.room:guest")]
