"""Data between clusters and datasets, without a cluster: statements, times, tablets, plans, files."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as some
from msgspec import structs

from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.faults import refusal
from quarterdeck_ainode.iotdb.client.rows import ColumnBatch, Rows
from quarterdeck_ainode.iotdb.client.tablet import ColumnCategory
from quarterdeck_ainode.iotdb.data.dataset_rows import DatasetRows
from quarterdeck_ainode.iotdb.data.ingest_plan import IngestPlan, chosen_columns, plan_ingest
from quarterdeck_ainode.iotdb.data.parameters import IngestParameters, SaveParameters
from quarterdeck_ainode.iotdb.data.parts import PartWriter, part_path, part_schema, whole_file
from quarterdeck_ainode.iotdb.data.reading import (
    Extent,
    NumberBatch,
    numbers_of,
    read_all,
    read_extent,
    require_finite,
)
from quarterdeck_ainode.iotdb.data.sources import parse_table, parse_tags, source_at, tags_text
from quarterdeck_ainode.iotdb.data.spans import asked_span, dataset_span
from quarterdeck_ainode.iotdb.data.statements import (
    Source,
    SourceColumn,
    Span,
    add_column_statement,
    create_series_statements,
    create_table_statement,
    devices_statement,
    extent_statement,
    page_statement,
    table_sql,
)
from quarterdeck_ainode.iotdb.data.tablets import rows_at_once, tablet_of
from quarterdeck_ainode.iotdb.data.time_precision import from_microseconds, moment, to_microseconds, written
from quarterdeck_ainode.iotdb.dataset_import import import_dataset
from quarterdeck_ainode.iotdb.quoting import identifier, node
from quarterdeck_ainode.value_types import TimePrecision, ValueType
from quarterdeck_api.errors import (
    ErrorReport,
    JobCancelledError,
    NotFoundError,
    ProtocolError,
    QuarterdeckError,
    UsageError,
)
from quarterdeck_api.jobs import DatasetLocation, JobOutcome, JobState

DOUBLE = ValueType.DOUBLE
NAN = float("nan")
NAMES = some.text(some.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=30)


def column(name: str, kind: ValueType = DOUBLE) -> SourceColumn:
    return SourceColumn(name, node(name), kind)


TREE = Source(Dialect.TREE, "root.p.d", (column("a"), column("b c")))
TABLE = Source(Dialect.TABLE, table_sql("p", "t"), (SourceColumn("v", '"v"', DOUBLE),), '"time"', (("site", "o'x"),))


class Server:
    """A client whose answers are given by statement; whatever else is asked is an error of the server."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def rows(self, statement: str, **_: Any) -> Rows:
        self.asked.append(statement)
        found = self.answers.get(statement)
        if found is None:
            raise refusal(550, f"{statement} is not known")
        columns, *values = found
        return Rows(tuple(columns), ("TEXT",) * len(columns), tuple(tuple(row) for row in values))

    def batches(self, statement: str, **_: Any) -> Any:
        self.asked.append(statement)
        yield from self.answers[statement]


def series(*rows: tuple[str, str]) -> Any:
    return (("Timeseries", "DataType"), *rows)


def described(**columns: str) -> Any:
    """A table: column to `TYPE CATEGORY`."""
    return (("ColumnName", "DataType", "Category"), *((name, *said.split()) for name, said in columns.items()))


def test_pages_follow_one_another_by_time() -> None:
    assert page_statement(TREE, Span(), None, 9) == "SELECT a AS c0, `b c` AS c1 FROM root.p.d LIMIT 9"
    bounded = page_statement(TREE, Span(5, 8), None, 9)
    assert bounded == "SELECT a AS c0, `b c` AS c1 FROM root.p.d WHERE time >= 5 AND time <= 8 LIMIT 9"
    assert " WHERE time > 7 AND time <= 8 " in page_statement(TREE, Span(5, 8), 7, 9)
    table = page_statement(TABLE, Span(None, 8), 7, 9)
    assert table == (
        'SELECT "time" AS t, "v" AS c0 FROM "p"."t" WHERE "site" = \'o\'\'x\' AND "time" > 7 AND "time" <= 8 '
        'ORDER BY "time" LIMIT 9'
    )


