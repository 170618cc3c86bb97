"""What a save or an ingest would do, without doing it: what is there, and the statements."""

import msgspec

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.data.asked import asked_save
from quarterdeck_ainode.iotdb.data.ingest_plan import chosen_columns, plan_ingest
from quarterdeck_ainode.iotdb.data.parameters import IngestParameters, SaveParameters
from quarterdeck_ainode.iotdb.data.reading import PAGE_ROWS, read_extent
from quarterdeck_ainode.iotdb.data.statements import page_statement
from quarterdeck_ainode.iotdb.data.time_precision import written
from quarterdeck_ainode.iotdb.declared_data import INGEST, SAVE
from quarterdeck_api.backend import ActionRequest, ActionResult
from quarterdeck_api.documents import Document, Fact, FactsBlock, TextBlock
from quarterdeck_api.errors import UsageError

#: The actions that are previewed here; both are jobs.
DATA_ACTIONS = frozenset({SAVE, INGEST})


def preview(client: IotdbClient, request: ActionRequest) -> ActionResult:
    """The preview of one of DATA_ACTIONS; raises what the job would before it reads the first row."""
    if not request.dry_run:
        raise UsageError(f"{request.action} is a job", "start it as one", request.address)
    if request.action == SAVE:
        return _save(client, request, msgspec.convert(request.parameters, SaveParameters))
    return _ingest(client, request, msgspec.convert(request.parameters, IngestParameters))


def _save(client: IotdbClient, request: ActionRequest, wanted: SaveParameters) -> ActionResult:
    asked = asked_save(client, request.address, wanted)
    source, precision, span = asked.source, asked.precision, asked.span
    extent = read_extent(client, source, span)
    statement = page_statement(source, span, None, PAGE_ROWS)
    facts = [
        Fact("Columns", ", ".join(f"{column.name} ({column.type.name})" for column in source.columns)),
        Fact("Rows", extent.rows),
    ]
    if extent.first is not None and extent.last is not None:
        facts += [Fact("From", written(extent.first, precision)), Fact("To", written(extent.last, precision))]
    at_least = "at least " if len(source.columns) > 1 and extent.rows else ""
    sentence = f"would read {at_least}{extent.rows:,} rows of {source.sql} into the dataset {wanted.name}"
    document = Document("Save as a dataset", (FactsBlock(tuple(facts)), TextBlock(statement, "sql", "First statement")))
    return ActionResult(sentence, statement, document)


def _ingest(client: IotdbClient, request: ActionRequest, wanted: IngestParameters) -> ActionResult:
    location = request.datasets.get(wanted.dataset)
    if location is None:
        raise UsageError(
            f"the sample {wanted.dataset} is not imported yet, so its columns are not known",
            f"name it in another action first, as `model.forecast --dataset {wanted.dataset}`",
        )
    # Imported here: the host of the local engine never needs it.
    from quarterdeck_ainode.iotdb.data.dataset_rows import DatasetRows
    from quarterdeck_ainode.iotdb.data.spans import dataset_span

    precision = client.precision()
    rows = DatasetRows(location, chosen_columns(wanted, location.value_columns))
    try:
        plan = plan_ingest(client, request.address, wanted, rows.columns)
        span = dataset_span(rows, precision)
    finally:
        rows.close()
    there = plan.points_there(client, span)
    facts = [
        Fact("Into", plan.sql),
        Fact("Columns", ", ".join(f"{column.name} ({column.type.name})" for column in plan.columns)),
        Fact("Rows", rows.rows),
        Fact("From", written(span.first or 0, precision)),
        Fact("To", written(span.last or 0, precision)),
        Fact("Rows there in this time", there),
    ]
    if plan.tags:
        facts.append(Fact("Tags", ", ".join(f"{name}={value}" for name, value in plan.tags)))
    what = f"would write {rows.rows:,} rows of {location.address} into {plan.sql}"
    if there and not wanted.overwrite:
        what = f"would be refused: {plan.sql} has {there:,} rows in this time already (--overwrite true replaces them)"
    elif there:
        what += f", replacing points of up to {there:,} rows"
    blocks = [FactsBlock(tuple(facts))]
    texts = [TextBlock("\n".join(plan.statements), "sql", "Made first")] if plan.statements else []
    texts += [TextBlock("\n".join(plan.notices), title="Notices")] if plan.notices else []
    return ActionResult(what, "; ".join(plan.statements), Document("Write a dataset", (*blocks, *texts)))
