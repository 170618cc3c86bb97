"""Backends in real hosts: opened, watched, tried again, and closed."""

import os
import signal

import psutil
import pytest

from host_bench import Bench, Play, describe, perform, scenario_player, until
from quarterdeck.runtime.hosts.supervisor import HostedBackend, HostLimits
from quarterdeck_api.backend import Interest
from quarterdeck_api.documents import FactsBlock
from quarterdeck_api.errors import NotFoundError, UnreachableError
from quarterdeck_api.host_protocol import BACKEND_COMPLETE, BACKEND_PARAMETERS, BACKEND_PROBE, BackendName
from quarterdeck_api.protocol import CompleteParams, ParametersParams
from quarterdeck_api.resources import Synced, Unreachable, Upsert

play = pytest.fixture(scenario_player)


def test_a_backend_is_opened_synced_and_asked(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        hosts = await bench.start(count=2)
        await until(lambda: bench.seen.synced() == 1)
        assert bench.seen.begun == ["plant"]
        changes = bench.seen.changes()
        assert [change.resource.cells for change in changes if isinstance(change, Upsert)] == [
            ("sample", 0),
            ("sample", 1),
        ]
        assert changes[-1] == Synced(("model",))
        document = await describe(bench, "m0")
        assert isinstance(document.blocks[0], FactsBlock)
        assert document.blocks[0].facts[0].value == hosts.status()[0].pid != os.getpid()
        assert (await perform(bench, "m0")).statement == "DO now"
        asked = ParametersParams("model.poke", "plant/model/m0")
        assert "order" in (await hosts.call("plant", BACKEND_PARAMETERS, asked, 20))["properties"]
        wanted = CompleteParams("model.poke", "plant/model/m0", "word", "al")
        found = await hosts.call("plant", BACKEND_COMPLETE, wanted, 20)
        assert [choice.value for choice in found.choices] == ["alpha"]
        assert (await hosts.call("plant", BACKEND_PROBE, BackendName("plant"), 20)).version == "1.0"
        assert hosts.status()[0].state == "ready" and bench.seen.freed == 1
        with pytest.raises(NotFoundError, match="nowhere"):
            await hosts.call("nowhere", BACKEND_PROBE, BackendName("nowhere"), 20)

    play(scenario)


def test_bad_settings_fail_the_backend_alone_until_they_are_retried(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        hosts = await bench.start(
            HostedBackend("plant", "sample.full", {}),
            HostedBackend("wrong", "sample.full", {"count": "many"}),
            HostedBackend("lost", "sample.lost", {}),
            HostedBackend("alien", "sample.alien", {}),
        )
        await until(lambda: all(bench.seen.state(name).state == "failed" for name in ("wrong", "lost", "alien")))
        assert "count" in bench.seen.state("wrong").reason and "backends.wrong" in bench.seen.state("wrong").remedy
        assert "host_sample.nowhere" in bench.seen.state("lost").reason
        assert "sample.alien" in bench.seen.state("alien").reason
        await until(lambda: bench.seen.synced() == 1)
        before = len(bench.seen.states)
        await hosts.retry("wrong")
        await until(
            lambda: [s.state for s in bench.seen.states[before:] if s.name == "wrong"] == ["connecting", "failed"]
        )

    play(scenario)


def test_a_flood_is_coalesced_and_ends_complete(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        hosts = await bench.start(mode="flood")
        await until(lambda: bench.seen.synced() == 1)
        assert all(len(changes) <= 201 for _, changes in bench.seen.batches)
        sent = [change for change in bench.seen.changes() if isinstance(change, Upsert)]
        assert len(sent) < 200_000
        latest = {change.resource.address: change.resource.cells[1] for change in sent}
        assert sorted(str(value) for value in latest.values()) == [str(number) for number in range(999_900, 1_000_000)]
        await describe(bench, "m0")
        assert hosts.status()[0].restarts == 0

    play(scenario)


def test_a_watch_that_raises_is_unreachable_and_watched_again(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.start(mode="flaky", folder=str(bench.folder))
        await until(lambda: bench.seen.synced() == 1)
        first = bench.seen.changes()[0]
        assert isinstance(first, Unreachable) and "the other side went away" in first.reason and first.remedy
        assert bench.seen.begun == ["plant", "plant"]

    play(scenario)


def test_a_backend_that_cannot_be_opened_is_tried_again(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.start(mode="refuse")
        await until(lambda: len([c for c in bench.seen.changes() if isinstance(c, Unreachable)]) >= 4)
        assert all(state.state == "connecting" for state in bench.seen.states), "retrying by itself opens no breaker"
        with pytest.raises(UnreachableError, match=r"plant is not open: .*nobody listens"):
            await describe(bench, "m0")

    play(scenario)


def test_a_factory_that_hangs_is_reported_and_can_be_retried(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        bench.limits = HostLimits(call_timeout=0.1)
        hosts = await bench.start(
            HostedBackend("plant", "sample.full", {"mode": "slow-open"}), HostedBackend("well", "sample.full", {})
        )
        await until(lambda: any(isinstance(change, Unreachable) for change in bench.seen.changes()))
        assert "did not open within 0.25 s" in bench.seen.changes()[0].reason  # type: ignore[union-attr]
        await hosts.retry("plant")
        await until(lambda: hosts.status()[0].stuck_calls == 1)
        await until(lambda: bench.seen.synced("well") == 1)

    play(scenario)


def test_a_deaf_watch_does_not_keep_a_backend_from_being_opened_anew(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        hosts = await bench.start(mode="deaf", folder=str(bench.folder))
        await until(lambda: bench.seen.synced() == 1)
        await hosts.retry("plant")
        await until(lambda: bench.seen.synced() == 2)
        assert (bench.folder / "closed").exists()

    play(scenario)


def test_interest_reaches_watch_also_after_a_restart(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        hosts = await bench.start(folder=str(bench.folder))
        await until(lambda: bench.seen.synced() == 1)
        hosts.set_interest("plant", Interest.FOREGROUND)
        trace = bench.folder / "interest-foreground"
        await until(trace.exists)
        trace.unlink()
        os.kill(hosts.status()[0].pid, signal.SIGKILL)
        await until(lambda: bench.seen.synced() == 2)
        hosts.set_interest("plant", Interest.NONE)
        await until((bench.folder / "interest-none").exists)

    play(scenario)


def test_a_polled_backend_syncs(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.start(mode="polled")
        await until(lambda: bench.seen.synced() == 1)
        assert len([change for change in bench.seen.changes() if isinstance(change, Upsert)]) == 3

    play(scenario)


def test_backends_come_and_go_and_plugins_stop_in_order(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        hosts = await bench.start(folder=str(bench.folder))
        await hosts.add_backend("sample", HostedBackend("second", "sample.full", {}))
        await until(lambda: bench.seen.synced() + bench.seen.synced("second") == 2)
        await hosts.remove_backend("second")
        with pytest.raises(NotFoundError):
            await hosts.retry("second")
        pid = hosts.status()[0].pid
        await hosts.stop_plugin("sample", "it was disabled")
        assert not psutil.pid_exists(pid) and hosts.status() == ()
        assert (bench.folder / "closed").exists()
        assert bench.seen.state().state == "unreachable" and bench.seen.state().reason == "it was disabled"

    play(scenario)
