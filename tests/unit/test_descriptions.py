"""Documents composed from what the runtime knows: facts of a row, parts of a job, what a plugin offers."""

import time
from datetime import datetime

import pytest

from quarterdeck.runtime.core_catalogue import core_status
from quarterdeck.runtime.descriptions import job_blocks, resource_facts, result_blocks, time_text
from quarterdeck.runtime.plugin_view import plugin_blocks
from quarterdeck_api.catalogue import Column, ColumnType, PluginPhase, PluginStatus
from quarterdeck_api.documents import Block, Document, Fact, FactsBlock, TableBlock, TextBlock
from quarterdeck_api.errors import ErrorReport
from quarterdeck_api.jobs import ArtefactFile, JobState, JobStep
from quarterdeck_api.protocol import JobEvent, JobRecord
from quarterdeck_api.resources import Health, Link, Resource


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()


def table(blocks: list[Block], title: str) -> TableBlock:
    return next(block for block in blocks if isinstance(block, TableBlock) and block.title == title)


def test_times_are_local_with_their_offset() -> None:
    text = time_text(1_700_000_000.0)
    assert text.endswith("+05:30")
    assert datetime.fromisoformat(text).timestamp() == 1_700_000_000.0


def test_facts_say_what_the_row_knows_and_leave_out_what_is_empty() -> None:
    columns = [Column("pings", "Pings", ColumnType.INTEGER), Column("seen", "Seen", ColumnType.TIMESTAMP)]
    row = Resource(
        "plant/node/n1",
        "n1",
        Health.DEGRADED,
        "slow",
        "it is old",
        0.0,
        (3, 0.0),
        parent="plant/site/s",
        links=(Link("dataset", "core/dataset/a"),),
        actions_off={"node.ping": "it is asleep"},
    )
    assert resource_facts(row, columns) == (
        Fact("Address", "plant/node/n1"),
        Fact("Health", "degraded"),
        Fact("State", "slow"),
        Fact("Reason", "it is old"),
        Fact("Parent", "plant/site/s"),
        Fact("Pings", 3),
        Fact("Seen", time_text(0.0)),
        Fact("Dataset", "core/dataset/a"),
        Fact("node.ping is off", "it is asleep"),
    )
    bare = Resource("plant/node/n1", "n1")
    assert [fact.label for fact in resource_facts(bare, ())] == ["Address", "Health"]


def job(**more: object) -> JobRecord:
    fields = {
        "job": 7,
        "address": "core/job/7",
        "job_type": "x.run",
        "plugin": "x",
        "action": "node.run",
        "target": "a/node/n",
    }
    return JobRecord(**{**fields, "state": JobState.SUCCEEDED, "created": 1.0, **more})  # type: ignore[arg-type]


def test_a_job_begins_with_its_error_or_its_result() -> None:
    text = TextBlock("forecast")
    assert result_blocks(job(document=Document("x", (text,)))) == [text]
    failed = job(state=JobState.FAILED, error=ErrorReport("failed", "it broke", "mend it"))
    assert result_blocks(failed) == [TextBlock("it broke\nmend it", title="Error")]
    assert result_blocks(job()) == []


def test_a_job_says_how_it_came_to_its_end() -> None:
    record = job(
        parameters={"dataset": "a", "columns": ["x", "y"]},
        settings={"order": [1, 1, 1]},
        steps=(JobStep("load", 10.0, 11.0, 0, JobState.SUCCEEDED, 1), JobStep("fit", 11.0, 0.0, 120, attempt=2)),
        artefacts=(ArtefactFile("a.csv", "text/csv", "A", 12),),
        artefact_paths=("/there/a.csv",),
        history=(JobEvent(1.0, "submitted", 0), JobEvent(2.0, "started", 1, "by worker")),
    )
    blocks = job_blocks(record)
    asked = next(block for block in blocks if isinstance(block, FactsBlock))
    assert asked.facts == (Fact("dataset", "a"), Fact("columns", "['x', 'y']"), Fact("order", "[1, 1, 1]"))
    assert table(blocks, "Steps").rows == (
        ("load", "succeeded", time_text(10.0), time_text(11.0), 1, 0),
        ("fit", "running", time_text(11.0), "", 2, 120),
    )
    assert table(blocks, "Artefacts").rows == (("a.csv", "text/csv", 12, "/there/a.csv"),)
    assert [row[1:] for row in table(blocks, "History").rows] == [("submitted", 0, ""), ("started", 1, "by worker")]
    assert [type(block) for block in job_blocks(job())] == [TableBlock]


def test_a_plugin_says_what_it_offers_and_where_it_is() -> None:
    blocks = plugin_blocks(core_status())
    assert "dataset.import" in [row[0] for row in table(blocks, "Actions").rows]
    assert table(blocks, "Backend types").rows == (("core", "Quarterdeck itself", True),)
    broken = PluginStatus("weeds", "weeds", "1", PluginPhase.IMPORT, "why", "mend", "weeds.plugin", "/bin/python")
    assert plugin_blocks(broken) == [
        FactsBlock(
            (
                Fact("Module", "weeds.plugin"),
                Fact("Interpreter", "/bin/python"),
                Fact("Environment", "in an environment of its own, /"),
            ),
            "Found as",
        )
    ]


def test_sizes_and_durations_are_facts_that_people_can_read() -> None:
    columns = (Column("memory", "Memory", ColumnType.BYTES), Column("lasts", "Lasts", ColumnType.DURATION))
    shown = resource_facts(Resource("plant/node/n1", "n1", cells=(1536, 187.0)), columns)
    assert {fact.label: fact.value for fact in shown if fact.label in ("Memory", "Lasts")} == {
        "Memory": "1.5KiB",
        "Lasts": "3m07s",
    }
