"""Who takes part in a forecast: models of the cluster and of the local engine, by the names and settings that a user gave."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from quarterdeck_ainode.iotdb.mirrored.cluster_state import CatalogueModel
from quarterdeck_ainode.iotdb.versions import VersionFacts
from quarterdeck_ainode.iotdb.workbench.parameters import ALL, LOCAL
from quarterdeck_ainode.iotdb.workbench.statements import option_value
from quarterdeck_ainode.models.catalogue import (
    MODELS,
    ModelInfo,
    Task,
    forecaster_parameters,
    model_named,
    parameters_schema,
)
from quarterdeck_ainode.models.forecaster_parameters import ForecasterParameters
from quarterdeck_api.catalogue import JsonSchema
from quarterdeck_api.errors import NotFoundError, UsageError
from quarterdeck_api.fields import only_with
from quarterdeck_api.nearest import nearest

_TASKS = {model.id: model.task for model in MODELS}

#: The setting that takes options of a model whose parameters are not known, as they stand in `model_options`.
OPTIONS = "options"

_SKTIME = "sktime"


class ClusterFacts(Struct, frozen=True):
    """What is known of the cluster's models: the catalogue, which ones are loaded, whether the AINode is ours, and what the version has.

    Each of the first three is None when the user may not see it.
    """

    models: tuple[CatalogueModel, ...] | None
    loaded: frozenset[str] | None
    ours: bool | None
    version: VersionFacts

    @property
    def official(self) -> bool:
        """Whether the official AINode answers, as far as is known."""
        return self.ours is False


class ClusterEntrant(Struct, frozen=True):
    """A model of the cluster. `late` is whether its forecasts begin at the last observation instead of one step after it."""

    name: str
    model: CatalogueModel
    options: dict[str, str]
    late: bool
    baseline: bool = False

    @property
    def settings(self) -> dict[str, Any]:
        """Its options."""
        return dict(self.options)


class LocalEntrant(Struct, frozen=True):
    """A model of the local engine."""

    name: str
    info: ModelInfo
    parameters: ForecasterParameters


Entrant = ClusterEntrant | LocalEntrant


def choose(
    names: Iterable[str], settings: Mapping[str, Any], facts: ClusterFacts, *, keep_shift: bool
) -> tuple[Entrant, ...]:
    """The models that are meant, once each, with their settings; raises UsageError or NotFoundError with the nearest name."""
    wanted: dict[str, None] = {}
    for name in names:
        wanted |= dict.fromkeys(_expanded(name.strip(), facts))
    own = settings_by_model(settings)
    stray = sorted(set(own) - {name.removeprefix(LOCAL) for name in wanted})
    if stray:
        raise UsageError(
            f"{stray[0]} has settings and is not among the models", f"add it to --models, or leave {stray[0]}.… out"
        )
    return tuple(_entrant(name, own.get(name.removeprefix(LOCAL), {}), facts, keep_shift=keep_shift) for name in wanted)


def settings_by_model(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """`{"arima.order": …}` as settings of each model."""
    found: dict[str, dict[str, Any]] = {}
    for key, value in settings.items():
        model, dot, name = key.partition(".")
        if not dot:
            raise UsageError(f"{key!r} names no model", "write --set MODEL.PARAMETER=VALUE, as arima.order=2,1,1")
        found.setdefault(model, {})[name] = value
    return found


def settings_of(model: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the only model that is asked; raises UsageError for those of others, which would be ignored."""
    own = settings_by_model(settings)
    other = next((name for name in own if name != model), None)
    if other is not None:
        raise UsageError(f"{other} has settings, and the model is {model}", f"leave {other}.… out")
    return own.get(model, {})


