"""The JSON Schema of the configuration file, for editors and `config schema`."""

from collections.abc import Iterable
from typing import Any

from quarterdeck.config.settings import ConsoleSettings, Guardrail, PluginSettings, RuntimeSettings
from quarterdeck_api.catalogue import BackendTypeInfo, Catalogue, JsonSchema
from quarterdeck_api.declare_schema import plain_schema

_REFERENCE = {"type": "string", "pattern": "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$"}


def settings_schema(catalogues: Iterable[Catalogue] = ()) -> JsonSchema:
    """The schema of the whole file; the backend types of the catalogues bring the keys of their settings."""
    types = [each for catalogue in catalogues for each in catalogue.backend_types]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Quarterdeck configuration",
        "type": "object",
        "properties": {
            "runtime": _closed(plain_schema(RuntimeSettings)),
            "console": _closed(plain_schema(ConsoleSettings)),
            "plugins": _closed(plain_schema(PluginSettings)),
            "backends": {
                "type": "object",
                "description": "Backends by name.",
                "propertyNames": {"pattern": "^[a-z0-9-]+$"},
                "additionalProperties": {"anyOf": [_backend(each) for each in types]} if types else _any_backend(),
            },
            "guardrails": {"type": "array", "items": _closed(plain_schema(Guardrail))},
        },
        "additionalProperties": False,
    }


def _closed(schema: JsonSchema) -> JsonSchema:
    return {**schema, "additionalProperties": False}


def _any_backend() -> JsonSchema:
    return {"type": "object", "properties": _common({"type": "string"}), "required": ["type"]}


def _backend(backend_type: BackendTypeInfo) -> JsonSchema:
    """A backend of one type; any of its settings may be a reference too."""
    own = {name: {"anyOf": [node, _REFERENCE]} for name, node in backend_type.settings["properties"].items()}
    return {
        "title": backend_type.title,
        "type": "object",
        "properties": {**_common({"const": backend_type.id}), **own},
        "required": ["type", *backend_type.settings.get("required", ())],
        "additionalProperties": False,
    }


def _common(kind: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": kind,
        "read_only": {"type": "boolean", "default": False, "description": "Refuse everything that changes something."},
    }
