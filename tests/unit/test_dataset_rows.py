"""Rows of datasets: read by a process of their own, shown page by page, exported whole or not at all."""

import asyncio
import csv
import os
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec import structs

from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck.runtime.core_catalogue import core_catalogue
from quarterdeck.runtime.database import open_database
from quarterdeck.runtime.datasets import reading
from quarterdeck.runtime.datasets.browsing import DatasetRows, time_text
from quarterdeck.runtime.datasets.catalogue import DatasetCatalogue
from quarterdeck.runtime.datasets.export_job import export_dataset
from quarterdeck.runtime.datasets.export_terms import ExportParameters, check_export
from quarterdeck.runtime.datasets.import_jobs import import_file
from quarterdeck.runtime.datasets.reader import answer
from quarterdeck.runtime.datasets.reading import RowReader
from quarterdeck.runtime.datasets.reading_messages import Failed, Outline, ReadOutline, ReadRows, Rows
from quarterdeck.runtime.datasets.time_parsing import zone
from quarterdeck_api.browsing import BrowseRequest, Page
from quarterdeck_api.documents import ChartBlock, FactsBlock
from quarterdeck_api.errors import (
    CallTimeoutError,
    JobCancelledError,
    NotFoundError,
    QuarterdeckError,
    RefusedError,
    UnreachableError,
    UsageError,
)
from quarterdeck_api.host.making import BackendResources
from quarterdeck_api.jobs import ArtefactFile, DatasetLocation, JobResult, JobSpec, JobState
from quarterdeck_api.protocol import JobRecord
from quarterdeck_api.resources import CORE, Address

COUNT = 150_000
MAKE = BackendResources(CORE, core_catalogue())


class Context:
    """What import and export ask of their context."""

    def __init__(self, folder: Path, parameters: dict[str, Any], location: DatasetLocation | None = None) -> None:
        self.folder = folder
        self.cancelled = False
        self.location = location
        self.spec = JobSpec(7, 1, 1, "", "", "", "", {}, "", parameters, {}, {}, "", "", str(folder))

    def raise_if_cancelled(self) -> None:
        if self.cancelled:
            raise JobCancelledError("cancelled")

    def step(self, name: str) -> None: ...

    def progress(self, fraction: float, message: str = "") -> None:
        assert 0 <= fraction <= 1

    def log(self, line: str) -> None: ...

    def artefact(self, name: str, media_type: str, title: str = "") -> Path:
        return self.folder / name

    def dataset(self, address: str) -> DatasetLocation:
        assert self.location is not None
        return self.location


class Bench:
    def __init__(self, paths: InstancePaths, catalogue: DatasetCatalogue, folder: Path) -> None:
        self.paths = paths
        self.catalogue = catalogue
        self.folder = folder

    def load(self, path: Path, name: str, **asked: Any) -> DatasetLocation:
        parameters = {"file": str(path), "time": "t", "name": name, **asked}
        value = import_file(Context(self.folder, parameters))  # type: ignore[arg-type]
        record = JobRecord(
            1, "core/job/1", "dataset.import", CORE, "", "", JobState.RUNNING, 0.0, parameters=parameters
        )
        size = (self.folder / "dataset.parquet").stat().st_size
        files = (ArtefactFile("dataset.parquet", "", "", size),)
        self.catalogue.keep(record, JobResult(1, 1, JobState.SUCCEEDED, value, artefacts=files), self.folder)
        return self.catalogue.location(name)

    def export(self, location: DatasetLocation, target: Path, **asked: Any) -> dict[str, Any]:
        context = Context(self.folder, {"file": str(target), "dataset": location.address, **asked}, location)
        return export_dataset(context).data  # type: ignore[arg-type]


@pytest.fixture
def bench(home: Path, tmp_path: Path) -> Iterator[Bench]:
    paths = instance_paths({"QUARTERDECK_HOME": str(home)})
    paths.state_folder.mkdir(parents=True)
    database = open_database(paths.database)
    folder = tmp_path / "spool"
    folder.mkdir()
    yield Bench(paths, DatasetCatalogue(database, paths, list, lambda: 50.0), folder)
    database.close()


