"""Models, AI devices and running queries of a cluster as resources."""

from quarterdeck_ainode.iotdb.mirrored.cluster_state import CatalogueModel, ClusterNode, RunningQuery
from quarterdeck_ainode.iotdb.mirrored.greyed import RUNNING, off_of_model
from quarterdeck_ainode.iotdb.mirrored.looking import ClusterLook
from quarterdeck_ainode.iotdb.mirrored.nodes import AINODE, node_name
from quarterdeck_ainode.models.catalogue import MODELS
from quarterdeck_api.browsing import ResourceMaker
from quarterdeck_api.resources import Health, Resource

#: What a model of AINode's eight does is told by the local engine's of the same name: the server says nothing of it.
_KNOWN = {model.id: model for model in MODELS}

_HEALTH = {
    "active": Health.OK,
    "activating": Health.BUSY,
    "loading": Health.BUSY,
    "training": Health.BUSY,
    "dropping": Health.BUSY,
    "inactive": Health.STOPPED,
    "failed": Health.FAILED,
}

#: Letters of a statement that a table shows.
_STATEMENT_LETTERS = 400


def model_resources(make: ResourceMaker, look: ClusterLook, backend: str) -> list[Resource]:
    """What the AINode told; as it was last told while it is silent."""
    parent = f"{backend}/node/{AINODE}"
    return [_model(make, model, look, parent) for model in look.models]


def model_reason(model: CatalogueModel, look: ClusterLook) -> tuple[Health, str]:
    """How a model is, and why."""
    silent = _silence(look)
    if silent:
        return Health.UNKNOWN, silent
    health = _HEALTH.get(model.state, Health.UNKNOWN)
    if model.state == "inactive":
        return health, "its weights are not there, or could not be read: see the AINode's log"
    if model.state == "failed":
        return health, "it was not made: see the AINode's log"
    empty = [each.device for each in look.loaded if each.model_id == model.model_id and each.count == 0]
    if empty:
        return Health.DEGRADED, f"0 instances on {', '.join(empty)}: it is being loaded, or it could not be loaded"
    return health, ""


def device_resources(make: ResourceMaker, look: ClusterLook, backend: str) -> list[Resource]:
    """The devices that models can be loaded on, with what is loaded."""
    silent = _silence(look)
    found: list[Resource] = []
    for device, kind in look.devices:
        loaded = [each for each in look.loaded if each.device == device]
        found.append(
            make(
                "ai-device",
                device,
                cells={
                    "type": kind or ("cpu" if device == "cpu" else ""),
                    "instances": sum(each.count for each in loaded) if look.instances_known else None,
                    "models": ", ".join(f"{each.model_id} ×{each.count}" for each in loaded),
                },
                health=(Health.UNKNOWN if silent else Health.OK).value,
                state="" if silent else "available",
                reason=silent,
                parent=f"{backend}/node/{AINODE}",
            )
        )
    return found


def query_resources(make: ResourceMaker, look: ClusterLook, backend: str) -> list[Resource]:
    """The queries that run, without our own looking."""
    names = {node.node_id: node_name(node) for node in look.nodes}
    return [_query(make, query, backend, names) for query in look.queries]


def _silence(look: ClusterLook) -> str:
    """Why what the AINode told is not of now, empty when it is."""
    node: ClusterNode | None = look.ainode
    if node is not None and node.status != RUNNING:
        return f"the AINode is {node.status}; this is what it said last"
    if node is None and look.nodes_known:
        return "no AINode is registered"
    return "" if look.ainode_answers else "the AINode does not answer; this is what it said last"


def _model(make: ResourceMaker, model: CatalogueModel, look: ClusterLook, parent: str) -> Resource:
    health, reason = model_reason(model, look)
    loaded = [each for each in look.loaded if each.model_id == model.model_id]
    known = _KNOWN.get(model.model_id)
    return make(
        "model",
        model.model_id,
        cells={
            "type": model.type,
            "category": model.category,
            "task": known.task.value if known is not None else None,
            "instances": sum(each.count for each in loaded) if look.instances_known else None,
            "devices": ", ".join(f"{each.device} ×{each.count}" for each in loaded),
        },
        health=health.value,
        state=model.state,
        reason=reason,
        parent=parent,
        actions_off=off_of_model(model, look),
    )


def _query(make: ResourceMaker, query: RunningQuery, backend: str, names: dict[int, str]) -> Resource:
    statement = " ".join(query.statement.split())
    parent = names.get(query.data_node)
    return make(
        "query",
        query.query_id,
        cells={
            "statement": statement[:_STATEMENT_LETTERS],
            "elapsed": round(query.elapsed, 1),
            "user": query.user,
            "client": query.client,
            "data_node": query.data_node,
        },
        health=Health.BUSY.value,
        state="running",
        parent=f"{backend}/node/{parent}" if parent else "",
    )
