"""Secrets among a job's parameters: references are kept, and values are there only in what an attempt is told."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from quarterdeck.config.secrets import is_reference, resolve_references
from quarterdeck.runtime.borders import JobRequest
from quarterdeck_api.catalogue import JsonSchema
from quarterdeck_api.errors import UnreachableError, UsageError

#: Where a value lies: names of fields and places in lists, from the outside in.
Path = tuple[str | int, ...]


def secret_paths(value: object, schema: JsonSchema, place: Path = ()) -> Iterator[Path]:
    """Where the values lie whose fields have the format `secret`; empty ones are left out."""
    branches: Sequence[JsonSchema] = schema.get("anyOf", ())
    if schema.get("format") == "secret" or any(branch.get("format") == "secret" for branch in branches):
        if value not in ("", None):
            yield place
        return
    for branch in branches:
        yield from secret_paths(value, branch, place)
    if isinstance(value, Mapping):
        properties: Mapping[str, JsonSchema] = schema.get("properties", {})
        for name, each in cast(Mapping[str, object], value).items():
            yield from secret_paths(each, properties.get(name, {}), (*place, name))
    items = schema.get("items")
    if isinstance(value, list | tuple) and isinstance(items, dict):
        for index, each in enumerate(cast(Sequence[object], value)):
            yield from secret_paths(each, cast(JsonSchema, items), (*place, index))


def require_references(request: JobRequest) -> None:
    """Raises UsageError when a secret of a job stands there itself: it would be kept in the database."""
    for path in request.secrets:
        value = _at({"parameters": request.parameters, "settings": request.settings}, path)
        if not (isinstance(value, str) and is_reference(value)):
            name = ".".join(str(part) for part in path[1:])
            raise UsageError(
                f"{name} of {request.action} is a secret, and what a job is given is kept until it has ended",
                f"give a reference instead: {name}=env:NAME (a variable of the runtime) or {name}=file:/PATH",
                request.target,
            )


def with_secrets(
    parameters: Mapping[str, Any],
    settings: Mapping[str, Any],
    secrets: Iterable[Path],
    lookup: Callable[[str], str | None],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and settings with references replaced by values; raises UnreachableError that names what is missing."""
    whole: Any = {"parameters": dict(parameters), "settings": dict(settings)}
    for path in secrets:
        reference = str(_at(whole, path))
        name = reference.removeprefix("env:")
        if name != reference and lookup(name) is None:
            raise UnreachableError(
                f"the runtime has no environment variable {name}, which the job refers to",
                f"restart the runtime with {name} set, or use file:/PATH",
            )
        whole = _replaced(whole, path, resolve_references({"value": reference}, lookup)["value"])
    return whole["parameters"], whole["settings"]


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _replaced(value: Any, path: Path, new: str) -> Any:
    """A copy with another value at the path; what lies beside it is shared."""
    if not path:
        return new
    copy: Any = dict(cast(Mapping[str, Any], value)) if isinstance(value, Mapping) else list(value)
    copy[path[0]] = _replaced(copy[path[0]], path[1:], new)
    return copy
