"""Parameters described by JSON Schema: the fields of a form or of options, the same for console, command line and runtime.

Understood is what parameters need: an object whose properties are strings, integers, numbers, booleans, arrays of these (of free or fixed
length), free objects, enumerations, and `anyOf` of these with `null`. Local `$ref`s are followed.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from enum import Enum
from typing import Any, cast

from msgspec import Struct, ValidationError, convert
from msgspec.structs import replace

from quarterdeck_api.catalogue import ONLY_WITH, JsonSchema
from quarterdeck_api.errors import UsageError


class FieldType(Enum):
    """What a field holds."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    ARRAY = "array"
    OBJECT = "object"


class Condition(Struct, frozen=True):
    """A parameter, and the words of which one has to stand in it."""

    parameter: str
    words: tuple[str, ...]

    def holds(self, text: str) -> bool:
        """Whether one of the words is in the parameter's text, a list being written with commas."""
        return not set(self.words).isdisjoint(word.strip() for word in text.split(","))


class Field(Struct, frozen=True, omit_defaults=True):
    """One parameter, as a form or an option needs it.

    `choices` are the only values allowed when there are any. `minimum` and `maximum` bound numbers, `shortest` and `longest` the length of
    arrays and strings. `items` are the element fields of an array: with `fixed` one for each place, else one for all. `alternatives` are other types
    that the field may hold, tried in order after its own. `format` is `dataset`, `file`, `folder`, `secret`, `address`, `series` or empty
    (`quarterdeck_api.fields`); of an address, `kind` is the kind of resource, empty for any. A field with `only_with` means nothing unless
    that holds: forms leave it out until then.
    """

    name: str
    type: FieldType
    title: str = ""
    help: str = ""
    format: str = ""
    kind: str = ""
    required: bool = False
    nullable: bool = False
    default: Any = None
    choices: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False
    shortest: int = 0
    longest: int | None = None
    pattern: str = ""
    items: tuple["Field", ...] = ()
    fixed: bool = False
    alternatives: tuple["Field", ...] = ()
    only_with: Condition | None = None

    @property
    def option(self) -> str:
        """The command line's option for the field."""
        return "--" + self.name.replace("_", "-")


def fields(schema: JsonSchema) -> tuple[Field, ...]:
    """The fields of an object's schema, in its order. Raises UsageError when a property cannot be a parameter."""
    root = _resolve(schema, schema)
    required = frozenset(cast("Sequence[str]", root.get("required", ())))
    properties = cast("Mapping[str, JsonSchema]", root.get("properties", {}))
    return tuple(_field(name, node, schema, name in required) for name, node in properties.items())


def field_named(schema_fields: Sequence[Field], name: str) -> Field:
    """The field of a name, `-` and `_` alike; raises UsageError with the nearest name."""
    wanted = name.replace("-", "_")
    for field in schema_fields:
        if field.name.replace("-", "_") == wanted:
            return field
    raise UsageError(f"there is no parameter {name!r}", nearest_known(name, [field.name for field in schema_fields]))


def nearest_known(name: str, known: Sequence[str]) -> str:
    """The remedy for an unknown name: the nearest one, and what there is."""
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]}? there are: {', '.join(known)}"
    return f"there are: {', '.join(known)}" if known else "it has no parameters"


