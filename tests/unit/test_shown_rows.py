"""Rows of kinds that only grow: the oldest go, except those that are still needed."""

from quarterdeck.runtime.shown_rows import ShownRows


def test_the_oldest_go_when_there_are_too_many() -> None:
    shown = ShownRows(2)
    assert [shown.add(name) for name in ("a", "b", "c", "d")] == [(), (), ("a",), ("b",)]


def test_a_row_that_changes_keeps_its_place() -> None:
    shown = ShownRows(2)
    assert [shown.add(name) for name in ("a", "b", "a", "c")] == [(), (), (), ("a",)]


def test_a_row_that_is_kept_does_not_go_until_it_is_added_again() -> None:
    shown = ShownRows(2)
    for name in ("a", "b"):
        shown.add(name)
    shown.keep("a")
    shown.keep("never there")
    assert [shown.add(name) for name in ("c", "a", "d")] == [(), ("b",), ("c",)]
