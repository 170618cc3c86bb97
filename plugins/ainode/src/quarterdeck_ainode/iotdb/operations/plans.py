"""What an operation would send and do, and why it could not: asked by previews, by jobs before they send, and by short actions.

Every function asks the cluster, changes nothing, and raises UsageError or RefusedError for what cannot work.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.endpoints import endpoint
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_ainode.iotdb.mirrored.cluster_state import (
    NO_PERMISSION,
    CatalogueModel,
    ClusterNode,
    NodeType,
    read_models,
    read_nodes,
    read_queries,
)
from quarterdeck_ainode.iotdb.operations import statements
from quarterdeck_ainode.iotdb.operations.ainode_facts import read_facts, running_ainode
from quarterdeck_ainode.iotdb.operations.configuration_entries import Effect, plan_change, read_entries
from quarterdeck_ainode.iotdb.operations.load_planner import LoadPlan, plan_load, plan_unload
from quarterdeck_ainode.iotdb.operations.model_rules import check_files, check_model_id, check_trusted, check_uri
from quarterdeck_ainode.iotdb.operations.our_ainode import ainode_of, is_ours, on_this_machine, plan_start, process_name
from quarterdeck_ainode.iotdb.operations.parameters import (
    CreateModel,
    LoadModel,
    SetConfiguration,
    StartAinode,
    UnloadModel,
)
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_api.documents import Block, Document, Fact, FactsBlock, TableBlock, TextBlock
from quarterdeck_api.errors import NotFoundError, RefusedError, UsageError
from quarterdeck_api.nearest import nearest
from quarterdeck_api.resources import Address

#: What the server uses when nobody has set `trusted_uri_pattern` (2.0.10).
_TRUSTED_BY_DEFAULT = "file:.*"
_TRUSTED = "trusted_uri_pattern"


class OperationPlan(Struct, frozen=True):
    """What would be sent, what it would do, and what its user should know; `facts` are kept for the job's evidence."""

    statement: str
    sentence: str
    notices: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    facts: Mapping[str, Any] = {}

    def document(self) -> Document:
        """The plan for people."""
        blocks: list[Block] = []
        if self.statement:
            blocks.append(TextBlock(self.statement, "sql", "Statement"))
        blocks.extend(self.blocks)
        if self.notices:
            blocks.append(TextBlock("\n".join(f"- {notice}" for notice in self.notices), title="To know"))
        return Document(self.sentence, tuple(blocks))


def create_model(client: IotdbClient, wanted: CreateModel) -> OperationPlan:
    """Registering a model."""
    check_model_id(wanted.model)
    place = check_uri(wanted.uri)
    node = running_ainode(client)
    if any(model.model_id == wanted.model for model in read_models(client)):
        raise RefusedError(f"there is a model {wanted.model} already", "choose another id, or drop that one first")
    notices = [_check_pattern(client, wanted.uri)]
    if node is None:
        notices.append(f"{place.path} has to exist where the AINode runs, which this user may not see")
    elif on_this_machine(node.host):
        check_files(place.path, is_ours(node))
    else:
        notices.append(f"{place.path} has to exist on {node.host}, where the AINode runs: it cannot be seen from here")
    if node is not None and is_ours(node):
        notices.append(
            "ours reads specifications from its data folder and the folders that it was started with (--trust)"
        )
    else:
        notices.append("a path that cannot be used leaves an empty folder of that id behind on the AINode's machine")
    return OperationPlan(
        statements.create_model(wanted.model, wanted.uri),
        f"registers {wanted.model} from {place.path}",
        tuple(filter(None, notices)),
    )


def _check_pattern(client: IotdbClient, uri: str) -> str:
    try:
        entries = read_entries(client)
    except IotdbError as error:
        if error.status == NO_PERMISSION:
            return f"the server's {_TRUSTED} may not be read by this user; a URI that it refuses fails with 701"
        raise
    pattern = next((entry.value for entry in entries if entry.key == _TRUSTED), _TRUSTED_BY_DEFAULT)
    return check_trusted(uri, pattern)


