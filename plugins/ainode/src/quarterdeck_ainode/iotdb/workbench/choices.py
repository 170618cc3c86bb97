"""What the forms and the shell offer for the workbench's fields: models, targets, and each model's parameters."""

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_ainode.iotdb.mirrored.cluster_state import CatalogueModel, read_models
from quarterdeck_ainode.iotdb.series import TableSeries, TreeSeries, parse_series
from quarterdeck_ainode.iotdb.workbench.action_ids import CLASSIFY, FORECAST, INFER, WRITE
from quarterdeck_ainode.iotdb.workbench.entrants import known_task, settings_schema
from quarterdeck_ainode.iotdb.workbench.parameters import ALL, BEST, LOCAL
from quarterdeck_ainode.iotdb.workbench.target_names import SOURCE, beside
from quarterdeck_ainode.models.catalogue import MODELS, Task
from quarterdeck_api.backend import Choice
from quarterdeck_api.catalogue import JsonSchema
from quarterdeck_api.errors import UsageError
from quarterdeck_api.parameter_values import format_value
from quarterdeck_api.parameters import field_named, fields
from quarterdeck_api.resources import Address

_TARGETS = {(FORECAST, "write_to"), (WRITE, "target")}
_MODELS = {(CLASSIFY, "model"), (INFER, "model")}
_ENDING = "_forecast"


def own_parameters(client: IotdbClient, action: str) -> JsonSchema:
    """`MODEL.PARAMETER` for the models that an action can use; of those that are not known, `MODEL.options`."""
    if action == INFER:
        forecast, label = (settings_schema(_ids(client), task, "model") for task in (Task.FORECAST, Task.DETECTION))
        return {**forecast, "properties": {**forecast["properties"], **label["properties"]}}
    if action == CLASSIFY:
        return settings_schema(_ids(client), Task.DETECTION, "model")
    return settings_schema(_ids(client), Task.FORECAST, "models")


def complete(client: IotdbClient, action: str, address: str, field: str, prefix: str) -> list[Choice]:
    """Choices for a field of one of the workbench's actions that begin with the prefix."""
    if (action, field) == (FORECAST, "models"):
        found = _forecasters(client)
    elif (action, field) == (FORECAST, "write_model"):
        found = [
            Choice(BEST, "the first of the ranking"),
            *(each for each in _forecasters(client) if ALL not in each.value),
        ]
    elif (action, field) in _MODELS:
        found = _models(client, labelling=action == CLASSIFY)
    elif (action, field) in _TARGETS:
        found = _targets(address)
    elif "." in field:
        found = _values(client, action, field)
    else:
        found = []
    return [each for each in found if each.value.startswith(prefix)]


def _forecasters(client: IotdbClient) -> list[Choice]:
    cluster = [
        Choice(each.model_id, f"{each.type}, in the cluster")
        for each in _catalogue(client)
        if known_task(each.model_id) is not Task.DETECTION
    ]
    local = [Choice(LOCAL + model.id, model.summary) for model in MODELS if model.task is Task.FORECAST]
    every = [Choice(ALL, "every model of the cluster that forecasts")] if cluster else []
    return [*every, *cluster, Choice(LOCAL + ALL, "every model of the local engine that forecasts"), *local]


def _models(client: IotdbClient, *, labelling: bool) -> list[Choice]:
    return [
        Choice(each.model_id, each.type)
        for each in _catalogue(client)
        if not labelling or known_task(each.model_id) is not Task.FORECAST
    ]


def _targets(address: str) -> list[Choice]:
    series = parse_series(Address.parse(address).name)
    found = [
        Choice(SOURCE + _ENDING, "beside whatever is forecast"),
        Choice(
            beside(series, _ENDING).name,
            "a series beside it" if isinstance(series, TreeSeries) else "a column beside it",
        ),
    ]
    if isinstance(series, TableSeries):
        table = TableSeries(series.database, series.table + _ENDING, series.column, series.tags)
        found.append(Choice(table.name, "a table beside its own"))
    return found


def _values(client: IotdbClient, action: str, field: str) -> list[Choice]:
    """The words that a model's parameter takes, when they are few."""
    try:
        found = field_named(fields(own_parameters(client, action)), field)
    except UsageError:
        return []  # Nothing is known of such a parameter, so there is nothing to offer.
    words = [format_value(found, choice) for choice in found.choices]
    if found.type.value == "boolean":
        words = ["true", "false"]
    return [Choice(word, found.help) for word in words]


def _ids(client: IotdbClient) -> list[str]:
    return [each.model_id for each in _catalogue(client)]


def _catalogue(client: IotdbClient) -> tuple[CatalogueModel, ...]:
    """The cluster's models; none while there is no AINode, since the local engine's can be used all the same."""
    try:
        return tuple(read_models(client))
    except IotdbError:
        return ()
