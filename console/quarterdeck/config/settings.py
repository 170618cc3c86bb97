"""The settings model: what the configuration file may say, with every default."""

import os
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct


class RuntimeSettings(Struct, frozen=True, kw_only=True):
    """How the runtime behaves. Times in seconds."""

    idle_exit: Annotated[
        float, Meta(ge=0, description="Seconds without clients and work after which the runtime ends; 0 means never.")
    ] = 900.0
    durable: Annotated[
        Literal["normal", "full"], Meta(description="`full` outlives a power loss too, at the cost of speed.")
    ] = "normal"
    max_workers: Annotated[int, Meta(ge=1, le=256, description="Worker processes at most.")] = 2
    max_jobs: Annotated[
        int, Meta(ge=1, le=4096, description="Jobs running at once, at most, in workers and hosts.")
    ] = 32
    map_processes: Annotated[
        int,
        Meta(
            ge=0,
            le=256,
            description="Processes that work on one job's map, its worker among them; 0 is one for each core.",
        ),
    ] = 0
    dask: Annotated[
        str,
        Meta(
            pattern=r"^$|^(tcp|tls)://.+",
            description="A Dask scheduler (tcp://HOST:PORT) whose cluster works on maps instead.",
        ),
    ] = ""
    worker_idle: Annotated[
        float, Meta(ge=0, description="Seconds without a job after which a warm worker is ended.")
    ] = 600.0
    call_timeout: Annotated[float, Meta(gt=0, description="Seconds that a backend has to answer a call.")] = 10.0
    host_memory: Annotated[
        int, Meta(ge=64, description="Megabytes that a plugin host may hold before it is restarted.")
    ] = 2048
    keep_jobs: Annotated[
        int, Meta(ge=0, description="Ended jobs that are kept, with their artefacts and logs; 0 keeps all.")
    ] = 10_000
    keep_jobs_days: Annotated[float, Meta(ge=0, description="Days that an ended job is kept; 0 is for ever.")] = 0.0
    keep_journal: Annotated[int, Meta(ge=0, description="Journal entries that are kept; 0 keeps all.")] = 100_000
    keep_journal_days: Annotated[float, Meta(ge=0, description="Days that a journal entry is kept; 0 is for ever.")] = (
        0.0
    )
    read_only: Annotated[bool, Meta(description="Refuse everything that changes something.")] = False


class ConsoleSettings(Struct, frozen=True, kw_only=True):
    """How the console looks and which keys it has."""

    theme: Annotated[str, Meta(description="The colour theme's name.")] = "dark"
    keymap: Annotated[str, Meta(description="A named set of keys that a plugin brings.")] = ""
    keys: Annotated[dict[str, str], Meta(description="Binding id to keys, separated by commas.")] = {}


class BackendSettings(Struct, frozen=True, kw_only=True):
    """One configured backend; `settings` are the keys that its type knows, with references instead of secrets."""

    type: str
    read_only: bool = False
    settings: dict[str, Any] = {}


class Guardrail(Struct, frozen=True, kw_only=True):
    """A limit on actions; `actions` and `backends` are patterns with `*` and `?`."""

    actions: Annotated[tuple[str, ...], Meta(description="Patterns of action ids.")] = ("*",)
    backends: Annotated[str, Meta(description="A pattern of backend names.")] = "*"
    require: Annotated[
        Literal["deny", "type-name"] | None,
        Meta(description="`deny` refuses; `type-name` wants the resource's name to be typed."),
    ] = None
    max_bulk: Annotated[int, Meta(ge=1)] | None = None


class PluginSettings(Struct, frozen=True, kw_only=True):
    """Which plugins are left alone."""

    disabled: Annotated[tuple[str, ...], Meta(description="Ids of plugins whose code is not run.")] = ()


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that can be configured."""

    runtime: RuntimeSettings = RuntimeSettings()
    console: ConsoleSettings = ConsoleSettings()
    plugins: PluginSettings = PluginSettings()
    backends: dict[str, BackendSettings] = {}
    guardrails: tuple[Guardrail, ...] = ()


def map_processes(settings: Settings) -> int:
    """How many processes work on one job's map: what is set, else one for each core that this process may use."""
    if settings.runtime.map_processes:
        return settings.runtime.map_processes
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, usable)
