"""JSON Schema of a struct as one plain object: every reference put in its place."""

from typing import Any, cast

import msgspec
from msgspec import Struct

from quarterdeck_api.catalogue import JsonSchema
from quarterdeck_api.errors import UsageError

_PREFIX = "#/$defs/"


def plain_schema(kind: type[Struct]) -> JsonSchema:
    """The schema of a struct with `properties` and `required`, free of `$ref`.

    Descriptions come from the docstring and `Meta(description=…)`, further keywords from `Meta(extra_json_schema=…)`. Raises UsageError
    when a type has no schema or refers to itself.
    """
    try:
        found: JsonSchema = msgspec.json.decode(
            msgspec.json.encode(msgspec.json.schema(kind))
        )  # Defaults as JSON has them.
    except TypeError as error:
        raise UsageError(
            f"{kind.__name__} has a field that JSON Schema cannot describe: {str(error).splitlines()[-1]}",
            "use strings, numbers, booleans, enums, lists, dictionaries and structs",
        ) from error
    definitions = cast(dict[str, JsonSchema], found.pop("$defs", {}))
    schema = cast(JsonSchema, _inline(found, definitions, ()))
    if schema.get("type") != "object" or "properties" not in schema:
        raise UsageError(f"{kind.__name__} is not described by an object", "do not use array_like or tag")
    return schema


def _inline(value: Any, definitions: dict[str, JsonSchema], inside: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_inline(each, definitions, inside) for each in cast(list[Any], value)]
    if not isinstance(value, dict):
        return value
    node = cast(JsonSchema, value)
    reference = node.get("$ref")
    if not isinstance(reference, str) or not reference.startswith(_PREFIX):
        return {key: each if key == "default" else _inline(each, definitions, inside) for key, each in node.items()}
    name = reference.removeprefix(_PREFIX)
    if name in inside:
        raise UsageError(f"{name} refers to itself", "parameters and settings are trees of finite depth")
    target = cast(JsonSchema, _inline(definitions[name], definitions, (*inside, name)))
    target.pop("title", None)  # The name of the class, which means nothing to a user.
    return {**target, **{key: each for key, each in node.items() if key != "$ref"}}
