"""Whatever users write becomes one literal, one name or one path inside SQL."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_ainode.iotdb import quoting
from quarterdeck_ainode.iotdb.series import TableSeries, TreeSeries, parse_series
from quarterdeck_api.errors import UsageError

LETTERS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)


@given(st.text())
def test_a_text_literal_ends_where_it_should(value: str) -> None:
    written = quoting.text(value)
    assert re.fullmatch(r"'(?:[^']|'')*'", written, re.DOTALL)
    assert written[1:-1].replace("''", "'") == value


@given(st.text(min_size=1))
def test_an_identifier_ends_where_it_should(name: str) -> None:
    written = quoting.identifier(name)
    assert re.fullmatch(r'"(?:[^"]|"")*"', written, re.DOTALL)
    assert written[1:-1].replace('""', '"') == name


@given(st.lists(LETTERS, min_size=1, max_size=4))
def test_any_names_make_a_path_that_is_read_back(names: list[str]) -> None:
    written = [quoting.node(name) for name in names]
    path = ".".join(("root", *written))
    assert quoting.path_nodes(path) == ("root", *written)
    assert parse_series(path) == TreeSeries(path)


@pytest.mark.parametrize(
    "hostile",
    [
        "root.a; drop database root.**",
        "root.a, root.b",
        "root.*",
        "root.a.`b",
        "root..a",
        "root.a b",
        "root.a'b",
        "root.a where time > 1",
        "root.`a``",
        "root.",
        "rooted.a",
        "",
    ],
)
def test_what_is_no_path_is_refused(hostile: str) -> None:
    with pytest.raises(UsageError):
        quoting.path(hostile)
    with pytest.raises(UsageError):
        parse_series(hostile)


@given(LETTERS, LETTERS, LETTERS, st.lists(st.tuples(LETTERS, st.text(max_size=9)), max_size=3))
def test_series_of_tables_are_read_back(database: str, table: str, column: str, tags: list[tuple[str, str]]) -> None:
    series = TableSeries(database, table, column, tuple(tags))
    assert parse_series(series.name) == series


@pytest.mark.parametrize("name", ["root", "a\n", "time", "1", ""])
def test_odd_names_of_tables_are_read_back(name: str) -> None:
    series = TableSeries(name or "x", "t", "c", (("tag", name),))
    assert parse_series(series.name) == series


@pytest.mark.parametrize(
    "name", ["plant.t.c\n", 'plant.t.c[a="1"]\n', "plant.t", 'plant.t.c[a="1",]', "plant.t.c[a=1]", "a.b.c.d"]
)
def test_what_names_no_series_of_a_table_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        parse_series(name)


def test_a_name_that_is_root_is_quoted_below_root() -> None:
    assert quoting.node("root") == "`root`" and quoting.node("Root") == "Root"


def test_the_device_of_a_series_is_what_stands_above_its_last_name() -> None:
    assert quoting.device_of("root.plant.`odd.dev`.`a b`") == "root.plant.`odd.dev`"
