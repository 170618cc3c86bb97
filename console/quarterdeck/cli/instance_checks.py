"""What `doctor` looks at: folders, disk, runtime, configuration and plugins of an instance. Nothing is changed or started."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from quarterdeck.cli.runtime_control import running_pid
from quarterdeck.cli.session import open_session
from quarterdeck.config.files import load_settings
from quarterdeck.config.paths import InstancePaths
from quarterdeck.drawing.quantities import format_bytes
from quarterdeck.loading.plugins import load_plugins
from quarterdeck_api import __version__
from quarterdeck_api.catalogue import PluginPhase, PluginStatus
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import CORE
from quarterdeck_api.runtime_requests import STATUS, RuntimeStatus
from quarterdeck_api.wire import Nothing

#: Free bytes below which jobs, datasets and the database soon fail to write.
LEAST_FREE = 200 * 1024 * 1024

_WELL = (PluginPhase.READY, PluginPhase.DISABLED)


class Check(Struct, frozen=True):
    """What was looked at and found; `check` is folder, disk, runtime, host, backend, configuration or plugin."""

    check: str
    ok: bool
    sentence: str
    remedy: str = ""


def all_checks(paths: InstancePaths) -> Iterator[Check]:
    """Every check of an instance, in the order in which faults should be corrected."""
    for folder, private in (
        (paths.config_folder, False),
        (paths.state_folder, True),
        (paths.cache_folder, False),
        (paths.socket_folder, True),
    ):
        yield folder_check(folder, private=private)
    yield disk_check(paths.state_folder, shutil.disk_usage(_nearest_existing(paths.state_folder)).free)
    settings = load_settings(paths).settings
    statuses = load_plugins(paths, disabled=frozenset(settings.plugins.disabled), try_timeouts_again=False)
    yield from _configuration_checks(paths, statuses)
    yield from plugin_checks(statuses)
    yield from _runtime_checks(paths)


def folder_check(folder: Path, *, private: bool) -> Check:
    """Whether a folder can be used, or be made when it is needed; a `private` one must be closed to others."""
    if not folder.exists():
        parent = _nearest_existing(folder)
        if parent.is_dir() and os.access(parent, os.W_OK | os.X_OK):
            return Check("folder", True, f"{folder} is made when it is needed")
        return Check("folder", False, f"{folder} cannot be made below {parent}", "set QUARTERDECK_HOME, or its rights")
    found = folder.stat()
    if not folder.is_dir():
        return Check("folder", False, f"{folder} is not a folder", "move it away")
    if private and found.st_uid != os.getuid():
        return Check("folder", False, f"{folder} belongs to another user", "set QUARTERDECK_HOME to a folder of yours")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return Check("folder", False, f"{folder} cannot be written", f"run chmod u+rwx {folder}")
    if private and found.st_mode & 0o077:
        return Check("folder", False, f"{folder} can be entered by others", f"run chmod go-rwx {folder}")
    return Check("folder", True, f"{folder} can be used")


def disk_check(folder: Path, free: int) -> Check:
    """Whether enough room is left where state is kept; `free` in bytes."""
    said = f"{format_bytes(free)} are free for {folder}"
    if free < LEAST_FREE:
        return Check("disk", False, f"only {said}", "make room, for example by removing datasets and old jobs' files")
    return Check("disk", True, said)


def plugin_checks(statuses: tuple[PluginStatus, ...]) -> Iterator[Check]:
    """How far each plugin came."""
    if not statuses:
        yield Check("plugin", False, "no plugin is installed", "install one with pip, as quarterdeck-ainode")
    for status in statuses:
        if status.phase in _WELL:
            yield Check("plugin", True, f"{status.id} {status.version} is {status.phase.value}")
        else:
            yield Check("plugin", False, f"{status.id} ({status.phase.value}): {status.reason}", status.remedy)


def status_checks(status: RuntimeStatus, backends: tuple[BackendState, ...]) -> Iterator[Check]:
    """What a runtime that answers says of itself, its hosts, its backends and its configuration."""
    said = f"the runtime {status.version} answers (process {status.pid})"
    if status.version != __version__:
        restart = "run `quarterdeck runtime restart`; running jobs go on"
        yield Check("runtime", False, f"{said}, and this is version {__version__}", restart)
    else:
        yield Check("runtime", True, said)
    configuration = status.configuration
    if not configuration.applied:
        yield Check(
            "configuration",
            False,
            f"the runtime goes on with the settings from before {configuration.file} was changed",
            "correct the file, see `quarterdeck config validate`",
        )
    if configuration.restart_for:
        waiting = ", ".join(configuration.restart_for)
        yield Check("configuration", True, f"{waiting} hold after `quarterdeck runtime restart`")
    for host in status.hosts:
        well = host.state in ("ready", "starting")
        said = f"the host of {host.plugin} is {host.state}" + (f": {host.reason}" if host.reason and not well else "")
        yield Check("host", well, said, "" if well else f"see `quarterdeck logs core/host/{host.plugin}`")
    for backend in backends:
        if backend.name == CORE:
            continue
        well = backend.state in ("ready", "connecting")
        said = f"{backend.name} is {backend.state}" + (f": {backend.reason}" if backend.reason and not well else "")
        yield Check("backend", well, said, "" if well else backend.remedy)


def _configuration_checks(paths: InstancePaths, statuses: tuple[PluginStatus, ...]) -> Iterator[Check]:
    problems = load_settings(paths, [status.catalogue for status in statuses if status.catalogue]).problems
    for problem in problems:
        place = f"{problem.file}:{problem.line}: " if problem.line else ""
        yield Check("configuration", False, f"{place}{problem.sentence}", problem.remedy)
    if not problems:
        there = "is fine" if paths.config_file.exists() else "is not there, and none is needed"
        yield Check("configuration", True, f"{paths.config_file} {there}")


def _runtime_checks(paths: InstancePaths) -> Iterator[Check]:
    try:
        pid = running_pid(paths)
        if not pid:
            yield Check("runtime", True, "no runtime runs; the next command that needs one starts it")
            return
        with open_session("doctor", start=False, paths=paths) as session:
            yield from status_checks(session.call(STATUS, Nothing()), session.catalogue().backends)
    except QuarterdeckError as error:
        yield Check("runtime", False, error.message, error.remedy or "see `quarterdeck runtime logs`")


def _nearest_existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())
