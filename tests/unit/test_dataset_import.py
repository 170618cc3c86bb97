"""Import of CSV files: what is understood, and how wrong rows are named."""

import gzip
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from quarterdeck.runtime.datasets.cell_parsing import NumberColumn, TimeColumn, is_missing, number
from quarterdeck.runtime.datasets.frequency import (
    alias,
    fits_anchor,
    grid_position,
    grid_time,
    parse_frequency,
    to_moment,
    to_time,
)
from quarterdeck.runtime.datasets.import_jobs import import_file, import_sample
from quarterdeck.runtime.datasets.import_plan import ImportPlan, Problems
from quarterdeck.runtime.datasets.series_import import ImportedSeries, import_series
from quarterdeck.runtime.datasets.sorted_runs import LINE, TIME, SortedRuns
from quarterdeck.runtime.datasets.spacing import infer_frequency
from quarterdeck.runtime.datasets.time_parsing import time_form
from quarterdeck_api.catalogue import SampleInfo
from quarterdeck_api.errors import JobCancelledError, UsageError
from quarterdeck_api.jobs import JobSpec, JobValue


class Series(Struct):
    """What an import wrote, read again: `times` in microseconds since 1970, None for a missing value."""

    found: ImportedSeries
    times: list[int]
    columns: dict[str, list[float | None]]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.found, name)


Read = Callable[..., Series]


def read_plan(plan: ImportPlan, folder: Path) -> Series:
    target = folder / "target.parquet"
    found = import_series(plan, target, folder, lambda _fraction, _rows: None)
    assert {each.name for each in folder.iterdir()} <= {target.name, plan.path.name}
    table = pq.read_table(target)
    times = table.column(found.time_column)
    assert times.type == pa.timestamp("us", tz="UTC" if found.utc else None)
    columns = {name: table.column(name).to_pylist() for name in found.columns}
    return Series(found, times.cast(pa.int64()).to_pylist(), columns)


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


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def reading(text: str | bytes, **plan: Any) -> Series:
        path = tmp_path / "file.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        asked = {"time": "t"} if "start" not in plan else {}
        return read_plan(ImportPlan(path, **{**asked, **plan}), tmp_path)

    return reading


def error(read: Read, text: str | bytes, **plan: Any) -> str:
    with pytest.raises(UsageError) as raised:
        read(text, **plan)
    return f"{raised.value.message} / {raised.value.remedy}"


def rows(*times: str) -> str:
    return "t,y\n" + "".join(f"{time},{number}\n" for number, time in enumerate(times))


def moments(series: Series) -> list[datetime]:
    return [to_moment(time) for time in series.times]


@pytest.mark.parametrize(
    ("times", "first", "frequency"),
    [
        (("1949-01", "1949-02", "1949-03"), datetime(1949, 1, 1), "MS"),
        (("1991 Jul", "1991 Aug"), datetime(1991, 7, 1), "MS"),
        (("Jul 1991", "August 1991"), datetime(1991, 7, 1), "MS"),
        (("1970 Q1", "1970 Q2", "1970 Q3"), datetime(1970, 1, 1), "QS"),
        (("1947", "1948", "1949"), datetime(1947, 1, 1), "YS"),
        (("2024-01-31", "2024-02-29", "2024-03-31"), datetime(2024, 1, 31), "ME"),
        (("2023-03-31", "2023-06-30", "2023-09-30"), datetime(2023, 3, 31), "QE"),
        (("2022-12-31", "2023-12-31"), datetime(2022, 12, 31), "YE"),
        (("2024-01-07", "2024-01-14", "2024-01-21"), datetime(2024, 1, 7), "W-SUN"),
        (("2024-02-27", "2024-02-28", "2024-02-29", "2024-03-01"), datetime(2024, 2, 27), "D"),
        (("2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09"), datetime(2024, 1, 4), "B"),
        (("2024/01/02 10:00", "2024/01/02 11:00"), datetime(2024, 1, 2, 10), "h"),
        (("20240102T1000", "20240102T1030"), datetime(2024, 1, 2, 10), "30min"),
        (("2024-01-02T10:00:00.250", "2024-01-02T10:00:00.500"), datetime(2024, 1, 2, 10, 0, 0, 250_000), "250ms"),
        (("1700000000", "1700000005"), datetime(2023, 11, 14, 22, 13, 20), "5s"),
        (("1700000000000", "1700000060000"), datetime(2023, 11, 14, 22, 13, 20), "min"),
    ],
)
def test_forms_of_times_and_their_frequencies(
    read: Read, times: tuple[str, ...], first: datetime, frequency: str
) -> None:
    series = read(rows(*times))
    assert moments(series)[0] == first
    assert (series.spacing.alias, series.spacing.gaps) == (frequency, 0)


