"""The document of a model of a cluster: what the server tells, what is known of it, and what is wrong with the official one's."""

from quarterdeck_ainode.iotdb.mirrored.looking import ClusterLook
from quarterdeck_ainode.iotdb.mirrored.models import model_reason
from quarterdeck_ainode.iotdb.operations.our_ainode import is_ours
from quarterdeck_ainode.models.catalogue import MODELS, ModelInfo, Task, parameters_schema
from quarterdeck_api.documents import Block, Document, Fact, FactsBlock, TableBlock, TextBlock
from quarterdeck_api.errors import NotFoundError
from quarterdeck_api.parameter_values import describe_type, format_value
from quarterdeck_api.parameters import fields

_KNOWN = {model.id: model for model in MODELS}
#: The models that the official AINode has of sktime, under the same names.
_OFFICIAL = frozenset(
    (
        "arima",
        "holtwinters",
        "exponential_smoothing",
        "naive_forecaster",
        "stl_forecaster",
        "gaussian_hmm",
        "gmm_hmm",
        "stray",
    )
)

_DEFECTS = (
    "The official AINode of 2.0.10 (checked on a real one) ignores every parameter of this model, gives float32 values, refits it at every call, "
    "and begins with the last observation: each value stands one step late. The AINode of this console takes the parameters and the right "
    "horizon (`horizon=ainode` gives the official answer)."
)


def describe_model(address: str, name: str, look: ClusterLook) -> Document:
    """The document; raises NotFoundError when the AINode knows no such model."""
    model = next((each for each in look.models if each.model_id == name), None)
    if model is None:
        known = ", ".join(each.model_id for each in look.models)
        raise NotFoundError(f"there is no {address}", f"there are: {known or 'none: the AINode tells them'}", address)
    health, reason = model_reason(model, look)
    known_model = _KNOWN.get(name)
    facts = [
        Fact("Model", known_model.title if known_model is not None else name),
        Fact("Type", model.type or "not told"),
        Fact("Category", model.category),
        Fact("State", model.state),
        Fact("Health", f"{health.value}: {reason}" if reason else health.value),
    ]
    if known_model is not None:
        facts.insert(1, Fact("What it does", known_model.summary))
        facts.insert(2, Fact("Task", known_model.task.value))
    blocks: list[Block] = [FactsBlock(tuple(facts)), _loaded(name, look)]
    node = look.ainode
    ours = node is not None and is_ours(node)
    if known_model is not None and (ours or name in _OFFICIAL):
        blocks.append(_parameters(known_model, ours))
    if name in _OFFICIAL and node is not None and not ours:
        blocks.append(TextBlock(_DEFECTS, title="Defects"))
    blocks.append(_examples(address, name, known_model))
    return Document(address, tuple(blocks))


def _loaded(name: str, look: ClusterLook) -> Block:
    loaded = tuple((each.device, each.count) for each in look.loaded if each.model_id == name)
    if loaded:
        return TableBlock(("AI device", "instances"), loaded, "Loaded instances")
    refusal = look.refusal("SHOW LOADED MODELS")
    if refusal is not None:
        return TextBlock(f"not to be seen: {refusal.error.message}", title="Loaded instances")
    return TextBlock(
        "It is loaded nowhere: each request loads it first. `active` does not mean loaded.", title="Loaded instances"
    )


def _parameters(model: ModelInfo, ours: bool) -> TableBlock:
    known = fields(parameters_schema(model))
    title = "Parameters" if ours else "Parameters (which the official AINode ignores)"
    return TableBlock(
        ("parameter", "default", "takes", "meaning"),
        tuple((field.name, format_value(field, field.default), describe_type(field), field.help) for field in known),
        title,
    )


def _examples(address: str, name: str, model: ModelInfo | None) -> TextBlock:
    backend = address.split("/", 1)[0]
    series = f"{backend}/series/root.plant.press.temperature"
    if model is not None and model.task is Task.DETECTION:
        line = (
            f"quarterdeck do series.classify {backend}/series/'plant.telemetry.temperature[press=\"4\"]' --model {name}"
        )
    else:
        line = f"quarterdeck do series.forecast {series} --models {name} --horizon 24"
    return TextBlock(line, title="On the command line")
