"""From a TOML table to settings: every key is checked by itself, and a wrong one becomes a problem instead of an error.

A wrong value falls back to the default, but where that would take a protection away, to the strictest value: a wrong value or a misspelt key
in a guardrail, or of `read_only`, must not open what it was meant to close.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

import msgspec
from msgspec import Struct

from quarterdeck.config.loaded import LoadedSettings, Origin, Problem, Source
from quarterdeck.config.positions import Path, key_lines
from quarterdeck.config.secrets import is_reference
from quarterdeck.config.settings import (
    BackendSettings,
    ConsoleSettings,
    Guardrail,
    PluginSettings,
    RuntimeSettings,
    Settings,
)
from quarterdeck_api.catalogue import BackendTypeInfo, Catalogue
from quarterdeck_api.errors import UsageError
from quarterdeck_api.nearest import nearest, nearest_name
from quarterdeck_api.resources import CORE

S = TypeVar("S", bound=Struct)
Table = Mapping[str, Any]

#: What a wrong value of these keys is replaced by, so that a protection stays.
_STRICTEST: dict[str, Any] = {"read_only": True, "require": "deny", "max_bulk": 1}

_BACKEND_NAME = re.compile(r"[a-z0-9-]+")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SECRET_NAME = re.compile(r"password|passwd|secret|token|credential|private_?key|api_?key|access_?key", re.IGNORECASE)


def read_settings(table: Table, text: str, file: str, catalogues: Iterable[Catalogue]) -> LoadedSettings:
    """Settings from a parsed file; `text` is what was parsed, for lines. Without catalogues, backends' own settings are not checked."""
    return _Reader(text, file, tuple(catalogues)).read(table)


def dotted(path: Path) -> str:
    """A key's path as text: `backends.plant.nodes`, `guardrails[0].require`."""
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        else:
            out += ("." if out else "") + (part if _BARE_KEY.fullmatch(part) else f'"{part}"')
    return out


def looks_secret(name: str) -> bool:
    """Whether a key's name says that its value is a secret."""
    return _SECRET_NAME.search(name) is not None


