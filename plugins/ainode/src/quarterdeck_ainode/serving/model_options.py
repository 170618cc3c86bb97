"""What the user of a statement wrote beside model and length, read against the model's parameters; pure."""

import math
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from quarterdeck_ainode.models.catalogue import ModelInfo, parameters_schema
from quarterdeck_ainode.models.detector_parameters import DetectorParameters
from quarterdeck_ainode.models.forecaster_parameters import ForecasterParameters
from quarterdeck_ainode.serving.inference_task import Horizon
from quarterdeck_api.errors import UsageError
from quarterdeck_api.nearest import nearest
from quarterdeck_api.parameter_values import parse_text
from quarterdeck_api.parameters import Field, FieldType, field_named, fields

HORIZON = "horizon"
WINDOW = "window"

#: More options, and longer ones, than any model has.
_MOST_OPTIONS = 64
_LONGEST_TEXT = 10_000

_WINDOW = re.compile(r"(?:(head|tail)\s*\(\s*([0-9]{1,9})\s*\)|([0-9]{1,9}))")

#: What may stand between the numbers of a list.
_BETWEEN = re.compile(r"\s*,\s*|\s+")


class End(Enum):
    """Which end of a series a window keeps."""

    HEAD = "head"
    TAIL = "tail"


class InputWindow(Struct, frozen=True):
    """The first or last `rows` of a series."""

    end: End
    rows: int

    def of(self, count: int) -> slice:
        """The part of `count` rows that it keeps; raises UsageError when there are fewer."""
        if self.rows > count:
            raise UsageError(
                f"the window has {self.rows} rows, and only {count} came",
                f"use window={count} or less, or leave it out",
            )
        return slice(0, self.rows) if self.end is End.HEAD else slice(count - self.rows, count)


class StatementOptions(Struct, frozen=True):
    """Options as types: the model's parameters with everything filled in, the horizon, and the rows to use (None: all)."""

    parameters: ForecasterParameters | DetectorParameters
    horizon: Horizon
    window: InputWindow | None


def read_options(model: ModelInfo, own: Mapping[str, Any], options: Mapping[str, str]) -> StatementOptions:
    """Reads a statement's options for a model; `own` are the settings of a user's model, which the statement may overrule.

    Names are taken with `-` and `_` alike. Lists are written with `;`, spaces or `,`, as order=2;1;1: the database splits `model_options` at
    commas, and its command line every statement at `;`. Raises UsageError for what is unknown, said twice, of the wrong type, out of range or contradictory.
    """
    _check_amount(options)
    horizon, window, settings = Horizon.NEXT, None, dict(own)
    said: set[str] = set()
    for key, text in options.items():
        name = key.strip().replace("-", "_")
        if name == HORIZON:
            horizon = _horizon(text)
        elif name == WINDOW:
            window = _window(text)
        else:
            field = _field(model, name)
            name = field.name
            settings[name] = _value(field, text)
        if name in said:
            raise UsageError(f"{name} is set twice", "set it once")
        said.add(name)
    if horizon is Horizon.AINODE and (ignored := sorted(said - {HORIZON, WINDOW})):
        raise UsageError(
            f"horizon=ainode answers as the official AINode does, which ignores parameters such as {', '.join(ignored)}",
            f"leave out {', '.join(ignored)}, or horizon=ainode",
        )
    return StatementOptions(parameters_of(model, settings), horizon, window)


def parameters_of(model: ModelInfo, settings: Mapping[str, Any]) -> ForecasterParameters | DetectorParameters:
    """Settings that were checked one by one as parameters, checked against one another; raises UsageError."""
    try:
        parameters = msgspec.convert(dict(settings), model.parameters)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"the settings of {model.id} are wrong: {error}", "see docs/models.md for what it takes"
        ) from error
    if not isinstance(parameters, DetectorParameters):
        parameters.check()
    return parameters


def _check_amount(options: Mapping[str, str]) -> None:
    if len(options) > _MOST_OPTIONS:
        raise UsageError(f"{len(options)} options are more than any model has", f"write at most {_MOST_OPTIONS}")
    for key, text in options.items():
        if len(key) > _LONGEST_TEXT or len(text) > _LONGEST_TEXT:
            raise UsageError(
                f"the option {key[:40]!r} is longer than {_LONGEST_TEXT} characters", "write a shorter name and value"
            )


def _horizon(text: str) -> Horizon:
    try:
        return Horizon(text.strip().lower())
    except ValueError:
        raise UsageError(
            f"horizon cannot be {text!r}",
            "it is next (the steps after the last observation) or ainode (the official AINode's, one step earlier)",
        ) from None


def _window(text: str) -> InputWindow:
    found = _WINDOW.fullmatch(text.strip().lower())
    rows = int(found[2] or found[3]) if found else 0
    if found is None or rows < 1:
        raise UsageError(
            f"window cannot be {text!r}",
            "it is a number of rows, as window=500 for the last 500, or head(500), or tail(500)",
        )
    return InputWindow(End.HEAD if found[1] == "head" else End.TAIL, rows)


@cache
def _fields(model: ModelInfo) -> tuple[Field, ...]:
    return fields(parameters_schema(model))


def _field(model: ModelInfo, name: str) -> Field:
    known = _fields(model)
    try:
        return field_named(known, name)
    except UsageError:
        names = [field.name for field in known]
        raise UsageError(f"{model.id} has no option {name!r}", nearest(name, (*names, HORIZON, WINDOW))) from None


def _value(field: Field, text: str) -> Any:
    is_list = any(each.type is FieldType.ARRAY for each in (field, *field.alternatives))
    if is_list:
        text = _with_commas(text)
    elif ";" in text and "=" in text:
        raise UsageError(
            f"{field.name} cannot be {text!r}", "separate options with commas, and a list's numbers with ; or spaces"
        )
    try:
        value = parse_text(field, text)
    except RecursionError:
        raise UsageError(f"{field.name} is nested too deeply", "write a list as 2;1;1") from None
    except UsageError as error:
        if not is_list:
            raise
        remedy = f"{error.remedy}, with ; or spaces in the place of commas where they separate options"
        raise UsageError(error.message, remedy) from error
    if any(isinstance(number, float) and not math.isfinite(number) for number in _flat(value)):
        raise UsageError(f"{field.name} cannot be {text!r}", "write a finite number")
    return value


def _with_commas(text: str) -> str:
    """A list as parameters are written everywhere else; brackets of JSON may have spaces anywhere."""
    text = text.replace(";", ",").strip()
    return text if "[" in text else _BETWEEN.sub(",", text)


def _flat(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else (value,)
