"""Coalescing of changes: the latest per address, bounded, with Synced in its place."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_api.errors import UsageError
from quarterdeck_api.host import coalescer as module
from quarterdeck_api.host.coalescer import Coalescer
from quarterdeck_api.resources import Change, Remove, Resource, Synced, Unreachable, Upsert


def model(name: object, value: object = 0) -> Upsert:
    return Upsert(Resource(f"a/model/{name}", str(name), cells=(value,)))  # type: ignore[arg-type]


def decoded(coalescer: Coalescer) -> list[Change]:
    """Everything that waits, batch by batch."""
    changes: list[Change] = []
    while (batch := coalescer.take()) is not None:
        changes += [msgspec.json.decode(raw, type=Change) for raw in batch.changes]
    return changes


def test_only_the_latest_change_of_an_address_is_sent() -> None:
    coalescer = Coalescer()
    for value in range(1000):
        coalescer.emit(model("x", value))
    coalescer.emit(model("y"))
    coalescer.emit(Remove("a/model/y"))
    assert decoded(coalescer) == [model("x", 999), Remove("a/model/y")]


def test_a_flood_holds_no_more_than_the_addresses() -> None:
    coalescer = Coalescer()
    coalescer.emit(model(0))
    for number in range(20_000):
        coalescer.emit(model(number % 50, number))
        if number % 7 == 0:
            coalescer.emit(Synced(("model",)))
    assert coalescer.pending <= 100


def test_synced_follows_what_came_before_and_is_not_held_up_by_what_comes_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "BATCH_CHANGES", 2)
    coalescer = Coalescer()
    for name in "abcd":
        coalescer.emit(model(name))
    coalescer.emit(Synced(("model",)))
    batches: list[list[Change]] = []
    for number in range(4):
        coalescer.emit(model(f"later{number}"))
        coalescer.emit(model("a", number + 1))
        batch = coalescer.take()
        assert batch is not None
        batches.append([msgspec.json.decode(raw, type=Change) for raw in batch.changes])
    sent = [change for batch in batches for change in batch]
    place = sent.index(Synced(("model",)))
    assert {change.resource.name for change in sent[:place] if isinstance(change, Upsert)} >= set("abcd")
    assert place <= 5


def test_an_unreachable_after_synced_stays_behind_it_and_one_before_is_void() -> None:
    coalescer = Coalescer()
    coalescer.emit(Synced(("model",)))
    coalescer.emit(Unreachable("gone"))
    assert decoded(coalescer) == [Synced(("model",)), Unreachable("gone")]
    coalescer.emit(Unreachable("gone"))
    coalescer.emit(Synced(("model",)))
    assert decoded(coalescer) == [Synced(("model",))]


def test_a_new_round_voids_the_one_before_and_is_announced_first() -> None:
    coalescer = Coalescer()
    coalescer.emit(model("old"))
    coalescer.begin()
    coalescer.emit(model("new"))
    batch = coalescer.take()
    assert batch is not None and batch.begins
    assert [msgspec.json.decode(raw, type=Change) for raw in batch.changes] == [model("new")]
    assert coalescer.take() is None


def test_a_batch_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_BYTES", 1000)
    coalescer = Coalescer()
    for name in "abc":
        coalescer.emit(model(name, "x" * 600))
    sizes = []
    while (batch := coalescer.take()) is not None:
        sizes.append(len(batch.changes))
    assert sizes == [1, 1, 1]


@pytest.mark.parametrize("cell", [object(), [1], "\udcff", "x" * 5_000_000])
def test_what_cannot_be_sent_is_the_callers_error(cell: object) -> None:
    coalescer = Coalescer()
    with pytest.raises(UsageError, match="a/model/x"):
        coalescer.emit(model("x", cell))
    assert coalescer.take() is None


def test_a_resource_without_upsert_is_refused() -> None:
    with pytest.raises(UsageError, match="Resource"):
        Coalescer().emit(model("x").resource)  # type: ignore[arg-type]


_ops = st.lists(
    st.one_of(
        st.tuples(st.just("upsert"), st.integers(0, 5)),
        st.tuples(st.just("remove"), st.integers(0, 5)),
        st.tuples(st.just("synced"), st.just(0)),
        st.tuples(st.just("take"), st.just(0)),
    ),
    max_size=60,
)


@given(_ops)
def test_a_store_that_applies_what_is_sent_ends_like_one_that_applied_everything(
    operations: list[tuple[str, int]],
) -> None:
    coalescer = Coalescer()
    everything: list[Change] = []
    sent: list[Change] = []
    for value, (operation, number) in enumerate(operations):
        if operation == "take":
            batch = coalescer.take()
            sent += [msgspec.json.decode(raw, type=Change) for raw in batch.changes] if batch else []
            continue
        change: Change = Synced(("model",))
        if operation == "upsert":
            change = model(number, value)
        elif operation == "remove":
            change = Remove(f"a/model/{number}")
        everything.append(change)
        coalescer.emit(change)
    sent += decoded(coalescer)
    assert _applied(sent) == _applied(everything)


def _applied(changes: list[Change]) -> tuple[dict[str, Resource], bool]:
    """What a store has after a round that began with one old resource of each number."""
    has = {f"a/model/{number}": Resource(f"a/model/{number}", "old") for number in range(6)}
    unconfirmed = set(has)
    synced = False
    for change in changes:
        if isinstance(change, Upsert):
            unconfirmed.discard(change.resource.address)
            has[change.resource.address] = change.resource
        elif isinstance(change, Remove):
            has.pop(change.address, None)
        elif isinstance(change, Synced):
            synced = True
            for address in unconfirmed:
                has.pop(address, None)
            unconfirmed.clear()
    return has, synced