def _resolve(node: JsonSchema, root: JsonSchema) -> JsonSchema:
    seen: set[str] = set()
    while isinstance(reference := node.get("$ref"), str):
        if reference in seen or not reference.startswith("#/"):
            raise UsageError(f"the schema refers to {reference!r}, which cannot be followed", "correct the plugin")
        seen.add(reference)
        target: Any = root
        for part in reference[2:].split("/"):
            target = target.get(part) if isinstance(target, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        if not isinstance(target, dict):
            raise UsageError(f"the schema refers to {reference!r}, which it does not have", "correct the plugin")
        node = {**cast(JsonSchema, target), **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def _field(name: str, node: JsonSchema, root: JsonSchema, required: bool) -> Field:
    node = _resolve(node, root)
    variants, nullable = _variants(node, root)
    if not variants:
        raise UsageError(f"the schema of {name!r} has no type", "correct the plugin")
    made = [_variant(name, variant, root) for variant in variants]
    return replace(
        made[0],
        title=str(node.get("title", "")) or name.replace("_", " ").capitalize(),
        help=str(node.get("description", "")),
        format=str(node.get("format", "")) or made[0].format,
        kind=str(node.get("kind", "")) or made[0].kind,
        required=required,
        nullable=nullable,
        default=node.get("default"),
        alternatives=tuple(made[1:]),
        only_with=_condition(name, node),
    )


def _condition(name: str, node: JsonSchema) -> Condition | None:
    written = node.get(ONLY_WITH)
    if written is None:
        return None
    try:
        return convert(written, Condition)
    except ValidationError as error:
        raise UsageError(f"{ONLY_WITH} of {name} is malformed: {error}", "correct the plugin") from error


def _variants(node: JsonSchema, root: JsonSchema) -> tuple[list[JsonSchema], bool]:
    """The types that a node allows beside null, and whether it allows null."""
    options = cast("Sequence[JsonSchema] | None", node.get("anyOf") or node.get("oneOf"))
    if options:
        outer = {key: value for key, value in node.items() if key not in ("anyOf", "oneOf", "default")}
        found = [_variants({**outer, **_resolve(option, root)}, root) for option in options]
        return [each for variants, _ in found for each in variants], any(nullable for _, nullable in found)
    types = node.get("type")
    if isinstance(types, list):
        names = cast("list[str]", types)
        return [{**node, "type": each} for each in names if each != "null"], "null" in names
    if types == "null":
        return [], True
    choices = cast("Sequence[Any] | None", node.get("enum"))
    if choices is not None:
        kept = [choice for choice in choices if choice is not None]
        return [{**node, "enum": kept, "type": types or _type_of_choices(kept).value}], len(kept) < len(choices)
    return ([node] if types else []), False


def _type_of_choices(choices: Sequence[Any]) -> FieldType:
    if choices and all(isinstance(choice, int) for choice in choices):
        return FieldType.INTEGER
    if choices and all(isinstance(choice, int | float) for choice in choices):
        return FieldType.NUMBER
    return FieldType.STRING


def _variant(name: str, node: JsonSchema, root: JsonSchema) -> Field:
    try:
        kind = FieldType(node["type"])
    except ValueError:
        raise UsageError(f"{name} is of type {node['type']!r}, which no parameter has", "correct the plugin") from None
    lower, upper = node.get("minimum"), node.get("maximum")
    above, below = node.get("exclusiveMinimum"), node.get("exclusiveMaximum")
    size = {FieldType.STRING: "Length", FieldType.OBJECT: "Properties"}.get(kind, "Items")
    items, fixed = _items(name, node, root)
    return Field(
        name=name,
        type=kind,
        format=str(node.get("format", "")),
        kind=str(node.get("kind", "")),
        choices=tuple(cast("Sequence[Any]", node.get("enum", ()))),
        minimum=lower if above is None else above,
        maximum=upper if below is None else below,
        exclusive_minimum=above is not None,
        exclusive_maximum=below is not None,
        shortest=int(node.get("min" + size, 0)),
        longest=node.get("max" + size),
        pattern=str(node.get("pattern", "")),
        items=items,
        fixed=fixed,
    )


def _items(name: str, node: JsonSchema, root: JsonSchema) -> tuple[tuple[Field, ...], bool]:
    if node["type"] != "array":
        return (), False
    places = cast("Sequence[JsonSchema]", node.get("prefixItems", ()))
    if places:
        return tuple(_field(name, place, root, True) for place in places), True
    element = node.get("items")
    if not isinstance(element, dict) or not element:
        return (), False
    made = _field(name, cast(JsonSchema, element), root, True)
    length = node.get("minItems")
    if length is not None and length == node.get("maxItems"):
        return (made,) * int(length), True
    return (made,), False
