"""Users' models: a TOML text that names a class of an allow-list and its parameters; nothing in it is executable.

For example::

    base = "arima"
    [parameters]
    order = [2, 1, 1]

Instead of `base`, `class` names the library's class, as sktime.forecasting.arima.ARIMA.
"""

import tomllib
from typing import Any

import msgspec
from msgspec import Struct

from quarterdeck_ainode.models.catalogue import MODELS, ModelInfo, model_named, parameters_schema
from quarterdeck_ainode.serving.model_options import parameters_of
from quarterdeck_api.errors import NotFoundError, UsageError
from quarterdeck_api.nearest import nearest
from quarterdeck_api.parameter_values import validate

#: Bytes of a specification; the longest list of parameters has less than a tenth of them.
LARGEST_SPECIFICATION = 64 * 1024

_KEYS = ("base", "class", "parameters", "summary")


class ModelSpecification(Struct, frozen=True):
    """A user's model: a model of the catalogue, and what differs from its defaults."""

    base: str
    parameters: dict[str, Any] = {}
    summary: str = ""


def parse_specification(data: bytes) -> ModelSpecification:
    """Reads and checks a specification.

    Raises UsageError for what is no TOML, too large, unknown, outside of the allow-list, out of range or contradictory.
    """
    if len(data) > LARGEST_SPECIFICATION:
        raise UsageError(
            f"the specification is larger than {LARGEST_SPECIFICATION} bytes",
            "write only what differs from the defaults",
        )
    try:
        content = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        # The text is not repeated: it may be a file that was never meant to be shown.
        where = f" ({error})" if isinstance(error, tomllib.TOMLDecodeError) else ""
        raise UsageError(
            f"the specification is no TOML{where}", 'write it as base = "arima" and a table [parameters]'
        ) from error
    for key in content:
        if key not in _KEYS:
            raise UsageError(f"the specification has the unknown key {key!r}", nearest(key, _KEYS))
    model = _model(content)
    summary = content.get("summary", "")
    if not isinstance(summary, str) or len(summary) > 500:
        raise UsageError("summary is a text of at most 500 characters", "shorten it")
    parameters = content.get("parameters", {})
    if not isinstance(parameters, dict):
        raise UsageError("parameters is a table", "write [parameters], and below it a line for each: order = [2, 1, 1]")
    return ModelSpecification(model.id, checked_settings(model, parameters), summary)


def checked_settings(model: ModelInfo, settings: dict[str, Any]) -> dict[str, Any]:
    """Settings in the form in which a model takes them; raises UsageError with the parameter and what it takes."""
    checked = validate(parameters_schema(model), settings)
    written = msgspec.to_builtins(parameters_of(model, checked))
    return {name: written[name] for name in checked}


def _model(content: dict[str, Any]) -> ModelInfo:
    base, name = content.get("base"), content.get("class")
    if (base is None) == (name is None):
        raise UsageError(
            "the specification names its model once: by base or by class", 'write for example base = "arima"'
        )
    if base is not None:
        if not isinstance(base, str):
            raise UsageError("base is the id of a built-in model", 'write for example base = "arima"')
        try:
            return model_named(base)
        except NotFoundError as error:
            raise UsageError(f"there is no model {base!r}", nearest(base, [model.id for model in MODELS])) from error
    allowed = {model.implementation: model for model in reversed(MODELS)}
    if not isinstance(name, str) or name not in allowed:
        raise UsageError(
            f"class {str(name)[:100]!r} is not among those that may be used", nearest(str(name)[:200], allowed)
        )
    return allowed[name]
