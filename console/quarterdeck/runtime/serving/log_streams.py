"""Log streams of one connection: files read in bounded slices, followed through rotation, never faster than the client reads."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, suppress
from pathlib import Path

from msgspec import Struct

from quarterdeck.runtime.serving.outlet import Outlet
from quarterdeck_api.errors import QuarterdeckError, UsageError
from quarterdeck_api.protocol import LOGS_LINES, LogLines, LogsParams

#: Bytes read at once: about a millisecond of work.
SLICE = 256 * 1024

#: Bytes after which a line is cut.
LINE_BYTES = 64 * 1024

#: Seconds between looks at a file that is followed.
INTERVAL = 0.05

#: Bytes of new output that a client may be behind before lines are skipped.
BACKLOG = 4 * 1024 * 1024

#: Looks at a quiet file for each question to its source, which may cost more than a look.
_ASK_EVERY = 4

_CUT = " … (line cut)"
_STREAM_LIMIT = 32


class LogSource(Struct, frozen=True):
    """Where a log lies: `paths` gives its files, oldest first (a retry adds one), `finished` whether nothing will be written any more."""

    paths: Callable[[], Sequence[Path]]
    finished: Callable[[], bool]


class LogChunk(Struct, frozen=True):
    """Lines of a log that is no file; `skipped` were left out before them."""

    lines: tuple[str, ...]
    skipped: int = 0


#: Where a log's lines come from: its files, or lines as they come.
LineSource = LogSource | AsyncGenerator[LogChunk, None]


class LineCutter:
    """Turns bytes into lines of bounded length. Control characters stay: clients make them visible."""

    def __init__(self, limit: int = LINE_BYTES) -> None:
        self._limit = limit
        self._rest = b""
        self._cut = False

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete now."""
        *complete, rest = data.split(b"\n")
        lines: list[str] = []
        for part in complete:
            lines.append(self._line(self._rest + part))
            self._rest, self._cut = b"", False
        self._rest += rest
        if len(self._rest) > self._limit:
            self._rest, self._cut = self._rest[: self._limit], True
        return lines

    def flush(self) -> list[str]:
        """The last line, when it has no newline."""
        line = [self._line(self._rest)] if self._rest else []
        self._rest, self._cut = b"", False
        return line

    def _line(self, data: bytes) -> str:
        cut = self._cut or len(data) > self._limit
        text = data[: self._limit].removesuffix(b"\r").decode("utf-8", "replace")
        return text + _CUT if cut else text


class LogFile:
    """One open file of a log, which notices that it was rotated away or truncated."""

    def __init__(self, path: Path, start: int = 0) -> None:
        self.path = path
        self.position = start
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self, limit: int) -> bytes:
        """The next bytes, at most `limit`; after a truncation from the file's beginning."""
        if os.fstat(self._descriptor).st_size < self.position:
            self.position = 0
        data = os.pread(self._descriptor, limit, self.position)
        self.position += len(data)
        return data

    @property
    def behind(self) -> int:
        """Bytes that were not read yet."""
        return max(0, os.fstat(self._descriptor).st_size - self.position)

    @property
    def rotated(self) -> bool:
        """Whether the path leads to another file by now."""
        try:
            found, own = self.path.stat(), os.fstat(self._descriptor)
        except FileNotFoundError:
            return False  # Between rename and creation: the new file is on its way.
        return (found.st_dev, found.st_ino) != (own.st_dev, own.st_ino)

    def reopen(self) -> None:
        """Goes on with the file that the path leads to now, from its beginning."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        os.close(self._descriptor)
        self._descriptor, self.position = descriptor, 0

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)


def with_rotated(path: Path) -> list[Path]:
    """A log's file with what was rotated away from it (`NAME.1` is the newest of these), oldest first."""
    older = [each for each in path.parent.glob(f"{path.name}.*") if each.suffix[1:].isdigit()]
    return [*sorted(older, key=lambda each: -int(each.suffix[1:])), path]


def tail_start(paths: Sequence[Path], lines: int) -> tuple[int, int]:
    """Where the last `lines` lines begin: index of the file and offset in it. Reads backwards, as little as needed."""
    wanted = lines
    for index in range(len(paths) - 1, -1, -1):
        with suppress(FileNotFoundError), paths[index].open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            ends_open = end > 0 and _byte(file.fileno(), end - 1) != b"\n"
            # The newline that ends the last line begins nothing, so one more is looked for unless the last line is open.
            left = wanted if ends_open else wanted + 1
            for start, block in _blocks_backwards(file.fileno(), end):
                found = block.count(b"\n")
                if found >= left:
                    return index, start + _nth_newline_from_end(block, left) + 1
                left -= found
            wanted = left - 1 if end else wanted
            if wanted <= 0:
                return index, 0
    return 0, 0


def _byte(descriptor: int, offset: int) -> bytes:
    return os.pread(descriptor, 1, offset)


def _blocks_backwards(descriptor: int, end: int) -> Iterator[tuple[int, bytes]]:
    while end > 0:
        start = max(0, end - SLICE)
        yield start, os.pread(descriptor, end - start, start)
        end = start


def _nth_newline_from_end(block: bytes, number: int) -> int:
    position = len(block)
    for _ in range(number):
        position = block.rindex(b"\n", 0, position)
    return position


