"""The embedded backend: the models run on this machine, by workers of the console.

The host that runs this module imports no numerical library; it only says what there is.
"""

import os
import platform
from importlib import metadata

from quarterdeck_ainode.local.actions import BACKTEST, DETECT, FORECAST, TASK_OF, TUNE, actions_off
from quarterdeck_ainode.local.backtest_parameters import ALL
from quarterdeck_ainode.models.catalogue import MODELS, ModelInfo, Task, model_named, parameters_schema
from quarterdeck_api.backend import Choice, ProbeResult, WatchContext
from quarterdeck_api.catalogue import JsonSchema
from quarterdeck_api.declarations import NoParameters
from quarterdeck_api.documents import Document, Fact, FactsBlock, TableBlock, TextBlock
from quarterdeck_api.errors import NotFoundError, UsageError
from quarterdeck_api.parameter_values import describe_type, format_value
from quarterdeck_api.parameters import field_named, fields
from quarterdeck_api.resources import Address, Synced, Upsert

NODE = "local"

#: Seconds that `watch` sleeps at a time; it is woken when it must end, so the length only bounds a missed wake-up.
_NAP = 3600.0

_LIBRARIES = ("sktime", "statsmodels", "pmdarima", "statsforecast", "hmmlearn", "scikit-learn", "pandas", "numpy")


def open_backend(name: str, settings: NoParameters) -> "LocalBackend":
    """Opens the local engine; it has no settings."""
    return LocalBackend(name)


class LocalBackend:
    """One node with the built-in models; nothing about it changes while it is open."""

    def __init__(self, name: str) -> None:
        self._name = name

    def watch(self, context: WatchContext) -> None:
        """Emits the node and its models, then only waits."""
        node = f"{self._name}/node/{NODE}"
        context.emit(
            Upsert(
                context.resource(
                    "node",
                    NODE,
                    cells={
                        "type": "local engine",
                        "version": _version("sktime"),
                        "python": platform.python_version(),
                        "cores": os.cpu_count() or 1,
                        "memory": _memory(),
                        "models": len(MODELS),
                    },
                    state="running",
                    reason="models run in workers of the console",
                )
            )
        )
        for model in MODELS:
            context.emit(
                Upsert(
                    context.resource(
                        "model",
                        model.id,
                        cells={
                            "type": model.library,
                            "category": "builtin",
                            "task": model.task.value,
                            "class": model.class_name,
                            "intervals": model.intervals,
                            "parameters": len(model.parameters.__struct_fields__),
                        },
                        state="active",
                        parent=node,
                        actions_off=actions_off(model),
                    )
                )
            )
        context.emit(Synced(("node", "model", "ai-device", "query")))
        while not context.wait(_NAP):
            pass

    def close(self) -> None:
        """Holds nothing, so there is nothing to release."""

    def describe(self, address: str) -> Document:
        """The node with its libraries, or a model with its parameters."""
        parsed = Address.parse(address)
        if parsed.kind == "node" and parsed.name == NODE:
            return _describe_node(address)
        if parsed.kind == "model":
            return _describe_model(address, model_named(parsed.name))
        raise NotFoundError(f"there is no {address}", f"there are {self._name}/node/{NODE} and the models", address)

    def own_parameters(self, action: str, address: str) -> JsonSchema:
        """The parameters of the model, each with type, range, default and meaning."""
        return parameters_schema(self._model(action, address))

    def complete(self, action: str, address: str, field: str, prefix: str) -> list[Choice]:
        """Choices of a model's parameter, and of the models of a backtest; datasets and columns belong to the core."""
        if (action, field) == (BACKTEST, "models"):
            return _comparable(prefix)
        try:
            found = field_named(fields(parameters_schema(self._model(action, address))), field)
        except UsageError:
            return []  # A field of the action itself, or of another action: there is nothing to offer for it.
        words = [format_value(found, choice) for choice in found.choices]
        if found.type.value == "boolean":
            words = ["true", "false"]
        return [Choice(word, found.help) for word in words if word.startswith(prefix)]

    def probe(self) -> ProbeResult:
        """The version of sktime, and what can be done here."""
        missing = [name for name in _LIBRARIES if not _version(name)]
        notices = tuple(f"{name} is not installed: run `quarterdeck plugin doctor ainode`" for name in missing)
        return ProbeResult(f"sktime {_version('sktime') or 'missing'}", tuple(TASK_OF), notices)

    def _model(self, action: str, address: str) -> ModelInfo:
        if action not in TASK_OF:
            raise UsageError(f"{self._name} has no action {action!r}", f"there are: {', '.join(TASK_OF)}", address)
        return model_named(Address.parse(address).name)


def _comparable(prefix: str) -> list[Choice]:
    found = [model for model in MODELS if model.task is Task.FORECAST]
    choices = [Choice(ALL, "every model that forecasts"), *(Choice(model.id, model.summary) for model in found)]
    return [choice for choice in choices if choice.value.startswith(prefix)]


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _memory() -> int:
    """Bytes of physical memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _describe_node(address: str) -> Document:
    machine = FactsBlock(
        (
            Fact("Engine", "local: models run in workers of the console, one job at a time each"),
            Fact("Python", platform.python_version()),
            Fact("System", f"{platform.system()} {platform.machine()}"),
            Fact("Cores", os.cpu_count() or 1),
            Fact("Memory, GiB", round(_memory() / 2**30, 1)),
        )
    )
    libraries = TableBlock(
        ("library", "version"),
        tuple((name, _version(name) or "not installed") for name in _LIBRARIES),
        "Libraries",
    )
    models = TableBlock(
        ("model", "task", "what it does"),
        tuple((model.id, model.task.value, model.summary) for model in MODELS),
        "Models",
    )
    return Document(address, (machine, libraries, models))


def _describe_model(address: str, model: ModelInfo) -> Document:
    known = fields(parameters_schema(model))
    facts = [
        Fact("Model", model.title),
        Fact("What it does", model.summary),
        Fact("Task", model.task.value),
        Fact("Implementation", model.implementation),
        Fact(model.library, _version(model.library) or "not installed"),
        Fact("Prediction intervals", _intervals(model)),
    ]
    parameters = TableBlock(
        ("parameter", "default", "takes", "meaning"),
        tuple((field.name, format_value(field, field.default), describe_type(field), field.help) for field in known),
        "Parameters (--set NAME=VALUE)",
    )
    return Document(address, (FactsBlock(tuple(facts)), parameters, _examples(address, model)))


def _examples(address: str, model: ModelInfo) -> TextBlock:
    if model.task is Task.DETECTION:
        return TextBlock(f"quarterdeck do {DETECT} {address} --dataset yahoo", title="On the command line")
    lines = (
        f"quarterdeck do {FORECAST} {address} --dataset airline --horizon 12",
        f"quarterdeck do {BACKTEST} {address} --dataset airline --models all",
        f"quarterdeck do {TUNE} {address} --dataset airline --trials 20",
    )
    return TextBlock("\n".join(lines), title="On the command line")


def _intervals(model: ModelInfo) -> str:
    if model.task is Task.DETECTION:
        return "no: it labels points"
    return "yes" if model.intervals else "no: the library computes none"
