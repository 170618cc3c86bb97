"""Predicts what LOAD MODEL and UNLOAD MODEL would do, before either is sent: the server says yes to both whatever comes of them.

Rules: our AINode keeps a model warm in each of its workers; the official one (2.0.10) gives each loaded model of a device as many instances as
fit into an equal share of a part of the device's memory, and loads nothing, without a word, when that is none.
"""

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from quarterdeck_ainode.iotdb.mirrored.cluster_state import CatalogueModel, LoadedInstances
from quarterdeck_api.errors import NotFoundError, RefusedError, UsageError
from quarterdeck_api.nearest import nearest

#: Shares of the official AINode's configuration (`ain_inference_memory_usage_ratio`, `ain_inference_extra_memory_ratio`).
USAGE_RATIO = 0.2
EXTRA_RATIO = 1.2

#: Bytes that the official AINode counts for an instance (`ain_inference_model_mem_usage_map`); others it cannot size.
OFFICIAL_MODEL_BYTES: Mapping[str, int] = {
    "sundial": 1036 * 2**20,
    "timer_xl": 856 * 2**20,
    "chronos2": 1200 * 2**20,
}

_ACTIVE = "active"


class OfficialMemory(Struct, frozen=True):
    """Memory of one AI device of the official AINode, in bytes, and the share of it that instances get."""

    total: int
    usage_ratio: float = USAGE_RATIO
    extra_ratio: float = EXTRA_RATIO


class AinodeFacts(Struct, frozen=True):
    """What is known of an AINode: devices by id, models, loaded instances; `memory` by device where it is known."""

    devices: Mapping[str, str]
    models: tuple[CatalogueModel, ...]
    loaded: tuple[LoadedInstances, ...]
    ours: bool
    memory: Mapping[str, OfficialMemory] = {}


class DevicePrediction(Struct, frozen=True):
    """What becomes of one device: instances of the model now and then (None: cannot be told), and of others that are loaded there."""

    device: str
    before: int
    after: int | None
    others: Mapping[str, tuple[int, int | None]] = {}
    remark: str = ""


class LoadPlan(Struct, frozen=True):
    """A load or an unload that can work: the devices to name, what is predicted of each, and what its user should know."""

    model: str
    devices: tuple[str, ...]
    predictions: tuple[DevicePrediction, ...]
    notices: tuple[str, ...] = ()


def plan_load(facts: AinodeFacts, model_id: str, devices: Sequence[str]) -> LoadPlan:
    """The plan of a load; raises UsageError or RefusedError for one that cannot work, with the reason.

    Without devices it is the only one that there is.
    """
    model = _model(facts, model_id)
    named = _devices(facts, devices, "load it to")
    if model.state != _ACTIVE:
        raise RefusedError(_why_not_active(model, facts.ours), "see `SHOW MODELS`, and load it once it is active")
    warm = [device for device in named if _count(facts, device, model_id) > 0]
    if len(warm) == len(named):
        raise RefusedError(
            f"{model_id} is loaded already on {', '.join(warm)}", "unload it first if it is to be loaded anew"
        )
    predictions = tuple(_loaded_prediction(facts, device, model_id) for device in named)
    hopeless = [each for each in predictions if each.after == 0]
    if hopeless:
        raise RefusedError(_no_room(facts, hopeless[0], model_id), "unload another model, or use a larger device")
    return LoadPlan(model_id, named, predictions, tuple(_load_notices(facts, model, predictions, warm)))


def plan_unload(facts: AinodeFacts, model_id: str, devices: Sequence[str]) -> LoadPlan:
    """The plan of an unload; without devices it is every one that has the model."""
    _model(facts, model_id)
    has = [each.device for each in facts.loaded if each.model_id == model_id]
    if not has:
        raise RefusedError(f"{model_id} is not loaded on any device", "there is nothing to unload")
    named = _devices(facts, devices or has, "unload it from")
    lacking = [device for device in named if device not in has]
    if lacking:
        raise RefusedError(
            f"{model_id} is not loaded on {', '.join(lacking)}", f"it is loaded on {', '.join(has)}: name these"
        )
    predictions = tuple(_unloaded_prediction(facts, device, model_id) for device in named)
    notices = ["the model can still be used; its first answer is slower"]
    if any(each.others for each in predictions):
        notices.append("the official AINode gives the memory to the other models, which it starts again for that")
    return LoadPlan(model_id, named, predictions, tuple(notices))


