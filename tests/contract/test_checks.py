"""The contract's checks find what they look for."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from quarterdeck_api.backend import Choice
from quarterdeck_api.catalogue import ActionInfo, Catalogue, Column, ColumnType, KindInfo, PluginInfo
from quarterdeck_api.documents import Document, Fact, FactsBlock
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, UnreachableError
from quarterdeck_api.host_protocol import BACKEND_DESCRIBE, BACKEND_PARAMETERS, BACKEND_PROBE
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
