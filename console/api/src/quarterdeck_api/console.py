"""What a plugin's command works with: a `Console`, by which it reads and asks for what any user could.

Whatever a command changes goes through policy, guardrails, authorising plugins and the journal, as the user's own request.
"""

import itertools
import socket
import sys
import time
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from quarterdeck_api.errors import ProtocolError, UnknownOutcomeError, UnreachableError, error_from_report
from quarterdeck_api.protocol import (
    DESCRIBE,
    DO,
    GET,
    JOB_GET,
    AddressParams,
    DescribeResult,
    DoParams,
    DoResult,
    GetParams,
    GetResult,
    JobParams,
    JobRecord,
)
from quarterdeck_api.resources import Cell
from quarterdeck_api.visible import visible
from quarterdeck_api.wire import LineReader, Message, Method, decode_message, decode_value, encode_message, encode_value

P = TypeVar("P")
R = TypeVar("R")

#: Seconds for an answer from what the runtime knows, and for a short action.
ANSWER_TIMEOUT = 15.0
DO_TIMEOUT = 60.0

_READ_BYTES = 256 * 1024
#: Seconds between looks at a job that is waited for: more often at first.
_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.5


class ConsoleOptions(Struct, frozen=True):
    """What the command line was told beside the command's own parameters."""

    as_json: bool = False
    confirmed: bool = False
    typed_names: tuple[str, ...] = ()
    colour: bool = False


class RuntimeLine:
    """A connection to the runtime that somebody else has made and greeted; for one thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._lines = LineReader()
        self._waiting: list[bytes] = []
        # Whoever made the connection may have read the beginning of a notification; its end is then the first line here.
        self._first = True
        # The numbers of whoever made the connection lie below.
        self._ids = itertools.count(1_000_000)

    def call(self, method: Method[P, R], params: P, timeout: float, *, changes_something: bool = False) -> R:
        """Sends a request and waits at most `timeout` seconds for its answer; notifications meanwhile are left out.

        Raises what the runtime reports, UnreachableError when the answer is lost, or UnknownOutcomeError when it `changes_something`.
        """
        number = next(self._ids)
        deadline = time.monotonic() + timeout
        try:
            self._socket.settimeout(timeout)
            self._socket.sendall(encode_message(Message(id=number, method=method.name, params=encode_value(params))))
            while (message := self._next(deadline)).id != number or message.method:
                continue
        except OSError as error:
            why = f"no answer within {timeout:g} s" if isinstance(error, TimeoutError) else str(error)
            if changes_something:
                raise UnknownOutcomeError(
                    f"{method.name}: {why}; it may or may not have happened", "check before doing it again"
                ) from error
            raise UnreachableError(f"{method.name}: {why}", "try again") from error
        if message.error is not None:
            raise error_from_report(message.error)
        return decode_value(message.result, method.result)

    def _next(self, deadline: float) -> Message:
        while not self._waiting:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            data = self._socket.recv(_READ_BYTES)
            if not data:
                raise ConnectionError("the connection to the runtime ended")
            self._waiting = self._lines.feed(data)
        line, first, self._first = self._waiting.pop(0), self._first, False
        try:
            return decode_message(line)
        except ProtocolError:
            if first:
                return Message()
            raise


class Console:
    """The runtime, and the terminal or pipe that the command was started from."""

    def __init__(self, line: RuntimeLine, options: ConsoleOptions) -> None:
        self._line = line
        self._options = options

    @property
    def as_json(self) -> bool:
        """Whether `--json` was given: then standard output takes JSON only. `table` and `json` obey it by themselves."""
        return self._options.as_json

    @property
    def confirmed(self) -> bool:
        """Whether `--yes` was given, for what a command does by itself; what `do` asks for is confirmed by it anyway."""
        return self._options.confirmed

    def get(self, kind: str, backend: str = "", filter: str = "", wait: float = 5.0) -> GetResult:
        """Resources of a kind as they are now; waits at most `wait` seconds for backends that have not said everything yet."""
        return self._line.call(GET, GetParams(kind, backend, filter, wait), wait + ANSWER_TIMEOUT)

    def describe(self, address: str) -> DescribeResult:
        """One resource with its document."""
        return self._line.call(DESCRIBE, AddressParams(address), ANSWER_TIMEOUT)

    def do(
        self,
        action: str,
        *addresses: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        dry_run: bool = False,
        priority: int = 0,
        key: str = "",
    ) -> DoResult:
        """Requests an action; `--yes` and `--confirm NAME` of the command line confirm it. One outcome for each address, in their order.

        Raises the error of the first outcome that has one, so that the command ends with its exit code; catch it to go on.
        """
        request = DoParams(
            action,
            addresses,
            dict(parameters or {}),
            dict(settings or {}),
            dry_run,
            self._options.confirmed,
            priority=priority,
            key=key,
            typed_names=self._options.typed_names,
        )
        result = self._line.call(DO, request, DO_TIMEOUT, changes_something=not dry_run)
        for outcome in result.outcomes:
            if outcome.error is not None:
                raise error_from_report(outcome.error)
        return result

    def job(self, job: str | int) -> JobRecord:
        """A job by its number or address."""
        number = job if isinstance(job, int) else int(job.rpartition("/")[2])
        return self._line.call(JOB_GET, JobParams(number), ANSWER_TIMEOUT)

    def wait(self, job: str | int, timeout: float | None = None) -> JobRecord:
        """Waits until a job has ended, at most `timeout` seconds; raises UnreachableError when it has not."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = _FIRST_PAUSE
        while not (record := self.job(job)).state.final:
            if deadline is not None and time.monotonic() >= deadline:
                raise UnreachableError(
                    f"{record.address} has not ended within {timeout:g} s", f"see `quarterdeck jobs show {record.job}`"
                )
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
        return record

    def processes(self, filter: str = "") -> GetResult:
        """Managed processes as they are now."""
        return self.get("process", "core", filter)

    def say(self, text: str) -> None:
        """Says something beside the data, on standard error."""
        sys.stderr.write("".join(f"{visible(line)}\n" for line in text.splitlines()))
        sys.stderr.flush()

    def json(self, value: object) -> None:
        """Prints one JSON document."""
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
        sys.stdout.flush()

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Prints rows under titles in aligned columns; with `--json` a list of objects whose names are the titles."""
        if self.as_json:
            self.json([dict(zip(titles, row, strict=True)) for row in rows])
            return
        texts = [[title.upper() for title in titles], *([_cell_text(cell) for cell in row] for row in rows)]
        widths = [max(_width(line[index]) for line in texts) for index in range(len(titles))]
        for line in texts:
            padded = (cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True))
            sys.stdout.write("  ".join(padded).rstrip() + "\n")
        sys.stdout.flush()


def _cell_text(cell: Cell) -> str:
    if cell is None or cell == "":
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return visible(f"{cell:.6g}" if isinstance(cell, float) else str(cell))


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else not unicodedata.combining(each) for each in text)
