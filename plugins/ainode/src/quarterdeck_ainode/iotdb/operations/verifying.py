"""Whether an operation whose answer was lost has happened: by looking, never by doing it again."""

import time
from collections.abc import Callable

import msgspec

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.mirrored.cluster_state import read_loaded, read_models, read_nodes, read_queries
from quarterdeck_ainode.iotdb.operations.action_ids import (
    CONFIGURE,
    CREATE,
    DROP,
    KILL,
    LOAD,
    REMOVE,
    START,
    STOP,
    UNLOAD,
)
from quarterdeck_ainode.iotdb.operations.configuration_entries import Effect, read_entries
from quarterdeck_ainode.iotdb.operations.our_ainode import ainode_of
from quarterdeck_ainode.iotdb.operations.parameters import SetConfiguration
from quarterdeck_ainode.iotdb.operations.plans import key_and_node
from quarterdeck_api.backend import ActionRequest, Verdict, VerifiedOutcome
from quarterdeck_api.resources import Address

_RUNNING = "Running"
#: Looks after the first one that are taken before a no, and seconds between them.
_MORE_LOOKS = 4
_PAUSE = 0.5


def verify(client: IotdbClient, request: ActionRequest, sleep: Callable[[float], None] = time.sleep) -> VerifiedOutcome:
    """Looks at the cluster, several times before it says no: the server may be at it. Raises UnreachableError when it does not answer."""
    look = _LOOKS.get(request.action)
    if look is None:
        return VerifiedOutcome(Verdict.UNCLEAR, f"nothing in the cluster shows whether {request.action} has happened")
    name = Address.parse(request.address).name
    found = look(client, name, request)
    for _ in range(_MORE_LOOKS):
        if found.verdict is not Verdict.NOT_DONE:
            break
        sleep(_PAUSE)
        found = look(client, name, request)
    return found


def _created(client: IotdbClient, _: str, request: ActionRequest) -> VerifiedOutcome:
    model = str(request.parameters.get("model", ""))
    found = next((each for each in read_models(client) if each.model_id == model), None)
    if found is None:
        return VerifiedOutcome(Verdict.NOT_DONE, f"the cluster lists no model {model}")
    return VerifiedOutcome(Verdict.DONE, f"the model {model} is listed as {found.state}")


def _dropped(client: IotdbClient, model: str, _: ActionRequest) -> VerifiedOutcome:
    found = next((each for each in read_models(client) if each.model_id == model), None)
    if found is None:
        return VerifiedOutcome(Verdict.DONE, f"the cluster lists no model {model}")
    if found.state == "dropping":
        return VerifiedOutcome(Verdict.DONE, f"the model {model} is being dropped")
    return VerifiedOutcome(Verdict.NOT_DONE, f"the model {model} is still listed as {found.state}")


def _loaded(client: IotdbClient, model: str, _: ActionRequest) -> VerifiedOutcome:
    found = {each.device: each.count for each in read_loaded(client) if each.model_id == model}
    if any(found.values()):
        counts = ", ".join(f"{count} on {device}" for device, count in found.items())
        return VerifiedOutcome(Verdict.DONE, f"the model {model} has instances: {counts}")
    if found:
        return VerifiedOutcome(
            Verdict.UNCLEAR, f"the model {model} is listed with 0 instances: it comes up, or has failed"
        )
    return VerifiedOutcome(Verdict.NOT_DONE, f"the model {model} is not loaded on any device")


def _unloaded(client: IotdbClient, model: str, request: ActionRequest) -> VerifiedOutcome:
    named = request.parameters.get("devices")
    devices = [str(each) for each in named] if isinstance(named, (list, tuple)) else []
    left = [
        each.device
        for each in read_loaded(client)
        if each.model_id == model and each.count and (not devices or each.device in devices)
    ]
    if left:
        return VerifiedOutcome(Verdict.NOT_DONE, f"the model {model} is still loaded on {', '.join(left)}")
    return VerifiedOutcome(Verdict.DONE, f"the model {model} has no instance there")


def _removed(client: IotdbClient, _: str, __: ActionRequest) -> VerifiedOutcome:
    node = ainode_of(read_nodes(client))
    if node is None:
        return VerifiedOutcome(Verdict.DONE, "the cluster lists no AINode")
    if node.status == "Removing":
        return VerifiedOutcome(Verdict.DONE, f"node {node.node_id} is being removed")
    return VerifiedOutcome(Verdict.NOT_DONE, f"the AINode is still listed: node {node.node_id} is {node.status}")


def _started(client: IotdbClient, _: str, __: ActionRequest) -> VerifiedOutcome:
    node = ainode_of(read_nodes(client))
    running = node is not None and node.status == _RUNNING
    said = f"the AINode, node {node.node_id}, is {node.status}" if node else "the cluster lists no AINode"
    return VerifiedOutcome(Verdict.DONE if running else Verdict.NOT_DONE, said)


def _stopped(client: IotdbClient, _: str, __: ActionRequest) -> VerifiedOutcome:
    node = ainode_of(read_nodes(client))
    running = node is not None and node.status == _RUNNING
    said = f"the AINode, node {node.node_id}, is {node.status}" if node else "the cluster lists no AINode"
    return VerifiedOutcome(Verdict.NOT_DONE if running else Verdict.DONE, said)


def _configured(client: IotdbClient, _: str, request: ActionRequest) -> VerifiedOutcome:
    wanted = msgspec.convert(request.parameters, SetConfiguration)
    key, node_id = key_and_node(Address.parse(request.address), wanted)
    entry = next((each for each in read_entries(client, node_id) if each.key == key), None)
    if entry is None or entry.effect is not Effect.AT_ONCE:
        return VerifiedOutcome(
            Verdict.UNCLEAR, f"the server does not show what is written for {key} until nodes start again"
        )
    if entry.value == wanted.value:
        return VerifiedOutcome(Verdict.DONE, f"{key} is {entry.value}")
    return VerifiedOutcome(Verdict.NOT_DONE, f"{key} is {entry.value}")


def _killed(client: IotdbClient, query_id: str, _: ActionRequest) -> VerifiedOutcome:
    if any(each.query_id == query_id for each in read_queries(client)):
        return VerifiedOutcome(Verdict.NOT_DONE, f"the query {query_id} still runs")
    return VerifiedOutcome(Verdict.DONE, f"the query {query_id} does not run any more")


_LOOKS: dict[str, Callable[[IotdbClient, str, ActionRequest], VerifiedOutcome]] = {
    CREATE: _created,
    DROP: _dropped,
    LOAD: _loaded,
    UNLOAD: _unloaded,
    REMOVE: _removed,
    START: _started,
    STOP: _stopped,
    CONFIGURE: _configured,
    KILL: _killed,
}
