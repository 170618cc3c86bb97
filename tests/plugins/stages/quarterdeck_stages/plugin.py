"""What the plugin declares."""

from typing import Annotated

from msgspec import Meta, Struct

from quarterdeck_api import API_VERSION
from quarterdeck_api.catalogue import Column, ColumnType, OnRuntimeDeath, PluginInfo
from quarterdeck_api.declarations import Action, BackendType, JobType, Kind, ProcessType
from quarterdeck_api.hooks import hookimpl
from quarterdeck_stages.backends import Settings
from quarterdeck_stages.parameters import (
    FailingParameters,
    HungryParameters,
    SleepParameters,
    StageParameters,
    StuckParameters,
)


class Tune(Struct):
    """A new threshold."""

    value: Annotated[float, Meta(ge=0, le=1, description="Below it a message goes on.")]


@hookimpl
def quarterdeck_plugin() -> PluginInfo:
    return PluginInfo("stages", "Stages", "1.0", API_VERSION, "Stages as managed processes")


@hookimpl
def quarterdeck_backend_types() -> list[BackendType]:
    return [BackendType("stages", "Stages", "quarterdeck_stages.backends:open_stages", Settings, embedded=True)]


@hookimpl
def quarterdeck_kinds() -> list[Kind]:
    columns = (
        Column("connected", "Connected", ColumnType.BOOLEAN),
        Column("seen", "Seen", ColumnType.NUMBER),
        Column("calls", "Calls", ColumnType.INTEGER),
        Column("phase", "Phase"),
    )
    return [Kind("stage", "Stages", columns)]


@hookimpl
def quarterdeck_actions() -> list[Action]:
    return [
        Action("stage.tune", "Tune", ("stage",), Tune),
        Action("stage.trial", "Try a stage", ("stage",), job="stages.trial"),
    ]


@hookimpl
def quarterdeck_jobs() -> list[JobType]:
    return [JobType("stages.trial", "Trial", "quarterdeck_stages.jobs:trial", max_attempts=1)]


@hookimpl
def quarterdeck_processes() -> list[ProcessType]:
    where = "quarterdeck_stages.processes"
    return [
        ProcessType("stages.stage", "Stage", StageParameters, f"{where}:stage", summary="Works."),
        ProcessType(
            "stages.bound",
            "Bound stage",
            StageParameters,
            f"{where}:stage",
            on_runtime_death=OnRuntimeDeath.STOP,
            cpu_limit=1.0,
            summary="Ends when no runtime comes.",
        ),
        ProcessType("stages.failing", "Failing", FailingParameters, f"{where}:failing", summary="Does not stay up."),
        ProcessType(
            "stages.hungry", "Hungry", HungryParameters, f"{where}:hungry", memory_limit=150, summary="Takes too much."
        ),
        ProcessType(
            "stages.stuck",
            "Stuck",
            StuckParameters,
            f"{where}:stuck",
            heartbeat_timeout=3.0,
            ready_timeout=3.0,
            grace=1.0,
            summary="Does not do what is asked.",
        ),
        ProcessType("stages.slow", "Slow", StageParameters, f"{where}:slow", grace=30.0, summary="Drains for long."),
        ProcessType(
            "stages.program", "Program", SleepParameters, command=("sleep", "{seconds}"), summary="Knows nothing of us."
        ),
    ]
