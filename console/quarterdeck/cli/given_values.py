"""Parameters that mean more than their text: files that have to exist, and secrets that are asked for or looked up."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from quarterdeck_api.errors import UsageError
from quarterdeck_api.parameters import Field


def check_files(parameters: Mapping[str, Any], known: Sequence[Field]) -> None:
    """Raises UsageError for a file or folder that does not exist, before anything is sent."""
    for field in known:
        path = parameters.get(field.name)
        if not isinstance(path, str) or not path:
            continue
        if field.format == "file" and not Path(path).is_file():
            raise UsageError(f"{field.option}: there is no file {path}", "name a file that exists")
        if field.format == "folder" and not Path(path).is_dir():
            raise UsageError(f"{field.option}: there is no folder {path}", "name a folder that exists")


def with_secrets(
    parameters: Mapping[str, Any],
    known: Sequence[Field],
    *,
    references: bool,
    ask: Callable[[Field], str] | None,
    warn: Callable[[str], None],
) -> dict[str, Any]:
    """The parameters with secrets as they are to be sent.

    With `references` (of an action that starts a job) `env:NAME` and `file:PATH` are sent as they are; else they are looked up here. A
    required secret that is missing is asked for when somebody can be asked. Raises UsageError for a reference that leads nowhere.
    """
    found = dict(parameters)
    for field in known:
        if field.format != "secret":
            continue
        value = found.get(field.name)
        if value is None and field.name not in found and field.required and ask is not None and not references:
            found[field.name] = ask(field)
        elif isinstance(value, str) and value and not references:
            found[field.name] = _looked_up(field, value, warn)
    return found


def _looked_up(field: Field, value: str, warn: Callable[[str], None]) -> str:
    from quarterdeck.config.secrets import is_reference, resolve_references

    if not is_reference(value):
        warn(f"{field.option}: a secret on a command line stays in the shell's history; use env:NAME or file:PATH")
        return value
    if value.startswith("env:") and value[4:] not in os.environ:
        raise UsageError(f"{field.option}: the environment variable {value[4:]} is not set", f"set {value[4:]}")
    return str(resolve_references({field.name: value}, os.environ.get)[field.name])