def test_times_with_offsets_are_kept_as_utc(read: Read) -> None:
    series = read(rows("2024-01-01T01:00:00+01:00", "2024-01-01T01:00:00Z", "2024-01-01 02:00:00 UTC"))
    assert moments(series) == [datetime(2024, 1, 1, hour) for hour in (0, 1, 2)]
    assert series.utc and series.time_zone == "UTC"


def test_clock_readings_in_a_zone_pass_both_changes_of_the_clock(read: Read) -> None:
    autumn = read(
        rows("2024-10-27T01:00", "2024-10-27T02:00", "2024-10-27T02:00", "2024-10-27T03:00"), time_zone="Europe/Berlin"
    )
    assert [each.hour for each in moments(autumn)] == [23, 0, 1, 2]
    assert (autumn.spacing.alias, autumn.time_zone) == ("h", "Europe/Berlin")
    daily = read(rows("2024-03-30", "2024-03-31", "2024-04-01"), time_zone="Europe/Berlin")
    assert daily.spacing.alias == "D" and moments(daily)[2] == datetime(2024, 3, 31, 22)
    text = error(read, rows("2024-03-31T01:00", "2024-03-31T02:30"), time_zone="Europe/Berlin")
    assert "Line 3" in text and "does not exist there" in text
    assert "no time zone 'Mars/Base'" in error(read, rows("2024-01-01"), time_zone="Mars/Base")


def test_offsets_must_be_there_on_all_rows_or_none(read: Read) -> None:
    text = error(read, rows("2024-01-01T00:00:00Z", "2024-01-01T01:00:00"))
    assert "Line 3" in text and "no offset" in text


def test_gaps_are_counted_and_shown(read: Read) -> None:
    series = read(rows("2024-01-01", "2024-01-02", "2024-01-05", "2024-01-06", "2024-01-07", "2024-01-08"))
    assert (series.spacing.alias, series.spacing.gaps) == ("D", 2)
    assert series.spacing.first_gaps == ("2 after 2024-01-02 00:00:00",)
    assert any("2 times are missing" in notice for notice in series.notices)


@pytest.mark.parametrize(
    "times",
    [
        ("2024-01-01", "2024-01-02", "2024-01-02T07:13:00"),
        ("2024-01-01T00:00:01", "2024-01-01T00:10:00", "2024-01-01T00:31:07"),
        ("2024-01-01",),
    ],
)
def test_irregular_times_have_no_frequency(read: Read, times: tuple[str, ...]) -> None:
    assert read(rows(*times)).spacing.alias == ""


def test_working_days_need_a_weekend_to_be_told_from_days(read: Read) -> None:
    series = read(rows("2024-01-01", "2024-01-02", "2024-01-04"))
    assert (series.spacing.alias, series.spacing.gaps) == ("D", 1)


def test_a_frequency_that_is_given_is_checked(read: Read) -> None:
    assert read(rows("2024-01", "2024-02", "2024-04"), frequency="MS").spacing.gaps == 1
    text = error(read, rows("2024-01-01", "2024-01-02"), frequency="MS")
    assert "line 3" in text and "the times follow D" in text
    assert "not a frequency" in error(read, rows("2024-01-01"), frequency="fortnight")
    assert "line 2" in error(read, rows("2024-02-01", "2024-05-01"), frequency="QS")


