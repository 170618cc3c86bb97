"""Watches: snapshots, deltas, slow clients, filters."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.client.watching import RowChanges, WatchedRows
from quarterdeck.runtime.serving.lookup import Lookup
from quarterdeck.runtime.serving.outlet import Outlet
from quarterdeck.runtime.serving.watches import CHUNK, FIRST_CHUNK, WatchManager
from quarterdeck.runtime.store import Store
from quarterdeck_api.catalogue import Catalogue, Column, ColumnType, KindInfo, PluginInfo, PluginPhase, PluginStatus
from quarterdeck_api.errors import NotFoundError, UnreachableError, UsageError
from quarterdeck_api.protocol import WATCH_DELTA, WATCH_SNAPSHOT, BackendState, Delta, SnapshotChunk, WatchParams
from quarterdeck_api.resources import Change, Health, Remove, Resource, Synced, Upsert
from quarterdeck_api.wire import Method, encode_value

COLUMNS = (Column("mae", "MAE", ColumnType.NUMBER),)
KINDS = (KindInfo("model", "Models", COLUMNS), KindInfo("node", "Nodes"), KindInfo("series", "Series", mirrored=False))


class OnePlugin:
    def plugins(self) -> tuple[PluginStatus, ...]:
        catalogue = Catalogue(PluginInfo("t", "T", "1", "1.0"), kinds=KINDS)
        return (PluginStatus("t", "t", "1", PluginPhase.READY, catalogue=catalogue),)

    def columns(self, backend: str, kind: str) -> tuple[Column, ...]:
        return COLUMNS if kind == "model" else ()


class Wire:
    """A connection whose other side reads when told to."""

    def __init__(self, reads: bool = True) -> None:
        self.messages: list[SnapshotChunk | Delta] = []
        self.bytes_out = 0
        self.unsent_bytes = 0
        self.closed = False
        self.reads = reads
        self.read = asyncio.Event()

    def notify(self, method: Method[Any, Any], params: Any) -> None:
        assert method in (WATCH_SNAPSHOT, WATCH_DELTA)
        self.messages.append(params)
        size = len(bytes(encode_value(params)))
        self.bytes_out += size
        if not self.reads:
            self.unsent_bytes += size

    async def drain(self) -> None:
        self.read.clear()
        await self.read.wait()

    def read_everything(self) -> None:
        self.unsent_bytes = 0
        self.read.set()

    def drop(self) -> None:
        self.closed = True
        self.read.set()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """A store with a watch manager and a client's rows at the other end."""

    def __init__(self, *, reads: bool = True, limit: int = 10_000, check_every: float = 0.001) -> None:
        self.clock = Clock()
        self.wire = Wire(reads)
        self.store = Store(lambda: 1.0)
        self.store.set_backend(BackendState("plant", "t.x", "t", "T", "ready"))
        self.faults: list[BaseException] = []
        outlet = Outlet(self.wire, self.wire.drop, self.clock, limit, check_every=check_every)
        self.lookup = Lookup(self.store, OnePlugin())
        self.manager = WatchManager(
            outlet, self.store, self.lookup, lambda _, error: self.faults.append(error), interval=0.001
        )
        self.changes: list[RowChanges] = []
        self.rows = WatchedRows(1, self.changes.append)
        self.delivered = 0

    def apply(self, *changes: Change) -> None:
        self.store.apply("plant", changes)

    def deliver(self) -> None:
        for message in self.wire.messages[self.delivered :]:
            if isinstance(message, SnapshotChunk):
                self.rows.snapshot(message)
            else:
                self.rows.delta(message)
        self.delivered = len(self.wire.messages)

    async def settle(self, until: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not until():
                await asyncio.sleep(0.001)

    async def quiet(self) -> None:
        """Lets the watch send what it has, until nothing comes any more."""
        unchanged, before = 0, -1
        while unchanged < 4:
            await asyncio.sleep(0.003)
            unchanged = unchanged + 1 if before == len(self.wire.messages) else 0
            before = len(self.wire.messages)
        self.deliver()

    def expected(self, filter_text: str = "") -> dict[str, Resource]:
        matches = self.lookup.matcher(filter_text, "model")
        return {resource.address: resource for resource in self.store.get("model", matches=matches)}


def model(number: int, mae: float = 0.0, health: Health = Health.OK) -> Resource:
    return Resource(f"plant/model/m{number:06d}", str(number), health, cells=(mae,))


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def test_a_snapshot_comes_in_a_small_chunk_and_then_large_ones() -> None:
    async def scenario() -> None:
        desk = Desk(limit=1 << 30)
        desk.apply(*(Upsert(model(number)) for number in range(12_000)))
        desk.manager.open(WatchParams(1, "model"))
        await desk.quiet()
        chunks = [message for message in desk.wire.messages if isinstance(message, SnapshotChunk)]
        assert [len(chunk.resources) for chunk in chunks] == [
            FIRST_CHUNK,
            CHUNK,
            CHUNK,
            12_000 - FIRST_CHUNK - 2 * CHUNK,
        ]
        assert [(chunk.first, chunk.last, chunk.total) for chunk in chunks] == [
            (True, False, 12_000),
            (False, False, 12_000),
            (False, False, 12_000),
            (False, True, 12_000),
        ]
        assert desk.rows.complete
        assert list(desk.rows.rows) == [resource.address for resource in desk.store.get("model")]
        desk.manager.close_all()

    run(scenario())


def test_an_empty_snapshot_is_a_snapshot() -> None:
    async def scenario() -> None:
        desk = Desk()
        desk.manager.open(WatchParams(1, "model"))
        await desk.quiet()
        assert desk.wire.messages == [SnapshotChunk(1, desk.store.revision, (), 0, True, True)]
        assert len(desk.changes) == 1, "even an empty snapshot is told"
        assert desk.rows.complete
        desk.manager.close_all()

    run(scenario())


def test_what_changes_while_a_snapshot_is_sent_arrives() -> None:
    async def scenario() -> None:
        desk = Desk(reads=False, limit=50_000)
        desk.apply(*(Upsert(model(number)) for number in range(11_000)))
        desk.manager.open(WatchParams(1, "model"))
        await desk.settle(lambda: desk.wire.unsent_bytes > 50_000)
        desk.apply(Upsert(model(0, 9.0)), Remove(model(10_999).address), Upsert(model(99_999)))
        desk.wire.reads = True
        desk.wire.read_everything()
        await desk.quiet()
        assert desk.rows.rows == desk.expected()
        assert desk.rows.rows[model(0).address].cells == (9.0,)
        desk.manager.close_all()

    run(scenario())


def test_a_burst_in_one_tick_is_few_batches_of_the_final_state() -> None:
    async def scenario() -> None:
        desk = Desk(limit=1 << 30)
        desk.apply(*(Upsert(model(number)) for number in range(100)))
        desk.manager.open(WatchParams(1, "model"))
        await desk.quiet()
        for change in range(10_000):
            desk.apply(Upsert(model(change % 100, float(change))))
        sent = len(desk.wire.messages)
        await desk.quiet()
        assert len(desk.wire.messages) - sent == 1
        assert desk.rows.rows == desk.expected()
        desk.manager.close_all()

    run(scenario())


def test_a_client_that_stops_reading_costs_no_queue_and_ends_with_the_final_state() -> None:
    async def scenario() -> None:
        desk = Desk(reads=False, limit=10_000)
        desk.apply(*(Upsert(model(number)) for number in range(100)))
        desk.manager.open(WatchParams(1, "model"))
        await desk.quiet()
        for change in range(20_000):
            desk.apply(Upsert(model(change % 40, float(change))))
            if change % 100 == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0.02)
        assert desk.wire.unsent_bytes < 10_000 + 20_000, "one message beyond the limit at most"
        sent = len(desk.wire.messages)
        desk.wire.reads = True
        desk.wire.read_everything()
        await desk.quiet()
        later = desk.wire.messages[sent:]
        assert [type(message) for message in later] == [Delta], "less than half was dirty: one conflated delta"
        assert desk.rows.rows == desk.expected()
        desk.manager.close_all()

    run(scenario())


