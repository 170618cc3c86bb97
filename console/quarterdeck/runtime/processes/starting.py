"""How an instance is started: its guard's files, its command line, what it is told, and the environment that both get."""

import os
import re
import secrets
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from quarterdeck.config.log_files import open_log
from quarterdeck.config.paths import InstancePaths, make_private
from quarterdeck.runtime.borders import BackendTarget
from quarterdeck.runtime.hosts.environment import host_environment
from quarterdeck.runtime.processes import leash, process_guard
from quarterdeck.runtime.workers.guard_launch import GuardFiles
from quarterdeck.runtime.workers.process_sessions import boot_id
from quarterdeck_api.catalogue import OnRuntimeDeath, PluginStatus, ProcessTypeInfo
from quarterdeck_api.errors import UsageError
from quarterdeck_api.processes import (
    PROCESS_NAME_VARIABLE,
    PROCESS_SOCKET_VARIABLE,
    PROCESS_TOKEN_VARIABLE,
    ProcessStart,
)

#: Marks every process that a guard's process starts, however far it goes away from it.
GUARD_VARIABLE = "QUARTERDECK_PROCESS_GUARD"

_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class InstanceStart(Struct, frozen=True):
    """Everything that an instance's start needs; secrets in `parameters` are resolved."""

    name: str
    number: int
    token: str
    plugin: PluginStatus
    info: ProcessTypeInfo
    backend: BackendTarget
    parameters: dict[str, Any]
    host_socket: Path


def new_process_files(paths: InstancePaths, name: str = "") -> GuardFiles:
    """Files of an instance's guard, of one that does not exist yet when no name is given."""
    return GuardFiles(paths.process_guards, name or secrets.token_hex(8))


def process_log_path(paths: InstancePaths, instance: str) -> Path:
    """Where an instance's output goes; older parts stand beside it as `.1`, `.2`."""
    return paths.logs / f"process-{instance}.log"


def launch_process_guard(
    paths: InstancePaths, files: GuardFiles, start: InstanceStart, linger: float
) -> "subprocess.Popen[Any]":
    """Starts an instance behind a new guard, whose socket can be connected to at once. Raises OSError or UsageError.

    `linger` is how many seconds an instance that is to stop with the runtime outlives it.
    """
    make_private(paths.process_guards)
    for folder in (paths.logs, paths.leases):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(files.socket))
        files.socket.chmod(0o600)
        listener.listen(4)
        stops = start.info.on_runtime_death is OnRuntimeDeath.STOP
        plan = process_guard.Plan(
            listener=listener.fileno(),
            socket_path=str(files.socket),
            identity_path=str(files.identity),
            exit_path=str(files.exit),
            log_path=str(process_log_path(paths, start.name)),
            lease_path=str(paths.leases / f"process-{start.name}"),
            command=_command(files, start),
            variables={
                GUARD_VARIABLE: files.name,
                PROCESS_SOCKET_VARIABLE: str(start.host_socket),
                PROCESS_NAME_VARIABLE: start.name,
                PROCESS_TOKEN_VARIABLE: start.token,
            },
            cores=_cores(start.info.cpu_limit, start.number),
            boot_id=boot_id(),
            linger=linger if stops else -1.0,
            grace=start.info.grace,
            instance=start.name,
        )
        _write_private(files.plan, vars(plan))
        with os.fdopen(open_log(paths.logs / "guards.log"), "ab") as complaints:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", process_guard.__file__, str(files.plan)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                cwd="/",
                env=host_environment(os.environ, {}),
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
    finally:
        listener.close()


def command_line(info: ProcessTypeInfo, parameters: dict[str, Any], interpreter: str = sys.executable) -> list[str]:
    """A program's arguments with its parameters in their places, and the plugin's interpreter in that of `{python}`.

    Raises UsageError for a place that has no parameter.
    """
    properties: dict[str, Any] = info.parameters.get("properties", {})

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name == "python" and name not in properties:
            return interpreter
        if name not in parameters:
            raise UsageError(f"{info.id} wants a parameter {name!r} on its command line", "give it, or declare it")
        if properties.get(name, {}).get("format") == "secret":
            raise UsageError(
                f"{info.id} would show the secret {name!r} on its command line", "report it to the plugin's authors"
            )
        found = parameters[name]
        return str(found).lower() if isinstance(found, bool) else str(found)

    return [_PLACE.sub(value, word) for word in info.command]


def _command(files: GuardFiles, start: InstanceStart) -> list[str]:
    if not start.info.implementation:
        words = command_line(start.info, start.parameters, start.plugin.interpreter or sys.executable)
        return [sys.executable, "-I", "-S", str(leash.__file__), *words]
    told = ProcessStart(
        name=start.name,
        instance=start.number,
        process_type=start.info.id,
        implementation=start.info.implementation,
        parameters=start.parameters,
        backend=start.backend.name,
        backend_factory=start.backend.factory,
        backend_settings=start.backend.settings,
    )
    path = files.folder / f"{files.name}.start.json"
    _write_private(path, told)
    command = [start.plugin.interpreter or sys.executable, "-P", "-m", "quarterdeck_api.process_program"]
    command += ["--start", str(path), "--name", start.name]
    return command + [word for folder in start.plugin.paths for word in ("--path", folder)]


def _write_private(path: Path, document: object) -> None:
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.encode(document))


def _cores(limit: float, number: int) -> list[int]:
    """The processors that an instance may use: as many as its limit says, rounded up, other ones for each instance; none named means all."""
    if limit <= 0 or not hasattr(os, "sched_getaffinity"):
        return []
    usable = sorted(os.sched_getaffinity(0))
    count = max(1, -int(-limit // 1))
    if count >= len(usable):
        return []
    first = (number - 1) * count % len(usable)
    return sorted({usable[(first + index) % len(usable)] for index in range(count)})
