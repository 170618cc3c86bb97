"""From a cluster into a dataset, without a cluster: what an address means, pages, parts, the import."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec import structs

from iotdb_answers import DOUBLE, Server, column, described, series
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.rows import ColumnBatch
from quarterdeck_ainode.iotdb.data.asked import asked_save
from quarterdeck_ainode.iotdb.data.choices import choices
from quarterdeck_ainode.iotdb.data.parameters import SaveParameters
from quarterdeck_ainode.iotdb.data.parts import PartWriter, part_path, part_schema, whole_file
from quarterdeck_ainode.iotdb.data.reading import (
    NumberBatch,
    numbers_of,
    read_all,
    require_finite,
)
from quarterdeck_ainode.iotdb.data.saving import SaveState, can_go_on
from quarterdeck_ainode.iotdb.data.sources import parse_table, parse_tags, source_at, tags_text
from quarterdeck_ainode.iotdb.data.statements import (
    Source,
    SourceColumn,
    Span,
    page_statement,
)
from quarterdeck_ainode.iotdb.dataset_import import import_dataset
from quarterdeck_ainode.iotdb.declared_data import SAVE
from quarterdeck_ainode.value_types import ValueType
from quarterdeck_api.errors import (
    ErrorReport,
    JobCancelledError,
    NotFoundError,
    ProtocolError,
    QuarterdeckError,
    UsageError,
)
from quarterdeck_api.jobs import JobOutcome, JobState

NAN = float("nan")


TREE = Source(Dialect.TREE, "root.p.d", (column("a"), column("b c")))


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
    table = 'DESCRIBE "p"."t" DETAILS'
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


def test_attributes_of_a_device_are_not_taken_for_its_tags() -> None:
    answers: dict[str, Any] = {
        'DESCRIBE "p"."t" DETAILS': described(
            time="TIMESTAMP TIME", site="STRING TAG", maker="STRING ATTRIBUTE", v="DOUBLE FIELD"
        ),
        'SHOW DEVICES FROM "p"."t" LIMIT 4': (("site", "maker"), ("n", "x"), ("s", "y")),
        'SHOW DEVICES FROM "p"."t" LIMIT 100': (("site", "maker"), ("n", "x"), ("s", "y")),
    }
    server: Any = Server(answers)
    with pytest.raises(UsageError, match=r"\(site=n; site=s\)") as several:
        source_at(server, "plant/table/p.t")
    assert several.value.remedy == "name one of them: --tags site=n"
    offered = choices(server, SAVE, "plant/table/p.t", "tags", "")
    assert [each.value for each in offered] == ["site=n", "site=s"]


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (SaveParameters("x", time_zone="Nowhere/X"), "no time zone 'Nowhere/X'"),
        (SaveParameters("x", time_zone="../etc/passwd"), "no time zone"),
        (SaveParameters("x", target="w"), "'w' is none of v"),
        (SaveParameters("x", start="2024-01-02", end="2024-01-01"), "is after"),
    ],
)
def test_what_a_save_cannot_be_is_said_before_a_row_is_read(wanted: SaveParameters, sentence: str) -> None:
    server: Any = Server({"SHOW TIMESERIES root.p.d.v": series(("root.p.d.v", "DOUBLE"))})
    with pytest.raises(UsageError, match=sentence):
        asked_save(server, "plant/series/root.p.d.v", wanted)
    assert not [each for each in server.asked if each.startswith("SELECT")]
    berlin = structs.replace(wanted, time_zone="Europe/Berlin", target="v", start="", end="")
    assert asked_save(server, "plant/series/root.p.d.v", berlin).names == ("v",)


def test_an_attempt_goes_on_only_with_the_same_columns_and_all_its_parts(tmp_path: Path) -> None:
    state = SaveState(("a", "b"), 2, 10, 9, 20, 20)
    part_path(tmp_path, 1).touch()
    assert not can_go_on(state, ("a", "b"), tmp_path)
    part_path(tmp_path, 2).touch()
    assert can_go_on(state, ("a", "b"), tmp_path)
    assert not can_go_on(state, ("a", "b", "new"), tmp_path)


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