def test_the_extent_is_asked_of_each_series_or_of_the_rows() -> None:
    assert extent_statement(structs.replace(TREE, columns=(column("a"),)), Span(1)) == (
        "SELECT count(a) AS n0, min_time(a) AS f0, max_time(a) AS l0 FROM root.p.d WHERE time >= 1"
    )
    assert extent_statement(TABLE, Span()) == (
        'SELECT count(*) AS n0, min("time") AS f0, max("time") AS l0 FROM "p"."t" WHERE "site" = \'o\'\'x\''
    )
    answers = {extent_statement(TREE, Span()): (("n0", "f0", "l0", "n1", "f1", "l1"), (3, 10, 30, 5, 20, 60))}
    assert read_extent(Server(answers), TREE, Span()) == Extent(5, 10, 60)  # type: ignore[arg-type]
    answers = {extent_statement(TREE, Span()): (("n0", "f0", "l0", "n1", "f1", "l1"), (0, None, None, 0, None, None))}
    assert read_extent(Server(answers), TREE, Span()) == Extent(0, None, None)  # type: ignore[arg-type]


@given(NAMES, NAMES, NAMES)
def test_no_name_becomes_more_than_a_name(tag: str, value: str, name: str) -> None:
    """What remains of a statement without its quoted parts is always the same."""
    statements = (
        page_statement(
            Source(
                Dialect.TABLE,
                table_sql(name, tag),
                (SourceColumn(name, identifier(name), DOUBLE),),
                "time",
                ((tag, value),),
            ),
            Span(),
            None,
            1,
        ),
        devices_statement(table_sql(name, name), ((tag, value),), 1),
        create_table_statement(table_sql(name, tag), (tag,), (SourceColumn(name, identifier(name), DOUBLE),)),
        add_column_statement(table_sql(name, name), SourceColumn(name, identifier(name), DOUBLE)),
    )
    assert [_skeleton(each, "\"'") for each in statements] == [
        "SELECT time AS t, # AS c0 FROM #.# WHERE # = # ORDER BY time LIMIT 1",
        "SHOW DEVICES FROM #.# WHERE # = # LIMIT 1",
        "CREATE TABLE IF NOT EXISTS #.# (# STRING TAG, # DOUBLE FIELD)",
        "ALTER TABLE #.# ADD COLUMN IF NOT EXISTS # DOUBLE FIELD",
    ]
    quoted = SourceColumn(name, f"`{name.replace('`', '``')}`", DOUBLE)
    [made] = create_series_statements("root.d", (quoted,), aligned=True)
    assert _skeleton(made, "`") == "CREATE ALIGNED TIMESERIES root.d (# DOUBLE)"
    assert node(name) in (name, quoted.sql)


def _skeleton(statement: str, quotes: str) -> str:
    """The statement with each quoted part as `#`; a quote that is written twice stays inside."""
    found, inside, place = "", "", 0
    while place < len(statement):
        letter = statement[place]
        if inside:
            if letter == inside and statement[place + 1 : place + 2] == inside:
                place += 1
            elif letter == inside:
                inside = ""
        elif letter in quotes:
            inside = letter
            found += "#"
        else:
            found += letter
        place += 1
    return found


def test_series_are_made_aligned_together_or_one_by_one() -> None:
    both = (column("a"), column("b c", ValueType.INT32))
    assert create_series_statements("root.d", both, aligned=True) == (
        "CREATE ALIGNED TIMESERIES root.d (a DOUBLE, `b c` INT32)",
    )
    assert create_series_statements("root.d", both, aligned=False) == (
        "CREATE TIMESERIES root.d.a DOUBLE",
        "CREATE TIMESERIES root.d.`b c` INT32",
    )


@pytest.mark.parametrize("precision", TimePrecision)
def test_times_are_microseconds_in_a_dataset(precision: TimePrecision) -> None:
    seconds = np.array([-1, 0, 1_700_000_000], dtype=np.int64)
    there = seconds * int(precision)
    assert to_microseconds(there, precision).tolist() == [-1_000_000, 0, 1_700_000_000_000_000]
    assert from_microseconds(to_microseconds(there, precision), precision).tolist() == there.tolist()
    assert len(to_microseconds(seconds[:0], precision)) == 0 == len(from_microseconds(seconds[:0], precision))


