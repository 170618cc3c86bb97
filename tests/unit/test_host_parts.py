"""The host's parts that have threads: pool, watch context, poller; and how backends are made from settings."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from random import Random

import pytest
from msgspec import Struct

from quarterdeck_api.backend import Interest
from quarterdeck_api.backend_factory import convert_settings, make_backend
from quarterdeck_api.catalogue import Catalogue, Column, ColumnType, KindInfo, PluginInfo
from quarterdeck_api.errors import UsageError
from quarterdeck_api.host.context import HostWatchContext, WatchOutlets
from quarterdeck_api.host.polling import Poller
from quarterdeck_api.host.pool import CallAbandonedError, CallNotStartedError, CallPool
from quarterdeck_api.processes import ControlAnswer, ControlMessage
from quarterdeck_api.resources import Change, Health, Link, Remove, Resource, Synced, Unreachable, Upsert

CATALOGUE = Catalogue(
    PluginInfo("sample", "Sample", "1", "1.0"),
    kinds=(
        KindInfo("model", "Models", (Column("family", "Family"), Column("size", "Size", ColumnType.INTEGER))),
        KindInfo("series", "Series", mirrored=False),
    ),
)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Lets threads that a test has blocked end."""
    event = threading.Event()
    yield event
    event.set()


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_the_pool_gives_results_and_exceptions() -> None:
    async def main() -> None:
        pool = CallPool(2, lambda stuck: None)
        assert await asyncio.gather(*(pool.run(lambda n=n: n * n, 20) for n in range(20))) == [n * n for n in range(20)]
        with pytest.raises(ZeroDivisionError):
            await pool.run(lambda: 1 // 0, 20)
        with pytest.raises(TimeoutError, match="of the function"):
            await pool.run(_raise_timeout, 20)
        with pytest.raises(RuntimeError, match="SystemExit"):
            await pool.run(_exit, 20)
        assert pool.stuck == 0

    asyncio.run(main())


def _raise_timeout() -> None:
    raise TimeoutError("of the function")


def _exit() -> None:
    raise SystemExit(3)


def test_a_call_that_hangs_is_abandoned_and_counted_until_it_returns(gate: threading.Event) -> None:
    async def main() -> None:
        reported: list[int] = []
        pool = CallPool(2, reported.append)
        for _ in range(2):
            with pytest.raises(CallAbandonedError):
                await pool.run(gate.wait, 0.02)
        assert reported == [1, 2] and pool.stuck == 2
        ran: list[bool] = []
        with pytest.raises(CallNotStartedError):
            await pool.run(lambda: ran.append(True), 0.02)
        gate.set()
        assert await pool.run(lambda: "answer", 20) == "answer"
        assert ran == [], "a call that was given up before it started must never run"
        eventually(lambda: pool.stuck == 0)

    asyncio.run(main())


def context(emitted: list[Change], interest: Interest = Interest.FOREGROUND) -> HostWatchContext:
    outlets = WatchOutlets(lambda samples: None, lambda findings: None, _send_nothing)
    return HostWatchContext("plant", CATALOGUE, interest, emitted.append, outlets)


def _send_nothing(instance: str, message: ControlMessage, timeout: float) -> ControlAnswer:
    return ControlAnswer(f"{instance}: {message.name}")


def test_resources_get_their_cells_in_the_catalogues_order() -> None:
    found = context([]).resource(
        "model", "a/b", cells={"size": 3}, health="busy", state="LOADING", links={"trained-on": "core/dataset/x"}
    )
    assert found == Resource(
        "plant/model/a/b",
        "a/b",
        Health.BUSY,
        "LOADING",
        cells=(None, 3),
        links=(Link("trained-on", "core/dataset/x"),),
    )


@pytest.mark.parametrize(
    ("kind", "name", "cells", "health", "sentence", "remedy"),
    [
        ("modle", "x", {}, "ok", "no kind 'modle'", "did you mean model?"),
        ("model", "x", {"sise": 1}, "ok", "no column 'sise'", "did you mean size?"),
        ("model", "x", {}, "fine", "'fine' is not a health", "busy"),
        ("model", "", {}, "ok", "empty name", "name"),
    ],
)
def test_mistakes_in_resources_are_sentences(
    kind: str, name: str, cells: dict[str, int], health: str, sentence: str, remedy: str
) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        context([]).resource(kind, name, cells=dict(cells), health=health)
    assert remedy in caught.value.remedy


def test_only_mirrored_resources_of_the_backend_can_be_emitted() -> None:
    emitted: list[Change] = []
    watched = context(emitted)
    for address in ("other/model/x", "plant/model", "plant/series/x", "plant/thing/x", "nonsense"):
        with pytest.raises(UsageError):
            watched.emit(Upsert(Resource(address, "x")))
        with pytest.raises(UsageError):
            watched.emit(Remove(address))
    assert emitted == []
    watched.emit(Remove("plant/model/x"))
    watched.stop()
    watched.emit(Synced(("model",)))
    assert emitted == [Remove("plant/model/x")] and not watched.synced


def test_wait_wakes_for_interest_also_when_it_changed_before_and_for_the_end() -> None:
    watched = context([])
    watched.set_interest(Interest.BACKGROUND)
    assert watched.wait(3600) is False
    assert watched.interest is Interest.BACKGROUND
    assert watched.wait(0.01) is False
    threading.Timer(0.05, watched.stop).start()
    assert watched.wait(3600) is True


def run_poller(poller: Poller, watched: HostWatchContext) -> threading.Thread:
    thread = threading.Thread(target=poller.run, args=(watched,), daemon=True)
    thread.start()
    return thread


def test_a_poller_says_everything_once_then_what_differs() -> None:
    emitted: list[Change] = []
    watched = context(emitted)
    rows = [watched.resource("model", "a", cells={}), watched.resource("model", "b", cells={})]
    snapshots = iter([rows, rows, [rows[1]]])
    poller = Poller(lambda: next(snapshots, [rows[1]]), ("model",), 0.01, 0.01, rng=Random(1))
    thread = run_poller(poller, watched)
    eventually(lambda: len(emitted) >= 4)
    watched.stop()
    thread.join(20)
    assert emitted == [Upsert(rows[0]), Upsert(rows[1]), Synced(("model",)), Remove("plant/model/a")]


def test_a_pollers_exceptions_are_one_unreachable_and_recovery_is_synced() -> None:
    emitted: list[Change] = []
    watched = context(emitted)
    polls: list[int] = []

    def snapshot() -> list[Resource]:
        polls.append(1)
        if 1 < len(polls) < 4:
            raise ConnectionRefusedError("nobody listens")
        return []

    thread = run_poller(Poller(snapshot, ("model",), 0.01, 0.01, rng=Random(1)), watched)
    eventually(lambda: len(emitted) >= 3)
    watched.stop()
    thread.join(20)
    assert len(emitted) == 3
    assert isinstance(emitted[1], Unreachable) and "nobody listens" in emitted[1].reason and emitted[1].remedy
    assert emitted[0] == emitted[2] == Synced(("model",))


def test_a_snapshot_that_hangs_is_reported_and_polls_do_not_overlap(gate: threading.Event) -> None:
    emitted: list[Change] = []
    watched = context(emitted)
    running: list[int] = []

    def snapshot() -> list[Resource]:
        running.append(1)
        gate.wait()
        return []

    thread = run_poller(Poller(snapshot, ("model",), 0.01, 0.01, timeout=0.05, rng=Random(1)), watched)
    eventually(lambda: len(emitted) == 1)
    assert isinstance(emitted[0], Unreachable) and "0.05 s" in emitted[0].reason
    time.sleep(0.2)
    assert len(running) == 1
    gate.set()
    eventually(lambda: Synced(("model",)) in emitted)
    watched.stop()
    thread.join(20)
    assert not thread.is_alive()


def test_a_poller_asks_rarely_what_nobody_looks_at() -> None:
    poller = Poller(list, ("model",), 2, 30)
    assert [poller.interval(interest) for interest in Interest] == [2, 30, 120]


def test_a_poller_lets_nobody_who_looks_wait_long_for_what_is_back() -> None:
    now = [1000.0]
    poller = Poller(list, ("model",), 2, 30, clock=lambda: now[0])
    assert [poller.rest(interest, 0.0) for interest in Interest] == [2, 30, 120]
    assert [poller.rest(interest, 75.0) for interest in Interest] == [15, 75, 120]
    assert [poller.rest(interest, 4.0) for interest in Interest] == [4, 30, 120]
    poller.attend(60)
    assert [poller.rest(interest, 75.0) for interest in Interest] == [15, 15, 15]


def test_a_poller_that_attends_polls_at_once_and_then_as_if_somebody_looked() -> None:
    watched = context([])
    polls: list[int] = []

    def snapshot() -> list[Resource]:
        polls.append(1)
        return []

    now = [1000.0]
    poller = Poller(snapshot, ("model",), 0.01, 3600, clock=lambda: now[0])
    thread = run_poller(poller, watched)
    eventually(lambda: len(polls) == 1)
    number = poller.attend(60)
    eventually(lambda: len(polls) == 2)
    eventually(lambda: poller.has_said(number))
    assert not poller.has_said(number + 1)
    assert poller.interval(Interest.NONE) == 0.01
    now[0] += 60.5
    assert poller.interval(Interest.BACKGROUND) == 3600
    watched.stop()
    thread.join(20)
    assert not thread.is_alive()


class Wanted(Struct):
    host: str
    port: int = 1


def factory(name: str, settings: Wanted) -> object:
    return settings


def test_settings_are_converted_to_what_the_factory_declares() -> None:
    assert convert_settings("plant", factory, {"host": "x"}) == Wanted("x")
    with pytest.raises(UsageError, match=r"plant are wrong.*port") as caught:
        convert_settings("plant", factory, {"host": "x", "port": "y"})
    assert "backends.plant" in caught.value.remedy
    with pytest.raises(UsageError, match="no setting 'prot'") as caught:
        convert_settings("plant", factory, {"host": "x", "prot": 1})
    assert "port" in caught.value.remedy
    with pytest.raises(UsageError, match="host"):
        convert_settings("plant", factory, {})


def test_a_factory_without_types_gets_the_settings_as_they_are() -> None:
    assert convert_settings("plant", lambda name, settings: None, {"a": 1}) == {"a": 1}


def test_what_is_no_backend_is_refused() -> None:
    with pytest.raises(UsageError, match="not a backend"):
        make_backend("plant", "operator:is_", {})