def test_every_wrong_cell_is_named(read: Read) -> None:
    text = error(
        read,
        't,y,z\n2024-01-01,1,2\n2024-01-02,12a,2\n\n2024-01-03,3,"1,5"\nsoon,4,2\n2024-01-05,5\n2024-01-06,inf,1\n',
    )
    assert "5 problems" in text
    assert "Line 3, column 'y': '12a' is not a number" in text
    assert "Line 5, column 'z': '1,5' is not a number; write it with a point" in text
    assert "Line 6, column 't': 'soon' is not an ISO date or time" in text
    assert "Line 7, the row has 2 cells, but the header has 3 columns" in text
    assert "Line 8, column 'y': 'inf' is not finite" in text


def test_rows_are_put_into_order(read: Read) -> None:
    series = read("t,y\n2024-01-03,3\n2024-01-01,1\n2024-01-02,\n2024-01-05,5\n")
    assert [to_moment(time).day for time in series.times] == [1, 2, 3, 5]
    assert series.columns["y"] == [1.0, None, 3.0, 5.0]
    assert (series.spacing.alias, series.spacing.gaps) == ("D", 1)
    assert "1 row came before the row above; the rows were put into the order of their times" in series.notices


def test_doubled_times_are_errors_wherever_they_stand(read: Read) -> None:
    text = error(read, rows("2024-01-02", "2024-01-01", "2024-01-02", "2024-01-03", "2024-01-03"))
    assert "2 problems" in text
    assert "Line 4, column 't': '2024-01-02 00:00:00' is there twice (also in line 2); keep one of the two rows" in text
    assert "Line 6, column 't': '2024-01-03 00:00:00' is there twice (also in line 5)" in text


@settings(deadline=None)
@given(
    times=st.lists(st.integers(-50, 50), max_size=300),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=20),
    run_rows=st.integers(1, 60),
)
def test_runs_give_every_row_once_in_order(times: list[int], sizes: list[int], run_rows: int) -> None:
    with TemporaryDirectory() as folder:
        runs = SortedRuns(Path(folder), run_rows, most_runs=3)
        taken, turn = 0, cycle(sizes)
        while taken < len(times):
            size = next(turn)
            part = range(taken, min(taken + size, len(times)))
            values = [float(times[line]) for line in part]
            runs.add(
                pa.record_batch(
                    [
                        pa.array(part, pa.int64()),
                        pa.array([times[line] for line in part], pa.int64()),
                        pa.array(values),
                    ],
                    names=[LINE, TIME, "0"],
                )
            )
            taken += size
        runs.finish()
        for _ in range(2):
            read = [row for batch in runs.read() for row in batch.to_pylist()]
            assert [row[TIME] for row in read] == sorted(times)
            assert sorted(row[LINE] for row in read) == list(range(len(times)))
            assert all(times[row[LINE]] == row[TIME] for row in read)
            assert all(row["0"] == row[TIME] for row in read)


CELLS = st.one_of(
    st.floats().map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(
        ["", " ", "NA", " n/a ", "-", "+1", " 2.5 ", "1_000", "1,5", ".5", "5.", "1e400", "Infinity", "0x1", "\u0661"]
    ),
)


@settings(deadline=None)
@given(st.lists(CELLS, min_size=1, max_size=8))
def test_cells_read_together_are_what_they_are_alone(cells: list[str]) -> None:
    problems = Problems(Path("f"))
    together = NumberColumn("y", problems).take(cells, range(len(cells))).to_pylist()
    alone = [None if is_missing(text.strip()) else number(text.strip()) for text in cells]
    assert together == alone
    assert problems.total == sum(
        value is None and not is_missing(text.strip()) for value, text in zip(alone, cells, strict=True)
    )


TIMES = st.one_of(
    st.datetimes(timezones=st.one_of(st.none(), st.just(UTC))).map(lambda moment: moment.isoformat()),
    st.datetimes().map(lambda moment: moment.isoformat(sep=" ", timespec="minutes")),
    st.dates().map(lambda day: day.isoformat()),
    st.dates().map(lambda day: day.isoformat().replace("-", "/")),
    st.sampled_from(
        [
            "0000-01-01",
            "2024-02-30",
            "2024-01-01T24:00",
            "2024-01-01 05",
            "2024-01-01T00:00:60",
            "2024-01-01T05:00+14:00",
            " 2024-01-01",
        ]
    ),
    st.integers(-(10**10), 10**10).map(str),
)