@pytest.fixture
def minutes(bench: Bench, tmp_path: Path) -> DatasetLocation:
    """Values 0, 1, 2 … a minute apart, and a second column of which every third value is missing."""
    path = tmp_path / "minutes.parquet"
    start = datetime(2024, 1, 1)
    times = pa.array([start + timedelta(minutes=number) for number in range(COUNT)], pa.timestamp("us", tz="UTC"))
    values = pa.array(range(COUNT), pa.float64())
    other = pa.array([None if number % 3 == 0 else number / 2 for number in range(COUNT)], pa.float64())
    pq.write_table(pa.table({"t": times, "y": values, "z": other}), path)
    return bench.load(path, "minutes")


def with_rows(bench: Bench, act: Callable[[DatasetRows, RowReader], Awaitable[Any]], **reader: Any) -> Any:
    async def run() -> Any:
        asked = RowReader(os.environ, **reader)
        try:
            return await act(DatasetRows(bench.catalogue, asked), asked)
        finally:
            await asked.close()

    return asyncio.run(run())


def test_rows_are_read_across_row_groups(minutes: DatasetLocation) -> None:
    assert pq.ParquetFile(minutes.path).metadata.num_row_groups > 2
    for start, count in ((0, 3), (65_530, 20), (COUNT - 2, 9), (10, 140_000)):
        found = answer(ReadRows(minutes.path, "t", ("z", "y"), start, count))
        assert isinstance(found, Rows)
        assert [row[1] for row in found.values] == list(range(start, min(start + count, COUNT)))
        assert len(found.times) == len(found.values) and found.times[0] == 1_704_067_200_000_000 + start * 60_000_000
    assert answer(ReadRows(minutes.path, "t", ("y",), COUNT, 5)) == Rows((), ())
    assert isinstance(answer(ReadRows(minutes.path + "x", "t", ("y",), 0, 5)), Failed)
    assert isinstance(answer(ReadRows(minutes.path, "t", ("nothing",), 0, 5)), Failed)


