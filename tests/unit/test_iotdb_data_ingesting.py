"""From a dataset into a cluster, without a cluster: rows, plans, tablets."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec import structs

from iotdb_answers import DOUBLE, Server, column, described, series
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.tablet import ColumnCategory
from quarterdeck_ainode.iotdb.data.dataset_rows import DatasetRows
from quarterdeck_ainode.iotdb.data.ingest_plan import IngestPlan, chosen_columns, plan_ingest
from quarterdeck_ainode.iotdb.data.ingesting import check_dataset
from quarterdeck_ainode.iotdb.data.parameters import IngestParameters
from quarterdeck_ainode.iotdb.data.reading import (
    NumberBatch,
)
from quarterdeck_ainode.iotdb.data.spans import dataset_span
from quarterdeck_ainode.iotdb.data.statements import (
    SourceColumn,
    Span,
)
from quarterdeck_ainode.iotdb.data.tablets import rows_at_once, tablet_of
from quarterdeck_ainode.value_types import TimePrecision, ValueType
from quarterdeck_api.errors import (
    NotFoundError,
    UsageError,
)
from quarterdeck_api.jobs import DatasetLocation

NAN = float("nan")


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


@pytest.mark.parametrize(("into", "name"), [("d", "time"), ("d", "Timestamp"), ("`TIME`", "y"), ("x.` time `", "y")])
def test_names_that_would_end_the_servers_schema_are_never_sent(into: str, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a name in the tree"):
        plan({}, "root.p", into, (name,))


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
        'DESCRIBE "p"."t" DETAILS': described(
            time="TIMESTAMP TIME", site="STRING TAG", y="DOUBLE FIELD", a="STRING ATTRIBUTE"
        )
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


def test_columns_that_differ_in_case_alone_are_one_column_of_a_table() -> None:
    for answers in ({}, {'DESCRIBE "p"."t" DETAILS': described(time="TIMESTAMP TIME", y="DOUBLE FIELD")}):
        with pytest.raises(UsageError, match="y and Y would be one column"):
            plan(answers, "p", "t", ("y", "Y"))
    tree = {"SHOW TIMESERIES root.p.d.*": series(), "SHOW DEVICES root.p.d": (("Device", "IsAligned"),)}
    assert len(plan(tree, "root.p", "d", ("y", "Y")).columns) == 2


def test_a_dataset_is_looked_through_where_the_target_is_narrow(tmp_path: Path) -> None:
    location = dataset(tmp_path)
    rows = DatasetRows(location, ("z",))
    narrow = tree_plan(column("z", ValueType.FLOAT))
    check_dataset(narrow, rows, TimePrecision.ns, lambda: None)
    table = pa.table({"ts": pa.array([0], pa.timestamp("us", tz="UTC")), "z": pa.array([1e39], pa.float64())})
    pq.write_table(table, location.path)
    with pytest.raises(UsageError, match="does not fit into z"):
        check_dataset(narrow, DatasetRows(location, ("z",)), TimePrecision.ns, lambda: None)


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
        (ValueType.FLOAT, 3.4028235e38, True),
        (ValueType.FLOAT, -3.5e38, False),
        (ValueType.FLOAT, float("inf"), True),
        (ValueType.DOUBLE, 1e300, True),
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