@settings(deadline=None)
@given(st.lists(TIMES, min_size=1, max_size=5))
def test_times_read_together_are_what_they_are_alone(cells: list[str]) -> None:
    form = time_form(cells[0].strip())
    together, alone = (TimeColumn("t", "", None, Problems(Path("f"))) for _ in range(2))
    found = together.take(cells, range(len(cells))).to_pylist()
    each = [alone._read(text.strip(), 1) for text in cells]
    assert found == each and (together.utc, form) == (alone.utc, form)


def parquet(tmp_path: Path, times: pa.Array, **plan: Any) -> Series:
    path = tmp_path / "file.data"
    values = pa.array([1, 2, None][: len(times)], pa.int32())
    pq.write_table(pa.table({"t": times, "y": values, "label": ["a"] * len(times)}), path)
    return read_plan(ImportPlan(path, time="t", **plan), tmp_path)


DAYS = [datetime(2024, 3, 30, 23), datetime(2024, 3, 31, 22), datetime(2024, 4, 1, 22)]


@pytest.mark.parametrize(
    ("kind", "zone_name", "frequency"),
    [
        (pa.timestamp("ns", "Europe/Berlin"), "Europe/Berlin", "D"),
        (pa.timestamp("s", "UTC"), "UTC", ""),
        (pa.timestamp("ms", "+02:00"), "UTC", ""),
    ],
)
def test_a_parquet_file_keeps_its_zone(tmp_path: Path, kind: pa.DataType, zone_name: str, frequency: str) -> None:
    series = parquet(tmp_path, pa.array([day.replace(tzinfo=UTC) for day in DAYS]).cast(kind))
    assert (series.utc, series.time_zone, series.spacing.alias) == (True, zone_name, frequency)
    assert [to_moment(time) for time in series.times] == DAYS
    assert series.columns == {"y": [1.0, 2.0, None]} and series.missing == {"y": 1}
    assert "column 'label' holds string, not numbers, and is left out" in series.notices


def test_a_parquet_file_of_clock_readings_dates_texts_and_numbers(tmp_path: Path) -> None:
    days = [date(2024, 3, 31), date(2024, 4, 1), date(2024, 4, 2)]
    assert parquet(tmp_path, pa.array(days)).utc is False
    for times in (pa.array(days), pa.array([f"{day}" for day in days])):
        series = parquet(tmp_path, times, time_zone="Europe/Berlin")
        assert ([to_moment(time) for time in series.times], series.spacing.alias) == (DAYS, "D")
    series = parquet(tmp_path, pa.array([1_700_000_000, 1_700_000_060, 1_700_000_120]))
    assert (series.utc, series.spacing.alias) == (True, "min")


