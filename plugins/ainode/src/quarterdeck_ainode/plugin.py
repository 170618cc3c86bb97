"""What the plugin declares: backend types, kinds, actions, jobs, sample series and checks."""

from quarterdeck_ainode.iotdb import declared_data, declared_kinds, declared_operations, declared_workbench
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_ainode.local import declared_local
from quarterdeck_ainode.local.samples import SAMPLES
from quarterdeck_ainode.serving import declared_serving
from quarterdeck_api import API_VERSION
from quarterdeck_api.catalogue import CheckInfo, Column, ColumnType, PluginInfo
from quarterdeck_api.declarations import Action, BackendType, Command, JobType, Kind, ProcessType, Sample
from quarterdeck_api.hooks import hookimpl


@hookimpl
def quarterdeck_plugin() -> PluginInfo:
    """Who the plugin is."""
    return PluginInfo(
        "ainode",
        "AINode",
        "0.1.0",
        API_VERSION,
        "Time-series models of Apache IoTDB's AINode, and a local engine with the same eight models and five of statsforecast",
    )


@hookimpl
def quarterdeck_backend_types() -> list[BackendType]:
    """The local engine, which needs no configuration, and clusters of IoTDB."""
    return [
        BackendType("ainode.local", "Local engine", "quarterdeck_ainode.local.backend:open_backend", embedded=True),
        BackendType(
            "ainode.iotdb", "Apache IoTDB with AINode", "quarterdeck_ainode.iotdb.backend:open_backend", IotdbSettings
        ),
    ]


@hookimpl
def quarterdeck_kinds() -> list[Kind]:
    """Columns of nodes and models."""
    return [
        Kind(
            "node",
            columns=(
                Column("type", "Type"),
                Column("version", "Version"),
                Column("endpoint", "Endpoint"),
                Column("ports", "Ports"),
                Column("models", "Models", ColumnType.INTEGER),
                Column("python", "Python"),
                Column("cores", "Cores", ColumnType.INTEGER),
                Column("memory", "Memory", ColumnType.BYTES),
                Column("build", "Build"),
            ),
        ),
        Kind(
            "model",
            columns=(
                Column("type", "Type"),
                Column("category", "Category"),
                Column("task", "Task"),
                Column("instances", "Instances", ColumnType.INTEGER),
                Column("devices", "Loaded on"),
                Column("class", "Class"),
                Column("intervals", "Intervals", ColumnType.BOOLEAN),
                Column("parameters", "Parameters", ColumnType.INTEGER),
            ),
            parent_kind="node",
        ),
        *declared_kinds.KINDS,
    ]


@hookimpl
def quarterdeck_actions() -> list[Action]:
    """What models do."""
    return [
        *declared_local.ACTIONS,
        *declared_operations.ACTIONS,
        *declared_workbench.ACTIONS,
        *declared_data.ACTIONS,
    ]


@hookimpl
def quarterdeck_jobs() -> list[JobType]:
    """What takes long: computing in warm workers, and what is waited for in the host."""
    return [
        *declared_local.JOBS,
        *declared_operations.JOBS,
        *declared_workbench.JOBS,
        *declared_data.JOBS,
    ]


@hookimpl
def quarterdeck_processes() -> list[ProcessType]:
    """Our AINode, kept running by the runtime."""
    return list(declared_serving.PROCESSES)


@hookimpl
def quarterdeck_commands() -> list[Command]:
    """Our AINode in the foreground, and taking it out of its cluster."""
    return list(declared_serving.COMMANDS)


@hookimpl
def quarterdeck_samples() -> list[Sample]:
    """Series that sktime ships."""
    return list(SAMPLES)


@hookimpl
def quarterdeck_checks() -> list[CheckInfo]:
    """Whether the libraries of the local engine can be imported."""
    return list(declared_local.CHECKS)