def settings_schema(model_ids: Iterable[str], task: Task, parameter: str) -> JsonSchema:
    """JSON Schema of `MODEL.PARAMETER` for models whose parameters are known, and of `MODEL.options` for others.

    They mean something while the action's `parameter` names the model.
    """
    known = {model.id: model for model in MODELS if model.task is task}
    others = [name for name in dict.fromkeys(model_ids) if name not in _TASKS]
    properties: dict[str, Any] = {}
    for name, model in known.items():
        own = parameters_schema(model).get("properties", {})
        named = _named_by(parameter, name)
        properties |= {f"{name}.{key}": {**field, **named} for key, field in own.items()}
    for name in others:
        properties[f"{name}.{OPTIONS}"] = {
            "type": "string",
            "default": "",
            "description": f"Options of {name} as the server takes them: NAME=VALUE,NAME=VALUE.",
            **_named_by(parameter, name),
        }
    return {"type": "object", "properties": properties, "required": []}


def _named_by(parameter: str, name: str) -> dict[str, Any]:
    return only_with(parameter, name, LOCAL + name, ALL, LOCAL + ALL)


def known_task(model_id: str) -> Task | None:
    """What a model of that name does, None when its name says nothing."""
    return _TASKS.get(model_id)


def cluster_model(name: str, facts: ClusterFacts) -> CatalogueModel:
    """A model of the cluster that can be used; raises NotFoundError or UsageError."""
    if facts.models is None:
        return CatalogueModel(name, "", "", "")  # The AINode knows whether there is one.
    found = next((model for model in facts.models if model.model_id == name), None)
    if found is None:
        known = [model.model_id for model in facts.models]
        remedy = nearest(name, known, "see `quarterdeck get model`")
        if name in _TASKS:
            remedy = f"{remedy}; the local engine has it: {LOCAL}{name}"
        raise NotFoundError(f"the cluster has no model {name!r}", remedy)
    if found.state not in ("active", ""):
        raise UsageError(
            f"{name} is {found.state}, so it cannot be used now", "wait until it is active, or leave it out"
        )
    return found


def cluster_options(model: CatalogueModel, settings: Mapping[str, Any], facts: ClusterFacts) -> dict[str, str]:
    """Settings of a cluster's model as options; raises UsageError where they would be ignored without a word."""
    if not settings:
        return {}
    if facts.official and model.type == _SKTIME:
        raise UsageError(
            f"the official AINode ignores the parameters of {model.model_id}",
            f"use {LOCAL}{model.model_id}, start our AINode instead, or leave {', '.join(settings)} out",
        )
    written: dict[str, str] = {}
    for name, value in settings.items():
        if name == OPTIONS:
            written |= _read_options(str(value))
        else:
            written[name] = option_value(value)
    return written


def _expanded(name: str, facts: ClusterFacts) -> list[str]:
    if name == ALL:
        if facts.models is None:
            raise UsageError("this user may not see the cluster's models", "name those that are meant")
        usable = [model.model_id for model in facts.models if model.state in ("active", "")]
        found = [each for each in usable if _TASKS.get(each) is not Task.DETECTION]
        if not found:
            raise UsageError("the cluster has no model that forecasts now", f"start an AINode, or use {LOCAL}{ALL}")
        return found
    if name == LOCAL + ALL:
        return [LOCAL + model.id for model in MODELS if model.task is Task.FORECAST]
    return [name]


def _entrant(name: str, settings: Mapping[str, Any], facts: ClusterFacts, *, keep_shift: bool) -> Entrant:
    bare = name.removeprefix(LOCAL)
    if _TASKS.get(bare) is Task.DETECTION:
        raise UsageError(f"{name} labels points and does not forecast", "use series.classify with it, or leave it out")
    if name.startswith(LOCAL):
        info = model_named(bare)
        return LocalEntrant(name, info, forecaster_parameters(info, dict(settings)))
    model = cluster_model(name, facts)
    late = facts.official and model.type == _SKTIME and not keep_shift
    return ClusterEntrant(name, model, cluster_options(model, settings, facts), late)


def _read_options(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, value = (each.strip() for each in part.partition("="))
        if not equals or not name or not value:
            raise UsageError(f"{part!r} is not NAME=VALUE", "write options as revin=true,num_samples=20")
        found[name] = value
    return found
