"""Values of parameters: read from text, checked against their fields, and written as text again."""

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from quarterdeck_api.catalogue import JsonSchema
from quarterdeck_api.errors import UsageError
from quarterdeck_api.parameters import Field, FieldType, field_named, fields, nearest_known

#: How `null` is written and read as text.
NONE_TEXT = "none"

#: Whole numbers above it have no floating-point number.
_LARGEST = sys.float_info.max

_TRUE = ("true", "yes", "on", "1")

_FALSE = ("false", "no", "off", "0")

_NOUNS = {
    FieldType.STRING: "a text",
    FieldType.INTEGER: "a whole number",
    FieldType.NUMBER: "a number",
    FieldType.BOOLEAN: "true or false",
    FieldType.ARRAY: "a list, written with commas",
    FieldType.OBJECT: "a JSON object",
}


def describe_type(field: Field) -> str:
    """What a field takes, in a few words: type, choices, range."""
    words: list[str] = []
    for each in (field, *field.alternatives):
        if each.choices:
            words.append(" | ".join(format_value(each, choice) for choice in each.choices))
        elif each.type is FieldType.ARRAY and each.fixed:
            words.append(",".join(item.type.value for item in each.items))
        elif each.type is FieldType.ARRAY:
            words.append(f"{each.items[0].type.value},…" if each.items else "list")
        else:
            words.append(" ".join(filter(None, (each.format or each.type.value, _range_text(each)))))
    if field.nullable:
        words.append(NONE_TEXT)
    return " | ".join(words)


def parse_text(field: Field, text: str) -> Any:
    """The value that a text means for a field, checked; raises UsageError that names the field and what it takes."""
    if field.nullable and text.strip().lower() in (NONE_TEXT, "null"):
        return None
    first: UsageError | None = None
    for each in (field, *field.alternatives):
        try:
            value = _coerce(each, text)
            _check_own(each, value, field.name)
            return value
        except UsageError as error:
            first = first or error
    assert first is not None
    raise first


def parse_settings(schema: JsonSchema, items: Sequence[str]) -> dict[str, Any]:
    """Reads `key=value` items against an object's schema; raises UsageError for a bad item, an unknown key, or a key said twice."""
    known = fields(schema)
    values: dict[str, Any] = {}
    for item in items:
        key, equals, text = item.partition("=")
        if not equals or not key:
            raise UsageError(f"{item!r} is not KEY=VALUE", "write for example --set order=2,1,1")
        field = field_named(known, key.strip())
        if field.name in values:
            raise UsageError(f"{field.name} is set twice", "set it once")
        values[field.name] = parse_text(field, text)
    return values