class _Reader:
    """One reading: collects sources and problems on the way."""

    def __init__(self, text: str, file: str, catalogues: tuple[Catalogue, ...]) -> None:
        self._lines = key_lines(text)
        self._file = file
        self._types = {each.id: each for catalogue in catalogues for each in catalogue.backend_types}
        self._sources: dict[str, Source] = {}
        self._problems: list[Problem] = []
        self._secrets: set[str] = set()
        self._disabled: frozenset[str] = frozenset()

    def read(self, table: Table) -> LoadedSettings:
        known = [field.name for field in msgspec.structs.fields(Settings)]
        unprotected = False
        for name in table:
            if name not in known:
                guarding = nearest_name(name, known) == "guardrails"
                said = f"there is no section {name!r}" + (", so this instance is read-only" if guarding else "")
                self._problem((name,), said, nearest(name, known))
                unprotected = unprotected or guarding
        runtime = self._section(table, "runtime", RuntimeSettings)
        plugins = self._section(table, "plugins", PluginSettings)
        self._disabled = frozenset(plugins.disabled)
        settings = Settings(
            runtime=msgspec.structs.replace(runtime, read_only=True) if unprotected else runtime,
            console=self._section(table, "console", ConsoleSettings),
            plugins=plugins,
            backends=self._backends(table.get("backends", {})),
            guardrails=self._guardrails(table.get("guardrails", [])),
        )
        return LoadedSettings(settings, self._sources, tuple(self._problems), frozenset(self._secrets))

    def _section(self, table: Table, name: str, kind: type[S]) -> S:
        body = table.get(name, {})
        if not isinstance(body, dict):
            self._problem((name,), f"{name} is not a table", f"write its keys below [{name}]")
            return kind()
        return self._struct(cast(Table, body), kind, (name,))

    def _struct(self, body: Table, kind: type[S], path: Path) -> S:
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        values: dict[str, Any] = {}
        for name, value in body.items():
            field = fields.get(name)
            if field is None:
                meant = nearest_name(name, fields)
                said = f"{dotted(path)} has no key {name!r}"
                if meant in _STRICTEST and meant not in body:
                    values[meant] = _STRICTEST[meant]
                    said += f", so {meant} is {_toml(values[meant])}"
                self._problem((*path, name), said, nearest(name, fields))
                continue
            try:
                values[name] = msgspec.convert(value, field.type)
            except msgspec.ValidationError as error:
                values[name] = _STRICTEST.get(name, field.default)
                self._problem(
                    (*path, name),
                    f"{dotted((*path, name))} cannot be {_shown(name, value)}: {_why(kind, name, value, error)}",
                    f"{_toml(values[name])} is used until it is corrected",
                )
            self._note_source((*path, name))
        return kind(**values)

    def _backends(self, table: object) -> dict[str, BackendSettings]:
        if not isinstance(table, dict):
            self._problem(("backends",), "backends is not a table", "write [backends.NAME]")
            return {}
        found: dict[str, BackendSettings] = {}
        for name, body in cast(Table, table).items():
            path: Path = ("backends", name)
            if not isinstance(body, dict):
                self._problem(path, f"{dotted(path)} is not a table", f"write [{dotted(path)}]")
            elif not _BACKEND_NAME.fullmatch(name) or name == CORE:
                why = "is reserved" if name == CORE else "has forbidden letters"
                remedy = "choose a name of lower-case letters, digits and '-'"
                self._problem(path, f"the backend's name {name!r} {why}, so it is left out", remedy)
            elif not isinstance(cast(Table, body).get("type"), str):
                said = f"{dotted(path)} does not say its type, so it is left out"
                self._problem(path, said, f'add type = "{next(iter(self._types), "PLUGIN.TYPE")}"')
            else:
                found[name] = self._backend(cast(Table, body), path)
        return found

    def _backend(self, body: Table, path: Path) -> BackendSettings:
        common = {key: value for key, value in body.items() if key in ("type", "read_only")}
        free = {key: value for key, value in body.items() if key not in common}
        backend_type = self._types.get(body["type"])
        # A plugin that is disabled declares nothing, and what it would open is rightly there.
        if self._types and backend_type is None and body["type"].split(".")[0] not in self._disabled:
            said = f"backend type {body['type']!r} is unknown"
            self._problem(
                (*path, "type"), said, nearest(body["type"], self._types, "no plugin that is ready brings one")
            )
        checked = self._typed(free, backend_type, path) if backend_type is not None else free
        if any(key not in checked and nearest_name(key, ("read_only",)) for key in free):
            common.setdefault("read_only", True)  # What is misspelt there is told as a problem above.
        for key, value in checked.items():
            self._note_source((*path, key))
            if looks_secret(key):
                self._note_secret((*path, key), value)
        made = self._struct(common, _CommonBackend, path)
        return BackendSettings(type=made.type, read_only=made.read_only, settings=checked)

    def _typed(self, values: Table, backend_type: BackendTypeInfo, path: Path) -> dict[str, Any]:
        """The settings that fit the backend type's schema; the others become problems and are left out."""
        from quarterdeck_api.parameter_values import check_value, describe_type
        from quarterdeck_api.parameters import fields

        known = {field.name: field for field in fields(backend_type.settings)}
        kept: dict[str, Any] = {}
        for key, value in values.items():
            field = known.get(key)
            if field is None:
                said = f"backend type {backend_type.id} has no setting {key!r}"
                self._problem((*path, key), said, nearest(key, [*known, "type", "read_only"], "it has none"))
                continue
            if field.format == "secret":
                self._note_secret((*path, key), value)
            if isinstance(value, str) and is_reference(value):
                kept[key] = value  # Its value is not known before the backend is opened.
                continue
            try:
                kept[key] = check_value(field, value)
            except UsageError as error:
                secret = field.format == "secret" or looks_secret(key)
                said = "what is written there is of the wrong type" if secret else error.message
                self._problem((*path, key), f"{dotted((*path, key))}: {said}", error.remedy)
        for field in known.values():
            if field.required and field.name not in values:
                remedy = f"add {field.name} = … ({describe_type(field)})"
                self._problem(path, f"{dotted(path)} lacks {field.name!r}, which {backend_type.id} needs", remedy)
        return kept

    def _note_secret(self, path: Path, value: object) -> None:
        key = dotted(path)
        if key in self._secrets:
            return
        self._secrets.add(key)
        if isinstance(value, str) and value and not is_reference(value):
            name = "_".join(str(part) for part in path[1:]).upper().replace("-", "_")
            self._problem(path, f"{key} holds a secret as plain text", f'write "env:{name}" or "file:PATH"')

    def _guardrails(self, items: object) -> tuple[Guardrail, ...]:
        if not isinstance(items, list):
            self._problem(
                ("guardrails",), "guardrails is not a list of tables, so everything is denied", "write [[guardrails]]"
            )
            return (Guardrail(require="deny"),)
        return tuple(
            self._guardrail(item, ("guardrails", index)) for index, item in enumerate(cast(list[object], items))
        )

    def _guardrail(self, item: object, path: Path) -> Guardrail:
        if not isinstance(item, dict):
            self._problem(path, f"{dotted(path)} is not a table, so everything is denied", "write [[guardrails]]")
            return Guardrail(require="deny")
        body = cast(Table, item)
        guardrail = self._struct(body, Guardrail, path)
        if guardrail.require is None and guardrail.max_bulk is None:
            self._problem(
                path,
                f"{dotted(path)} says neither require nor max_bulk, so it denies",
                'add require = "deny", require = "type-name" or max_bulk = 1',
            )
            return msgspec.structs.replace(guardrail, require="deny")
        return guardrail

    def _note_source(self, path: Path) -> None:
        self._sources[dotted(path)] = Source(Origin.FILE, f"{self._file}:{self._line(path)}")

    def _line(self, path: Path) -> int:
        """The line of the key, or of the nearest table around it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return 0

    def _problem(self, path: Path, sentence: str, remedy: str) -> None:
        self._problems.append(Problem(self._file, self._line(path), dotted(path), sentence, remedy))


class _CommonBackend(Struct, frozen=True):
    """The keys that every backend has."""

    type: str
    read_only: bool = False


def _why(kind: type[Struct], name: str, value: object, error: msgspec.ValidationError) -> str:
    """Why a value is wrong and what the key takes, in the words that parameters have too."""
    from quarterdeck_api.declare_schema import plain_schema
    from quarterdeck_api.parameter_values import check_value, describe_type
    from quarterdeck_api.parameters import field_named, fields

    field = field_named(fields(plain_schema(kind)), name)
    try:
        check_value(field, value)
    except UsageError:
        return f"it takes {describe_type(field)}"
    return str(error).split(" - at `")[0].replace("`", "")


def _shown(name: str, value: object) -> str:
    return "what is written there" if looks_secret(name) else _toml(value)


def _toml(value: object) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()