class _Stream:
    """One log stream on its way to a client."""

    def __init__(self, params: LogsParams, source: LogSource, outlet: Outlet, interval: float) -> None:
        self._params = params
        self._source = source
        self._outlet = outlet
        self._interval = interval
        self._cutter = LineCutter()
        self._skipped = 0
        named = source.paths()
        self._named = len(named)
        self._files = [each for path in named for each in with_rotated(path)]

    async def run(self) -> None:
        """Sends what there is, and with `follow` what comes, until the source is finished."""
        index, start = tail_start(self._files, self._params.tail) if self._params.tail > 0 else (0, 0)
        while (found := await self._next_file(index, start)) is not None:
            index, file = found
            try:
                await self._send_file(index, file)
            finally:
                file.close()
            await self._send(self._cutter.flush())
            index, start = index + 1, 0
        await self._send([], ended=True)

    async def _next_file(self, index: int, start: int) -> tuple[int, LogFile] | None:
        """Opens the first file from `index` on that exists; waits for one while the log is followed and not finished."""
        while True:
            finished = self._source.finished()
            self._look_for_files()
            for candidate in range(index, len(self._files)):
                with suppress(FileNotFoundError):
                    return candidate, LogFile(self._files[candidate], start if candidate == index else 0)
            if finished or not self._params.follow:
                return None
            await asyncio.sleep(self._interval)

    async def _send_file(self, index: int, file: LogFile) -> None:
        """Sends one file to its end, and follows it while it is the newest."""
        owed = file.position + file.behind  # What was there already is never skipped, however slow the client is.
        idle = 0
        while True:
            # The source is asked before reading, so that what was written before the end is read below.
            asks = idle % _ASK_EVERY == 0
            finished = asks and self._source.finished()
            slow = await self._outlet.room()
            if slow and self._params.follow and file.position >= owed and file.behind > BACKLOG:
                await self._skip(file)
            if data := file.read(SLICE):
                await self._send(self._cutter.feed(data))
                idle = 0
                continue
            if self._params.follow and file.rotated:
                with suppress(FileNotFoundError):  # Rotated once more just now: the next look finds it.
                    if not file.behind:
                        file.reopen()
                        owed = 0
                continue
            if asks:
                self._look_for_files()
            if not self._params.follow or finished or index < len(self._files) - 1:
                return
            idle += 1
            await asyncio.sleep(self._interval)

    async def _skip(self, file: LogFile) -> None:
        """Passes over what the client is too slow for, counting its lines; the newest slice stays."""
        while file.behind > SLICE:
            self._skipped += file.read(min(SLICE, file.behind - SLICE)).count(b"\n")
            await asyncio.sleep(0)
        self._cutter.flush()
        rest = file.read(SLICE)
        begin = rest.find(b"\n") + 1
        self._skipped += 1 if begin else 0
        await self._send(self._cutter.feed(rest[begin:]))

    def _look_for_files(self) -> None:
        paths = self._source.paths()
        self._files.extend(paths[self._named :])
        self._named = max(self._named, len(paths))

    async def _send(self, lines: list[str], *, ended: bool = False) -> None:
        if lines or ended:
            self._outlet.notify(LOGS_LINES, LogLines(self._params.stream, tuple(lines), self._skipped, ended))
            self._skipped = 0
        await asyncio.sleep(0)


class LogStreams:
    """Opens and closes the log streams of one connection."""

    def __init__(
        self, outlet: Outlet, on_fault: Callable[[str, BaseException], None], interval: float = INTERVAL
    ) -> None:
        self._outlet = outlet
        self._on_fault = on_fault
        self._interval = interval
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._addresses: dict[int, str] = {}

    def looks_at(self, backend: str) -> bool:
        """Whether a log of the backend is open."""
        return any(self._addresses[number].startswith(f"{backend}/") for number in self._tasks)

    def open(self, params: LogsParams, source: LineSource) -> None:
        """Opens a stream; one of the same number is replaced. A tail of 0 means everything."""
        if params.stream not in self._tasks and len(self._tasks) >= _STREAM_LIMIT:
            raise UsageError(f"this connection has {_STREAM_LIMIT} log streams already", "close one first")
        self.close(params.stream)
        if isinstance(source, LogSource):
            run = _Stream(params, source, self._outlet, self._interval).run()
        else:
            run = _send_lines(params.stream, source, self._outlet)
        task = asyncio.create_task(run)
        self._tasks[params.stream] = task
        self._addresses[params.stream] = params.address
        task.add_done_callback(lambda ended: self._ended(params.stream, ended))

    def close(self, number: int) -> None:
        """Closes a stream; one that is not open is none."""
        self._addresses.pop(number, None)
        task = self._tasks.pop(number, None)
        if task is not None:
            task.cancel()

    def close_all(self) -> None:
        """Closes every stream, because the connection ended."""
        for number in list(self._tasks):
            self.close(number)

    def _ended(self, number: int, task: asyncio.Task[None]) -> None:
        if self._tasks.get(number) is task:
            del self._tasks[number], self._addresses[number]
        error = None if task.cancelled() else task.exception()
        if error is None or self._outlet.closed:
            return
        if not isinstance(error, QuarterdeckError):
            self._on_fault("logs", error)
            error = QuarterdeckError(f"the log cannot be read: {error}", "see `quarterdeck runtime logs`")
        self._outlet.notify(LOGS_LINES, LogLines(number, (), 0, True, error.report()))


async def _send_lines(number: int, source: AsyncGenerator[LogChunk, None], outlet: Outlet) -> None:
    """Sends lines as they come, and asks for more only once the client has read enough."""
    async with aclosing(source):
        async for chunk in source:
            await outlet.room()
            outlet.notify(LOGS_LINES, LogLines(number, chunk.lines, chunk.skipped))
        outlet.notify(LOGS_LINES, LogLines(number, (), 0, True))
