"""Structs as JSON documents whose names are always all there: on the wire defaults are left out, in documented output never."""

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct


def complete(value: object) -> object:
    """The value as plain dictionaries and lists; structs that are arrays on the wire stay as they are."""
    if isinstance(value, Struct):
        configuration = value.__struct_config__
        if configuration.array_like:
            return value
        named = {field: complete(getattr(value, field)) for field in value.__struct_fields__}
        return {configuration.tag_field: configuration.tag, **named} if configuration.tag_field else named
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): complete(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [complete(each) for each in value]
    return value