def drop_model(client: IotdbClient, model_id: str) -> OperationPlan:
    """Forgetting a model."""
    running_ainode(client)
    model = _model(read_models(client), model_id)
    if is_built_in(model):
        raise RefusedError(f"{model_id} is built in: IoTDB drops users' models only", "unload it if it is in the way")
    return OperationPlan(
        statements.drop_model(model_id),
        f"drops {model_id}",
        ("its files on the AINode are removed; statements and schedules that name it fail from then on",),
    )


def load_model(client: IotdbClient, model_id: str, wanted: LoadModel) -> OperationPlan:
    """Loading a model to AI devices."""
    plan = plan_load(read_facts(client, wanted.device_memory, wanted.memory_ratio), model_id, wanted.devices)
    sentence = f"loads {model_id} to {', '.join(plan.devices)}"
    return _of_load(plan, statements.load_model(model_id, plan.devices), sentence)


def unload_model(client: IotdbClient, model_id: str, wanted: UnloadModel) -> OperationPlan:
    """Unloading a model from AI devices."""
    plan = plan_unload(read_facts(client), model_id, wanted.devices)
    sentence = f"unloads {model_id} from {', '.join(plan.devices)}"
    return _of_load(plan, statements.unload_model(model_id, plan.devices), sentence)


def _of_load(plan: LoadPlan, statement: str, sentence: str) -> OperationPlan:
    rows: list[tuple[str, str, int, int | None, str]] = []
    for each in plan.predictions:
        rows.append((each.device, plan.model, each.before, each.after, each.remark))
        rows.extend((each.device, name, before, after, "") for name, (before, after) in each.others.items())
    table = TableBlock(("device", "model", "instances now", "predicted", "remark"), tuple(rows), "Prediction")
    return OperationPlan(statement, sentence, plan.notices, (table,), {"devices": list(plan.devices)})


def remove_ainode(client: IotdbClient, backend: str) -> OperationPlan:
    """Taking the AINode out of the cluster."""
    node = ainode_of(read_nodes(client))
    if node is None:
        raise RefusedError("the cluster has no AINode", "there is nothing to remove")
    where = f"{node.host}:{node.port}"
    notices = ["another AINode can join once it is gone; this one would come back with a new number"]
    if is_ours(node):
        notices.append(f"its process here ({process_name(backend)}), if there is one, is ended and forgotten")
    else:
        notices.append(
            "it is not ours: its process has to end by itself, and with a model that stays at 0 instances it hangs; "
            f"then end it on {node.host}"
        )
    facts = {"node_id": node.node_id, "where": where, "ours": is_ours(node), "status": node.status}
    return OperationPlan(
        statements.REMOVE_AINODE, f"removes node {node.node_id}, the AINode at {where}", tuple(notices), (), facts
    )


def start_ainode(client: IotdbClient, backend: str, settings: IotdbSettings, wanted: StartAinode) -> OperationPlan:
    """Starting an AINode of ours; an AINode that is registered has to be ours and down."""
    nodes = read_nodes(client)
    there = ainode_of(nodes)
    if there is not None:
        refuse_other(there)
    names = {str(key).lower(): str(value) for key, value in client.rows("SHOW VARIABLES").values}
    connected = [endpoint(each) for each in settings.nodes]
    plan = plan_start(backend, nodes, connected, names.get("clustername", ""), wanted)
    facts = tuple(Fact(name, str(value)) for name, value in plan.parameters.items())
    again = f"it starts again as node {there.node_id}" if there is not None else ""
    return OperationPlan(
        "",
        f"starts the process {plan.process}, which joins the cluster as its AINode",
        tuple(filter(None, (again, *plan.notices))),
        (FactsBlock(facts, "Process ainode.server"),),
        {"process": plan.process, "parameters": plan.parameters},
    )


