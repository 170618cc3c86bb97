"""Import of CSV files: what is understood, how rows are put into order, and how wrong ones are named."""

from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imported_series import Read, csv_reader, error, rows
from quarterdeck.runtime.datasets.cell_parsing import NumberColumn, is_missing, number
from quarterdeck.runtime.datasets.frequency import to_moment
from quarterdeck.runtime.datasets.import_plan import Problems
from quarterdeck.runtime.datasets.sorted_runs import LINE, TIME, SortedRuns

read = pytest.fixture(csv_reader)


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