@given(some.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_every_millisecond_of_the_calendar_goes_there_and_back(time: int) -> None:
    times = np.array([time], dtype=np.int64)
    assert from_microseconds(to_microseconds(times, TimePrecision.ms), TimePrecision.ms)[0] == time


def test_times_that_one_side_cannot_hold_are_refused() -> None:
    odd = np.array([0, 1_500], dtype=np.int64)
    with pytest.raises(UsageError, match=r"1970-01-01T00:00:00\.0000015Z has nanoseconds"):
        to_microseconds(odd, TimePrecision.ns)
    assert to_microseconds(odd, TimePrecision.ns, rounded=True).tolist() == [0, 1]
    with pytest.raises(UsageError, match=r"1970-01-01T00:00:00\.0015Z has microseconds"):
        from_microseconds(odd, TimePrecision.ms)
    with pytest.raises(UsageError, match="outside the years"):
        to_microseconds(np.array([2**62], dtype=np.int64), TimePrecision.ms)
    with pytest.raises(UsageError, match="do not reach to 3000-01-01"):
        from_microseconds(np.array([32_503_680_000_000_000], dtype=np.int64), TimePrecision.ns)


def test_moments_are_read_as_people_write_them() -> None:
    assert moment("", TimePrecision.ms, "--start") is None
    assert moment("1970-01-02", TimePrecision.ms, "--start") == 86_400_000
    assert moment("1970-01-01T01:00:00.000001+01:00", TimePrecision.ns, "--start") == 1_000
    with pytest.raises(UsageError, match="--end 'soon' is no time"):
        moment("soon", TimePrecision.ms, "--end")
    assert written(1_700_000_000_123, TimePrecision.ms) == "2023-11-14T22:13:20.123Z"
    assert written(-1, TimePrecision.us) == "1969-12-31T23:59:59.999999Z"
    assert written(2**62, TimePrecision.ms) == f"{2**62} ms"
    wanted = SaveParameters("x", start="2024-01-02", end="2024-01-01")
    with pytest.raises(UsageError, match="is after"):
        asked_span(wanted, TimePrecision.ms)


def test_a_series_of_the_tree_is_found_by_its_path() -> None:
    server: Any = Server({"SHOW TIMESERIES root.p.`d.1`.`b c`": series(("root.p.`d.1`.`b c`", "FLOAT"))})
    found = source_at(server, "plant/series/root.p.`d.1`.`b c`")
    assert found == Source(Dialect.TREE, "root.p.`d.1`", (SourceColumn("b c", "`b c`", ValueType.FLOAT),))
    answers = {
        "SHOW TIMESERIES root.p.d.tmp": series(),
        "SHOW TIMESERIES root.p.d.*": series(("root.p.d.temp", "DOUBLE")),
    }
    server = Server(answers)
    with pytest.raises(NotFoundError) as missing:
        source_at(server, "plant/series/root.p.d.tmp")
    assert missing.value.remedy == "did you mean temp?"
    server = Server({"SHOW TIMESERIES root.p.d.note": series(("root.p.d.note", "TEXT"))})
    with pytest.raises(UsageError, match="note holds TEXT, not numbers"):
        source_at(server, "plant/series/root.p.d.note")
    for more in ({"columns": ("x",)}, {"tags": ("a=b",)}):
        with pytest.raises(UsageError):
            source_at(server, "plant/series/root.p.d.note", **more)


def test_of_a_device_the_numbers_are_read_unless_others_are_named() -> None:
    known = series(
        ("root.p.d.n", "TEXT"), ("root.p.d.i", "INT32"), ("root.p.d.on", "BOOLEAN"), ("root.p.d.`x.y`", "DOUBLE")
    )
    server: Any = Server({"SHOW TIMESERIES root.p.d.*": known, "SHOW TIMESERIES root.p.e.*": series()})
    assert [each.name for each in source_at(server, "plant/device/root.p.d").columns] == ["i", "x.y"]
    assert [each.sql for each in source_at(server, "plant/device/root.p.d", ("on", "x.y")).columns] == ["on", "`x.y`"]
    for columns, error, text in (
        (("n",), UsageError, "TEXT"),
        (("z",), NotFoundError, "no series 'z'"),
        (("i", "i"), UsageError, "named twice"),
    ):
        with pytest.raises(error, match=text):
            source_at(server, "plant/device/root.p.d", columns)
    with pytest.raises(NotFoundError, match="no device"):
        source_at(server, "plant/device/root.p.e")


def test_rows_of_a_table_are_those_of_one_device() -> None:
    table = 'DESCRIBE "p"."t"'
    devices = 'SHOW DEVICES FROM "p"."t"'
    answers: dict[str, Any] = {
        table: described(
            **{
                "ts": "TIMESTAMP TIME",
                "Site": "STRING TAG",
                "press": "STRING TAG",
                "v": "DOUBLE FIELD",
                "s": "STRING FIELD",
            }
        ),
        f"{devices} LIMIT 4": (("site", "press"), ("n", "1"), ("n", "2"), ("s", "1"), ("s", "2")),
        f"{devices} WHERE \"Site\" = 'n' AND \"press\" = '1' LIMIT 4": (("site", "press"), ("n", "1")),
    }
    server: Any = Server(answers)
    with pytest.raises(UsageError, match="several devices") as several:
        source_at(server, "plant/table/p.t")
    assert several.value.remedy == "name one of them: --tags site=n,press=1"
    assert "(site=n,press=1; site=n,press=2; site=s,press=1 and others)" in several.value.message
    assert tags_text({"a": "x, y", "b": "z"}) == '["a=x, y", "b=z"]'
    found = source_at(server, "plant/table/p.t", (), ("site=n", "press=1"))
    assert (found.time, found.tags) == ('"ts"', (("Site", "n"), ("press", "1")))
    assert found.columns == (SourceColumn("v", '"v"', DOUBLE),)
    same = source_at(server, 'plant/series/p.t.v[site="n",press="1"]')
    assert same == found
    with pytest.raises(UsageError, match="has no tag 'sit'"):
        source_at(server, "plant/table/p.t", (), ("sit=n",))
    with pytest.raises(NotFoundError, match=r"no table p\.u"):
        source_at(server, "plant/table/p.u")
    assert parse_table('p."t 1"') == ("p", "t 1")
    for wrong in ("p", "root.p.t", "p.t.v"):
        with pytest.raises(UsageError, match="names no table"):
            parse_table(wrong)
    assert parse_tags(("a=b=c",)) == {"a": "b=c"}
    for tags in (("a",), ("=b",), ("a=1", "a=2")):
        with pytest.raises(UsageError):
            parse_tags(tags)


def test_missing_values_stay_missing_and_booleans_are_numbers() -> None:
    columns = {
        "Time": np.array([1, 2], dtype=np.int64),
        "c0": np.array([7, 0], dtype=np.int32),
        "c1": np.array([True, False]),
    }
    found = numbers_of(ColumnBatch(columns, 2, {"c0": np.array([False, True])}), 2)
    assert found.times.tolist() == [1, 2]
    assert found.columns[0][0] == 7.0 and np.isnan(found.columns[0][1])
    assert found.columns[1].tolist() == [1.0, 0.0]
    with pytest.raises(ProtocolError, match="3 columns instead of 2"):
        numbers_of(ColumnBatch(columns, 2), 1)
    infinite = NumberBatch(np.array([5, 6], dtype=np.int64), (np.array([1.0, -np.inf]),))
    with pytest.raises(UsageError, match="a is infinite at t6"):
        require_finite(infinite, ("a",), lambda time: f"t{time}")


def test_everything_is_read_page_by_page() -> None:
    one = structs.replace(TREE, columns=(column("a"),))

    def batch(*times: int) -> ColumnBatch:
        return ColumnBatch(
            {"Time": np.array(times, dtype=np.int64), "c0": np.array(times, dtype=np.float64)}, len(times)
        )

    answers = {
        page_statement(one, Span(), None, 3): [batch(1, 2), batch(3)],
        page_statement(one, Span(), 3, 3): [batch(4, 5), batch(6)],
        page_statement(one, Span(), 6, 3): [],
    }
    looks: list[int] = []
    found = read_all(Server(answers), one, check=lambda: looks.append(1), page_rows=3)  # type: ignore[arg-type]
    assert found.times.tolist() == [1, 2, 3, 4, 5, 6] == found.columns[0].tolist()
    assert len(looks) == 4


def test_parts_are_whole_or_not_there(tmp_path: Path) -> None:
    schema = part_schema(("time", "v"), "Asia/Kolkata")
    assert schema.names == ["time_", "time", "v"]
    for number, first in ((1, 0), (2, 10)):
        part = PartWriter(tmp_path, number, schema)
        batch = NumberBatch(np.array([first, first + 1], dtype=np.int64), (np.array([1.0, NAN]), np.array([2.0, 3.0])))
        part.write(batch.times * 1_000_000, batch)
        assert not part_path(tmp_path, number).exists()
        part.finish()
    PartWriter(tmp_path, 3, schema).abandon()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["part-000001.parquet", "part-000002.parquet"]
    assert whole_file(tmp_path, 1) == part_path(tmp_path, 1)
    table = pq.read_table(whole_file(tmp_path, 2))
    assert table.schema.field("time_").type == pa.timestamp("us", tz="Asia/Kolkata")
    assert table.column("time").to_pylist() == [1.0, None, 1.0, None]
    assert table.column("time_").cast(pa.int64()).to_pylist() == [0, 1_000_000, 10_000_000, 11_000_000]


def dataset(folder: Path, rows: int = 10, group: int = 4, zone: str | None = "UTC") -> DatasetLocation:
    path = folder / "d.parquet"
    table = pa.table(
        {
            "ts": pa.array(range(rows), pa.int64()).cast(pa.timestamp("us", tz=zone)),
            "y": pa.array([None if row == 5 else float(row) for row in range(rows)], pa.float64()),
            "z": pa.array([float(10 * row) for row in range(rows)], pa.float64()),
        }
    )
    pq.write_table(table, path, row_group_size=group)
    return DatasetLocation("core/dataset/d", str(path), "ts", "", zone or "", ("y", "z"), "y", rows, "sha")


@pytest.mark.parametrize("zone", ["UTC", None])
@pytest.mark.parametrize("first", [0, 1, 4, 5, 8, 10])
def test_rows_of_a_dataset_are_read_from_any_row_on(tmp_path: Path, first: int, zone: str | None) -> None:
    rows = DatasetRows(dataset(tmp_path, zone=zone), ("z", "y"))
    found = list(rows.times_and_numbers(first, 3))
    assert [time for batch in found for time in batch.times.tolist()] == list(range(first, 10))
    assert [value for batch in found for value in batch.columns[0].tolist()] == [10.0 * row for row in range(first, 10)]
    missing = [time for batch in found for time in batch.times[np.isnan(batch.columns[1])].tolist()]
    assert missing == ([5] if first <= 5 else [])
    assert rows.span() == (0, 9)
    assert dataset_span(rows, TimePrecision.ns) == Span(0, 9000)
    rows.close()
    assert max(len(batch.times) for batch in found) <= 3 if found else first == 10


def test_a_dataset_whose_file_is_gone_is_said_so(tmp_path: Path) -> None:
    location = dataset(tmp_path)
    Path(location.path).unlink()
    with pytest.raises(NotFoundError, match="is gone"):
        DatasetRows(location, ("y",))
    empty = DatasetRows(dataset(tmp_path, rows=0), ("y",))
    with pytest.raises(UsageError, match="no rows"):
        empty.span()
    assert list(empty.times_and_numbers()) == []


def plan(
    server: dict[str, Any], database: str, into: str, columns: tuple[str, ...] = ("y",), **more: Any
) -> IngestPlan:
    client: Any = Server(server)
    return plan_ingest(client, f"plant/database/{database}", IngestParameters("d", into, **more), columns)


def test_a_new_device_is_made_with_its_series() -> None:
    answers = {"SHOW TIMESERIES root.p.d.*": series(), "SHOW DEVICES root.p.d": (("Device", "IsAligned"),)}
    for into in ("d", "root.p.d"):
        found = plan(answers, "root.p", into, ("y", "b c"))
        assert found.statements == ("CREATE ALIGNED TIMESERIES root.p.d (y DOUBLE, `b c` DOUBLE)",)
        assert (found.target, found.database, found.aligned, found.existing) == ("root.p.d", "", True, ())
    assert plan(answers, "root.p", "d", aligned=False).statements == ("CREATE TIMESERIES root.p.d.y DOUBLE",)
    for into in ("root.q.d", "root.p", "root.pp.d"):
        with pytest.raises(UsageError, match=r"no device below root\.p"):
            plan(answers, "root.p", into)
    with pytest.raises(UsageError, match="is no path"):
        plan(answers, "root.p", "d; drop database root.p")
    with pytest.raises(UsageError, match="has no tags"):
        plan(answers, "root.p", "d", tags=("a=b",))


def test_a_device_that_is_there_stays_as_it_is() -> None:
    answers = {
        "SHOW TIMESERIES root.p.d.*": series(("root.p.d.y", "INT32"), ("root.p.d.f", "FLOAT"), ("root.p.d.t", "TEXT")),
        "SHOW DEVICES root.p.d": (("Device", "IsAligned"), ("root.p.d", "false")),
        "SELECT count(y) AS n0, min_time(y) AS f0, max_time(y) AS l0 FROM root.p.d WHERE time >= 1 AND time <= 9": (
            ("n0", "f0", "l0"),
            (4, 1, 9),
        ),
    }
    found = plan(answers, "root.p", "d", ("y", "new"))
    assert found.statements == ("CREATE TIMESERIES root.p.d.new DOUBLE",)
    assert [each.type for each in found.columns] == [ValueType.INT32, DOUBLE]
    assert not found.aligned and "not aligned; it stays so" in found.notices[0]
    assert found.points_there(Server(answers), Span(1, 9)) == 4  # type: ignore[arg-type]
    assert structs.replace(found, existing=()).points_there(Server({}), Span(1, 9)) == 0  # type: ignore[arg-type]
    assert "rounded to 32 bits" in plan(answers, "root.p", "d", ("f",), aligned=False).notices[0]
    with pytest.raises(UsageError, match=r"t of root\.p\.d holds TEXT"):
        plan(answers, "root.p", "d", ("t",))


def test_a_table_needs_all_its_tags() -> None:
    answers = {
        'DESCRIBE "p"."t"': described(time="TIMESTAMP TIME", site="STRING TAG", y="DOUBLE FIELD", a="STRING ATTRIBUTE")
    }
    found = plan(answers, "p", "p.t", ("Y", "w"), tags=("Site=n",))
    assert found.statements == ('ALTER TABLE "p"."t" ADD COLUMN IF NOT EXISTS "w" DOUBLE FIELD',)
    assert [each.name for each in found.columns] == ["y", "w"]
    assert (found.target, found.database, found.tags) == ("t", "p", (("Site", "n"),))
    new = plan({}, "p", "u", tags=("site=n",))
    assert new.statements == ('CREATE TABLE IF NOT EXISTS "p"."u" ("site" STRING TAG, "y" DOUBLE FIELD)',)
    for columns, tags, text in (
        (("y",), (), "has the tag site"),
        (("y",), ("site=n", "sit=n"), "no tag 'sit'"),
        (("a",), ("site=n",), "is no field but ATTRIBUTE"),
        (("Time",), ("site=n",), "would be the table's time"),
        (("site",), ("site=n",), "would be the table's time"),
    ):
        with pytest.raises(UsageError, match=text):
            plan(answers, "p", "t", columns, tags=tags)
    with pytest.raises(UsageError, match="cannot be a table's name"):
        plan(answers, "p", 'x" (y')


def test_columns_of_the_dataset_are_chosen() -> None:
    assert chosen_columns(IngestParameters("d", "x"), ("a", "b")) == ("a", "b")
    assert chosen_columns(IngestParameters("d", "x", columns=("b",)), ("a", "b")) == ("b",)
    for columns in (("c",), ("a", "a")):
        with pytest.raises(UsageError):
            chosen_columns(IngestParameters("d", "x", columns=columns), ("a", "b"))


def tree_plan(*columns: SourceColumn) -> IngestPlan:
    return IngestPlan(Dialect.TREE, "root.p.d", "root.p.d", "", columns, (), (), True, ())


def test_rows_become_a_tablet() -> None:
    batch = NumberBatch(
        np.array([1000, 2000, 3000], dtype=np.int64), (np.array([1.0, NAN, NAN]), np.array([2.0, 3.0, NAN]))
    )
    found = tablet_of(tree_plan(column("b c"), column("i", ValueType.INT32)), batch, TimePrecision.ms)
    assert found is not None
    assert found.times.tolist() == [1, 2]  # The tree has no rows without values.
    assert [each.name for each in found.columns] == ["`b c`", "i"]
    assert found.columns[0].missing is not None and found.columns[0].missing.tolist() == [False, True]
    assert found.columns[1].values.dtype == np.int32 and found.columns[1].missing is None
    assert (found.points, found.aligned) == (3, True)
    nothing = NumberBatch(batch.times[2:], tuple(values[2:] for values in batch.columns))
    assert tablet_of(tree_plan(column("a"), column("b")), nothing, TimePrecision.ms) is None
    table = IngestPlan(
        Dialect.TABLE,
        '"p"."t"',
        "t",
        "p",
        (SourceColumn("b c", '"b c"', DOUBLE), column("w")),
        (),
        (("site", "n"),),
        False,
        (),
    )
    rows = tablet_of(table, batch, TimePrecision.us)
    assert rows is not None and len(rows.times) == 3
    assert [each.category for each in rows.columns] == [ColumnCategory.TAG, ColumnCategory.FIELD, ColumnCategory.FIELD]
    assert rows.columns[0].values.tolist() == ["n", "n", "n"] and rows.columns[1].name == "b c"


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        (ValueType.INT32, 2.0**31 - 1, True),
        (ValueType.INT32, 2.0**31, False),
        (ValueType.INT32, -(2.0**31), True),
        (ValueType.INT64, 2.0**63, False),
        (ValueType.INT64, -(2.0**63), True),
        (ValueType.INT32, 0.5, False),
        (ValueType.DOUBLE, 0.5, True),
    ],
)
def test_numbers_must_fit_where_they_go(kind: ValueType, value: float, fits: bool) -> None:
    batch = NumberBatch(np.array([0], dtype=np.int64), (np.array([value]),))
    if fits:
        found = tablet_of(tree_plan(column("i", kind)), batch, TimePrecision.us)
        assert found is not None and float(found.columns[0].values[0]) == value
    else:
        with pytest.raises(UsageError, match=r"^[-0-9.e+]+ at 1970-01-01T00:00:00Z does not fit into i"):
            tablet_of(tree_plan(column("i", kind)), batch, TimePrecision.us)


