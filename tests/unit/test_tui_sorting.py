"""In which order rows stand by each kind of column, in both directions."""

import pytest

from quarterdeck.tui.columns import Source
from quarterdeck.tui.schema import KindSchema, kind_schema
from quarterdeck.tui.sorting import SortOrder, next_order, order_key, sort_letters
from quarterdeck.tui.table_model import TableModel
from quarterdeck_api.catalogue import Catalogue, Column, ColumnType, KindInfo, PluginInfo, PluginPhase, PluginStatus
from quarterdeck_api.protocol import BackendState, CatalogueResult
from quarterdeck_api.resources import Cell, Health, Resource

COLUMNS = (Column("mae", "MAE", ColumnType.NUMBER), Column("note", "Note"), Column("size", "Grown", ColumnType.BYTES))
CATALOGUE = Catalogue(PluginInfo("p", "P", "1", "1.0"), kinds=(KindInfo("model", "Models", COLUMNS),))
KNOWN = CatalogueResult(
    (PluginStatus("p", "p", "1", PluginPhase.READY, catalogue=CATALOGUE),), (BackendState("b", "p", "p", "B", "ready"),)
)
SCHEMA: KindSchema = kind_schema("model", KNOWN)


def row(name: str, *cells: Cell, health: Health = Health.OK) -> Resource:
    return Resource(f"b/model/{name}", name, health, health.value, cells=cells)


def in_order(order: SortOrder, *rows: Resource) -> list[str]:
    model = TableModel(lambda _: COLUMNS)
    model.load(rows)
    model.set_order(order_key(SCHEMA, order))
    return [address.rsplit("/", 1)[1] for address in model.shown]


@pytest.mark.parametrize(
    ("column", "falling", "names"),
    [
        ("mae", False, ["c", "a", "d", "b", "e"]),
        ("mae", True, ["a", "d", "c", "b", "e"]),
        ("note", False, ["a", "e", "c", "b", "d"]),
        ("note", True, ["b", "c", "a", "e", "d"]),
    ],
)
def test_cells_are_compared_by_their_type_and_missing_ones_are_last(
    column: str, falling: bool, names: list[str]
) -> None:
    rows = (
        row("a", 9.0, "Plum"),
        row("b", None, "z"),
        row("c", -1, "plums"),
        row("d", 9.0, ""),
        row("e", float("nan"), "plum"),
    )
    assert in_order(SortOrder(Source.CELL, column, falling), *rows) == names


def test_names_fall_with_their_numbers() -> None:
    rows = [row(name) for name in ("m-2", "m-10", "a", "m")]
    assert in_order(SortOrder(Source.NAME, "name", False), *rows) == ["a", "m", "m-2", "m-10"]
    assert in_order(SortOrder(Source.NAME, "name", True), *rows)[-1] == "a"
    assert in_order(SortOrder(Source.NAME, "name", True), *rows)[0] == "m-10"


def test_states_begin_with_the_worst() -> None:
    rows = [row("fine"), row("bad", health=Health.FAILED), row("slow", health=Health.DEGRADED)]
    assert in_order(SortOrder(Source.STATE, "state", False), *rows) == ["bad", "slow", "fine"]


def test_a_column_goes_through_both_directions_back_to_the_own_order() -> None:
    number, text = SCHEMA.views[3], SCHEMA.views[4]
    first = next_order(None, number)
    assert first == SortOrder(Source.CELL, "mae", True)
    second = next_order(first, number)
    assert second == SortOrder(Source.CELL, "mae", False)
    assert next_order(second, number) is None
    assert next_order(second, text) == SortOrder(Source.CELL, "note", False)


def test_letters_are_free_ones_of_the_titles() -> None:
    letters = sort_letters(SCHEMA.views)
    assert {letter: SCHEMA.views[index].column.id for letter, index in letters.items()} == {
        "N": "name",
        "B": "backend",
        "S": "state",
        "M": "mae",
        "E": "note",  # N is the name's, O sorts by the picked column, T shows the timeline.
        "R": "size",  # G goes to the last row.
        "A": "reason",
    }


def test_an_order_by_a_column_that_is_gone_is_none() -> None:
    assert order_key(SCHEMA, SortOrder(Source.CELL, "nosuch", True)) is None