def test_a_slow_client_gets_a_new_snapshot_when_more_than_half_is_dirty() -> None:
    async def scenario() -> None:
        desk = Desk(reads=False, limit=1_000)
        desk.apply(*(Upsert(model(number)) for number in range(100)))
        desk.manager.open(WatchParams(1, "model"))
        await desk.quiet()
        desk.apply(*(Upsert(model(number, 5.0)) for number in range(60)), Remove(model(99).address))
        await asyncio.sleep(0.02)
        sent = len(desk.wire.messages)
        desk.wire.reads = True
        desk.wire.read_everything()
        await desk.quiet()
        later = desk.wire.messages[sent:]
        assert [type(message) for message in later] == [SnapshotChunk]
        assert desk.rows.rows == desk.expected()
        last = desk.changes[-1]
        assert (len(last.added), len(last.updated), list(last.removed)) == (0, 60, [model(99).address])
        desk.manager.close_all()

    run(scenario())


def test_a_client_that_reads_nothing_for_too_long_is_dropped() -> None:
    async def scenario() -> None:
        desk = Desk(reads=False, limit=10)
        desk.apply(Upsert(model(1)))
        desk.manager.open(WatchParams(1, "model"))
        await desk.quiet()
        desk.apply(Upsert(model(2)))
        desk.clock.now = 29.0
        await asyncio.sleep(0.02)
        assert not desk.wire.closed
        desk.clock.now = 60.0
        await desk.settle(lambda: desk.wire.closed)
        assert desk.faults == []
        desk.manager.close_all()

    run(scenario())


