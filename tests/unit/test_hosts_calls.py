"""Calls to backends in real hosts: what they raise, and what becomes of those that hang or whose host dies."""

import pytest

from host_bench import Bench, Play, describe, perform, scenario_player, until
from quarterdeck.runtime.hosts.supervisor import HostedBackend, HostLimits
from quarterdeck_api.errors import (
    CallTimeoutError,
    QuarterdeckError,
    UnknownOutcomeError,
    UnreachableError,
    UnsupportedError,
    UsageError,
)
from quarterdeck_api.host_protocol import BACKEND_DESCRIBE
from quarterdeck_api.protocol import AddressParams

play = pytest.fixture(scenario_player)


def test_what_a_backend_raises_and_lacks_is_a_sentence(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        hosts = await bench.start(HostedBackend("plant", "sample.full", {}), HostedBackend("bare", "sample.bare", {}))
        await until(lambda: bench.seen.synced() + bench.seen.synced("bare") == 2)
        with pytest.raises(UsageError, match="plant: there is no such model") as usage:
            await describe(bench, "missing")
        assert usage.value.remedy == "look at the list"
        with pytest.raises(QuarterdeckError, match=r"plant failed inside its plugin: ValueError: the sample is broken"):
            await describe(bench, "wrong")
        assert "Traceback" in bench.log()
        with pytest.raises(UnsupportedError, match=r"bare is of type sample\.bare, which cannot describe"):
            await hosts.call("bare", BACKEND_DESCRIBE, AddressParams("bare/model/x"), 20)

    play(scenario)


def test_a_call_that_hangs_is_abandoned_and_three_open_the_breaker(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        bench.limits = HostLimits(call_timeout=0.2)
        hosts = await bench.start()
        await until(lambda: bench.seen.synced() == 1)
        with pytest.raises(CallTimeoutError, match=r"plant did not describe .* within 0\.2 s"):
            await describe(bench, "hang")
        with pytest.raises(UnknownOutcomeError, match="may or may not"):
            await perform(bench, "hang")
        with pytest.raises(CallTimeoutError):
            await perform(bench, "hang", dry_run=True)
        await until(lambda: bench.seen.state().state == "failed")
        assert bench.seen.state().remedy == "retry plant" and "3 calls failed" in bench.seen.state().reason
        with pytest.raises(UnreachableError, match="plant is not asked any more"):
            await describe(bench, "m0")
        await until(lambda: hosts.status()[0].stuck_calls == 3)
        await hosts.retry("plant")
        await until(lambda: bench.seen.synced() == 2)
        await describe(bench, "m0")
        assert hosts.status()[0].restarts == 0

    play(scenario)


def test_refused_connections_count_for_the_breaker(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.start()
        await until(lambda: bench.seen.synced() == 1)
        for _ in range(3):
            with pytest.raises(UnreachableError, match="plant cannot be reached"):
                await describe(bench, "refused")
        await until(lambda: bench.seen.state().state == "failed")

    play(scenario)


def test_a_pool_full_of_stuck_threads_restarts_the_host(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        bench.limits = HostLimits(call_timeout=0.2, pool_threads=2)
        hosts = await bench.start()
        await until(lambda: bench.seen.synced() == 1)
        for _ in range(2):
            with pytest.raises(UnreachableError):
                await describe(bench, "hang")
        await until(lambda: bench.seen.synced() == 2)
        reasons = [state.reason for state in bench.seen.states if state.state == "unreachable"]
        assert len(reasons) == 1 and "every thread of its pool was stuck" in reasons[0]
        assert hosts.status()[0].restarts == 1

    play(scenario)


def test_an_action_whose_host_dies_has_an_unknown_outcome(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.start()
        await until(lambda: bench.seen.synced() == 1)
        with pytest.raises(UnknownOutcomeError, match="plant"):
            await perform(bench, "exit")

    play(scenario)
