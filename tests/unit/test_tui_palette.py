"""What the palette finds for some letters."""

import pytest

from quarterdeck.tui.palette_entries import Entry, EntryKind, Search, rank


@pytest.mark.parametrize(
    ("name", "wanted", "place"),
    [
        ("models", "", 0),
        ("models", "mod", 0),
        ("node-models", "mod", 1),
        ("remodel", "mod", 2),
        ("m-o-d", "mod", 3),
        ("dom", "mod", None),
    ],
)
def test_a_name_matches_the_better_the_more_it_is_what_was_typed(name: str, wanted: str, place: int | None) -> None:
    assert rank(name, wanted) == place


def entry(name: str, kind: EntryKind = EntryKind.RESOURCE) -> Entry:
    return Entry(kind, name, "", name)


def test_the_best_come_first_and_panes_before_resources() -> None:
    search = Search([entry("models"), entry("remodel"), entry("models", EntryKind.PANE), entry("x")], "MOD", 10)
    assert not search.advance(100)
    assert [(each.kind.value, each.name) for each in search.best()] == [
        ("pane", "models"),
        ("resource", "models"),
        ("resource", "remodel"),
    ]


def test_many_entries_are_looked_at_in_slices_and_the_best_are_kept() -> None:
    search = Search((entry(f"a{number}b") for number in range(5_000)), "a4999b", 5)
    looks = 1
    while search.advance(400):
        looks += 1
    assert looks == 13
    assert search.best()[0].name == "a4999b"


def test_before_anything_is_typed_entries_stand_in_their_order() -> None:
    search = Search(
        [entry("models", EntryKind.PANE), entry("x", EntryKind.PANE), entry("load", EntryKind.ACTION)], "", 10
    )
    search.advance(10)
    assert [each.name for each in search.best()] == ["models", "x", "load"]
