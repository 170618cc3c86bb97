"""CSV files read row by row: delimiter, header, compressed or not, and the line on which each row stands."""

import csv
import gzip
import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from msgspec import Struct

from quarterdeck_api.errors import UsageError

_DELIMITERS = ",;\t|"
_LONGEST_CELL = 1_000_000
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


class CsvChunk(Struct, frozen=True):
    """Some rows that follow one another, each with the number of its last line in the file."""

    lines: Sequence[int]
    rows: list[list[str]]


class CsvFile:
    """An open CSV file with its header read; a column without a name is called `column_N`.

    Raises UsageError when it cannot be opened, is empty, or has two columns of one name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        csv.field_size_limit(_LONGEST_CELL)
        try:
            self._size = max(path.stat().st_size, 1)
            self._raw: IO[bytes] = path.open("rb")
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}", "check its path and permissions") from error
        binary = gzip.GzipFile(fileobj=self._raw) if path.suffix == ".gz" else self._raw
        self._text = io.TextIOWrapper(binary, encoding="utf-8-sig", newline="")
        self._lines_before = 0
        self.header = self._read_header()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._text.close()
        self._raw.close()

    @property
    def fraction(self) -> float:
        """How much of the file was read, 0 to 1."""
        return min(self._raw.tell() / self._size, 1.0)

    def chunks(self, rows: int) -> Iterator["CsvChunk"]:
        """The file's rows, so many at a time, without blank ones. Raises UsageError for what is not CSV."""
        while True:
            found: list[list[str]] = []
            before = self._line
            error: Exception | None = None
            try:
                found.extend(islice(self._reader, rows))
            except (csv.Error, UnicodeDecodeError, OSError, EOFError) as raised:
                error = raised  # The rows before it are there.
            lines = _line_numbers(found, before, self._line if error is None else -1)
            if error is not None:
                raise self._unreadable(error, (lines[-1] if len(lines) else before) + 1) from error
            if not found:
                return
            if min(map(len, found)) < 2:
                kept = [place for place, row in enumerate(found) if row and (len(row) > 1 or row[0].strip())]
                found, lines = [found[place] for place in kept], [lines[place] for place in kept]
            yield CsvChunk(lines, found)

    def _read_header(self) -> tuple[str, ...]:
        try:
            first = self._text.readline()
            while first and not first.strip():
                self._lines_before += 1
                first = self._text.readline()
        except (UnicodeDecodeError, OSError, EOFError) as error:
            raise self._unreadable(error, self._lines_before + 1) from error
        if not first:
            raise UsageError(f"{self._path} is empty", "name a CSV file with a header and rows")
        delimiter = max(_DELIMITERS, key=first.count)
        # The header may have line breaks inside quotes, so the reader sees the first line as well.
        self._reader = csv.reader(_chained(first, self._text), delimiter=delimiter, strict=True)
        try:
            names = next(self._reader)
        except (csv.Error, UnicodeDecodeError) as error:
            raise self._unreadable(error, self._lines_before + 1) from error
        header = tuple(name.strip() or f"column_{number}" for number, name in enumerate(names, start=1))
        double = next((name for name in header if header.count(name) > 1), None)
        if double is not None:
            raise UsageError(f"{self._path} has two columns called {double!r}", "give every column a name of its own")
        return header

    @property
    def _line(self) -> int:
        return self._lines_before + self._reader.line_num

    def _unreadable(self, error: Exception, line: int) -> UsageError:
        if isinstance(error, UnicodeDecodeError):
            return UsageError(f"{self._path}, from line {line}: not UTF-8 text", "save the file as UTF-8")
        return UsageError(f"{self._path}, from line {line}: {error}", "check the quotes and the file's format there")


def _chained(first: str, rest: io.TextIOWrapper) -> Iterator[str]:
    yield first
    yield from rest


def _line_numbers(rows: list[list[str]], before: int, last: int) -> Sequence[int]:
    """The number of each row's last line. `before` is the last line before the first of them, `last` that of the last one, -1 unknown."""
    if last - before == len(rows):
        return range(before + 1, last + 1)
    lines: list[int] = []
    for row in rows:
        before += 1 + sum(len(_LINE_BREAK.findall(cell)) for cell in row)
        lines.append(before)
    return lines
