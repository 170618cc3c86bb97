"""Jobs on models of a cluster: create, drop, load and unload, each ended only when the cluster shows that it is so."""

from collections.abc import Callable
from typing import Any

import msgspec

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.mirrored.cluster_state import LoadedInstances, read_loaded, read_models
from quarterdeck_ainode.iotdb.operations import plans
from quarterdeck_ainode.iotdb.operations.documents import evidence
from quarterdeck_ainode.iotdb.operations.parameters import CreateModel, DropModel, LoadModel, UnloadModel
from quarterdeck_ainode.iotdb.operations.sending import Look, Sent, SentState, Waited, wait_until
from quarterdeck_ainode.iotdb.operations.steps import (
    opened,
    planned_and_sent,
    reached,
    shown_anew,
    where_the_reason_stands,
)
from quarterdeck_api.documents import TableBlock
from quarterdeck_api.jobs import HostJobContext, JobValue
from quarterdeck_api.resources import Address

_ACTIVE = "active"
_INACTIVE = "inactive"
#: A model that stands as inactive is given so many looks to become active: it is so for a moment at first.
_INACTIVE_LOOKS = 5


async def create(context: HostJobContext) -> JobValue:
    """CREATE MODEL, until the model is listed as active."""
    wanted = msgspec.convert(context.spec.parameters, CreateModel)
    client = (await reached(context)).client
    sent = await planned_and_sent(context, lambda: plans.create_model(client, wanted))
    waited = await _wait(context, _listed(client, wanted.model), wanted.wait, "its files", sent)
    return evidence(f"{wanted.model} is registered", sent, waited, {"model": wanted.model, "uri": wanted.uri})


async def drop(context: HostJobContext) -> JobValue:
    """DROP MODEL, until the model is no longer listed."""
    wanted, model = msgspec.convert(context.spec.parameters, DropModel), _model_of(context)
    client = (await reached(context)).client
    sent = await planned_and_sent(context, lambda: plans.drop_model(client, model))

    def look() -> Look:
        found = next((each for each in read_models(client) if each.model_id == model), None)
        return Look(found is None, f"{model} is {found.state}" if found else f"{model} is no longer listed")

    waited = await _wait(context, look, wanted.wait, "what still uses it", sent)
    return evidence(f"{model} is dropped", sent, waited, {"model": model})


async def load(context: HostJobContext) -> JobValue:
    """LOAD MODEL, until every device has instances of it."""
    wanted, model = msgspec.convert(context.spec.parameters, LoadModel), _model_of(context)
    client = (await reached(context)).client
    sent = await planned_and_sent(context, lambda: plans.load_model(client, model, wanted))
    devices = _devices(sent)

    def look() -> Look:
        return loaded_look(read_loaded(client), model, devices)

    waited = await _wait(context, look, wanted.wait, "why its instances do not come up", sent)
    return await _loaded_evidence(context, client, f"{model} is loaded", sent, waited, model)


async def unload(context: HostJobContext) -> JobValue:
    """UNLOAD MODEL, until no device that was named has an instance of it."""
    wanted, model = msgspec.convert(context.spec.parameters, UnloadModel), _model_of(context)
    client = (await reached(context)).client
    sent = await planned_and_sent(context, lambda: plans.unload_model(client, model, wanted))
    devices = _devices(sent)

    def look() -> Look:
        return unloaded_look(read_loaded(client), model, devices)

    waited = await _wait(context, look, wanted.wait, "what its instances are busy with", sent)
    return await _loaded_evidence(context, client, f"{model} is unloaded", sent, waited, model)


def loaded_look(loaded: tuple[LoadedInstances, ...], model: str, devices: tuple[str, ...]) -> Look:
    """Whether every device has an instance; one that is listed with 0 is coming up, or never will."""
    counts = {each.device: each.count for each in loaded if each.model_id == model}
    words = [
        f"{counts[device]} instances on {device}" if device in counts else f"not listed on {device}"
        for device in devices
    ]
    return Look(all(counts.get(device, 0) > 0 for device in devices), f"{model}: {', '.join(words)}")


def unloaded_look(loaded: tuple[LoadedInstances, ...], model: str, devices: tuple[str, ...]) -> Look:
    """Whether no device has an instance."""
    left = {each.device: each.count for each in loaded if each.model_id == model and each.device in devices}
    busy = {device: count for device, count in left.items() if count > 0}
    words = [f"{count} instances on {device}" for device, count in busy.items()] or [
        f"no instance on {device}" for device in devices
    ]
    return Look(not busy, f"{model}: {', '.join(words)}")


async def _wait(context: HostJobContext, look: Callable[[], Look], seconds: float, what: str, sent: Sent) -> Waited:
    backend = opened(context)
    timeout = 4 * backend.settings.connect_timeout
    advice = await context.call(lambda: where_the_reason_stands(backend, what), timeout)
    with context.step("wait"):
        waited = await wait_until(context, look, seconds, timeout, advice, sent.state is SentState.ACCEPTED)
    await shown_anew(context)
    return waited


def _listed(client: IotdbClient, model: str) -> Callable[[], Look]:
    inactive = 0

    def look() -> Look:
        nonlocal inactive
        found = next((each for each in read_models(client) if each.model_id == model), None)
        if found is None:
            return Look(False, f"{model} is not listed")
        inactive = inactive + 1 if found.state == _INACTIVE else 0
        stays = f"{model} is listed, and stays inactive: the AINode could not use its files"
        return Look(found.state == _ACTIVE, f"{model} is {found.state}", stays if inactive >= _INACTIVE_LOOKS else "")

    return look


async def _loaded_evidence(
    context: HostJobContext, client: IotdbClient, title: str, sent: Sent, waited: Waited, model: str
) -> JobValue:
    loaded = await context.call(lambda: read_loaded(client), 60.0)
    rows = tuple((each.device, each.model_id, each.count) for each in loaded)
    instances: dict[str, Any] = {each.device: each.count for each in loaded if each.model_id == model}
    table = TableBlock(("device", "model", "instances"), rows, "SHOW LOADED MODELS")
    return evidence(title, sent, waited, {"model": model, "instances": instances}, table)


def _devices(sent: Sent) -> tuple[str, ...]:
    return tuple(str(each) for each in sent.before.get("devices", ()))


def _model_of(context: HostJobContext) -> str:
    return Address.parse(context.spec.address).name