def validate(schema: JsonSchema, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, checked against an object's schema; defaults are not filled in.

    Whole numbers written as 12.0 become 12, tuples become lists. Raises UsageError for unknown, missing and wrong values.
    """
    known = fields(schema)
    by_name = {field.name: field for field in known}
    checked: dict[str, Any] = {}
    for name, value in values.items():
        if name not in by_name:
            raise UsageError(f"there is no parameter {name!r}", nearest_known(name, list(by_name)))
        checked[name] = check_value(by_name[name], value)
    missing = [field for field in known if field.required and field.name not in checked]
    if missing:
        names = ", ".join(field.name for field in missing)
        raise UsageError(
            f"missing: {names}", " ".join(f"{field.option} {describe_type(field).upper()}" for field in missing)
        )
    return checked


def check_value(field: Field, value: Any) -> Any:
    """A value in the form in which the field keeps it; raises UsageError when it is of another type or out of range."""
    if value is None:
        if field.nullable:
            return None
        raise UsageError(f"{field.name} cannot be empty", f"it takes {describe_type(field)}")
    first: UsageError | None = None
    for each in (field, *field.alternatives):
        try:
            kept = _typed(each, value, field.name)
            _check_own(each, kept, field.name)
            return kept
        except UsageError as error:
            first = first or error
    assert first is not None
    raise first


def format_value(field: Field, value: Any) -> str:
    """A value as text that `parse_text` reads back."""
    if value is None:
        return NONE_TEXT
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        elements = cast("Sequence[Any]", value)
        if any(isinstance(each, list | tuple | dict) or (isinstance(each, str) and "," in each) for each in elements):
            return json.dumps(list(elements))
        return ",".join(format_value(field, each) for each in elements)
    if isinstance(value, Mapping):
        return json.dumps(value)
    return str(value)


def _coerce(field: Field, text: str) -> Any:
    stripped = text.strip()
    match field.type:
        case FieldType.STRING:
            return text
        case FieldType.INTEGER:
            return _number(field, stripped, int)
        case FieldType.NUMBER:
            return _number(field, stripped, float)
        case FieldType.BOOLEAN:
            if stripped.lower() not in _TRUE + _FALSE:
                raise _wrong(field, text)
            return stripped.lower() in _TRUE
        case FieldType.ARRAY:
            return _coerce_array(field, stripped)
        case FieldType.OBJECT:
            return _json(field, stripped, dict)


def _number(field: Field, text: str, read: Callable[[str], float]) -> Any:
    try:
        return read(text)
    except ValueError:
        raise _wrong(field, text) from None


def _coerce_array(field: Field, text: str) -> list[Any]:
    if text.startswith("["):
        return _typed(field, _json(field, text, list), field.name)
    parts = [part.strip() for part in text.strip("()").split(",")] if text.strip("()") else []
    if parts and not parts[-1]:
        parts.pop()  # A trailing comma, as Python writes tuples of one.
    if field.fixed and len(parts) != len(field.items):
        raise _wrong_length(field.name, len(field.items), len(parts))
    if not field.items:
        return list(parts)
    return [parse_text(item, part) for item, part in zip(_places(field, len(parts)), parts, strict=True)]


def _json(field: Field, text: str, kind: type) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        raise _wrong(field, text) from None
    if not isinstance(value, kind):
        raise _wrong(field, text)
    return value


def _places(field: Field, length: int) -> tuple[Field, ...]:
    return field.items if field.fixed else field.items[:1] * length


def _typed(field: Field, value: Any, name: str) -> Any:
    match field.type:
        case FieldType.STRING:
            good = isinstance(value, str)
        case FieldType.BOOLEAN:
            good = isinstance(value, bool)
        case FieldType.INTEGER:
            if isinstance(value, float) and value.is_integer():
                value = int(value)  # JSON has one type of number.
            good = isinstance(value, int) and not isinstance(value, bool)
        case FieldType.NUMBER:
            good = isinstance(value, int | float) and not isinstance(value, bool)
        case FieldType.OBJECT:
            good = isinstance(value, Mapping)
        case FieldType.ARRAY:
            good = isinstance(value, list | tuple)
            if good:
                value = _typed_array(field, cast("Sequence[Any]", value), name)
    if not good:
        raise _wrong(field, value, name)
    return value


def _typed_array(field: Field, values: Sequence[Any], name: str) -> list[Any]:
    if field.fixed and len(values) != len(field.items):
        raise _wrong_length(name, len(field.items), len(values))
    if not field.items:
        return list(values)
    return [check_value(item, value) for item, value in zip(_places(field, len(values)), values, strict=True)]


def _check_own(field: Field, value: Any, name: str) -> None:
    """Raises UsageError unless a value of the right type is among the choices, in the range and of the right length."""
    if field.choices and value not in field.choices:
        names = [format_value(field, choice) for choice in field.choices]
        raise UsageError(f"{name} cannot be {value!r}", nearest_known(str(value), names))
    if isinstance(value, int | float) and not isinstance(value, bool):
        _check_range(field, value, name)
    if isinstance(value, str) and field.pattern and re.search(field.pattern, value) is None:
        raise UsageError(f"{name} cannot be {_shown(field, value)}", f"it has to match {field.pattern}")
    if isinstance(value, str | list | dict):
        length = len(cast("Sequence[Any]", value))
        if length < field.shortest:
            raise UsageError(f"{name} is too short: {length} of at least {field.shortest}", "say more")
        if field.longest is not None and length > field.longest:
            raise UsageError(f"{name} is too long: {length} of at most {field.longest}", "say less")


def _check_range(field: Field, value: float, name: str) -> None:
    lower, upper = field.minimum, field.maximum
    too_low = lower is not None and (value <= lower if field.exclusive_minimum else value < lower)
    too_high = upper is not None and (value >= upper if field.exclusive_maximum else value > upper)
    bounded = lower is not None or upper is not None
    if too_low or too_high or (value != value and bounded):
        shown = (
            f"a number of {len(str(abs(value)))} digits"
            if isinstance(value, int) and abs(value) > _LARGEST
            else f"{value:.10g}"
        )
        raise UsageError(f"{name} cannot be {shown}", f"it takes a number {_range_text(field)}")


def _range_text(field: Field) -> str:
    words: list[str] = []
    if field.minimum is not None:
        words.append(f"{'above' if field.exclusive_minimum else 'from'} {field.minimum:.10g}")
    if field.maximum is not None:
        words.append(f"{'below' if field.exclusive_maximum else 'to'} {field.maximum:.10g}")
    return " ".join(words)


def _wrong(field: Field, value: object, name: str = "") -> UsageError:
    return UsageError(
        f"{name or field.name} is {_NOUNS[field.type]}, not {_shown(field, value)}", f"it takes {describe_type(field)}"
    )


def _shown(field: Field, value: object) -> str:
    """A value as messages show it, which may be written to logs: a secret is not shown."""
    return "what was given" if field.format == "secret" else repr(value)


def _wrong_length(name: str, wanted: int, found: int) -> UsageError:
    example = ",".join(["1"] * wanted)
    return UsageError(f"{name} takes {wanted} values, not {found}", f"write it as {example}")
