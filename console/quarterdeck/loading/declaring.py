"""Lets plugins declare, each in a process of its own, and turns whatever happens there into a status with a reason."""

import os
import re
from collections.abc import Mapping

import msgspec

from quarterdeck.loading.confined import ConfinedRun, run_confined
from quarterdeck.loading.discovery import FoundPlugin
from quarterdeck_api.catalogue import PluginPhase, PluginStatus
from quarterdeck_api.declare_output import Declaration
from quarterdeck_api.visible import visible

#: How long a plugin may take to declare, in seconds.
DECLARE_SECONDS = 5.0

_REASON_LIMIT = 600
_NOISE = re.compile(r"^(Current thread|Thread|Extension modules|\s*File |\s*$)")


def found_status(plugin: FoundPlugin, plugin_id: str = "") -> PluginStatus:
    """What is known of a plugin before it has declared."""
    return PluginStatus(
        id=plugin_id or plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        phase=PluginPhase.FOUND,
        module=plugin.module,
        interpreter=plugin.interpreter,
        paths=plugin.paths,
    )


def declare_plugin(
    status: PluginStatus, *, limit: float = DECLARE_SECONDS, environment: Mapping[str, str] | None = None
) -> PluginStatus:
    """Runs the declaration of a found plugin; blocks at most `limit` seconds and never raises for a fault of the plugin."""
    arguments = [
        status.interpreter,
        "-P",
        "-X",
        "faulthandler",
        "-m",
        "quarterdeck_api.declare",
        "--module",
        status.module,
    ]
    for path in status.paths:
        arguments += ["--path", path]
    try:
        run = run_confined(arguments, os.environ if environment is None else environment, limit)
    except OSError as error:
        return _failed(
            status,
            PluginPhase.FOUND,
            f"its interpreter {status.interpreter} cannot be started: {error.strerror}",
            "install the plugin again",
        )
    declaration = _decoded(run)
    if declaration is None:
        return _without_answer(status, run)
    status = msgspec.structs.replace(status, declare_seconds=declaration.seconds)
    if declaration.catalogue is None:
        error = declaration.error
        reason, remedy = (error.message, error.remedy) if error else ("it gives no reason", "report it to its author")
        return _failed(status, declaration.phase, reason, remedy)
    declared = declaration.catalogue.plugin.id
    if declared != status.id:
        return _failed(
            status,
            PluginPhase.VALIDATE,
            f"it calls itself {declared!r}, but its entry point is named {status.id!r}",
            "report it to the plugin's author: both names must be the same",
        )
    return msgspec.structs.replace(status, phase=PluginPhase.READY, catalogue=declaration.catalogue)


def _decoded(run: ConfinedRun) -> Declaration | None:
    try:
        declaration = msgspec.json.decode(run.output, type=Declaration)
    except msgspec.MsgspecError:
        return None
    # Hostile code can write whatever it likes; a phase that only a catalogue gives must come with one.
    if (declaration.phase is PluginPhase.READY) != (declaration.catalogue is not None):
        return None
    return declaration


def _without_answer(status: PluginStatus, run: ConfinedRun) -> PluginStatus:
    last = _last_words(run.error_tail)
    if run.timed_out:
        remedy = f'report it to the plugin\'s author; until then disable it: plugins.disabled = ["{status.id}"]'
        return _failed(status, PluginPhase.TIMEOUT, f"its declaration {run.ending}{last}", remedy)
    if run.output:
        said = f"its declaration cannot be read, and its process {run.ending}{last}"
        return _failed(status, PluginPhase.DECLARE, said, "report it to the plugin's author")
    remedy = f"reinstall {status.distribution}, or report it to the plugin's author"
    return _failed(status, PluginPhase.DECLARE, f"its process {run.ending} before it answered{last}", remedy)


def _last_words(error_tail: str) -> str:
    """The last telling line of what the process wrote to standard error."""
    lines = [line.strip() for line in error_tail.splitlines() if not _NOISE.match(line)]
    return f"; its last words: {lines[-1]}" if lines else ""


def _failed(status: PluginStatus, phase: PluginPhase, reason: str, remedy: str) -> PluginStatus:
    """The status with a reason that is safe to show: it may quote what the plugin wrote."""
    safe = visible(" ".join(reason.split()))
    short = safe if len(safe) <= _REASON_LIMIT else safe[: _REASON_LIMIT - 1] + "…"
    return msgspec.structs.replace(status, phase=phase, reason=short, remedy=visible(remedy))