def pool_size(memory: OfficialMemory, models: int, model_bytes: int) -> int:
    """Instances that the official AINode gives to each of so many models of a device.

    floor(total * usage_ratio / models / (model_bytes * extra_ratio)), of its pool scheduler.
    """
    return math.floor(memory.total * memory.usage_ratio / models / (model_bytes * memory.extra_ratio))


def _loaded_prediction(facts: AinodeFacts, device: str, model_id: str) -> DevicePrediction:
    before = _count(facts, device, model_id)
    if facts.ours:
        return DevicePrediction(device, before, None, {}, "one instance in each of its workers")
    names = {each.model_id for each in facts.loaded if each.device == device and each.count > 0} | {model_id}
    others = {name: (_count(facts, device, name), _sized(facts, device, name, len(names))) for name in sorted(names)}
    own = others.pop(model_id)[1]
    remark = "" if own is not None else "the memory of the device or the model's need is not known here"
    return DevicePrediction(device, before, own, others, remark)


def _unloaded_prediction(facts: AinodeFacts, device: str, model_id: str) -> DevicePrediction:
    before = _count(facts, device, model_id)
    if facts.ours:
        return DevicePrediction(device, before, 0)
    left = {each.model_id for each in facts.loaded if each.device == device and each.count > 0} - {model_id}
    others = {name: (_count(facts, device, name), _sized(facts, device, name, len(left))) for name in sorted(left)}
    return DevicePrediction(device, before, 0, others)


def _sized(facts: AinodeFacts, device: str, model_id: str, models: int) -> int | None:
    memory, need = facts.memory.get(device), OFFICIAL_MODEL_BYTES.get(model_id)
    return None if memory is None or need is None else pool_size(memory, models, need)


def _load_notices(
    facts: AinodeFacts, model: CatalogueModel, predictions: Sequence[DevicePrediction], warm: Sequence[str]
) -> list[str]:
    notices: list[str] = []
    if warm:
        notices.append(f"it is loaded already on {', '.join(warm)}")
    if any(each.others for each in predictions):
        notices.append("the other models of the device give up memory: the official AINode starts all of them again")
    if not facts.ours and model.model_id not in OFFICIAL_MODEL_BYTES:
        notices.append(
            "the official AINode does not know how much memory this model takes: such a load may stay at 0 instances"
        )
    if any(each.model_id == model.model_id and each.count == 0 for each in facts.loaded):
        notices.append("an earlier load of it is still under way, or has failed: it stands at 0 instances")
    return notices


def _no_room(facts: AinodeFacts, prediction: DevicePrediction, model_id: str) -> str:
    memory = facts.memory[prediction.device]
    share = memory.total * memory.usage_ratio / (len(prediction.others) + 1)
    need = OFFICIAL_MODEL_BYTES[model_id] * memory.extra_ratio
    return (
        f"{model_id} would stay at 0 instances on {prediction.device}: an instance takes {need / 2**20:.0f} MiB, and its share of the "
        f"device is {share / 2**20:.0f} MiB"
    )


def _why_not_active(model: CatalogueModel, ours: bool) -> str:
    why = {
        "inactive": "its file cannot be used" if ours else "its weights are missing or could not be read",
        "activating": "the AINode is still fetching or reading its weights",
        "loading": "the AINode is still fetching or reading its weights",
        "dropping": "it is being dropped",
        "training": "it is being trained",
        "failed": "its training has failed",
    }.get(model.state, "")
    said = f"{model.model_id} is {model.state or 'in no known state'}"
    return f"{said}: {why}; a load would stay at 0 instances" if why else f"{said}; a load would stay at 0 instances"


def _model(facts: AinodeFacts, model_id: str) -> CatalogueModel:
    for model in facts.models:
        if model.model_id == model_id:
            return model
    known = [model.model_id for model in facts.models]
    raise NotFoundError(f"the cluster has no model {model_id!r}", nearest(model_id, known))


def _devices(facts: AinodeFacts, devices: Sequence[str], verb: str) -> tuple[str, ...]:
    known = ", ".join(facts.devices)
    if not devices:
        if len(facts.devices) == 1:
            return tuple(facts.devices)
        raise UsageError(f"the AINode has the devices {known}", f"name those to {verb}, as in --devices {known}")
    for place, device in enumerate(devices):
        if device in devices[:place]:
            raise UsageError(f"the device {device!r} is named twice", "name each device once")
        if device not in facts.devices:
            raise UsageError(f"the AINode has no device {device!r}", f"it has {known}")
    return tuple(devices)


def _count(facts: AinodeFacts, device: str, model_id: str) -> int:
    return sum(each.count for each in facts.loaded if (each.device, each.model_id) == (device, model_id))