def test_an_outline_has_every_value_in_a_point(minutes: DatasetLocation) -> None:
    found = answer(ReadOutline(minutes.path, "t", "z", ("y", "z"), 400))
    assert isinstance(found, Outline)
    assert (found.each, len(found.times), found.missing) == (375, 400, {"z": COUNT // 3})
    assert found.smallest[0] == 0.5 and found.largest[-1] == (COUNT - 1) / 2
    assert found.means[0] == sum(number / 2 for number in range(375) if number % 3) / 250


def test_pages_cover_a_dataset_both_ways(bench: Bench, minutes: DatasetLocation) -> None:
    async def browse(rows: DatasetRows, _: RowReader) -> None:
        request = BrowseRequest(CORE, "row", minutes.address, limit=1000)
        page = await rows.browse(request, MAKE)
        first = page.resources[0]
        assert (first.address, first.parent) == ("core/row/minutes#1", minutes.address)
        assert first.cells == (1, "2024-01-01T00:00:00+00:00", 0.0, "z=")
        assert page.resources[1].cells == (2, "2024-01-01T00:01:00+00:00", 1.0, "z=0.5")
        assert (page.start, page.total, page.previous, page.unfiltered) == (0, COUNT, "", False)
        seen = [each.cells[0] for each in page.resources]
        for _ in range(2):
            page = await rows.browse(structs.replace(request, cursor=page.next), MAKE)
            seen += [each.cells[0] for each in page.resources]
        assert seen == list(range(1, 3001))
        last = await rows.browse(structs.replace(request, last=True, limit=300), MAKE)
        assert (last.next, last.start, last.resources[-1].cells[0]) == ("", COUNT - 300, COUNT)
        back = await rows.browse(structs.replace(request, cursor=last.previous, limit=300), MAKE)
        assert [each.cells[0] for each in back.resources] == list(range(COUNT - 599, COUNT - 299))
        assert (await rows.browse(structs.replace(request, filter="2024"), MAKE)).unfiltered
        with pytest.raises(UsageError, match="no cursor"):
            await rows.browse(structs.replace(request, cursor="x"), MAKE)
        with pytest.raises(UsageError, match="rows are those of a dataset"):
            await rows.browse(structs.replace(request, parent=""), MAKE)
        with pytest.raises(NotFoundError):
            await rows.browse(structs.replace(request, parent="core/dataset/nothing"), MAKE)

    with_rows(bench, browse)


def test_a_row_and_a_dataset_are_described(bench: Bench, minutes: DatasetLocation) -> None:
    async def describe(rows: DatasetRows, _: RowReader) -> None:
        (facts,) = await rows.describe_row(Address(CORE, "row", "minutes#5"))
        assert isinstance(facts, FactsBlock)
        assert {each.label: each.value for each in facts.facts} == {
            "Dataset": minutes.address, "Row": 5, "t": "2024-01-01T00:04:00+00:00", "y": 4.0, "z": 2.0,
        }  # fmt: skip
        for name in ("minutes#0", f"minutes#{COUNT + 1}", "minutes#x", "nothing#1"):
            with pytest.raises(NotFoundError):
                await rows.describe_row(Address(CORE, "row", name))
        chart, facts = await rows.describe_dataset(Address(CORE, "dataset", "minutes"))
        assert isinstance(chart, ChartBlock) and isinstance(facts, FactsBlock)
        (series,) = chart.series
        assert len(series.times) == len(series.values) == len(series.lower) == len(series.upper) == 400
        known = {each.label: each.value for each in facts.facts}
        assert (known["Rows"], known["Gaps"], known["Missing values of z"]) == (COUNT, "none", COUNT // 3)
        Path(minutes.path).write_bytes(b"damaged")
        (text,) = await rows.describe_dataset(Address(CORE, "dataset", "minutes"))
        assert "cannot be read" in text.text  # type: ignore[union-attr]

    with_rows(bench, describe)


def test_the_reading_process_is_kept_warm_then_ended_and_started_again(bench: Bench, minutes: DatasetLocation) -> None:
    question = ReadRows(minutes.path, "t", ("y",), 0, 1)

    async def ask(_: DatasetRows, reader: RowReader) -> None:
        await reader.rows(question)
        (first,) = children()
        await reader.rows(question)
        assert children() == [first]
        first.kill()
        found = await reader.rows(question)
        assert found.values == ((0.0,),)
        (second,) = children()
        await reader.close()
        assert not second.is_running() and not children()
        with pytest.raises(QuarterdeckError, match="cannot be read"):
            await reader.rows(structs.replace(question, path="/nothing"))

    with_rows(bench, ask)

    async def wait(_: DatasetRows, reader: RowReader) -> None:
        await reader.rows(question)
        while children():
            await asyncio.sleep(0.01)

    with_rows(bench, wait, idle=0.05)


def test_a_reading_process_that_does_not_answer_is_ended(
    bench: Bench, minutes: DatasetLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = ReadRows(minutes.path, "t", ("y",), 0, 1)

    async def ask(_: DatasetRows, reader: RowReader) -> None:
        with pytest.raises(CallTimeoutError):
            await reader.rows(question)
        while children():
            await asyncio.sleep(0.01)

    with_rows(bench, ask, patience=0.0)

    async def lose(_: DatasetRows, reader: RowReader) -> None:
        await reader.rows(question)
        (child,) = children()
        child.suspend()
        asked = asyncio.create_task(reader.rows(question))
        await asyncio.sleep(0)
        child.kill()
        assert (await asked).values == ((0.0,),)

    with_rows(bench, lose)
    monkeypatch.setattr(reading, "_COMMAND", ("-c", "pass"))

    async def start(_: DatasetRows, reader: RowReader) -> None:
        with pytest.raises(UnreachableError, match="ended"):
            await reader.rows(question)

    with_rows(bench, start)


def children() -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for each in psutil.Process().children():
        try:
            if each.status() != psutil.STATUS_ZOMBIE and "quarterdeck.runtime.datasets.reader" in each.cmdline():
                found.append(each)
        except psutil.NoSuchProcess:
            continue
    return found


def test_what_is_exported_can_be_imported_again(bench: Bench, minutes: DatasetLocation, tmp_path: Path) -> None:
    for name in ("again.csv", "again.parquet"):
        target = tmp_path / name
        data = bench.export(minutes, target)
        assert (data["rows"], data["bytes"]) == (COUNT, target.stat().st_size)
        again = bench.load(target, name)
        assert pq.read_table(again.path).equals(pq.read_table(minutes.path))
        assert (again.frequency, again.time_zone) == ("min", "UTC")
    assert {each.name for each in tmp_path.iterdir()} >= {"again.csv", "again.parquet"}
    assert not [each for each in tmp_path.iterdir() if each.name.endswith(".part")]


def test_times_are_exported_as_a_clock_of_the_zone_shows_them(bench: Bench, tmp_path: Path) -> None:
    source = tmp_path / "source.csv"
    source.write_text("t,y,a b\n2024-03-30T12:00,1,\n2024-03-31T12:00,2.5,1e-7\n2024-04-01T12:00:00.25,,-3\n")
    location = bench.load(source, "berlin", time_zone="Europe/Berlin")
    target = tmp_path / "out.txt"
    bench.export(location, target, format="csv")
    with target.open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["t", "y", "a b"],
            ["2024-03-30T12:00:00+01:00", "1", ""],
            ["2024-03-31T12:00:00+02:00", "2.5", "1e-7"],
            ["2024-04-01T12:00:00.250000+02:00", "", "-3"],
        ]
    bench.export(location, tmp_path / "out.parquet")
    assert pq.read_schema(tmp_path / "out.parquet").field("t").type == pa.timestamp("us", tz="Europe/Berlin")
    assert bench.load(tmp_path / "out.parquet", "copy").time_zone == "Europe/Berlin"
    plain = bench.load(source, "plain")
    bench.export(plain, tmp_path / "plain.csv")
    assert (tmp_path / "plain.csv").read_text().splitlines()[1] == "2024-03-30T12:00:00.000000,1,"


def test_a_file_that_is_there_is_only_replaced_when_that_is_asked_for(
    bench: Bench, minutes: DatasetLocation, tmp_path: Path
) -> None:
    target = tmp_path / "there.csv"
    target.write_text("mine")
    with pytest.raises(RefusedError, match="already"):
        bench.export(minutes, target)
    assert target.read_text() == "mine"
    context = Context(bench.folder, {"file": str(target), "dataset": "x", "force": True}, minutes)
    context.cancelled = True
    with pytest.raises(JobCancelledError):
        export_dataset(context)  # type: ignore[arg-type]
    assert target.read_text() == "mine" and [each for each in tmp_path.iterdir() if ".part" in each.name] == []
    bench.export(minutes, target, force=True)
    assert target.read_text().startswith("t,y,z\n")


@pytest.mark.parametrize(
    ("file", "asked", "error", "said"),
    [
        ("x.csv", {}, UsageError, "not an absolute path"),
        ("{}/x.dat", {}, UsageError, "does not say its format"),
        ("{}/nowhere/x.csv", {}, UsageError, "no folder"),
        ("{}", {"format": "csv"}, UsageError, "is a folder"),
        ("{}/there.csv", {}, RefusedError, "already"),
    ],
)
def test_what_cannot_be_exported_is_refused_before(
    tmp_path: Path, file: str, asked: dict[str, Any], error: type[QuarterdeckError], said: str
) -> None:
    (tmp_path / "there.csv").write_text("mine")
    parameters = ExportParameters(file.format(tmp_path), "x", **asked)
    with pytest.raises(error, match=said):
        check_export(parameters)
    check_export(structs.replace(parameters, file=str(tmp_path / "there.csv"), format="csv", force=True))


def test_offsets_of_whole_zones() -> None:
    noon = 1_704_110_400_000_000
    assert time_text(noon, None) == "2024-01-01T12:00:00"
    assert time_text(noon, zone("Asia/Kolkata")) == "2024-01-01T17:30:00+05:30"
    assert time_text(noon, zone("America/St_Johns")) == "2024-01-01T08:30:00-03:30"
    assert msgspec.json.encode(Page(())) == b'{"resources":[]}'