def test_reading_a_little_keeps_the_client() -> None:
    async def scenario() -> None:
        desk = Desk(reads=False, limit=10)
        outlet = Outlet(desk.wire, desk.wire.drop, desk.clock, 10, check_every=0.001)
        desk.wire.bytes_out = desk.wire.unsent_bytes = 1_000
        waiting = asyncio.create_task(outlet.room())
        for _ in range(5):
            await asyncio.sleep(0.01)
            desk.clock.now += 20.0
            desk.wire.unsent_bytes -= 10
            await asyncio.sleep(0.01)
        assert not desk.wire.closed
        desk.wire.read_everything()
        assert await waiting is True
        desk.wire.drop()
        with pytest.raises(UnreachableError):
            await outlet.room()

    run(scenario())


def test_what_no_longer_passes_the_filter_is_a_remove() -> None:
    async def scenario() -> None:
        desk = Desk()
        desk.apply(Upsert(model(1, 1.0)), Upsert(model(2, 5.0)))
        desk.manager.open(WatchParams(1, "model", filter="mae<2"))
        await desk.quiet()
        assert list(desk.rows.rows) == [model(1).address]
        desk.apply(Upsert(model(1, 3.0)), Upsert(model(2, 1.5)))
        await desk.quiet()
        assert list(desk.rows.rows) == [model(2).address]
        sent = len(desk.wire.messages)
        desk.apply(Upsert(model(1, 4.0)), Upsert(model(3, 4.0)), Remove(model(3).address))
        await desk.quiet()
        assert len(desk.wire.messages) == sent, "what the client never had is not spoken of"
        desk.manager.close_all()

    run(scenario())


def test_one_resource_can_be_watched() -> None:
    async def scenario() -> None:
        desk = Desk()
        desk.apply(Upsert(model(1)), Upsert(model(2)))
        desk.manager.open(WatchParams(1, address=model(1).address))
        await desk.quiet()
        desk.apply(Upsert(model(2, 1.0)))
        await desk.quiet()
        assert len(desk.wire.messages) == 1
        desk.apply(Upsert(model(1, 1.0)))
        await desk.quiet()
        desk.apply(Remove(model(1).address))
        await desk.quiet()
        assert [list(change.removed) for change in desk.changes] == [[], [], [model(1).address]]
        desk.manager.close_all()

    run(scenario())


