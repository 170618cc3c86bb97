"""Files in and out of a real runtime: imported, browsed, described, exported, used by a job, removed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

from quarterdeck_api.browsing import BROWSE, BrowseRequest
from quarterdeck_api.documents import ChartBlock
from quarterdeck_api.errors import NotFoundError, UsageError
from quarterdeck_api.jobs import JobState
from quarterdeck_api.protocol import COMPLETE, CompleteParams

COUNT = 500


@pytest.fixture(scope="module")
def instance(make_instance: Callable[..., Any]) -> Any:
    return make_instance("[runtime]\nkeep_jobs = 4\n")


@pytest.fixture(scope="module")
def client(instance: Any) -> Any:
    return instance.client()


def succeed(client: Any, action: str, *addresses: str, **parameters: Any) -> dict[str, Any]:
    record = client.finished(client.do_one(action, *addresses, parameters=parameters).job)
    assert record.state is JobState.SUCCEEDED, record.error
    return record.result


def test_a_file_goes_in_is_looked_at_and_comes_out_again(client: Any, instance: Any, tmp_path: Path) -> None:
    source = tmp_path / "source.csv"
    rows = [f"{1_704_067_200 + 3600 * number},{number},{number / 4}" for number in range(COUNT)]
    source.write_text("\n".join(["t,y,z", rows[1], rows[0], *rows[2:]]) + "\n")
    found = succeed(client, "dataset.import", file=str(source), time="t", name="hours", time_zone="Asia/Kolkata")
    assert (found["rows"], found["frequency"], found["time_zone"], found["gaps"]) == (COUNT, "h", "Asia/Kolkata", 0)

    request = BrowseRequest("core", "row", "core/dataset/hours", limit=COUNT, last=True)
    page = client.call(BROWSE, request, 60.0).page
    assert page.total == COUNT and page.resources[0].name == "hours#1"
    assert page.resources[0].cells == (1, "2024-01-01T05:30:00+05:30", 0.0, "z=0")
    reader = [
        each
        for each in psutil.Process(client.status().pid).children()
        if "quarterdeck.runtime.datasets.reader" in each.cmdline()
    ]
    assert len(reader) == 1

    document = client.describe("core/dataset/hours").document
    assert any(isinstance(block, ChartBlock) for block in document.blocks)
    facts = {fact.label: fact.value for block in document.blocks for fact in getattr(block, "facts", ())}
    assert (facts["Rows"], facts["Missing values of z"], facts["First"]) == (COUNT, 0, "2024-01-01T05:30:00+05:30")
    row = client.describe("core/row/hours#3").document.blocks[0]
    assert {fact.label: fact.value for fact in row.facts}["z"] == 0.5
    with pytest.raises(NotFoundError):
        client.describe("core/row/hours#501")

    said = {"source": "plant/series/root.a.b", "title": "Hours of a day"}
    told = succeed(client, "dataset.import", file=str(source), time="t", name="told", **said)
    assert (told["source"], told["title"]) == ("plant/series/root.a.b", "Hours of a day")

    target = tmp_path / "out.parquet"
    assert succeed(client, "dataset.export", "core/dataset/hours", file=str(target))["rows"] == COUNT
    assert pq.read_table(target).num_rows == COUNT
    refused = client.do_one("dataset.export", "core/dataset/hours", parameters={"file": str(target)})
    assert (refused.status, "already" in refused.message) == ("refused", True)
    assert succeed(client, "dataset.import", file=str(target), time="t", name="again")["time_zone"] == "Asia/Kolkata"

    asked = CompleteParams("model.forecast", "ainode/model/naive_forecaster", "column", "", {"dataset": "hours"})
    assert [each.value for each in client.call(COMPLETE, asked, 30.0).choices] == ["y", "z"]

    assert client.do_one("dataset.remove", "core/dataset/hours", confirmed=True).status == "done"
    with pytest.raises(NotFoundError):
        client.call(BROWSE, request, 60.0)


def test_a_sample_is_imported_before_it_is_exported(client: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not imported yet"):
        client.call(BROWSE, BrowseRequest("core", "row", "core/dataset/ships"), 60.0)
    assert succeed(client, "dataset.export", "core/dataset/ships", file=str(tmp_path / "ships.csv"))["rows"] == 48
    wrong = client.do_one("dataset.export", "core/dataset/ships", parameters={"file": "ships.csv"})
    assert "not an absolute path" in wrong.message