def test_wrong_rows_of_a_parquet_file_are_named(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    times = pa.array([datetime(2024, 1, 1), None, datetime(2024, 1, 1)])
    pq.write_table(pa.table({"t": times, "y": [1.0, math.inf, 2.0]}), path)
    with pytest.raises(UsageError) as raised:
        read_plan(ImportPlan(path, time="t"), tmp_path)
    said = raised.value.message
    assert "Row 2, column 't' is null" in said and "Row 2, column 'y': 'inf' is not finite" in said
    assert "Row 3, column 't': '2024-01-01 00:00:00' is there twice (also in row 1)" in said
    for plan, what in ((ImportPlan(path, time="x"), "no column 'x'"), (ImportPlan(path, time="y"), "which is no time")):
        with pytest.raises(UsageError, match=what):
            read_plan(plan, tmp_path)
    path.write_bytes(b"PAR1 and nothing more")
    with pytest.raises(UsageError, match="is not a Parquet file that can be read"):
        read_plan(ImportPlan(path, time="t"), tmp_path)


def test_problems_are_in_the_order_of_the_file(read: Read) -> None:
    text = error(
        read, "t,y,z\n2024-01-01,1,a\nno,1,1\n2024-01-03,x,b\n2024-01-03,1,2\n2024-01-04,1,2\n", columns=("y", "z")
    )
    places = [
        text.index(each)
        for each in ("Line 2, column 'z'", "Line 3, column 't'", "Line 4, column 'y'", "Line 4, column 'z'", "Line 5")
    ]
    assert places == sorted(places) and "5 problems" in text


def test_at_most_ten_problems_are_shown_with_their_total(read: Read) -> None:
    text = error(read, "t,y\n" + "".join(f"2024-01-{day:02},{'x' if day > 15 else day}\n" for day in range(1, 31)))
    assert text.count("is not a number") == 10 and "15 problems; the first 10" in text


def test_missing_values_are_kept_and_counted(read: Read) -> None:
    series = read("t,y,z\n2024-01-01,1,\n2024-01-02,NA,2\n2024-01-03,nan,3\n")
    assert series.missing == {"y": 2, "z": 1}
    assert series.columns == {"y": [1.0, None, None], "z": [None, 2.0, 3.0]}


def test_columns_without_numbers_are_left_out_and_said(read: Read) -> None:
    series = read("t,y,label\n2024-01-01,1,red\n2024-01-02,2,blue\n")
    assert list(series.columns) == ["y"] and series.notices == ("column 'label' holds no numbers and is left out",)
    assert "column 'label': 'red' is not a number" in error(read, "t,y,label\n2024-01-01,1,red\n", target="label")
    assert "no column of numbers" in error(read, "t,label\n2024-01-01,red\n")


@pytest.mark.parametrize(
    "text",
    [
        "t;y\n2024-01-01;1.5\n2024-01-02;2\n",
        "t\ty\r\n2024-01-01\t1.5\r\n2024-01-02\t2\r\n",
        "\ufefft,y\n2024-01-01,1.5\n2024-01-02,2\n",
        '\n"t","y"\n"2024-01-01","1.5"\n 2024-01-02 , 2 \n',
    ],
)
def test_kinds_of_csv(read: Read, text: str) -> None:
    assert list(read(text).columns["y"]) == [1.5, 2.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("t,y\n", "no rows below its header"),
        ("t,t\n1,2\n", "two columns called 't'"),
        ("when,y\n2024-01-01,2\n", "no column 't'"),
        (b"t,y\n2024-01-01,\xff\n", "not UTF-8"),
        (b't,y\n2024-01-01,"1\n', "line 2"),
    ],
)
def test_files_that_cannot_be_read(read: Read, text: str | bytes, said: str) -> None:
    assert said in error(read, text)


def test_lines_are_counted_through_quoted_line_breaks(read: Read) -> None:
    text = error(read, 't,y,note\n2024-01-01,1,"a\nb"\n2024-01-02,x,c\n2024-01-03,2,c\n')
    assert "Line 4, column 'y'" in text


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


FREQUENCIES = ["YS", "YE", "QS", "QE", "QS-FEB", "MS", "ME", "W-WED", "D", "2D", "B", "h", "6h", "15min", "s", "500ms"]


@settings(deadline=None)
@given(
    text=st.sampled_from(FREQUENCIES),
    start=st.dates(date(1900, 1, 1), date(2100, 1, 1)),
    count=st.integers(12, 40),
)
def test_what_a_calendar_gives_is_inferred_again(text: str, start: date, count: int) -> None:
    frequency = parse_frequency(text)
    origin = first_on_grid(text, start)
    times = [grid_time(frequency, origin, position) for position in range(count)]
    assert times == sorted(set(times))
    assert [grid_position(frequency, origin, time) for time in times] == list(range(count))
    found = infer_frequency(times)
    assert found is not None and alias(found, origin) == text
    thinned = [time for index, time in enumerate(times) if index % 5 != 3]
    again = infer_frequency(thinned)
    assert again is not None and alias(again, origin) == text


def first_on_grid(text: str, start: date) -> int:
    day = datetime(start.year, start.month, start.day)
    while not fits_anchor(parse_frequency(text), to_time(day)):
        day += timedelta(days=1)
    return to_time(day)