def test_a_watch_of_every_kind_and_its_replacement_under_the_same_number() -> None:
    async def scenario() -> None:
        desk = Desk()
        desk.apply(Upsert(model(1)), Upsert(Resource("plant/node/n", "n")))
        desk.manager.open(WatchParams(1))
        await desk.quiet()
        assert sorted(desk.rows.rows) == ["plant/model/m000001", "plant/node/n"]
        desk.manager.open(WatchParams(1, "node"))
        await desk.quiet()
        assert sorted(desk.rows.rows) == ["plant/node/n"]
        assert desk.manager.count == 1
        assert desk.manager.looks_at("plant")
        desk.manager.close(1)
        desk.apply(Upsert(Resource("plant/node/m", "m")))
        await desk.quiet()
        assert sorted(desk.rows.rows) == ["plant/node/n"]
        desk.manager.close_all()

    run(scenario())


@pytest.mark.parametrize(
    ("params", "error", "words"),
    [
        (WatchParams(1, "modle"), UsageError, "did you mean model?"),
        (WatchParams(1, "model", "plnt"), NotFoundError, "did you mean plant?"),
        (WatchParams(1, "series"), UsageError, "browsed"),
        (WatchParams(1, "model", filter="mea<2"), UsageError, "did you mean mae?"),
        (WatchParams(1, "model", filter="/(/"), UsageError, "not a regular expression"),
        (WatchParams(1, address="nonsense"), UsageError, "not an address"),
    ],
)
def test_bad_watches_are_refused_with_a_sentence(params: WatchParams, error: type[UsageError], words: str) -> None:
    async def scenario() -> None:
        desk = Desk()
        with pytest.raises(error) as raised:
            desk.manager.open(params)
        assert words in f"{raised.value.message} {raised.value.remedy}"
        assert desk.manager.count == 0

    run(scenario())


def test_watches_of_one_connection_are_limited() -> None:
    async def scenario() -> None:
        desk = Desk()
        for number in range(64):
            desk.manager.open(WatchParams(number, "model"))
        with pytest.raises(UsageError, match="64 watches"):
            desk.manager.open(WatchParams(64, "model"))
        desk.manager.close_all()

    run(scenario())


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("upsert"), st.integers(0, 12), st.integers(0, 4)),
            st.tuples(st.just("remove"), st.integers(0, 12), st.just(0)),
            st.tuples(st.just("round"), st.integers(0, 12), st.integers(0, 4)),
            st.tuples(st.just("wait"), st.just(0), st.just(0)),
            st.tuples(st.just("stop reading"), st.just(0), st.just(0)),
            st.tuples(st.just("read"), st.just(0), st.just(0)),
            st.tuples(st.just("open again"), st.just(0), st.just(0)),
        ),
        max_size=60,
    ),
    st.sampled_from(["", "mae<2", "!m000003", "mae>=1 m00000"]),
)
def test_any_sequence_ends_with_the_stores_filtered_view(steps: list[tuple[str, int, int]], filter_text: str) -> None:
    async def scenario() -> None:
        desk = Desk(limit=300)
        desk.manager.open(WatchParams(1, "model", filter=filter_text))
        for step, number, value in steps:
            match step:
                case "upsert":
                    desk.apply(Upsert(model(number, float(value))))
                case "remove":
                    desk.apply(Remove(model(number).address))
                case "round":
                    desk.store.begin("plant")
                    desk.apply(Upsert(model(number, float(value))), Synced(("model",)))
                case "wait":
                    await asyncio.sleep(0.002)
                    desk.deliver()
                case "stop reading":
                    desk.wire.reads = False
                case "read":
                    desk.wire.reads = True
                    desk.wire.read_everything()
                case _:
                    desk.manager.open(WatchParams(1, "model", filter=filter_text))
        desk.wire.reads = True
        desk.wire.read_everything()
        await desk.quiet()
        assert desk.rows.rows == desk.expected(filter_text)
        assert desk.rows.complete
        assert desk.faults == []
        desk.manager.close_all()

    run(scenario())
