"""Operations as requests: the preview of every one, and those that are short enough to be done at once."""

import msgspec

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.operations import plans
from quarterdeck_ainode.iotdb.operations.action_ids import (
    CONFIGURE,
    CREATE,
    DROP,
    FINE_TUNE,
    KILL,
    LOAD,
    MODEL_OPERATIONS,
    NO_FINE_TUNING,
    NODE_OPERATIONS,
    QUERY_OPERATIONS,
    REMOVE,
    START,
    STOP,
    UNLOAD,
)
from quarterdeck_ainode.iotdb.operations.configuration_entries import Effect, read_entries
from quarterdeck_ainode.iotdb.operations.our_ainode import process_name
from quarterdeck_ainode.iotdb.operations.parameters import (
    CreateModel,
    LoadModel,
    SetConfiguration,
    StartAinode,
    UnloadModel,
)
from quarterdeck_ainode.iotdb.operations.plans import OperationPlan
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_api.backend import ActionRequest, ActionResult
from quarterdeck_api.errors import QuarterdeckError, UnsupportedError, UsageError
from quarterdeck_api.resources import Address

#: What `perform` knows.
OPERATIONS = (*NODE_OPERATIONS, *MODEL_OPERATIONS, *QUERY_OPERATIONS)


def perform(client: IotdbClient, backend: str, settings: IotdbSettings, request: ActionRequest) -> ActionResult:
    """Previews an operation, or carries out a short one; raises what makes it impossible, and UnknownOutcomeError when its answer is lost."""
    plan = _plan(client, backend, settings, request)
    if request.dry_run:
        return ActionResult(plan.sentence, plan.statement, plan.document())
    match request.action:
        case action if action == KILL:
            client.execute(plan.statement)
            return ActionResult(f"the query {Address.parse(request.address).name} is ended", plan.statement)
        case action if action == CONFIGURE:
            client.execute(plan.statement)
            wanted = msgspec.convert(request.parameters, SetConfiguration)
            return ActionResult(_as_set(client, wanted, plan, request.address), plan.statement, plan.document())
        case _:
            raise UsageError(f"{request.action} is a job", "start it as one", request.address)


def _plan(client: IotdbClient, backend: str, settings: IotdbSettings, request: ActionRequest) -> OperationPlan:
    name, given = Address.parse(request.address).name, request.parameters
    match request.action:
        case action if action == CREATE:
            return plans.create_model(client, msgspec.convert(given, CreateModel))
        case action if action == DROP:
            return plans.drop_model(client, name)
        case action if action == LOAD:
            return plans.load_model(client, name, msgspec.convert(given, LoadModel))
        case action if action == UNLOAD:
            return plans.unload_model(client, name, msgspec.convert(given, UnloadModel))
        case action if action == REMOVE:
            return plans.remove_ainode(client, backend)
        case action if action == START:
            return plans.start_ainode(client, backend, settings, msgspec.convert(given, StartAinode))
        case action if action == STOP:
            process = process_name(backend)
            return OperationPlan(
                "", f"ends the process {process}; the node stays registered", ("node.start-ainode brings it back",)
            )
        case action if action == CONFIGURE:
            address = Address.parse(request.address)
            return plans.set_configuration(client, address, msgspec.convert(given, SetConfiguration))
        case action if action == KILL:
            return plans.kill_query(client, name)
        case action if action == FINE_TUNE:
            raise UnsupportedError(NO_FINE_TUNING, "", request.address)
        case _:
            raise UsageError(f"{backend} has no action {request.action!r}", "see its actions", request.address)


def _as_set(client: IotdbClient, wanted: SetConfiguration, plan: OperationPlan, address: str) -> str:
    """What holds now; raises QuarterdeckError when the server said yes and did nothing."""
    key, node_id = plans.key_and_node(Address.parse(address), wanted)
    if plan.facts["effect"] == Effect.AT_RESTART.value:
        return f"{key} is written; it holds once the nodes have been started again"
    now = next((each.value for each in read_entries(client, node_id) if each.key == key), "")
    if now == wanted.value:
        return f"{key} is {now} now; it was {plan.facts['before']}"
    if plan.facts["effect"] == Effect.AT_ONCE.value:
        raise QuarterdeckError(
            f"the server said yes, and {key} is still {now or plan.facts['before']}",
            "see the DataNode's log; the value may not suit the key",
            address,
        )
    return f"{key} was accepted; this server does not show whether it holds"
