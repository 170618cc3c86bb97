"""The statements that read data and make what is written to, and times on both sides, without a cluster."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from msgspec import structs

from iotdb_answers import DOUBLE, Server, column
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.data.reading import (
    Extent,
    read_extent,
)
from quarterdeck_ainode.iotdb.data.spans import asked_span
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
)
from quarterdeck_ainode.iotdb.data.time_precision import from_microseconds, moment, to_microseconds, written
from quarterdeck_ainode.iotdb.quoting import identifier, node
from quarterdeck_ainode.iotdb.table_columns import table_sql
from quarterdeck_ainode.value_types import TimePrecision, ValueType
from quarterdeck_api.errors import (
    UsageError,
)

NAMES = some.text(some.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=30)


TREE = Source(Dialect.TREE, "root.p.d", (column("a"), column("b c")))


TABLE = Source(Dialect.TABLE, table_sql("p", "t"), (SourceColumn("v", '"v"', DOUBLE),), '"time"', (("site", "o'x"),))


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
    with pytest.raises(UsageError, match="is after"):
        asked_span("2024-01-02", "2024-01-01", TimePrecision.ms)


def test_moments_with_offset_count_as_the_same_moment() -> None:
    here = datetime(2024, 1, 1, 12, tzinfo=UTC)
    assert moment("2024-01-01T17:30:00+05:30", TimePrecision.us, "--start") == int(here.timestamp()) * 1_000_000
