"""What the exemplary plugin declares."""

from typing import Annotated

from msgspec import Meta, Struct

from quarterdeck_api import API_VERSION
from quarterdeck_api.catalogue import (
    CheckInfo,
    CheckResult,
    Column,
    ColumnType,
    Danger,
    KeymapInfo,
    PluginInfo,
    RunsIn,
    ThemeInfo,
)
from quarterdeck_api.declarations import Action, BackendType, JobType, Kind, Sample
from quarterdeck_api.hooks import hookimpl
from quarterdeck_exemplary.settings import ManySettings, NodeSettings


class Ping(Struct):
    """What a ping says."""

    text: Annotated[str, Meta(description="Shown in the node's column Said.")] = "pong"
    token: Annotated[str, Meta(description="Not used.", extra_json_schema={"format": "secret"})] = ""


class Sleep(Struct):
    """How long a job runs and how it ends."""

    seconds: Annotated[float, Meta(ge=0, description="How long, in seconds.")] = 1.0
    steps: Annotated[int, Meta(ge=1, description="In how many steps.")] = 4
    fail: Annotated[bool, Meta(description="End with an error.")] = False
    crash: Annotated[bool, Meta(description="Kill the process that runs the job.")] = False
    artefact: Annotated[bool, Meta(description="Leave a file.")] = False
    work: Annotated[bool, Meta(description="Leave something for later attempts.")] = False
    trail: Annotated[str, Meta(description="A folder in which attempts write down that they begin and end.")] = ""


@hookimpl
def quarterdeck_plugin() -> PluginInfo:
    return PluginInfo("exemplary", "Exemplary", "1.0", API_VERSION, "A small plugin that works")


@hookimpl
def quarterdeck_backend_types() -> list[BackendType]:
    return [
        BackendType(
            "exemplary", "Three nodes", "quarterdeck_exemplary.backends:open_nodes", NodeSettings, embedded=True
        ),
        BackendType("exemplary.many", "Many rows", "quarterdeck_exemplary.backends:open_many", ManySettings),
    ]


@hookimpl
def quarterdeck_kinds() -> list[Kind]:
    return [
        Kind("node", columns=(Column("pings", "Pings", ColumnType.INTEGER), Column("said", "Said"))),
        Kind(
            "item",
            "Items",
            (
                Column("number", "Number", ColumnType.INTEGER),
                Column("value", "Value", ColumnType.NUMBER),
                Column("share", "Share", ColumnType.FRACTION),
                Column("size", "Size", ColumnType.BYTES),
                Column("lasts", "Lasts", ColumnType.DURATION),
                Column("seen", "Seen", ColumnType.TIMESTAMP),
                Column("good", "Good", ColumnType.BOOLEAN),
                Column("text", "Text"),
            ),
        ),
    ]


@hookimpl
def quarterdeck_actions() -> list[Action]:
    return [
        Action("node.ping", "Ping", ("node",), Ping, bulk=True, dry_run=True, key="p"),
        Action("node.sleep", "Sleep in a worker", ("node",), Sleep, job="exemplary.sleep"),
        Action("node.host-sleep", "Sleep in the host", ("node",), Sleep, job="exemplary.host-sleep"),
        Action("node.empty", "Do nothing in a worker", ("node",), job="exemplary.empty", bulk=True),
        Action("node.remove", "Remove", ("node",), danger=Danger.TYPE_NAME, bulk=True),
        Action("node.restore", "Bring removed nodes back", ("node",), danger=Danger.CONFIRM),
        Action("node.hang", "Never answer", ("node",)),
        Action("node.crash", "Kill the host", ("node",)),
    ]


@hookimpl
def quarterdeck_jobs() -> list[JobType]:
    return [
        JobType("exemplary.sleep", "Sleep", "quarterdeck_exemplary.jobs:sleep", grace=1.0),
        JobType("exemplary.host-sleep", "Sleep in the host", "quarterdeck_exemplary.jobs:host_sleep", RunsIn.HOST),
        JobType("exemplary.empty", "Nothing", "quarterdeck_exemplary.jobs:empty"),
    ]


@hookimpl
def quarterdeck_samples() -> list[Sample]:
    return [
        Sample(
            "ships",
            "Ships a month",
            "quarterdeck_exemplary",
            "data/ships.csv",
            "csv",
            "MS",
            "ships",
            time_column="month",
            columns=("ships",),
            source="made up",
            rows=48,
        )
    ]


@hookimpl
def quarterdeck_checks() -> list[CheckInfo]:
    return [CheckInfo("always", "Always well", "quarterdeck_exemplary.plugin:always_well")]


@hookimpl
def quarterdeck_themes() -> list[ThemeInfo]:
    return [ThemeInfo("exemplary", {"background": "#101010", "foreground": "#e0e0e0"})]


@hookimpl
def quarterdeck_keymaps() -> list[KeymapInfo]:
    return [KeymapInfo("exemplary", {"quit": "f10"})]


def always_well() -> CheckResult:
    """A check that passes."""
    return CheckResult(True, "the exemplary plugin is well")
