"""What an action of the workbench would do: everything but the numbers, with the exact statements."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.workbench.action_ids import CLASSIFY, FORECAST, INFER, WRITE
from quarterdeck_ainode.iotdb.workbench.asked import AskedForecast, asked_forecast
from quarterdeck_ainode.iotdb.workbench.classifying import asked_labels
from quarterdeck_ainode.iotdb.workbench.entrants import ClusterEntrant
from quarterdeck_ainode.iotdb.workbench.horizon_times import pandas_times
from quarterdeck_ainode.iotdb.workbench.inferring import asked_inference
from quarterdeck_ainode.iotdb.workbench.parameters import (
    ClassifyParameters,
    InferParameters,
    SeriesForecastParameters,
    WriteForecastParameters,
)
from quarterdeck_ainode.iotdb.workbench.predicting import cluster_statement
from quarterdeck_ainode.iotdb.workbench.window_facts import window_facts
from quarterdeck_ainode.result_files import read_times
from quarterdeck_api.backend import ActionRequest, ActionResult
from quarterdeck_api.documents import Block, Document, Fact, FactsBlock, TextBlock
from quarterdeck_api.errors import UsageError

P = TypeVar("P", bound=Struct)


def preview(client: IotdbClient, request: ActionRequest) -> ActionResult:
    """What would be sent for a request; the series is read, nothing is computed or changed."""
    return _PREVIEWS[request.action](client, request)


def _forecast(client: IotdbClient, request: ActionRequest) -> ActionResult:
    wanted = _read(request, SeriesForecastParameters)
    asked = asked_forecast(client, request.address, wanted, dict(request.settings))
    window = asked.course.window
    statements = _forecast_statements(asked)
    models = ", ".join(each.name for each in asked.entrants)
    folds = f", {len(asked.course.folds)} times on its held-out tail" if asked.course.folds else ""
    sentence = f"would forecast {wanted.horizon} steps of {window.series.name} with {models}{folds}"
    blocks: list[Block] = [FactsBlock(window_facts(window))]
    if asked.target is not None:
        shown = read_times(pandas_times(asked.times[[0, -1]], window.unit))
        facts = (
            Fact("Written to", asked.target.series.name),
            Fact("Made first", "; ".join(each.text for each in asked.target.making) or "no, it exists"),
            Fact("First point", shown[0]),
            Fact("Last point", shown[1]),
            Fact("Points that are replaced", f"{asked.target.existing} of {len(asked.times)}"),
        )
        blocks.append(FactsBlock(facts, "Writing back"))
    return _result(sentence, statements, asked.notices, blocks)


def _forecast_statements(asked: AskedForecast) -> list[str]:
    course, window = asked.course, asked.course.window
    remote = [each for each in asked.entrants if isinstance(each, ClusterEntrant)]
    return [
        window.statement.text,
        *(
            cluster_statement(
                each, window, window.stretch, course.horizon, drop_nulls=course.drop_nulls, targets=course.targets
            ).text
            for each in remote
        ),
    ]


def _classify(client: IotdbClient, request: ActionRequest) -> ActionResult:
    wanted = _read(request, ClassifyParameters)
    asked = asked_labels(client, request.address, wanted, dict(request.settings))
    window = asked.window
    sentence = f"would have {asked.model} label {len(window.times)} rows of {window.series.name}"
    return _result(
        sentence, [window.statement.text, asked.plan.statement.text], asked.notices, [FactsBlock(window_facts(window))]
    )


def _infer(client: IotdbClient, request: ActionRequest) -> ActionResult:
    wanted = _read(request, InferParameters)
    asked = asked_inference(client, request.address, wanted, dict(request.settings))
    sentence = f"would have {wanted.model} infer {wanted.length} values"
    return _result(sentence, [asked.statement.text], asked.notices, [FactsBlock(window_facts(asked.window))])


def _write(client: IotdbClient, request: ActionRequest) -> ActionResult:
    wanted = _read(request, WriteForecastParameters)
    return ActionResult(
        f"would write the forecast of {wanted.model} in {wanted.job} to {wanted.target}; "
        "--preview true shows the rows and statements, and what they replace, and writes nothing"
    )


def _read(request: ActionRequest, kind: type[P]) -> P:
    try:
        return msgspec.convert(request.parameters, kind)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"the parameters of {request.action} are wrong: {error}", f"see `quarterdeck do {request.action} --help`"
        ) from error


def _result(sentence: str, statements: list[str], notices: tuple[str, ...], blocks: list[Block]) -> ActionResult:
    if notices:
        blocks.append(TextBlock("\n".join(notices), title="Notices"))
    text = ";\n".join(statements)
    blocks.append(TextBlock(text, "sql", "Statements"))
    return ActionResult(sentence, statements[-1], Document(sentence, tuple(blocks)))


_PREVIEWS: Mapping[str, Callable[[IotdbClient, ActionRequest], ActionResult]] = {
    FORECAST: _forecast,
    CLASSIFY: _classify,
    INFER: _infer,
    WRITE: _write,
}