def refuse_other(there: ClusterNode) -> None:
    """Raises RefusedError for an AINode in whose place ours cannot be started: a cluster has one."""
    where = f"node {there.node_id} at {there.host}:{there.port}"
    if there.status == "Running":
        raise RefusedError(
            f"the cluster has an AINode that runs: {where}",
            "use it, or take it out first: node.remove-ainode",
        )
    if not is_ours(there):
        raise RefusedError(
            f"the cluster has an AINode already, which is {there.status} and not ours: {where}",
            f"start it again on {there.host}, or take it out first: node.remove-ainode",
        )


def set_configuration(client: IotdbClient, address: Address, wanted: SetConfiguration) -> OperationPlan:
    """Changing a key of the configuration, on every node or on the one that is named."""
    key, node_id = key_and_node(address, wanted)
    change = plan_change(read_entries(client, node_id), key, wanted.value)
    entry = change.entry
    holds = {
        Effect.AT_ONCE: "at once",
        Effect.AT_RESTART: "once the nodes have been started again",
        Effect.NEVER: "never",
        Effect.UNKNOWN: "not known",
    }[entry.effect]
    facts = (
        Fact("Key", entry.key),
        Fact("Now", entry.value),
        Fact("New", change.new),
        Fact("Default", entry.default),
        Fact("Holds", holds),
        Fact("On", "every ConfigNode and DataNode" if node_id is None else address.name),
        Fact("Meaning", entry.meaning),
    )
    return OperationPlan(
        statements.set_configuration(key, wanted.value, node_id),
        f"sets {entry.key} from {entry.value or 'what it is'} to {change.new}",
        change.notices,
        (FactsBlock(tuple(fact for fact in facts if fact.value), "Change"),),
        {"before": entry.value, "effect": entry.effect.value},
    )


def key_and_node(address: Address, wanted: SetConfiguration) -> tuple[str, int | None]:
    """Which key is to be changed, and on which node, None for all; raises UsageError."""
    selected = address.name if address.kind == "configuration" else ""
    if selected and wanted.setting not in ("", selected):
        raise UsageError(f"{selected} is selected, and {wanted.setting} is named", "leave --setting out")
    key = wanted.setting or selected
    if not key:
        raise UsageError("no key is named", "give --setting KEY, or do it on a key: `quarterdeck get configuration`")
    if not wanted.this_node_only:
        if not selected:
            node_number(address.name)
        return key, None
    if selected:
        raise UsageError(f"{selected} is not of one node", "do it on the ConfigNode or DataNode that is meant")
    return key, node_number(address.name)


def node_number(node_name: str) -> int:
    """The number of a ConfigNode or DataNode by its name, `datanode-1`."""
    kind, _, number = node_name.rpartition("-")
    if kind not in (NodeType.CONFIG_NODE.value.lower(), NodeType.DATA_NODE.value.lower()) or not number.isdecimal():
        raise UsageError(f"{node_name} has no configuration of IoTDB", "name a ConfigNode or a DataNode")
    return int(number)


def kill_query(client: IotdbClient, query_id: str) -> OperationPlan:
    """Ending a running query."""
    query = next((each for each in read_queries(client) if each.query_id == query_id), None)
    if query is None:
        raise NotFoundError(f"the query {query_id} does not run any more", "there is nothing to end")
    facts = (Fact("Statement", query.statement), Fact("Runs for, s", round(query.elapsed, 1)), Fact("User", query.user))
    return OperationPlan(
        statements.kill_query(query_id),
        f"ends the query {query_id}; whoever waits for it gets an error (715)",
        ("an AINode that computes for it goes on to the end",) if "inference" in query.statement.lower() else (),
        (FactsBlock(tuple(fact for fact in facts if fact.value), "Query"),),
    )


def is_built_in(model: CatalogueModel) -> bool:
    """Whether a model came with the AINode."""
    return model.category.replace("_", "") == "builtin"


def _model(models: tuple[CatalogueModel, ...], model_id: str) -> CatalogueModel:
    found = next((model for model in models if model.model_id == model_id), None)
    if found is None:
        raise NotFoundError(
            f"the cluster has no model {model_id!r}", nearest(model_id, [each.model_id for each in models])
        )
    return found
