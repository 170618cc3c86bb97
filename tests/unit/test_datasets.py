"""The catalogue of datasets: what import jobs wrote, what plugins offer, and what may be removed."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck.runtime.borders import JobRequest
from quarterdeck.runtime.database import open_database
from quarterdeck.runtime.datasets.catalogue import (
    DATASET_COLUMNS,
    DatasetCatalogue,
    ImportReport,
    check_dataset_name,
    dataset_resource,
)
from quarterdeck.runtime.datasets.needs import DatasetNeeds
from quarterdeck.runtime.jobs.queue import JobQueue
from quarterdeck_api.catalogue import ActionInfo, SampleInfo
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, RefusedError, UsageError
from quarterdeck_api.jobs import ArtefactFile, JobResult, JobState, JobValue
from quarterdeck_api.protocol import CompleteParams, JobRecord
from quarterdeck_api.resources import Health

SAMPLE = SampleInfo(
    "lynx",
    "Lynx",
    "/x/Lynx.csv",
    "csv",
    "YS",
    "trappings",
    start="1821",
    columns=("0",),
    rename={"0": "trappings"},
    rows=114,
)
REPORT = ImportReport(
    144, "MS", "1949-01-01T00:00:00", "1960-12-01T00:00:00", ("y",), "time", "", "y", "abc", 5, source="/tmp/air.csv"
)
FILE = (
    ArtefactFile("dataset.parquet", "application/vnd.apache.parquet", "d", 5),
    ArtefactFile("log.txt", "text/plain", "l", 1),
)


class Bench:
    def __init__(self, paths: InstancePaths, database: sqlite3.Connection, spool: Path) -> None:
        self.paths = paths
        self.database = database
        self.spool = spool
        self.catalogue = DatasetCatalogue(database, paths, lambda: [SAMPLE], lambda: 50.0)

    def keep(self, name: str, job_type: str = "dataset.import", text: str = "bytes", **parameters: object) -> JobResult:
        (self.spool / "dataset.parquet").unlink(missing_ok=True)
        (self.spool / "dataset.parquet").write_text(text)
        return self.keep_again(name, job_type, **parameters)

    def keep_again(self, name: str, job_type: str = "dataset.import", **parameters: object) -> JobResult:
        record = JobRecord(
            1,
            "core/job/1",
            job_type,
            "core",
            job_type,
            "",
            JobState.RUNNING,
            0.0,
            parameters={"name": name, **parameters},
        )
        value = JobValue(msgspec.to_builtins(REPORT))
        return self.catalogue.keep(record, JobResult(1, 1, JobState.SUCCEEDED, value, artefacts=FILE), self.spool)


@pytest.fixture
def bench(home: Path, tmp_path: Path) -> Iterator[Bench]:
    paths = instance_paths({"QUARTERDECK_HOME": str(home)})
    paths.state_folder.mkdir(parents=True)
    database = open_database(paths.database)
    yield Bench(paths, database, tmp_path)
    database.close()


def test_an_import_becomes_a_dataset_with_a_location(bench: Bench) -> None:
    result = bench.keep("air")
    assert [each.name for each in result.artefacts] == ["log.txt"]
    record = bench.catalogue.get("air")
    assert record is not None and (record.state, record.rows, record.start) == ("ready", 144, -662688000.0)
    for text in ("air", "core/dataset/air"):
        location = bench.catalogue.location(text)
        assert (location.frequency, location.target, location.time_column) == ("MS", "y", "time")
        assert Path(location.path).read_text() == "bytes"
    assert Path(location.path).parent == bench.paths.datasets


def test_an_existing_name_is_refused_unless_it_is_replaced(bench: Bench) -> None:
    bench.keep("air")
    with pytest.raises(RefusedError, match="already"):
        bench.keep("air", text="other")
    assert Path(bench.catalogue.location("air").path).read_text() == "bytes"
    bench.keep("air", text="other", replace=True)
    assert Path(bench.catalogue.location("air").path).read_text() == "other"
    with pytest.raises(RefusedError):
        bench.keep("lynx")


def test_taking_a_file_over_may_be_repeated(bench: Bench) -> None:
    bench.database.execute("BEGIN")
    bench.keep("air")
    bench.database.execute("ROLLBACK")
    assert bench.catalogue.get("air") is None
    bench.keep_again("air")
    assert Path(bench.catalogue.location("air").path).read_text() == "bytes"
    assert [each.name for each in bench.paths.datasets.iterdir()] == ["air.parquet"]


def test_a_result_that_is_none_of_an_import_is_left_alone_or_refused(bench: Bench) -> None:
    record = JobRecord(1, "core/job/1", "train", "demo", "train", "", JobState.RUNNING, 0.0, parameters={"name": "air"})
    result = JobResult(1, 1, JobState.SUCCEEDED, JobValue({}), artefacts=FILE)
    assert bench.catalogue.keep(record, result, bench.spool) is result
    with pytest.raises(QuarterdeckError, match="cannot be kept"):
        bench.catalogue.keep(structs.replace(record, plugin="core", job_type="dataset.import"), result, bench.spool)
    with pytest.raises(QuarterdeckError, match="cannot be kept"):
        bench.keep_again("absent")
    (bench.spool / "dataset.parquet").symlink_to("/etc/hosts")
    with pytest.raises(QuarterdeckError, match="not a plain file"):
        bench.keep_again("link")
    assert [each.name for each in bench.catalogue.all()] == ["lynx"]


def test_a_sample_is_offered_until_it_is_imported_and_again_after_removal(bench: Bench) -> None:
    (offered,) = bench.catalogue.all()
    assert (offered.state, offered.value_columns, offered.rows) == ("sample", ("trappings",), 114)
    assert bench.catalogue.unmade_sample("lynx") == SAMPLE
    with pytest.raises(UsageError, match="not imported yet"):
        bench.catalogue.location("lynx")
    bench.keep("lynx", "dataset.sample")
    assert bench.catalogue.unmade_sample("lynx") is None
    assert [each.state for each in bench.catalogue.all()] == ["ready"]
    bench.catalogue.remove("lynx")
    assert [each.state for each in bench.catalogue.all()] == ["sample"]
    assert list(bench.paths.datasets.iterdir()) == []


def test_a_dataset_whose_file_is_gone_is_not_there(bench: Bench) -> None:
    bench.keep("lynx", "dataset.sample")
    (bench.paths.datasets / "lynx.parquet").unlink()
    assert bench.catalogue.unmade_sample("lynx") == SAMPLE
    assert [each.state for each in bench.catalogue.all()] == ["sample"]


def test_unknown_names_come_with_the_nearest(bench: Bench) -> None:
    bench.keep("airline")
    with pytest.raises(NotFoundError, match="no dataset 'arline'") as raised:
        bench.catalogue.location("core/dataset/arline")
    assert "airline" in raised.value.remedy
    with pytest.raises(NotFoundError):
        bench.catalogue.remove("arline")
    assert bench.catalogue.get("arline") is None and bench.catalogue.unmade_sample("arline") is None


def test_a_dataset_that_a_job_reads_is_not_removed(bench: Bench) -> None:
    bench.keep("air")
    queue = JobQueue(bench.database, lambda: 60.0)
    job = queue.submit(JobRequest("train", "demo", "train", "demo/model/a", {}, {}), 1)
    claimed = queue.claim(lambda _, __: True, 5)
    assert claimed is not None
    queue.keep_datasets(job, ["core/dataset/air"])
    assert bench.catalogue.used_by("air") == (f"core/job/{job}",)
    with pytest.raises(RefusedError, match=f"core/job/{job}"):
        bench.catalogue.remove("air")
    queue.finish(job, claimed.token, JobResult(job, claimed.token, JobState.SUCCEEDED))
    bench.catalogue.remove("air")
    assert bench.catalogue.get("air") is None


@pytest.mark.parametrize("name", ["", "Air", "a b", "../x", ".hidden", "a/b", "ä", "x" * 101, "-x", "x\n"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_dataset_name(name)
    assert "lower-case letters" in raised.value.remedy


def test_names_that_can_be() -> None:
    for name in ("airline", "plant-7_temp.2024", "0"):
        check_dataset_name(name)


def test_a_dataset_as_a_resource(bench: Bench) -> None:
    bench.keep("air")
    ready, sample = (dataset_resource(record) for record in bench.catalogue.all())
    assert (ready.address, ready.health, ready.state) == ("core/dataset/air", Health.OK, "ready")
    assert len(ready.cells) == len(DATASET_COLUMNS) == len(sample.cells)
    assert set(sample.actions_off) == {"dataset.remove"} and ready.actions_off == {}


def test_the_runtime_process_never_imports_what_reads_rows() -> None:
    program = (
        "import sys, quarterdeck.runtime.application\n"
        "print([name for name in ('pyarrow', 'numpy', 'pandas', 'quarterdeck.runtime.datasets.import_jobs') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


class Submitted:
    """What `DatasetNeeds` asks of the job service."""

    def __init__(self) -> None:
        self.requests: list[JobRequest] = []

    def live_job(self, key: str) -> int | None:
        return next((number for number, each in enumerate(self.requests, 1) if each.key == key), None)

    def submit(self, request: JobRequest) -> JobRecord:
        self.requests.append(request)
        number = len(self.requests)
        return JobRecord(number, f"core/job/{number}", "", "", "", "", JobState.QUEUED, 0.0)


def test_every_sample_that_an_action_names_is_imported_first(bench: Bench) -> None:
    catalogue = DatasetCatalogue(
        bench.database, bench.paths, lambda: [SAMPLE, structs.replace(SAMPLE, name="hare")], lambda: 50.0
    )
    jobs = Submitted()
    needs = DatasetNeeds(catalogue, jobs)  # type: ignore[arg-type]
    field = {"type": "string", "format": "dataset"}
    action = ActionInfo("x.compare", "Compare", ("x",), {"properties": {"one": field, "two": field, "three": field}})
    asked = {"one": "lynx", "two": "core/dataset/hare", "three": "lynx"}
    assert needs.locations(action, asked) == {}
    assert needs.prepare(action, asked) == (1, 2)
    assert [each.target for each in jobs.requests] == ["core/dataset/lynx", "core/dataset/hare"]
    assert needs.prepare(action, asked) == (1, 2)
    bench.keep("lynx", "dataset.sample")
    assert needs.prepare(action, asked) == (2,)
    assert needs.locations(action, asked) == {"lynx": catalogue.location("lynx")}


def test_datasets_and_their_columns_are_completed(bench: Bench) -> None:
    bench.keep("air")
    needs = DatasetNeeds(bench.catalogue, Submitted())  # type: ignore[arg-type]
    properties = {"dataset": {"type": "string", "format": "dataset"}, "column": {"type": "string"}, "x": {}}
    action = ActionInfo("model.forecast", "Forecast", ("model",), {"properties": properties})

    def choices(field: str, prefix: str = "", **given: str) -> list[str] | None:
        asked = CompleteParams("model.forecast", "ainode/model/a", field, prefix, given)
        found = needs.complete(action, asked, properties[field])
        return None if found is None else [each.value for each in found]

    assert choices("dataset") == ["air", "lynx"]
    assert choices("dataset", "core/dataset/l") == ["lynx"]
    assert choices("column", dataset="air") == ["y"] == choices("column", dataset="core/dataset/air")
    assert choices("column", "z", dataset="air") == []
    assert choices("column", dataset="lynx") == ["trappings"]
    assert choices("column", dataset="nothing") == []
    assert choices("column") is None and choices("x", dataset="air") is None


def test_a_dataset_that_is_to_be_made_must_not_be_there(bench: Bench) -> None:
    bench.keep("air")
    needs = DatasetNeeds(bench.catalogue, Submitted())  # type: ignore[arg-type]
    properties = {"name": {"type": "string", "format": "new-dataset"}, "replace": {"type": "boolean"}}
    action = ActionInfo("series.save", "Save", ("series",), {"properties": properties}, job="x")
    for ask in (needs.check, needs.prepare):
        ask(action, {"name": "new"})
        ask(action, {"name": ""})
        ask(action, {"name": "air", "replace": True})
        with pytest.raises(RefusedError, match="there is a dataset 'air' already"):
            ask(action, {"name": "air", "replace": False})
        with pytest.raises(RefusedError, match="lynx"):
            ask(action, {"name": "lynx"})
        with pytest.raises(UsageError, match="cannot be a dataset's name"):
            ask(action, {"name": "Air 1"})
