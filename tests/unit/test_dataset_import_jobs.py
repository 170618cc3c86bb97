"""The jobs that import: what they write of a file and of plugins' samples, cancellation, and wrong parameters."""

import gzip
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from imported_series import read_plan, rows
from quarterdeck.runtime.datasets.import_jobs import import_file, import_sample
from quarterdeck.runtime.datasets.import_plan import ImportPlan
from quarterdeck_api.catalogue import SampleInfo
from quarterdeck_api.errors import JobCancelledError, UsageError
from quarterdeck_api.jobs import JobSpec, JobValue


class Context:
    """What an import job asks of its context."""

    def __init__(self, folder: Path, parameters: dict[str, Any]) -> None:
        self.folder = folder
        self.cancelled = False
        self.lines: list[str] = []
        self.spec = JobSpec(1, 1, 1, "", "", "", "", {}, "", parameters, {}, {}, "", "", str(folder))

    def raise_if_cancelled(self) -> None:
        if self.cancelled:
            raise JobCancelledError("cancelled")

    def step(self, name: str) -> None: ...

    def progress(self, fraction: float, message: str = "") -> None:
        assert 0 <= fraction <= 1

    def log(self, line: str) -> None:
        self.lines.append(line)

    def artefact(self, name: str, media_type: str, title: str = "") -> Path:
        return self.folder / name


def test_an_import_writes_what_it_says(tmp_path: Path) -> None:
    file = tmp_path / "air.csv.gz"
    file.write_bytes(gzip.compress(b"month,passengers,note\n1949-01,112,a\n1949-02,,b\n1949-04,129,c\n"))
    context = Context(tmp_path, {"file": str(file), "time": "month", "name": "air"})
    value: JobValue = import_file(context)  # type: ignore[arg-type]
    data = value.data
    assert (data["rows"], data["frequency"], data["gaps"], data["missing"]) == (3, "MS", 1, {"passengers": 1})
    assert (data["start"], data["end"]) == ("1949-01-01T00:00:00", "1949-04-01T00:00:00")
    assert (data["target"], data["value_columns"]) == ("passengers", ("passengers",))
    path = tmp_path / "dataset.parquet"
    assert path.stat().st_size == data["bytes"] and len(data["sha256"]) == 64
    table = pq.read_table(path)
    assert table.column("month").to_pylist()[2] == datetime(1949, 4, 1)
    assert table.column("passengers").to_pylist() == [112.0, None, 129.0]
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"
    assert any("missing" in line for line in context.lines)


def test_moments_are_written_with_their_zone(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text(rows("2024-01-01T00:00:00+01:00", "2024-01-01T01:00:00+01:00"))
    import_file(Context(tmp_path, {"file": str(file), "time": "t", "name": "x"}))  # type: ignore[arg-type]
    times = pq.read_table(tmp_path / "dataset.parquet").column("t").to_pylist()
    assert times[0] == datetime(2023, 12, 31, 23, tzinfo=UTC)


def test_an_import_can_be_cancelled(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text(rows(*(str(1_700_000_000 + second) for second in range(10_001))))
    context = Context(tmp_path, {"file": str(file), "time": "t", "name": "x"})
    context.cancelled = True
    with pytest.raises(JobCancelledError):
        import_file(context)  # type: ignore[arg-type]
    assert not (tmp_path / "dataset.parquet").exists()


@pytest.mark.parametrize(
    "parameters", [{}, {"file": "/x", "time": "t", "name": "No Name"}, {"file": "/no/x", "time": "t", "name": "x"}]
)
def test_wrong_parameters_are_sentences(tmp_path: Path, parameters: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        import_file(Context(tmp_path, parameters))  # type: ignore[arg-type]


def sample(tmp_path: Path, text: str, **fields: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    file = tmp_path / "sample.csv"
    file.write_text(text)
    info = SampleInfo(
        "s", "S", str(file), fields.pop("format", "csv"), fields.pop("frequency"), fields.pop("target"), **fields
    )
    context = Context(tmp_path, msgspec.to_builtins(info))
    value = import_sample(context)  # type: ignore[arg-type]
    return value.data, pq.read_table(tmp_path / "dataset.parquet").to_pylist()


def test_a_sample_without_times_gets_them_from_its_calendar(tmp_path: Path) -> None:
    data, table = sample(
        tmp_path,
        ",0\n1,10\n2,20\n",
        frequency="YS",
        target="trappings",
        start="1821-01-01",
        columns=("0",),
        rename={"0": "trappings"},
    )
    assert data["target"] == "trappings" and data["frequency"] == "YS"
    assert table == [
        {"time": datetime(1821, 1, 1), "trappings": 10.0},
        {"time": datetime(1822, 1, 1), "trappings": 20.0},
    ]


def test_a_sample_takes_matching_rows_only(tmp_path: Path) -> None:
    text = "m,code,y\n2024-01,A,1\n2024-01,B,9\n2024-02,A,2\n"
    data, table = sample(
        tmp_path, text, frequency="MS", target="y", time_column="m", columns=("y",), where={"code": "A"}
    )
    assert data["rows"] == 2 and [row["y"] for row in table] == [1.0, 2.0]


def test_a_sample_with_fractional_years(tmp_path: Path) -> None:
    text = "t,y\n1949,1\n1949.08333333333,2\n1949.16666666667,3\n"
    data, table = sample(tmp_path, text, frequency="MS", target="y", time_column="t", format="year")
    assert [row["t"].month for row in table] == [1, 2, 3] and data["gaps"] == 0


def test_a_sample_whose_start_is_not_on_its_calendar_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a time of the frequency MS"):
        sample(tmp_path, "y\n1\n", frequency="MS", target="y", start="2024-01-15")


def test_the_samples_of_sktime_are_read(tmp_path: Path) -> None:
    found = find_spec("sktime")
    if found is None or not found.submodule_search_locations:
        pytest.skip("sktime is not installed")
    folder = Path(next(iter(found.submodule_search_locations))) / "datasets" / "data"
    plans = [
        (ImportPlan(folder / "Airline/Airline.csv", time="Date"), 144, "MS", 432.0),
        (ImportPlan(folder / "ShampooSales/ShampooSales.csv", time="Time"), 36, "MS", 646.9),
        (
            ImportPlan(folder / "Uschange/Uschange.csv", time="Quarter", columns=("Income",)),
            187,
            "QS",
            0.6447008089999999,
        ),
        (ImportPlan(folder / "PBS_dataset/PBS_dataset.csv", time="Month"), 204, "MS", 0.0),
        (ImportPlan(folder / "solar/solar.csv", time="datetime_gmt"), 289, "30min", 0.0),
        (ImportPlan(folder / "seatbelts/seatbelts.csv", time="column_1"), 192, "MS", 1763.0),
        (ImportPlan(folder / "Longley/Longley.csv", time="YEAR", target="TOTEMP"), 16, "YS", 16.0),
    ]
    for plan, count, frequency, last in plans:
        series = read_plan(plan, tmp_path)
        assert (len(series.times), series.spacing.alias, series.spacing.gaps) == (count, frequency, 0), plan
        assert next(iter(series.columns.values()))[-1] == last
