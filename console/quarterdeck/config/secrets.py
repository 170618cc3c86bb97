"""References to secrets: `env:NAME` and `file:PATH` stand in the configuration, their values only in memory."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from quarterdeck.config.settings import Settings
from quarterdeck_api.errors import UnreachableError

_ENVIRONMENT = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
_FILE = re.compile(r"file:(?!//)(.+)", re.DOTALL)  # file:// begins a URL.
_KEYRING = re.compile(r"keyring:[^/]+/.+")

#: A secret file longer than this is somebody's mistake.
_FILE_LIMIT = 64 * 1024


def is_reference(value: str) -> bool:
    """Whether a text refers to a secret instead of being one."""
    return any(pattern.fullmatch(value) for pattern in (_ENVIRONMENT, _FILE, _KEYRING))


def wanted_environment(settings: Settings) -> tuple[str, ...]:
    """The names of environment variables that the configuration refers to, sorted."""
    texts = (text for backend in settings.backends.values() for text in _texts(backend.settings))
    return tuple(sorted({match.group(1) for text in texts if (match := _ENVIRONMENT.fullmatch(text))}))


def resolve_references(settings: Mapping[str, Any], lookup: Callable[[str], str | None]) -> dict[str, Any]:
    """The settings with every reference replaced by its value; `lookup` gives an environment variable or None.

    Raises UnreachableError that names what is missing, never a value.
    """
    return {key: _resolved(value, lookup) for key, value in settings.items()}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in cast(Mapping[str, object], value).values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in cast(list[object], value):
            yield from _texts(each)


def _resolved(value: Any, lookup: Callable[[str], str | None]) -> Any:
    if isinstance(value, str):
        return _resolved_text(value, lookup)
    if isinstance(value, Mapping):
        return resolve_references(cast(Mapping[str, Any], value), lookup)
    if isinstance(value, list | tuple):
        return [_resolved(each, lookup) for each in cast(list[Any], value)]
    return value


def _resolved_text(text: str, lookup: Callable[[str], str | None]) -> str:
    if match := _ENVIRONMENT.fullmatch(text):
        name = match.group(1)
        found = lookup(name)
        if found is None:
            raise UnreachableError(
                f"the environment variable {name}, which the configuration refers to, is not set",
                f"set {name} and connect again: the runtime takes it from the client",
            )
        return found
    if match := _FILE.fullmatch(text):
        return _file_content(Path(match.group(1)).expanduser())
    if _KEYRING.fullmatch(text):
        raise UnreachableError(
            f"the configuration refers to {text}, and this release reads no keyring", "use env:NAME or file:PATH"
        )
    return text


def _file_content(path: Path) -> str:
    if not path.is_absolute():
        raise UnreachableError(f"the secret file {path} is not an absolute path", "write the whole path, or ~/…")
    try:
        with path.open("rb") as stream:
            content = stream.read(_FILE_LIMIT + 1)
    except OSError as error:
        raise UnreachableError(
            f"the secret file {path} cannot be read: {error.strerror}", "correct the path or the permissions"
        ) from error
    if len(content) > _FILE_LIMIT:
        raise UnreachableError(f"the secret file {path} is longer than {_FILE_LIMIT} bytes", "name the right file")
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise UnreachableError(f"the secret file {path} is not UTF-8 text", "name the right file") from error
