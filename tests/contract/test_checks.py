"""The contract's checks find what they look for."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from quarterdeck_api.backend import Choice
from quarterdeck_api.browsing import BrowseRequest, Page
from quarterdeck_api.catalogue import ActionInfo, Catalogue, Column, ColumnType, KindInfo, PluginInfo
from quarterdeck_api.documents import Document, Fact, FactsBlock
from quarterdeck_api.editing import EditableText, TextChange, TextParams, TextPut
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, RefusedError, UnreachableError, UsageError
from quarterdeck_api.host_protocol import (
    BACKEND_BROWSE,
    BACKEND_DESCRIBE,
    BACKEND_GET_TEXT,
    BACKEND_METRICS,
    BACKEND_PARAMETERS,
    BACKEND_PROBE,
    BACKEND_PUT_TEXT,
)
from quarterdeck_api.metrics import MetricSeries, MetricsResult
from quarterdeck_api.protocol import CompleteResult
from quarterdeck_api.resources import Change, Link, Resource, Synced, Upsert
from quarterdeck_api.testing import contract

NODE = KindInfo("node", "Nodes", (Column("pings", "Pings", ColumnType.INTEGER), Column("said", "Said")))
SERIES = KindInfo("series", "Series", mirrored=False)
TEXT = {"type": "object", "properties": {"text": {"type": "string", "default": ""}}, "required": []}
PING = ActionInfo("node.ping", "Ping", ("node",), TEXT, own_parameters=True)


class Played:
    """A backend that tests play: answers by method name; whatever has no answer is not found."""

    name = "plant"
    backend_type = "played"
    catalogue = Catalogue(PluginInfo("played", "Played", "1", "1.0"), kinds=(NODE, SERIES), actions=(PING,))

    def __init__(self, *changes: Change, answers: dict[str, Any] | None = None) -> None:
        self.changes = changes
        self._answers = answers or {}

    async def ask(self, method: Any, params: Any) -> Any:
        answer = self._answers.get(method.name, NotFoundError("there is none", "look elsewhere"))
        if callable(answer):
            answer = answer(params)
        if isinstance(answer, QuarterdeckError):
            raise answer
        return answer


def node(name: str = "n1", **more: Any) -> Upsert:
    fields: dict[str, Any] = {"address": f"plant/node/{name}", "uid": name, "cells": (1, "ahoy"), **more}
    return Upsert(Resource(**fields))


@pytest.mark.parametrize(
    ("check", "changes", "said"),
    [
        (contract.check_identity, [node(address="other/node/n1")], "is not an address of plant"),
        (contract.check_identity, [node(uid="")], "has no uid"),
        (contract.check_identity, [node("n1"), node("n2", uid="n1")], "has the uid of plant/node/n1"),
        (contract.check_identity, [node(address="plant/tree/oak")], "declares no kind 'tree'"),
        (contract.check_identity, [node(address="plant/series/s")], "browsed kind"),
        (contract.check_relations, [node(parent="plant/node/n9")], "plant/node/n9, which does not exist"),
        (contract.check_relations, [node(links=(Link("on", "plant/node/n9"),))], "does not exist"),
        (contract.check_relations, [node(actions_off={"node.pong": "never"})], "turns node.pong off"),
        (contract.check_relations, [node(actions_off={"node.ping": ""})], "does not say why"),
        (contract.check_cells, [node(cells=(1,))], "has 1 cells, not 2"),
        (contract.check_cells, [node(cells=("1", "ahoy"))], "is no integer"),
        (contract.check_cells, [node(cells=(True, "ahoy"))], "is no integer"),
        (contract.check_cells, [node(cells=(1.5, "ahoy"))], "is no integer"),
        (contract.check_synced, [node()], "never syncs node"),
        (contract.check_synced, [Synced(("node", "series"))], "syncs series"),
    ],
)
def test_faults_in_what_is_emitted_are_found(check: Any, changes: list[Change], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check(Played(*changes))


def test_what_is_right_passes() -> None:
    played = Played(node(cells=(None, None), links=(Link("data", "core/dataset/airline"),)), Synced(("node",)))
    for check in contract.EMITTED:
        check(played)


FULL = Document("Node", (FactsBlock((Fact("pings", 1),)),))


@pytest.mark.parametrize(
    ("check", "answers", "said"),
    [
        (contract.check_documents, {"backend.describe": Document("", FULL.blocks)}, "has no title"),
        (contract.check_documents, {"backend.describe": Document("Node")}, "is empty"),
        (contract.check_completion, {"backend.complete": CompleteResult((Choice("zebra"),))}, "completed with 'zebra'"),
        (
            contract.check_completion,
            {"backend.complete": lambda asked: CompleteResult((Choice(asked.prefix),) * 2)},
            "gets a choice twice",
        ),
        (contract.check_unknown_address, {BACKEND_DESCRIBE.name: FULL}, "was answered"),
        (contract.check_unknown_address, {BACKEND_DESCRIBE.name: NotFoundError("there is none")}, "no remedy"),
        (contract.check_unknown_address, {BACKEND_PARAMETERS.name: UnreachableError("no")}, "is unreachable"),
        (contract.check_parallel_calls, {BACKEND_DESCRIBE.name: UnreachableError("busy")}, "beside others failed"),
    ],
)
def test_faults_in_answers_are_found(check: Any, answers: dict[str, Any], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        asyncio.run(check(Played(node(), Synced(("node",)), answers=answers)))


def test_a_default_that_its_own_schema_refuses_is_found() -> None:
    schema = {"type": "object", "properties": {"order": {"type": "integer", "minimum": 1, "default": 0}}}
    with pytest.raises(QuarterdeckError, match="order"):
        asyncio.run(contract.check_own_parameters(Played(node(), answers={BACKEND_PARAMETERS.name: schema})))


def test_a_probe_without_a_version_is_found() -> None:
    from quarterdeck_api.backend import ProbeResult

    with pytest.raises(AssertionError, match="version"):
        asyncio.run(contract.check_probe(Played(answers={BACKEND_PROBE.name: ProbeResult("")})))


def test_secrets_are_found_in_values_errors_and_files(tmp_path: Path) -> None:
    for found in (node(state="pa55word"), (*FULL.blocks, Fact("x", "pa55word")), UnreachableError("no", "pa55word")):
        with pytest.raises(AssertionError, match="shown in there"):
            contract.check_no_secret(found, "pa55word", "there")
    contract.check_no_secret(node(), "pa55word", "there")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "log").write_bytes(b"\x00pa55word\xff")
    (tmp_path / "fine").write_text("nothing", encoding="utf-8")
    assert contract.files_with(tmp_path, "pa55word") == [tmp_path / "deep" / "log"]


def row(number: int, **more: Any) -> Resource:
    return Resource(f"plant/series/s{number}", f"s{number}", **more)


def pages(*sizes: int, **spoiled: Any) -> Any:
    """A browsed kind that is right, but for what the test spoils: `wrong` gets the request and the right page."""
    total = sum(sizes)
    wrong = spoiled.get("wrong", lambda request, page: page)

    def answer(request: BrowseRequest) -> Any:
        if request.cursor and not request.cursor.isdecimal():
            return spoiled.get("bad_cursor", UsageError("not a cursor", "begin anew"))
        numbers = [number for number in range(total) if request.filter in f"s{number}"]
        start = max(len(numbers) - request.limit, 0) if request.last else int(request.cursor or 0)
        end = min(start + request.limit, len(numbers))
        page = Page(
            tuple(row(number) for number in numbers[start:end]),
            str(end) if end < len(numbers) else "",
            str(max(start - request.limit, 0)) if start else "",
            start,
            len(numbers),
        )
        return wrong(request, page)

    return answer


def twice(request: BrowseRequest, page: Page) -> Page:
    return page if not request.cursor else replace(page, resources=(row(0), *page.resources[1:]))


def gap_on_the_way_back(request: BrowseRequest, page: Page) -> Page:
    return page if request.cursor != "7" else replace(page, previous="1")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (pages(20, wrong=twice), "plant/series/s0 is on two pages"),
        (pages(20, wrong=gap_on_the_way_back), "on the way back"),
        (pages(20, wrong=lambda asked, page: replace(page, total=19)), "its total is 19, but it has 20"),
        (pages(20, wrong=lambda asked, page: replace(page, start=3)), "says that it starts at 3"),
        (pages(20, wrong=lambda asked, page: replace(page, resources=(row(1, cells=(1,)),))), "has 1 cells"),
        (pages(20, wrong=lambda asked, page: replace(page, next="1") if asked.last else page), "has one after it"),
        (
            pages(20, wrong=lambda asked, page: replace(page, resources=page.resources[:1]) if asked.last else page),
            "does not end with plant/series/s19",
        ),
        (pages(20, bad_cursor=Page(())), "a cursor that it has never given is accepted"),
        (pages(20, wrong=lambda asked, page: UnreachableError("gone")), "could not be had: gone"),
    ],
)
def test_faults_in_pages_are_found(answer: Any, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        asyncio.run(contract.check_pages(Played(answers={BACKEND_BROWSE.name: answer})))


@pytest.mark.parametrize("sizes", [(0,), (3,), (7,), (8,), (14,), (400,)])
def test_pages_that_are_right_pass(sizes: tuple[int, ...]) -> None:
    played = Played(answers={BACKEND_BROWSE.name: pages(*sizes), BACKEND_DESCRIBE.name: FULL})
    for check in (contract.check_pages, contract.check_filters, contract.check_browsed_documents):
        asyncio.run(check(played))


def test_a_filter_that_loses_what_it_names_is_found() -> None:
    answer = pages(20, wrong=lambda asked, page: replace(page, resources=()) if asked.filter else page)
    with pytest.raises(AssertionError, match="the filter 's0' does not leave plant/series/s0"):
        asyncio.run(contract.check_filters(Played(answers={BACKEND_BROWSE.name: answer})))


def texts(**spoiled: Any) -> dict[str, Any]:
    """A backend with texts that is right, but for what the test spoils."""
    kept = {"text": "one\n"}

    def get(asked: TextParams) -> Any:
        if "no such name" in asked.address:
            return spoiled.get("missing", NotFoundError("there is none", "look elsewhere"))
        return EditableText(kept["text"], "", "1")

    def put(wanted: TextPut) -> Any:
        if wanted.version != "1":
            return spoiled.get("conflict", RefusedError("changed meanwhile", "get it again"))
        if spoiled.get("careless"):
            kept["text"] = wanted.text
        return TextChange(spoiled.get("diff", "" if wanted.text == kept["text"] else "+more"))

    return {BACKEND_GET_TEXT.name: get, BACKEND_PUT_TEXT.name: put}


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (texts(diff="+more"), "as it is would change something"),
        (texts(careless=True), "a dry run has changed the text"),
        (texts(conflict=TextChange("")), "in place of a version that it does not have"),
        (texts(conflict=UsageError("wrong", "x")), "another version is usage, not refused"),
        (texts(conflict=RefusedError("no")), "without a sentence or a remedy"),
        (texts(missing=EditableText("")), "which does not exist, has a text"),
    ],
)
def test_faults_in_texts_are_found(answers: dict[str, Any], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        asyncio.run(contract.check_texts(Played(node(), answers=answers)))
    asyncio.run(contract.check_texts(Played(node(), answers=texts())))


@pytest.mark.parametrize(
    ("series", "said"),
    [
        ([MetricSeries("load", (1.0,), (1.0,)), MetricSeries("load", (), ())], "has a metric twice"),
        ([MetricSeries("load", (1.0, 2.0), (1.0,))], "of other lengths"),
        ([MetricSeries("load", (2.0, 1.0), (1.0, 1.0))], "do not ascend"),
        ([MetricSeries("load", (1.0,), (1.0,)), MetricSeries("heat", (1.0,), (1.0,))], "asked for load, it gives"),
    ],
)
def test_faults_in_metrics_are_found(series: list[MetricSeries], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        asyncio.run(
            contract.check_metrics(Played(node(), answers={BACKEND_METRICS.name: MetricsResult(tuple(series))}))
        )
