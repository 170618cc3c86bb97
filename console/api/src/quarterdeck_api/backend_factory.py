"""Making a backend from the import string of its factory and its settings."""

import inspect
import typing
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from quarterdeck_api.backend import Backend
from quarterdeck_api.errors import UsageError
from quarterdeck_api.import_string import load_object


def settings_type(factory: Callable[..., Any]) -> type[Struct] | None:
    """The struct that a factory declares for its second parameter, or None when it declares none.

    Raises UsageError when its annotations cannot be resolved.
    """
    target = factory.__init__ if inspect.isclass(factory) else factory
    try:
        parameters = list(inspect.signature(factory).parameters.values())
        hints = typing.get_type_hints(target)
    except (NameError, TypeError, ValueError) as error:
        raise UsageError(
            f"the settings that {getattr(factory, '__name__', factory)} takes cannot be found out: {error}",
            "import the settings type at run time, not for type checking only",
        ) from error
    if len(parameters) < 2:
        return None
    annotation = hints.get(parameters[1].name)
    return annotation if isinstance(annotation, type) and issubclass(annotation, Struct) else None


def convert_settings(backend: str, factory: Callable[..., Any], settings: dict[str, Any]) -> Any:
    """The settings as the factory wants them; raises UsageError that names the field and says what it must be."""
    wanted = settings_type(factory)
    if wanted is None:
        return settings
    known = {field.encode_name for field in msgspec.structs.fields(wanted)}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise UsageError(f"{backend} has no setting {unknown[0]!r}", f"there are: {', '.join(sorted(known)) or 'none'}")
    try:
        return msgspec.convert(settings, wanted)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"the settings of {backend} are wrong: {error}",
            f"correct it below [backends.{backend}], or with `quarterdeck backend add`",
        ) from error


def make_backend(backend: str, reference: str, settings: dict[str, Any]) -> Backend:
    """Imports the factory and makes the backend; raises UsageError, or whatever the factory raises."""
    try:
        factory = load_object(reference)
    except ImportError as error:
        raise UsageError(
            f"the plugin's part for {backend} cannot be imported: {error}",
            "install what it needs, see `quarterdeck plugin doctor`",
        ) from error
    made = factory(backend, convert_settings(backend, factory, settings))
    if not isinstance(made, Backend):
        raise UsageError(
            f"{reference} gave a {type(made).__name__}, which is not a backend", "a backend has `watch` and `close`"
        )
    return made
