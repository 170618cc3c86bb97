"""Jobs on models of a cluster: create, drop, load and unload, each ended only when the cluster shows that it is so."""

from collections.abc import Callable
from typing import Any

import msgspec

from quarterdeck_ainode.iotdb import operation_plans as plans
from quarterdeck_ainode.iotdb.backend import IotdbBackend
from quarterdeck_ainode.iotdb.client import IotdbClient
from quarterdeck_ainode.iotdb.cluster_state import LoadedInstances, read_loaded, read_models, read_nodes
from quarterdeck_ainode.iotdb.operation_documents import evidence
from quarterdeck_ainode.iotdb.operation_parameters import CreateModel, DropModel, LoadModel, UnloadModel
from quarterdeck_ainode.iotdb.operation_plans import OperationPlan
from quarterdeck_ainode.iotdb.our_ainode import ainode_of, is_ours, process_name
from quarterdeck_ainode.iotdb.sending import Look, Sent, SentState, Waited, earlier, send_once, wait_until
from quarterdeck_api.documents import TableBlock
from quarterdeck_api.errors import UsageError
from quarterdeck_api.jobs import HostJobContext, JobValue
from quarterdeck_api.resources import Address

_ACTIVE = "active"
_INACTIVE = "inactive"
#: A model that stands as inactive is given so many looks to become active: it is so for a moment at first.
_INACTIVE_LOOKS = 5


async def create(context: HostJobContext) -> JobValue:
    """CREATE MODEL, until the model is listed as active."""
    wanted = msgspec.convert(context.spec.parameters, CreateModel)
    client = opened(context).client
    sent = await planned_and_sent(context, lambda: plans.create_model(client, wanted))
    waited = await _wait(context, _listed(client, wanted.model), wanted.wait, "its files", sent)
    return evidence(f"{wanted.model} is registered", sent, waited, {"model": wanted.model, "uri": wanted.uri})


async def drop(context: HostJobContext) -> JobValue:
    """DROP MODEL, until the model is no longer listed."""
    wanted, model = msgspec.convert(context.spec.parameters, DropModel), _model_of(context)
    client = opened(context).client
    sent = await planned_and_sent(context, lambda: plans.drop_model(client, model))

    def look() -> Look:
        found = next((each for each in read_models(client) if each.model_id == model), None)
        return Look(found is None, f"{model} is {found.state}" if found else f"{model} is no longer listed")

    waited = await _wait(context, look, wanted.wait, "what still uses it", sent)
    return evidence(f"{model} is dropped", sent, waited, {"model": model})


async def load(context: HostJobContext) -> JobValue:
    """LOAD MODEL, until every device has instances of it."""
    wanted, model = msgspec.convert(context.spec.parameters, LoadModel), _model_of(context)
    client = opened(context).client
    sent = await planned_and_sent(context, lambda: plans.load_model(client, model, wanted))
    devices = _devices(sent)

    def look() -> Look:
        return loaded_look(read_loaded(client), model, devices)

    waited = await _wait(context, look, wanted.wait, "why its instances do not come up", sent)
    return await _loaded_evidence(context, client, f"{model} is loaded", sent, waited, model)


async def unload(context: HostJobContext) -> JobValue:
    """UNLOAD MODEL, until no device that was named has an instance of it."""
    wanted, model = msgspec.convert(context.spec.parameters, UnloadModel), _model_of(context)
    client = opened(context).client
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


def opened(context: HostJobContext) -> IotdbBackend:
    """The job's backend; raises UnreachableError while it is not open."""
    backend = context.open()
    if not isinstance(backend, IotdbBackend):
        raise UsageError(
            f"{context.spec.backend} is no cluster of IoTDB",
            "name a backend of the type ainode.iotdb",
            context.spec.address,
        )
    return backend


async def planned_and_sent(context: HostJobContext, plan: Callable[[], OperationPlan]) -> Sent:
    """Checks and sends, or goes on with what an earlier attempt has sent."""
    settings = opened(context).settings
    if earlier(context) is None:
        with context.step("check"):
            made = await context.call(plan, 10 * settings.connect_timeout)
            for notice in made.notices:
                context.log(f"note: {notice}")
    else:
        made = OperationPlan("", "")
    with context.step("send"):
        return await send_once(
            context, opened(context).client, made.statement, settings.statement_timeout, dict(made.facts)
        )


async def _wait(context: HostJobContext, look: Callable[[], Look], seconds: float, what: str, sent: Sent) -> Waited:
    backend = opened(context)
    timeout = 4 * backend.settings.connect_timeout
    advice = await context.call(lambda: _advice(backend, what), timeout)
    with context.step("wait"):
        waited = await wait_until(context, look, seconds, timeout, advice, sent.state is SentState.ACCEPTED)
    backend.attend()
    return waited


def _advice(backend: IotdbBackend, what: str) -> str:
    """Where the reason stands when the AINode does not do what it said."""
    try:
        node = ainode_of(read_nodes(backend.client))
    except Exception:  # noqa: BLE001 - advice is for the case of a failure, and must not make one.
        node = None
    if node is None:
        return f"the AINode's log says {what}"
    if is_ours(node):
        return f"see {what}: `quarterdeck logs core/process/{process_name(backend.name)}`, or the output of quarterdeck-ainode"
    return (
        f"see {what} on {node.host}: logs/log_ainode_all.log and logs/log_inference_rank_*_all.log of the AINode, for "
        "'Not enough TOTAL memory', 'Pool failed to be ready in time', or a traceback"
    )


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
