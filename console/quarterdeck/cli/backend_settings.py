"""The settings of a new backend, read from the command line against its type's schema; secrets are references or refused."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from msgspec.structs import replace

from quarterdeck.cli.request import read_words
from quarterdeck.config.reading import looks_secret
from quarterdeck.config.secrets import is_reference
from quarterdeck_api.catalogue import BackendTypeInfo
from quarterdeck_api.errors import RefusedError, UsageError
from quarterdeck_api.parameter_values import describe_type, format_value
from quarterdeck_api.parameters import Field, FieldType, fields

_REFERENCE_PATTERN = "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$"


def read_backend_settings(
    name: str, backend_type: BackendTypeInfo, words: Sequence[str], folder: Path
) -> dict[str, Any]:
    """The settings that the words give; paths of files become absolute below `folder`.

    Raises UsageError for what is unknown, wrong or missing, RefusedError for a secret that is not a reference; no error shows a secret.
    """
    known = fields(backend_type.settings)
    _refuse_plain_secrets(name, known, words)
    said = read_words(words, [_or_reference(field) for field in known], folder)
    if said.addresses:
        raise UsageError(f"{said.addresses[0]!r} is no option", "settings are written --setting value")
    missing = [field for field in known if field.required and field.name not in said.parameters]
    if missing:
        raise UsageError(
            f"{backend_type.id} needs {', '.join(field.name for field in missing)}",
            " ".join(f"{field.option} {describe_type(field).upper()}" for field in missing),
        )
    secret = {field.name for field in known if field.format == "secret"}
    for key, value in said.parameters.items():
        if _holds_plain_secret(value, key in secret or looks_secret(key)):
            raise _plain_secret(name, key)
    return {key: value for key, value in said.parameters.items() if value is not None}


def setting_lines(backend_type: BackendTypeInfo) -> list[str]:
    """What a backend type takes, a line for each setting."""
    known = fields(backend_type.settings)
    if not known:
        return [f"{backend_type.id} has no settings"]
    lines = [f"Settings of {backend_type.id} ({backend_type.title}):"]
    width = max(len(field.option) for field in known)
    for field in known:
        default = "required" if field.required else f"default {format_value(field, field.default) or 'empty'}"
        lines.append(f"  {field.option:{width}}  {describe_type(field)} [{default}]")
        if field.help:
            lines.append(f"  {'':{width}}    {field.help}")
    return lines


def _or_reference(field: Field) -> Field:
    """The field, which may be a reference to a secret too: what it holds is known when the backend is opened."""
    reference = Field(name=field.name, type=FieldType.STRING, pattern=_REFERENCE_PATTERN)
    return replace(field, alternatives=(*field.alternatives, reference))


def _refuse_plain_secrets(name: str, known: Sequence[Field], words: Sequence[str]) -> None:
    """Refuses a secret before it is parsed, since errors of parsing show values."""
    secret = {field.option for field in known if field.format == "secret" or looks_secret(field.name)}
    for word, following in zip(words, (*words, "")[1:], strict=True):
        option, equals, text = word.partition("=")
        value = text if equals else following
        if option.replace("_", "-") in secret and value and not is_reference(value):
            raise _plain_secret(name, option.removeprefix("--"))


def _holds_plain_secret(value: Any, secret: bool) -> bool:
    if isinstance(value, dict):
        table = cast("dict[str, Any]", value)
        return any(_holds_plain_secret(each, secret or looks_secret(key)) for key, each in table.items())
    if isinstance(value, list | tuple):
        return any(_holds_plain_secret(each, secret) for each in cast("list[Any]", value))
    return secret and value not in (None, "") and not (isinstance(value, str) and is_reference(value))


def _plain_secret(name: str, key: str) -> RefusedError:
    variable = f"{name}_{key}".upper().replace("-", "_")
    option = f"--{key.replace('_', '-')}"
    return RefusedError(
        f"{key} is a secret, and the configuration holds references to secrets only",
        f"write {option} env:{variable} and set {variable}, or {option} file:PATH",
    )
