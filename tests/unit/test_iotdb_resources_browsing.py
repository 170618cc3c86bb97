"""Pages over several lists, statements that no name escapes from, statistics within time, and what a series' document warns of."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_ainode.iotdb.browsed import schema_statements as sql
from quarterdeck_ainode.iotdb.browsed.cluster_lists import regions_of, size_of
from quarterdeck_ainode.iotdb.browsed.counting import Counts
from quarterdeck_ainode.iotdb.browsed.paging import ListSource, Narrowing, page_of
from quarterdeck_ainode.iotdb.browsed.series_off import off_of_series
from quarterdeck_ainode.iotdb.browsed.series_statistics import Extent, column_extents, tree_extents, value_text
from quarterdeck_ainode.iotdb.browsed.table_names import TableDevice, TableName, parse_table, parse_table_device
from quarterdeck_ainode.iotdb.browsed.ttl_text import ttl_text
from quarterdeck_ainode.iotdb.client.faults import refused
from quarterdeck_ainode.iotdb.client.rows import Rows
from quarterdeck_ainode.iotdb.cluster_actions import cluster_actions
from quarterdeck_ainode.iotdb.described.series_pages import (
    LatestRows,
    describe_series,
    forecast_warnings,
    latest_of,
    series_document,
)
from quarterdeck_ainode.iotdb.described.spacing import duration_text, spacing_of
from quarterdeck_ainode.iotdb.described.time_text import time_text
from quarterdeck_ainode.iotdb.quoting import node
from quarterdeck_ainode.iotdb.table_columns import describe_table
from quarterdeck_api.browsing import BrowseRequest, Page
from quarterdeck_api.catalogue import Column
from quarterdeck_api.documents import ChartBlock, Fact, FactsBlock, TextBlock
from quarterdeck_api.errors import CallTimeoutError, UnreachableError, UsageError
from quarterdeck_api.resources import Resource

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=10)
#: What stands between quotes is data; nothing of a name may stand outside of them.
QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`", re.DOTALL)


def asked(cursor: str = "", limit: int = 3, last: bool = False) -> BrowseRequest:
    return BrowseRequest("plant", "series", cursor=cursor, limit=limit, last=last)


def numbered(count: int, first: int = 0) -> list[Resource]:
    return [Resource(f"plant/series/{number}", str(number)) for number in range(first, first + count)]


def names(page: Page) -> list[str]:
    return [each.name for each in page.resources]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=4), st.integers(1, 7))
def test_pages_of_several_lists_join_forward_and_back(counts: list[int], limit: int) -> None:
    starts = [sum(counts[:place]) for place in range(len(counts))]
    sources = [ListSource(numbered(count, first)) for count, first in zip(counts, starts, strict=True)]
    every = [str(number) for number in range(sum(counts))]
    page = page_of(sources, asked(limit=limit))
    assert page.previous == "" and page.start == 0 and page.total == len(every)
    forward, pages = names(page), [page]
    while page.next:
        page = page_of(sources, asked(page.next, limit))
        assert page.start == len(forward)
        forward += names(page)
        pages.append(page)
    assert forward == every
    back: list[str] = []
    cursor = pages[-1].previous
    while cursor:
        page = page_of(sources, asked(cursor, limit))
        back[:0] = names(page)
        cursor = page.previous
    assert back == [name for each in pages[:-1] for name in names(each)]
    last = page_of(sources, asked(limit=limit, last=True))
    assert not last.next and names(last) == every[len(every) - len(names(last)) :]


@pytest.mark.parametrize("cursor", ["no cursor of yours", "5:0", "0:-1", "0", "0:9999999999999999"])
def test_a_cursor_that_was_never_given_is_refused(cursor: str) -> None:
    with pytest.raises(UsageError):
        page_of([ListSource(numbered(3))], asked(cursor))


class Uncounted(ListSource):
    def count(self) -> int | None:
        return None


def test_a_list_of_unknown_length_has_pages_without_places() -> None:
    page = page_of([Uncounted(numbered(2)), ListSource(numbered(5, 2))], asked("1:1"))
    assert (page.start, page.total) == (None, None)
    assert page.previous == "0:0", "where the page before begins is found out all the same"


def test_the_last_page_knows_the_length_better_than_an_old_count() -> None:
    class Counted(ListSource):
        def count(self) -> int | None:
            return 6

    sources = [Counted(numbered(5))]
    assert page_of(sources, asked(limit=3)).total == 6
    assert page_of(sources, asked("0:3", limit=3)).total == 5
    assert page_of([Uncounted(numbered(2))], asked()).total == 2


def test_the_server_narrows_by_the_longest_word() -> None:
    assert (Narrowing("").word, Narrowing("").more) == ("", False)
    assert (Narrowing("press").word, Narrowing("press").more) == ("press", False)
    several = Narrowing("a temperature !x type=DOUBLE")
    assert (several.word, several.more) == ("temperature", True)
    assert (Narrowing("!x").word, Narrowing("!x").more) == ("", True)
    rows = [Resource("plant/database/a", "a", cells=("tree",)), Resource("plant/database/b", "b", cells=("table",))]
    assert Narrowing("model=table").passing(rows, (Column("model", "Model"),)) == rows[1:]


@given(NAMES, NAMES, NAMES, NAMES, st.lists(st.tuples(NAMES, NAMES), max_size=2))
def test_no_name_escapes_from_a_statement(
    database: str, table: str, column: str, word: str, tags: list[tuple[str, str]]
) -> None:
    path = f"root.{node(database)}.{node(table)}"
    pairs = [
        (sql.show_devices(path, word, 5, 10), sql.show_devices("root.a.b", "w", 5, 10)),
        (sql.show_series(path, word, 5, 10), sql.show_series("root.a.b", "w", 5, 10)),
        (sql.show_tables(database, word, 5, 10), sql.show_tables("a", "w", 5, 10)),
        (sql.show_columns(database, word, 5, 10), sql.show_columns("a", "w", 5, 10)),
        (describe_table(database, table), describe_table("a", "b")),
        (
            sql.column_extents(database, table, [column], tags),
            sql.column_extents("a", "b", ["c"], [("t", "v")] * len(tags)),
        ),
        (
            sql.latest_column_rows(database, table, column, tags, 9),
            sql.latest_column_rows("a", "b", "c", [("t", "v")] * len(tags), 9),
        ),
    ]
    for hostile, plain in pairs:
        assert outside(hostile) == outside(plain)


def outside(statement: str) -> str:
    """A statement with everything quoted, and every plain name of a path, taken out."""
    return re.sub(r"root(\.(Q|\w+))+", "PATH", QUOTED.sub("Q", statement))


@given(st.lists(NAMES, min_size=1, max_size=3))
def test_a_series_below_root_is_asked_for_by_its_path(parts: list[str]) -> None:
    path = ".".join(["root", *map(node, parts)])
    assert sql.last_values([path]) == f"SELECT LAST {path.removeprefix('root.')} FROM root"
    with pytest.raises(UsageError):
        sql.last_values([f"{path}, root.x"])


class Answers:
    """A client that answers each statement that begins so, or does not."""

    def __init__(self, **answers: Rows | Exception) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def precision(self) -> int:
        return 1000

    def rows(self, statement: str, **more: Any) -> Rows:
        assert more.get("timeout") is None or more["timeout"] > 0
        self.asked.append(statement)
        key = "LAST" if statement.startswith("SELECT LAST") else "COUNT"
        answer = self.answers[key]
        if isinstance(answer, Exception):
            raise answer
        return answer


LAST = Rows(("Time", "Timeseries", "Value", "DataType"), ("",) * 4, ((5000, "root.d.a", "1.5", "DOUBLE"),))
COUNT = Rows(("count(root.d.a)", "min_time(root.d.a)", "count(root.d.b)"), ("",) * 3, ((7, 1000, 0),))


def test_a_page_of_series_costs_two_statements() -> None:
    client = Answers(LAST=LAST, COUNT=COUNT)
    found = tree_extents(client, ["root.d.a", "root.d.b"])  # type: ignore[arg-type]
    assert found == {"root.d.a": Extent(7, 1.0, 5.0, "1.5"), "root.d.b": Extent(0, None, None, None)}
    assert len(client.asked) == 2


def test_statistics_that_do_not_come_leave_the_page_as_it_is() -> None:
    late = UnreachableError("no answer within 3 s")
    assert tree_extents(Answers(LAST=LAST, COUNT=late), ["root.d.a"]) == {  # type: ignore[arg-type]
        "root.d.a": Extent(None, None, 5.0, "1.5")
    }
    client = Answers(LAST=late, COUNT=late)
    assert tree_extents(client, ["root.d.a"], 0.0)["root.d.a"] == Extent()  # type: ignore[arg-type]
    assert client.asked == [], "no time is left to ask"
    assert column_extents(Answers(COUNT=refused("803: no")), "d", "t", ["a"]) == {}  # type: ignore[arg-type]


def test_columns_are_read_four_by_four() -> None:
    rows = Rows(("_col0",) * 8, ("",) * 8, ((3, 1000, 9000, "x" * 100, 0, None, None, None),))
    found = column_extents(Answers(COUNT=rows), "d", "t", ["a", "b"])  # type: ignore[arg-type]
    assert found["a"].points == 3 and found["a"].first == 1.0 and found["a"].last == 9.0
    assert found["a"].value is not None and len(found["a"].value) == 80
    assert found["b"] == Extent(0, None, None, None)


def test_values_are_written_as_the_server_writes_them() -> None:
    assert [value_text(each) for each in (True, None, 1.5, "True")] == ["true", "NULL", "1.5", "True"]


def test_counts_are_remembered_for_a_while_and_so_is_that_there_are_none() -> None:
    now, calls = [0.0], [0]

    def count() -> int:
        calls[0] += 1
        if calls[0] == 1:
            raise UnreachableError("too slow")
        return 5

    counts = Counts(lambda: now[0])
    assert counts.of("COUNT", count) is None and counts.of("COUNT", count) is None
    assert calls == [1]
    now[0] = 31.0
    assert counts.of("COUNT", count) == 5


@given(NAMES, NAMES, st.lists(st.tuples(NAMES, st.text(max_size=6)), max_size=2))
def test_names_of_tables_and_their_devices_are_read_back(
    database: str, table: str, tags: list[tuple[str, str]]
) -> None:
    name = TableName(database, table)
    assert parse_table(name.name) == name
    device = TableDevice(name, tuple(tags))
    assert parse_table_device(device.name) == device


@pytest.mark.parametrize("wrong", ["telemetry", "a.b.c", 'a."b', "a.b[", 'a.b[x="1"', "a.b c"])
def test_what_names_no_table_is_refused(wrong: str) -> None:
    with pytest.raises(UsageError):
        parse_table_device(wrong)


def test_regions_are_put_together_of_their_copies() -> None:
    common = {"type": "DataRegion", "database": "root.a", "seriesslotnum": "4", "timeslotnum": "2", "createtime": "x"}
    [region] = regions_of(
        [
            {"regionid": "3", "datanodeid": "1", "role": "Follower", "status": "Running", "tsfilesize": "1.5 KB"}
            | common,
            {"regionid": "3", "datanodeid": "2", "role": "Leader", "status": "Unknown", "tsfilesize": "Unknown"}
            | common,
        ]
    )
    assert region.leader.node == 2 and region.leader.size is None
    assert [each.size for each in region.replicas] == [1536, None]


@pytest.mark.parametrize(
    ("written", "size"),
    [("722 B", 722), ("1 MB", 1024**2), ("", None), ("Unknown", None), ("-1", -1), ("3 parsecs", None)],
)
def test_sizes_are_read(written: str, size: int | None) -> None:
    assert size_of(written) == size


@pytest.mark.parametrize(
    ("written", "text"),
    [("INF", None), ("", None), ("3600000", "1 h"), ("604800000", "7 d"), ("1500", "1.5 s"), ("x", "x")],
)
def test_a_time_to_live_is_words(written: str, text: str | None) -> None:
    assert ttl_text(written) == text


def test_spacing_tells_gaps_and_repetitions() -> None:
    assert spacing_of([1.0]) is None and spacing_of([1.0, 1.0]) is None
    regular = spacing_of([0.0, 60.0, 120.0])
    assert regular is not None and regular.regular and regular.usual == 60
    odd = spacing_of([0.0, 60.0, 60.0, 120.0, 600.0])
    assert odd is not None and (odd.gaps, odd.repeated, odd.regular, odd.alike) == (1, 1, False, False)
    repeated = spacing_of([0.0, 0.0, 60.0])
    assert repeated is not None and (repeated.alike, repeated.regular) == (True, False)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3600, "1 h"),
        (90, "1.5 min"),
        (86400, "1 d"),
        (0.02, "20 ms"),
        (1.25, "1.25 s"),
        (1234567.0, "1,234,567 s"),
        (0.3e-6, "0.0003 ms"),
    ],
)
def test_distances_are_words(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_times_are_text_however_far_away() -> None:
    assert time_text(None) is None
    assert time_text(0.0) == "1970-01-01T00:00:00Z"
    assert time_text(1.5) == "1970-01-01T00:00:01.500Z"
    assert time_text(1_700_000_000.000001) == "2023-11-14T22:13:20.000001Z"
    assert time_text(-0.001) == "1969-12-31T23:59:59.999Z"
    assert "after 1970" in str(time_text(1e18))


@pytest.mark.parametrize(
    ("kind", "times", "values", "said"),
    [
        ("TEXT", (1.0, 2.0), ("a", "b"), "TEXT is no number"),
        ("DOUBLE", (1.0,), (1.0,), "fewer than two"),
        ("DOUBLE", (1.0, 2.0, 3.0), (1.0, None, 2.0), "1 of the latest 3 rows are NULL"),
        ("DOUBLE", (1.0, 1.0, 2.0), (1.0, 2.0, 3.0), "of several devices"),
        ("INT32", (1.0, 2.0, 3.0, 9.0), (1, 2, 3, 4), "There is 1 gap:"),
        ("INT32", (1.0, 2.0, 3.0, 9.0, 10.0, 16.0), (1, 2, 3, 4, 5, 6), "There are 2 gaps:"),
    ],
)
def test_what_a_forecast_would_stumble_over_is_said(kind: str, times: Any, values: Any, said: str) -> None:
    found = forecast_warnings(kind, LatestRows(times, values, spacing_of(times)))
    assert any(said in each for each in found)
    assert forecast_warnings("DOUBLE", LatestRows((1.0, 2.0), (1.0, 2.0), spacing_of((1.0, 2.0)))) == []


def test_only_numbers_are_forecast() -> None:
    assert off_of_series("DOUBLE") == off_of_series("") == {}
    off = off_of_series("TEXT")
    assert set(off) == {"series.forecast", "series.classify", "series.infer"} & cluster_actions("series")
    assert all("TEXT is no number" in reason for reason in off.values())


def test_a_series_document_charts_numbers_and_lists_texts() -> None:
    numbers = LatestRows(tuple(map(float, range(700))), tuple(range(700)), None, 3)
    document = series_document("plant/series/root.d.a", "INT32", FactsBlock(()), numbers)
    [chart] = [each for each in document.blocks if isinstance(each, ChartBlock)]
    assert len(chart.series[0].times) == 500 and chart.series[0].values[-1] == 699.0
    words = series_document(
        "plant/series/root.d.b", "TEXT", FactsBlock(()), LatestRows((1.0, 2.0), ("hallo", None), None)
    )
    assert any(isinstance(each, TextBlock) and "01Z  hallo\n" in each.text for each in words.blocks)
    assert any(isinstance(each, TextBlock) and each.text.endswith("02Z  NULL") for each in words.blocks)


def test_distances_of_nanoseconds_are_exact() -> None:
    start = 1_700_000_000_000_000_001
    rows = tuple((start + 1_000 * number, 1.0) for number in reversed(range(5)))
    latest = latest_of(Rows(("Time", "s"), ("TIMESTAMP", "DOUBLE"), rows), 1e9)
    assert latest.spacing is not None and latest.spacing.regular and latest.spacing.usual == 1e-6
    assert len(latest.times) == 5 and duration_text(latest.spacing.usual) == "0.001 ms"


class SlowCounting(Answers):
    """Tells a series and its rows, and does not count its device's rows in time."""

    def rows(self, statement: str, **more: Any) -> Rows:
        if statement.startswith("SELECT count_time"):
            raise CallTimeoutError("no answer in time")
        if statement.startswith("SELECT a FROM"):
            return Rows(("Time", "a"), ("TIMESTAMP", "DOUBLE"), ((2000, 2.0), (1000, 1.0)))
        if statement.startswith("SHOW TIMESERIES"):
            return Rows(("Timeseries", "DataType"), ("TEXT", "TEXT"), (("root.d.a", "DOUBLE"),))
        return super().rows(statement, **more)


def test_a_series_whose_latest_rows_take_too_long_is_described_by_the_rest() -> None:
    class Slow(SlowCounting):
        def rows(self, statement: str, **more: Any) -> Rows:
            if statement.startswith("SELECT a FROM"):
                raise refused("720: Query execution is time out")
            return super().rows(statement, **more)

    document = describe_series(Slow(LAST=LAST, COUNT=COUNT), "plant/series/root.d.a", "root.d.a")  # type: ignore[arg-type]
    head, latest = document.blocks
    assert isinstance(head, FactsBlock) and Fact("Points", 7) in head.facts
    assert isinstance(latest, TextBlock) and "720 query timed out" in latest.text


def test_a_series_is_described_without_what_is_not_counted_in_time() -> None:
    client = SlowCounting(LAST=LAST, COUNT=COUNT)
    document = describe_series(client, "plant/series/root.d.a", "root.d.a")  # type: ignore[arg-type]
    labels = [fact.label for each in document.blocks if isinstance(each, FactsBlock) for fact in each.facts]
    assert "Distance" in labels and "Rows of the device without it" not in labels
