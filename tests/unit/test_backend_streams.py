"""The runtime's side of a host's streams: credit, the end of a host, and hosts that send more than they may."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest

from quarterdeck.runtime.backend_streams import INITIAL_CREDIT, BackendStreams
from quarterdeck_api.errors import ErrorReport, ProtocolError, UnreachableError, UnsupportedError
from quarterdeck_api.host_protocol import (
    STREAM_CLOSE,
    STREAM_CREDIT,
    STREAM_DOCUMENT,
    STREAM_ENDED,
    STREAM_LINES,
    StreamEnded,
    StreamLines,
)
from quarterdeck_api.logs import LogOptions
from quarterdeck_api.wire import Nothing


class Hosts:
    """Hosts that the test plays: what they are asked and told is kept."""

    def __init__(self) -> None:
        self.routes = self
        self.taken: dict[str, Callable[[str, Any], None]] = {}
        self.told: list[tuple[str, Any]] = []
        self.asked: list[Any] = []
        self.ready = True
        self.refusal: Exception | None = None
        self.listeners: list[Callable[[], None]] = []

    def on_notification(self, method: Any, handler: Callable[[str, Any], None]) -> None:
        self.taken[method.name] = handler

    def subscribe_backends(self, listener: Callable[[], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: None

    def is_ready(self, plugin: str) -> bool:
        return self.ready

    async def connected(self, backend: str) -> None:
        await asyncio.sleep(0)

    async def call(self, backend: str, method: Any, params: Any, timeout: float) -> Nothing:
        self.asked.append(params)
        if self.refusal is not None:
            raise self.refusal
        return Nothing()

    def notify_plugin(self, plugin: str, method: Any, params: Any) -> bool:
        self.told.append((method.name, params))
        return True

    def lines(self, *lines: str, plugin: str = "kiln") -> None:
        self.taken[STREAM_LINES.name](plugin, StreamLines(self.asked[-1].stream, lines))

    def end(self, error: ErrorReport | None = None) -> None:
        self.taken[STREAM_ENDED.name]("kiln", StreamEnded(self.asked[-1].stream, error))

    @property
    def credit(self) -> int:
        return sum(params.messages for name, params in self.told if name == STREAM_CREDIT.name)


def scenario(test: Callable[[Hosts, BackendStreams], Awaitable[None]]) -> None:
    async def main() -> None:
        hosts = Hosts()
        streams = BackendStreams(hosts, hosts, hosts, lambda backend: "kiln")  # type: ignore[arg-type]
        assert set(hosts.taken) == {STREAM_LINES.name, STREAM_DOCUMENT.name, STREAM_ENDED.name}
        async with asyncio.timeout(20):
            await test(hosts, streams)
        assert streams.count == 0 and hosts.told[-1][0] == STREAM_CLOSE.name

    asyncio.run(main())


def log(streams: BackendStreams) -> Any:
    return streams.log("kiln/node/a", "stdout", LogOptions(follow=True))


def test_credit_is_given_back_for_what_was_taken_and_no_more() -> None:
    async def test(hosts: Hosts, streams: BackendStreams) -> None:
        async with aclosing(log(streams)) as lines:
            first = asyncio.ensure_future(anext(lines))
            while not hosts.credit:
                await asyncio.sleep(0)
            assert hosts.credit == INITIAL_CREDIT
            for number in range(INITIAL_CREDIT):
                hosts.lines(str(number))
            assert (await first).lines == ("0",)
            assert hosts.credit == INITIAL_CREDIT, "what the client has not taken gives no credit"
            assert [(await anext(lines)).lines[0] for _ in range(INITIAL_CREDIT - 1)] == ["1", "2", "3"]
            assert hosts.credit == 2 * INITIAL_CREDIT - 1

    scenario(test)


def test_a_stream_ends_with_its_lines_or_its_error() -> None:
    async def test(hosts: Hosts, streams: BackendStreams) -> None:
        found: list[str] = []

        async def read() -> None:
            async for message in log(streams):
                found.extend(message.lines)

        reading = asyncio.ensure_future(read())
        while not hosts.asked:
            await asyncio.sleep(0)
        hosts.lines("one", "two")
        hosts.lines("of another plugin", plugin="other")
        hosts.end()
        await reading
        assert found == ["one", "two"]
        reading = asyncio.ensure_future(read())
        while len(hosts.asked) < 2:
            await asyncio.sleep(0)
        hosts.lines("three")
        hosts.end(ErrorReport("unsupported", "it has no such log", "take another"))
        with pytest.raises(UnsupportedError, match="no such log"):
            await reading
        assert found == ["one", "two", "three"] and hosts.asked[0].stream != hosts.asked[1].stream

    scenario(test)


def test_a_host_that_ends_ends_its_streams() -> None:
    async def test(hosts: Hosts, streams: BackendStreams) -> None:
        async with aclosing(log(streams)) as lines:
            waiting = asyncio.ensure_future(anext(lines))
            while not hosts.credit:
                await asyncio.sleep(0)
            for listener in hosts.listeners:
                listener()
            hosts.ready = False
            for listener in hosts.listeners:
                listener()
            with pytest.raises(UnreachableError, match="the host of plugin kiln has ended"):
                await waiting

    scenario(test)


def test_a_host_that_sends_without_credit_is_not_kept() -> None:
    async def test(hosts: Hosts, streams: BackendStreams) -> None:
        async with aclosing(log(streams)) as lines:
            waiting = asyncio.ensure_future(anext(lines))
            while not hosts.credit:
                await asyncio.sleep(0)
            for number in range(1000):
                hosts.lines(str(number))
            with pytest.raises(ProtocolError, match="more of a stream than it may"):
                await waiting
                while True:
                    await anext(lines)

    scenario(test)


def test_what_cannot_be_opened_leaves_nothing() -> None:
    async def test(hosts: Hosts, streams: BackendStreams) -> None:
        hosts.refusal = UnsupportedError("kiln has no logs")
        with pytest.raises(UnsupportedError):
            await anext(log(streams))

    scenario(test)
