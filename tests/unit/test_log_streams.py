"""Log streams: reading, tails, following through rotation, slow readers."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.runtime.serving.log_streams import LineCutter, LogSource, LogStreams, tail_start, with_rotated
from quarterdeck.runtime.serving.outlet import Outlet
from quarterdeck_api.errors import UsageError
from quarterdeck_api.protocol import LogLines, LogsParams
from quarterdeck_api.wire import Method


class Wire:
    def __init__(self) -> None:
        self.batches: list[LogLines] = []
        self.bytes_out = 0
        self.unsent_bytes = 0
        self.closed = False
        self.reads = True
        self.read = asyncio.Event()

    def notify(self, method: Method[Any, Any], params: Any) -> None:
        assert method.name == "logs.lines"
        self.batches.append(params)
        size = sum(len(line) for line in params.lines)
        self.bytes_out += size
        self.unsent_bytes += 0 if self.reads else size

    async def drain(self) -> None:
        self.read.clear()
        await self.read.wait()

    def read_everything(self) -> None:
        self.unsent_bytes = 0
        self.reads = True
        self.read.set()

    @property
    def lines(self) -> list[str]:
        return [line for batch in self.batches for line in batch.lines]

    @property
    def skipped(self) -> int:
        return sum(batch.skipped for batch in self.batches)

    @property
    def ended(self) -> bool:
        return bool(self.batches) and self.batches[-1].ended


class Desk:
    def __init__(self, *paths: Path, limit: int = 1 << 30) -> None:
        self.wire = Wire()
        self.paths = list(paths)
        self.finished = False
        self.faults: list[BaseException] = []
        outlet = Outlet(self.wire, lambda: None, lambda: 0.0, limit, check_every=0.001)
        self.streams = LogStreams(outlet, lambda _, error: self.faults.append(error), interval=0.001)
        self.source = LogSource(lambda: tuple(self.paths), lambda: self.finished)

    def open(self, *, follow: bool = False, tail: int = 0) -> None:
        self.streams.open(LogsParams(1, "core/job/1", follow, tail), self.source)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.001)
        assert self.faults == []


def open_files() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_everything_is_read_over_attempts_and_rotated_files(tmp_path: Path) -> None:
    async def scenario() -> None:
        first, second = tmp_path / "1.log", tmp_path / "2.log"
        (tmp_path / "1.log.2").write_text("oldest\n")
        (tmp_path / "1.log.1").write_text("older\n")
        (tmp_path / "1.log.txt").write_text("not a log\n")
        first.write_text("old\nopen end")
        second.write_text("new\r\n\x1b[31mred\n")
        desk = Desk(first, tmp_path / "missing.log", second)
        desk.open()
        await desk.until(lambda: desk.wire.ended)
        assert desk.wire.lines == ["oldest", "older", "old", "open end", "new", "\x1b[31mred"]

    run(scenario())


def test_a_log_is_followed_through_its_birth_its_rotation_and_another_attempt(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "1.log"
        desk = Desk(path)
        desk.open(follow=True)
        await asyncio.sleep(0.01)
        append(path, "one\ntw")
        await desk.until(lambda: desk.wire.lines == ["one"])
        append(path, "o\n")
        await desk.until(lambda: desk.wire.lines == ["one", "two"])
        append(path, "last before rotation\n")
        path.rename(tmp_path / "1.log.1")
        append(path, "first after\n")
        await desk.until(lambda: len(desk.wire.lines) == 4)
        desk.paths.append(tmp_path / "2.log")
        append(tmp_path / "2.log", "second attempt\n")
        await desk.until(lambda: len(desk.wire.lines) == 5)
        assert not desk.wire.ended
        append(tmp_path / "2.log", "no newline at the end")
        desk.finished = True
        await desk.until(lambda: desk.wire.ended)
        assert desk.wire.lines[2:] == [
            "last before rotation",
            "first after",
            "second attempt",
            "no newline at the end",
        ]

    run(scenario())


def test_a_truncated_log_is_read_from_its_beginning(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "1.log"
        append(path, "before before before\n")
        desk = Desk(path)
        desk.open(follow=True)
        await desk.until(lambda: len(desk.wire.lines) == 1)
        path.write_text("after\n")
        await desk.until(lambda: desk.wire.lines[-1] == "after")
        desk.streams.close_all()

    run(scenario())


def test_a_log_that_never_comes_ends_with_its_source(tmp_path: Path) -> None:
    async def scenario() -> None:
        desk = Desk(tmp_path / "never.log")
        desk.open(follow=True)
        await asyncio.sleep(0.01)
        desk.finished = True
        await desk.until(lambda: desk.wire.ended)
        assert desk.wire.lines == []

    run(scenario())


@pytest.mark.parametrize(
    ("tail", "expected"), [(1, ["d"]), (2, ["c", "d"]), (3, ["b", "c", "d"]), (9, ["a", "b", "c", "d"])]
)
def test_the_tail_reaches_back_over_files(tmp_path: Path, tail: int, expected: list[str]) -> None:
    async def scenario() -> None:
        (tmp_path / "1.log").write_text("a\nb\n")
        (tmp_path / "2.log").write_text("c\nd\n")
        desk = Desk(tmp_path / "1.log", tmp_path / "2.log")
        desk.open(tail=tail)
        await desk.until(lambda: desk.wire.ended)
        assert desk.wire.lines == expected

    run(scenario())


@settings(max_examples=150)
@given(st.lists(st.text(alphabet="ab\n", max_size=30), min_size=1, max_size=4), st.integers(1, 20))
def test_the_tail_is_what_tail_gives(tmp_path_factory: pytest.TempPathFactory, texts: list[str], wanted: int) -> None:
    folder = tmp_path_factory.mktemp("tail")
    paths = [folder / str(number) for number in range(len(texts))]
    # Files before the last end with a newline, as one log that was cut into files does.
    whole = [text if index == len(texts) - 1 or not text else f"{text}\n" for index, text in enumerate(texts)]
    for path, text in zip(paths, whole, strict=True):
        path.write_text(text)
    index, offset = tail_start(paths, wanted)
    found = "".join([whole[index][offset:], *whole[index + 1 :]])
    everything = "".join(whole)
    lines = everything.split("\n")
    if lines[-1] == "":
        lines.pop()
    assert found.removesuffix("\n").split("\n") == (lines[-wanted:] or [""])


def test_a_long_log_arrives_complete_however_slowly_it_is_read(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "1.log"
        path.write_text("".join(f"line {number} {'x' * 90}\n" for number in range(20_000)))
        desk = Desk(path, limit=100_000)
        desk.wire.reads = False
        desk.open(follow=True)
        while len(desk.wire.lines) < 20_000:
            await desk.until(lambda: desk.wire.unsent_bytes > 100_000 or len(desk.wire.lines) == 20_000)
            assert desk.wire.unsent_bytes < 100_000 + 2 * 256 * 1024
            desk.wire.unsent_bytes = 0
            desk.wire.read.set()
        assert desk.wire.skipped == 0
        assert [line.split()[1] for line in desk.wire.lines] == [str(number) for number in range(20_000)]
        desk.streams.close_all()

    run(scenario())


def test_lines_that_a_slow_follower_cannot_take_are_counted(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "1.log"
        path.write_text("begin\n")
        desk = Desk(path, limit=1_000)
        desk.open(follow=True)
        await desk.until(lambda: desk.wire.lines == ["begin"])
        desk.wire.reads = False
        append(path, "y" * 2_000 + "\n")
        await desk.until(lambda: desk.wire.unsent_bytes > 1_000)
        append(path, "".join(f"line {number} {'x' * 90}\n" for number in range(100_000)))
        desk.wire.read_everything()
        await desk.until(lambda: bool(desk.wire.lines) and desk.wire.lines[-1].startswith("line 99999"))
        received = [line for line in desk.wire.lines if line.startswith("line ")]
        assert desk.wire.skipped > 90_000
        assert len(received) + desk.wire.skipped == 100_000
        numbers = [int(line.split()[1]) for line in received]
        assert numbers == list(range(numbers[0], 100_000))
        desk.streams.close_all()

    run(scenario())


def test_closing_ends_a_stream_and_opening_replaces_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "1.log"
        path.write_text("one\n")
        desk = Desk(path)
        desk.open(follow=True)
        await desk.until(lambda: desk.wire.lines == ["one"])
        desk.open(follow=True)
        await desk.until(lambda: desk.wire.lines == ["one", "one"])
        desk.streams.close(1)
        await asyncio.sleep(0.01)
        append(path, "two\n")
        await asyncio.sleep(0.02)
        assert desk.wire.lines == ["one", "one"]
        before = open_files()
        for number in range(32):
            desk.streams.open(LogsParams(number, "core/job/1", follow=True), desk.source)
        with pytest.raises(UsageError, match="32 log streams"):
            desk.streams.open(LogsParams(99, "core/job/1"), desk.source)
        await desk.until(lambda: open_files() == before + 32)
        desk.streams.close_all()
        await desk.until(lambda: open_files() == before)

    run(scenario())


def test_a_log_that_cannot_be_read_ends_with_a_sentence(tmp_path: Path) -> None:
    async def scenario() -> None:
        desk = Desk(tmp_path)
        desk.open()
        async with asyncio.timeout(20):
            while not desk.wire.ended:
                await asyncio.sleep(0.001)
        error = desk.wire.batches[-1].error
        assert error is not None and "cannot be read" in error.message
        assert len(desk.faults) == 1

    run(scenario())


def test_lines_are_cut_and_bad_bytes_are_marked() -> None:
    cutter = LineCutter(limit=8)
    assert cutter.feed(b"12345678\n123456789\n") == ["12345678", "12345678 … (line cut)"]
    assert cutter.feed(b"1234") == []
    for _ in range(100):
        assert cutter.feed(b"5678" * 100) == []
    assert cutter.feed(b"9\nab\xff\n") == ["12345678 … (line cut)", "ab�"]
    assert cutter.feed(b"rest") == []
    assert cutter.flush() == ["rest"]
    assert cutter.flush() == []


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=20), max_size=20))
def test_lines_do_not_depend_on_how_bytes_arrive(parts: list[bytes]) -> None:
    whole, pieces = LineCutter(limit=8), LineCutter(limit=8)
    data = b"".join(parts)
    expected = whole.feed(data) + whole.flush()
    assert [line for part in parts for line in pieces.feed(part)] + pieces.flush() == expected


def test_rotated_files_are_listed_oldest_first(tmp_path: Path) -> None:
    for name in ("x.log", "x.log.1", "x.log.10", "x.log.2", "x.log.gz", "y.log.1"):
        (tmp_path / name).touch()
    assert [path.name for path in with_rotated(tmp_path / "x.log")] == ["x.log.10", "x.log.2", "x.log.1", "x.log"]
