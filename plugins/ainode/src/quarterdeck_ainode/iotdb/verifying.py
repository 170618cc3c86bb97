"""Whether an operation whose answer was lost has happened: by looking, never by doing it again."""

from collections.abc import Callable

from quarterdeck_ainode.iotdb.client import IotdbClient
from quarterdeck_ainode.iotdb.cluster_state import read_loaded, read_models, read_nodes, read_queries
from quarterdeck_ainode.iotdb.configuration_entries import Effect, read_entries
from quarterdeck_ainode.iotdb.operation_ids import CONFIGURE, CREATE, DROP, KILL, LOAD, REMOVE, START, STOP, UNLOAD
from quarterdeck_ainode.iotdb.operation_plans import node_number
from quarterdeck_ainode.iotdb.our_ainode import ainode_of
from quarterdeck_api.backend import ActionRequest, Verdict, VerifiedOutcome
from quarterdeck_api.resources import Address

_RUNNING = "Running"


def verify(client: IotdbClient, request: ActionRequest) -> VerifiedOutcome:
    """Looks at the cluster; raises UnreachableError when it does not answer."""
    look = _LOOKS.get(request.action)
    if look is None:
        return VerifiedOutcome(Verdict.UNCLEAR, f"nothing in the cluster shows whether {request.action} has happened")
    return look(client, Address.parse(request.address).name, request)


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


def _configured(client: IotdbClient, node_name: str, request: ActionRequest) -> VerifiedOutcome:
    key, value = str(request.parameters.get("setting", "")), str(request.parameters.get("value", ""))
    node_id = node_number(node_name) if request.parameters.get("this_node_only") else None
    entry = next((each for each in read_entries(client, node_id) if each.key == key), None)
    if entry is None or entry.effect is not Effect.AT_ONCE:
        return VerifiedOutcome(
            Verdict.UNCLEAR, f"the server does not show what is written for {key} until nodes start again"
        )
    if entry.value == value:
        return VerifiedOutcome(Verdict.DONE, f"{key} is {value}")
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
