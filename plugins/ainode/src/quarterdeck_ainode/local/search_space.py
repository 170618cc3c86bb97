"""Which settings a search tries: values for each parameter, and the combinations of them that make sense."""

from collections.abc import Mapping
from itertools import product
from math import prod
from random import Random
from typing import Any

from quarterdeck_ainode.models.catalogue import ModelInfo, parameters_schema, read_parameters
from quarterdeck_api.errors import UsageError
from quarterdeck_api.parameter_values import parse_text
from quarterdeck_api.parameters import field_named, fields

#: Values to try, by parameter.
Space = dict[str, tuple[Any, ...]]

#: Combinations looked at for each trial of a random search, because some contradict themselves.
_DRAWS_PER_TRIAL = 20


def read_space(model: ModelInfo, text: str) -> Space:
    """Reads `name=value|value; name=…` against the model's parameters; raises UsageError."""
    known = fields(parameters_schema(model))
    space: Space = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, values = part.partition("=")
        if not equals:
            raise UsageError(f"{part!r} is not NAME=VALUE|VALUE", "write for example --vary 'trend=add|mul; sp=4|12'")
        field = field_named(known, name.strip())
        if field.name in space:
            raise UsageError(f"{field.name} is varied twice", "name it once, with all its values")
        space[field.name] = tuple(parse_text(field, value.strip()) for value in values.split("|"))
    return space


def usual_space(model: ModelInfo, season: int) -> Space:
    """What is usually worth trying for a model, on data with this season (1: none)."""
    seasonal = season > 1
    smoothing: Space = {"trend": ("add", "mul", "none"), "damped_trend": (False, True)}
    if seasonal:
        smoothing["seasonal"] = ("add", "mul", "none")
    spaces: dict[str, Space] = {
        "arima": {
            "order": tuple(product(range(4), range(2), range(3))),
            "seasonal_order": ((0, 0, 0, 0), *(((1, 0, 0, season), (0, 1, 1, season), (1, 1, 1, season)) * seasonal)),
            "with_intercept": (True, False),
        },
        "exponential_smoothing": smoothing,
        "holtwinters": smoothing,
        "naive_forecaster": {
            "strategy": ("last", "mean", "drift"),
            "sp": (1, season) if seasonal else (1,),
            "window_length": (None, 2 * season, 4 * season) if seasonal else (None, 3, 6, 12),
        },
        "stl_forecaster": {
            "sp": (season if seasonal else 2,),
            "seasonal": (7, 13, 25),
            "robust": (False, True),
            "forecaster_trend": ("drift", "holt", "naive", "arima"),
            "forecaster_resid": ("mean", "seasonal-mean", "arima"),
        },
        "auto_arima": {"ic": ("aicc", "bic"), "seasonal_test": ("seas", "ocsb"), "allowdrift": (True, False)},
        "auto_ets": {"model": ("ZZZ", "ZZN", "MAM", "AAA", "ZNZ"), "damped": (None, True, False)},
        "auto_theta": {
            "decomposition_type": ("multiplicative", "additive"),
            "model": (None, "STM", "OTM", "DSTM", "DOTM"),
        },
        "mstl": {},
        "seasonal_naive": {},
    }
    return spaces[model.id]


def combinations(
    model: ModelInfo, space: Space, fixed: Mapping[str, Any], *, grid: bool, trials: int, seed: int
) -> list[dict[str, Any]]:
    """At most `trials` different settings, each with `fixed`, that do not contradict themselves.

    A grid has all of them, in order; a random search draws without repetition, the same for the same seed. Raises UsageError when nothing
    varies, a parameter is both fixed and varied, a grid is larger than `trials`, or every combination contradicts itself.
    """
    both = sorted(set(space) & set(fixed))
    if both:
        raise UsageError(f"{both[0]} is both set and varied", f"leave {both[0]} out of --set or out of --vary")
    if not space:
        raise UsageError(f"nothing is usually varied for {model.id}", "name values with --vary 'NAME=VALUE|VALUE'")
    size = prod(len(values) for values in space.values())
    wanted = min(size, trials * (1 if grid else _DRAWS_PER_TRIAL))
    if grid and size > trials:
        raise UsageError(
            f"the grid has {size} combinations, and {trials} trials are allowed",
            f"use --trials {size}, --search random, or vary less"
            if size <= 500
            else "use --search random, or vary less",
        )
    numbers = range(size) if grid else Random(seed).sample(range(size), wanted)
    found: list[dict[str, Any]] = []
    first: UsageError | None = None
    for number in numbers:
        settings = {**fixed, **_combination(space, number)}
        try:
            read_parameters(model, settings)
        except UsageError as error:
            first = first or error
            continue
        found.append(settings)
        if len(found) == trials:
            break
    if not found:
        assert first is not None
        raise UsageError(f"no combination makes sense; the first: {first.message}", first.remedy)
    return found


def _combination(space: Space, number: int) -> dict[str, Any]:
    """The combination at a place of the grid; the last parameter varies first."""
    settings: dict[str, Any] = {}
    for name, values in reversed(space.items()):
        number, place = divmod(number, len(values))
        settings[name] = values[place]
    return dict(reversed(settings.items()))
