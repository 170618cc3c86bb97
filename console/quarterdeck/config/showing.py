"""`config show`: every value with where it comes from, secrets hidden."""

import msgspec
from msgspec import Struct

from quarterdeck.config.loaded import LoadedSettings, Origin, Source
from quarterdeck.config.positions import Path
from quarterdeck.config.reading import dotted, looks_secret
from quarterdeck.config.secrets import is_reference

HIDDEN = "(hidden)"


class ShownValue(Struct, frozen=True):
    """One value as `config show` prints it."""

    key: str
    value: object
    source: Source


def show(loaded: LoadedSettings) -> tuple[ShownValue, ...]:
    """Every value of the settings in the order of the model; secrets appear as the references that they are, or hidden."""
    shown: list[ShownValue] = []
    for name, section in msgspec.structs.asdict(loaded.settings).items():
        if name == "backends":
            for backend_name, backend in loaded.settings.backends.items():
                values = {"type": backend.type, "read_only": backend.read_only, **backend.settings}
                shown += _section(values, ("backends", backend_name), loaded)
        elif name == "guardrails":
            for index, guardrail in enumerate(loaded.settings.guardrails):
                shown += _section(msgspec.structs.asdict(guardrail), ("guardrails", index), loaded)
        else:
            shown += _section(msgspec.structs.asdict(section), (name,), loaded)
    return tuple(shown)


def _section(values: dict[str, object], path: Path, loaded: LoadedSettings) -> list[ShownValue]:
    shown: list[ShownValue] = []
    for name, value in values.items():
        key = dotted((*path, name))
        secret = key in loaded.secret_keys or looks_secret(name)
        source = loaded.sources.get(key, Source(Origin.DEFAULT))
        shown.append(ShownValue(key, _presentable(value, secret), source))
    return shown


def _presentable(value: object, secret: bool) -> object:
    if isinstance(value, str):
        return HIDDEN if secret and value and not is_reference(value) else value
    if isinstance(value, dict):
        return {str(key): _presentable(each, secret or looks_secret(str(key))) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_presentable(each, secret) for each in value]
    return HIDDEN if secret and value is not None else value
