"""Streams of a host: what a reader that is slow, gone or absent costs, and what is said at the end."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from quarterdeck_api.documents import Document, Fact, FactsBlock
from quarterdeck_api.errors import UnreachableError, UnsupportedError, UsageError
from quarterdeck_api.host.stream_contexts import CHARACTERS_HELD, CUT, LINE_CHARACTERS, LINES_HELD, HostLogContext
from quarterdeck_api.host.streams import STREAM_LIMIT, HostStreams
from quarterdeck_api.host_protocol import StreamDocument, StreamEnded, StreamLines, StreamOpen
from quarterdeck_api.logs import LogOptions


class Line:
    """Keeps what a host says of its streams."""

    def __init__(self) -> None:
        self.said: list[StreamLines] = []
        self.shown: list[StreamDocument] = []
        self.ends: list[StreamEnded] = []

    def lines(self, message: StreamLines) -> None:
        self.said.append(message)

    def document(self, message: StreamDocument) -> None:
        self.shown.append(message)

    def ended(self, message: StreamEnded) -> None:
        self.ends.append(message)

    @property
    def all_lines(self) -> list[str]:
        return [line for message in self.said for line in message.lines]


class Talker:
    """A backend whose log is what the test says."""

    def __init__(self, talk: Callable[[Any], None]) -> None:
        self.talk = talk

    def log_sources(self, address: str) -> list[Any]:
        return []

    def logs(self, address: str, source: str, options: LogOptions, context: Any) -> None:
        self.talk(context)

    def describe_live(self, address: str, context: Any) -> None:
        self.talk(context)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def scenario(talk: Callable[[Any], None], test: Callable[[HostStreams, Line], Any]) -> None:
    async def main() -> None:
        line = Line()
        async with asyncio.timeout(60):
            await test(HostStreams(line, lambda address: Talker(talk)), line)  # type: ignore[arg-type,return-value]

    asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def test_a_log_is_complete_and_in_order_however_slowly_it_is_granted() -> None:
    def talk(context: Any) -> None:
        for number in range(0, 120_000, 100):
            context.write([str(each) for each in range(number, number + 100)])

    async def test(streams: HostStreams, line: Line) -> None:
        streams.open_log(StreamOpen(1, "plant/node/a"))
        granted = 0
        while not line.ends:
            streams.grant(1, 1)
            granted += 1
            await asyncio.sleep(0.002)
        assert line.all_lines == [str(number) for number in range(120_000)]
        assert len(line.said) <= granted, "no message goes out without credit"
        assert line.ends == [StreamEnded(1)]

    scenario(talk, test)


def test_a_followed_log_never_holds_up_its_writer_and_counts_what_it_leaves_out() -> None:
    written = threading.Event()

    def talk(context: Any) -> None:
        for number in range(LINES_HELD + 1000):
            context.write([str(number)])
        written.set()
        context.wait(60)

    async def test(streams: HostStreams, line: Line) -> None:
        streams.open_log(StreamOpen(1, "plant/node/a", options=LogOptions(follow=True)))
        await asyncio.to_thread(written.wait, 60)
        streams.grant(1, 1000)
        await until(lambda: bool(line.all_lines) and line.all_lines[-1] == str(LINES_HELD + 999))
        skipped = sum(message.skipped for message in line.said)
        assert skipped + len(line.all_lines) == LINES_HELD + 1000 and skipped >= 1000
        assert line.all_lines[0] == str(skipped), "the oldest are left out"
        streams.close(1)
        await until(lambda: streams.stuck == 0)
        assert line.ends == [], "nothing more is said of what was closed"

    scenario(talk, test)


def test_characters_are_bounded_and_lines_are_cut_and_made_sendable() -> None:
    context = HostLogContext(follow=True)
    for _ in range(3 * CHARACTERS_HELD // LINE_CHARACTERS):
        context.write(["x" * 2 * LINE_CHARACTERS])
    held, skipped = 0, 0
    while (taken := context.take()) is not None:
        skipped += taken.skipped
        held += sum(map(len, taken.lines))
        assert all(line.endswith(CUT) for line in taken.lines)
    assert held <= CHARACTERS_HELD and skipped > 0
    context.write(["half \ud800 a pair", "ends\r\n"])
    taken = context.take()
    assert taken is not None and taken.lines == ("half \\ud800 a pair", "ends")
    for wrong in ("one text", [b"bytes"]):
        with pytest.raises(UsageError):
            context.write(wrong)  # type: ignore[arg-type]


def test_a_document_that_changes_all_the_time_is_sent_as_its_latest_state(gate: threading.Event) -> None:
    def talk(context: Any) -> None:
        for number in range(1000):
            context.show(document(number))
        gate.wait(60)
        context.show(document(1000))

    async def test(streams: HostStreams, line: Line) -> None:
        streams.open_document(StreamOpen(4, "plant/node/a"))
        streams.grant(4, 100)
        await until(lambda: bool(line.shown) and line.shown[-1].document == document(999))
        assert len(line.shown) <= 10
        gate.set()
        await until(lambda: bool(line.ends))
        assert line.shown[-1].document == document(1000), "the last state is always sent"

    scenario(talk, test)


def document(number: int) -> Document:
    return Document("Node", (FactsBlock((Fact("number", number),)),))


def test_what_cannot_be_sent_ends_a_document_with_a_sentence() -> None:
    def talk(context: Any) -> None:
        context.show(Document("Node", (FactsBlock((Fact("wrong", object()),)),)))  # type: ignore[arg-type]
        context.wait(60)

    async def test(streams: HostStreams, line: Line) -> None:
        streams.open_document(StreamOpen(1, "plant/node/a"))
        streams.grant(1, 1)
        await until(lambda: bool(line.ends))
        assert line.ends[0].error is not None and "cannot be sent" in line.ends[0].error.message
        await until(lambda: streams.stuck == 0)

    scenario(talk, test)


@pytest.mark.parametrize(
    ("fault", "code", "sentence"),
    [
        (UnsupportedError("it does not live"), "unsupported", "it does not live"),
        (ConnectionRefusedError("no route"), "unreachable", "cannot be reached"),
        (KeyError("x"), "failed", "failed inside its plugin"),
        (SystemExit(3), "failed", "SystemExit"),
    ],
)
def test_a_stream_that_raises_ends_with_what_it_raised(fault: BaseException, code: str, sentence: str) -> None:
    def talk(context: Any) -> None:
        raise fault

    async def test(streams: HostStreams, line: Line) -> None:
        streams.open_log(StreamOpen(1, "plant/node/a"))
        streams.grant(1, 1)
        await until(lambda: bool(line.ends))
        error = line.ends[0].error
        assert error is not None and error.code == code and sentence in error.message

    scenario(talk, test)


def test_streams_end_with_their_backend_and_those_that_hang_are_counted(gate: threading.Event) -> None:
    async def test(streams: HostStreams, line: Line) -> None:
        streams.open_log(StreamOpen(1, "plant/node/a"))
        streams.open_log(StreamOpen(2, "other/node/a"))
        await streams.end_of("plant", "it was closed")
        [end] = line.ends
        assert end.stream == 1 and end.error is not None and end.error.code == UnreachableError.code
        assert streams.stuck == 1, "its thread hangs in the plugin"
        gate.set()
        await until(lambda: streams.stuck == 0)

    scenario(lambda context: gate.wait(60) and None, test)


def test_streams_of_a_host_are_bounded_and_numbers_are_used_once() -> None:
    async def test(streams: HostStreams, line: Line) -> None:
        for number in range(STREAM_LIMIT):
            streams.open_log(StreamOpen(number, "plant/node/a"))
        with pytest.raises(UsageError, match="open already"):
            streams.open_log(StreamOpen(0, "plant/node/a"))
        with pytest.raises(UsageError, match=f"{STREAM_LIMIT} logs and live documents"):
            streams.open_log(StreamOpen(STREAM_LIMIT, "plant/node/a"))
        await streams.close_all()
        await until(lambda: streams.stuck == 0)
        streams.open_log(StreamOpen(0, "plant/node/a"))
        await streams.close_all()

    scenario(lambda context: context.wait(60) and None, test)


def test_a_close_that_overtakes_its_open_leaves_nothing_open() -> None:
    async def test(streams: HostStreams, line: Line) -> None:
        streams.close(5)
        with pytest.raises(UnreachableError, match="closed before it was opened"):
            streams.open_log(StreamOpen(5, "plant/node/a"))
        streams.open_log(StreamOpen(6, "plant/node/a"))
        await streams.close_all()
        await until(lambda: streams.stuck == 0)

    scenario(lambda context: context.wait(60) and None, test)


def test_a_backend_without_logs_says_so() -> None:
    async def main() -> None:
        streams = HostStreams(Line(), lambda address: object())  # type: ignore[arg-type,return-value]
        with pytest.raises(UnsupportedError, match="plant has no logs"):
            streams.open_log(StreamOpen(1, "plant/node/a"))
        with pytest.raises(UnsupportedError, match="plant has no live documents"):
            streams.open_document(StreamOpen(1, "plant/node/a"))

    asyncio.run(main())
