"""A request as the command line that would make it, to copy."""

import json
import shlex
from collections.abc import Mapping, Sequence

from quarterdeck_api.catalogue import Danger
from quarterdeck_api.protocol import DoParams


def command_text(request: DoParams, danger: Danger, names: Sequence[str]) -> str:
    """The command line with what danger asks for, be it the `names` of all its resources; secrets were redacted in the request before."""
    words = ["quarterdeck", "do", request.action, *request.addresses]
    for key, value in request.parameters.items():
        words += [f"--{key.replace('_', '-')}", value_text(value)]
    for key, value in request.settings.items():
        words += ["--set", f"{key}={value_text(value)}"]
    if danger is Danger.CONFIRM:
        words.append("--yes")
    if danger is Danger.TYPE_NAME:
        for name in names:
            words += ["--confirm", name]
    if request.priority:
        words += ["--priority", str(request.priority)]
    if request.key:
        words += ["--key", request.key]
    return shlex.join(words)


def value_text(value: object) -> str:
    """A parameter's value as it is typed on the command line: lists with commas, None as `none`."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(value_text(each) for each in value)
    return json.dumps(value) if isinstance(value, Mapping) else str(value)
