"""Rows by identity: order, filter in slices, and changes on both sides of the border of a slice."""

import random
from collections.abc import Sequence

from quarterdeck.tui.table_model import TableModel, by_number_downwards
from quarterdeck_api.catalogue import Column, ColumnType
from quarterdeck_api.filters import parse_filter
from quarterdeck_api.resources import Resource

COLUMNS = (Column("mae", "MAE", ColumnType.NUMBER),)


def row(name: str, mae: float = 1.0, state: str = "active") -> Resource:
    return Resource(f"ainode/model/{name}", name, state=state, cells=(mae,))


def columns(_: Resource) -> Sequence[Column]:
    return COLUMNS


def names(model: TableModel) -> list[str]:
    return [address.rsplit("/", 1)[1] for address in model.shown]


def test_rows_stand_in_the_order_of_their_addresses_however_they_come() -> None:
    model = TableModel(columns)
    model.load([row("c"), row("d")])
    model.load([row("a"), row("e")])
    model.upsert(row("b"))
    assert names(model) == ["a", "b", "c", "d", "e"]


def test_newest_first_counts_numbers_as_numbers() -> None:
    model = TableModel(columns, by_number_downwards)
    model.load([Resource(f"core/job/{number}", str(number)) for number in (2, 10, 9)])
    model.upsert(Resource("core/job/11", "11"))
    assert names(model) == ["11", "10", "9", "2"]


def test_numbers_at_the_end_of_names_count_as_numbers() -> None:
    model = TableModel(columns)
    model.load([row(name) for name in ("m-10", "m", "n-1", "m-2", "ma", "m-9")])
    model.upsert(row("m-100"))
    assert names(model) == ["m", "m-2", "m-9", "m-10", "m-100", "ma", "n-1"]


def test_a_row_is_replaced_not_doubled() -> None:
    model = TableModel(columns)
    model.load([row("a")])
    model.load([row("a", 2.0), row("b")])
    model.upsert(row("b", 3.0))
    assert names(model) == ["a", "b"]
    assert [model.at(position).cells for position in (0, 1)] == [(2.0,), (3.0,)]  # type: ignore[union-attr]


def test_filter_is_applied_in_slices() -> None:
    model = TableModel(columns)
    model.load([row(f"m-{number:03}") for number in range(100)])
    model.set_filter(parse_filter("m-0"))
    assert model.advance(5) is True
    assert (len(model.shown), model.filtering) == (5, True)
    while model.advance(30):
        pass
    assert len(model.shown) == 100
    assert not model.filtering


def test_words_are_searched_in_prepared_texts_once() -> None:
    model = TableModel(columns)
    model.load([row(f"m-{number}") for number in range(50)])
    assert model.prepare(20) is True
    model.prepare(100)
    model.set_filter(parse_filter("m-4 ACTIVE"))
    model.advance(1000)
    assert len(model.shown) == 11
    model.upsert(row("m-4", state="gone"))
    assert "m-4" not in names(model)


def test_typed_filter_follows_changes() -> None:
    model = TableModel(columns)
    model.load([row("a", 1.0), row("b", 5.0)])
    model.set_filter(parse_filter("mae<2"))
    model.advance(10)
    model.upsert(row("b", 1.5))
    model.upsert(row("a", 9.0))
    model.upsert(row("c", 0.5))
    model.advance(10)
    assert names(model) == ["b", "c"]
    model.set_filter(None)
    assert names(model) == ["a", "b", "c"]


def test_any_mixture_of_changes_and_slices_ends_like_filtering_at_the_end() -> None:
    for seed in range(60):
        rng = random.Random(seed)
        model = TableModel(columns)
        model.load([row(f"m-{number:02}", rng.choice((1.0, 5.0))) for number in range(20)])
        wanted = parse_filter(rng.choice(("mae<2", "m-1", "!m-1", "m 5.0")))
        model.set_filter(wanted)
        for _ in range(40):
            match rng.randrange(4):
                case 0:
                    model.advance(rng.randrange(6))
                case 1:
                    model.remove(f"ainode/model/m-{rng.randrange(30):02}")
                case 2:
                    model.load([row(f"m-{rng.randrange(40):02}", rng.choice((1.0, 5.0)))])
                case _:
                    model.upsert(row(f"m-{rng.randrange(30):02}", rng.choice((1.0, 5.0))))
        while model.advance(3):
            pass
        expected = [address for address in sorted(model.rows) if wanted.matches(model.rows[address], COLUMNS)]
        assert model.shown == expected, seed
        assert model.order == sorted(model.rows), seed