def test_tablets_have_about_fifty_thousand_points() -> None:
    assert [rows_at_once(columns) for columns in (1, 2, 100, 1000)] == [50_000, 25_000, 500, 500]


def test_moments_with_offset_count_as_the_same_moment() -> None:
    here = datetime(2024, 1, 1, 12, tzinfo=UTC)
    assert moment("2024-01-01T17:30:00+05:30", TimePrecision.us, "--start") == int(here.timestamp()) * 1_000_000


class Importer:
    """A job's context that knows how the job that it starts will end."""

    def __init__(self, outcome: JobOutcome) -> None:
        self.outcome = outcome
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.jobs = self

    def submit(self, action: str, address: str, parameters: dict[str, Any], key: str) -> str:
        self.asked.append((action, parameters))
        return self.outcome.address

    def wait(self, job: str) -> JobOutcome:
        assert job == self.outcome.address
        return self.outcome


@pytest.mark.parametrize(
    ("outcome", "error", "text"),
    [
        (JobOutcome("core/job/2", JobState.CANCELLED), JobCancelledError, "core/job/2, which makes the dataset d"),
        (
            JobOutcome("core/job/2", JobState.DEAD, None, ErrorReport("x", "row 7 is there twice", "")),
            QuarterdeckError,
            "row 7",
        ),
        (JobOutcome("core/job/2", JobState.FAILED), QuarterdeckError, "left no result"),
    ],
)
def test_an_import_that_fails_says_why(outcome: JobOutcome, error: type[QuarterdeckError], text: str) -> None:
    context: Any = Importer(outcome)
    with pytest.raises(error, match=text) as raised:
        import_dataset(context, Path("/x/rows.parquet"), "d")
    assert raised.value.remedy or error is JobCancelledError


def test_an_import_gives_what_it_found() -> None:
    context: Any = Importer(JobOutcome("core/job/2", JobState.SUCCEEDED, {"rows": 3}))
    found = import_dataset(
        context, Path("/x/rows.parquet"), "d", time="ts", source="plant/series/root.a.b", replace=True
    )
    assert found == {"rows": 3}
    [(action, parameters)] = context.asked
    assert action == "dataset.import"
    assert (parameters["file"], parameters["time"], parameters["name"]) == ("/x/rows.parquet", "ts", "d")
    assert (parameters["source"], parameters["replace"]) == ("plant/series/root.a.b", True)
