"""What a backend's `logs` and `describe_live` are given: bounded buffers between the plugin's thread and the host's loop."""

import threading
from collections import deque
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from quarterdeck_api.documents import Document
from quarterdeck_api.errors import UsageError

#: Lines and characters of one log that wait for its reader.
LINES_HELD = 50_000
CHARACTERS_HELD = 4 * 1024 * 1024

#: Lines and characters of one message.
LINES_SENT = 2_000
CHARACTERS_SENT = 256 * 1024

#: Characters after which a line is cut.
LINE_CHARACTERS = 64 * 1024
CUT = " … (line cut)"

#: Bytes of one document as JSON.
DOCUMENT_BYTES = 4 * 1024 * 1024

_document = msgspec.json.Decoder(Document)


class LinesTaken(Struct, frozen=True):
    """Lines on their way, and how many were left out before them."""

    lines: tuple[str, ...]
    skipped: int


class StreamContext:
    """What logs and live documents share: being told to end."""

    def __init__(self) -> None:
        self._wake: Callable[[], None] = _nobody
        self._condition = threading.Condition()
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether nobody reads any more."""
        return self._stopped

    def on_news(self, wake: Callable[[], None]) -> None:
        """Says who is called, from any thread, when there is something to send; before the plugin's call begins."""
        self._wake = wake

    def stop(self) -> None:
        """Nobody reads any more."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()

    def wait(self, seconds: float) -> bool:
        """Sleeps, but wakes when nobody reads any more; then it is True."""
        with self._condition:
            self._condition.wait_for(lambda: self._stopped, max(seconds, 0.0))
            return self._stopped


class HostLogContext(StreamContext):
    """The host's LogContext: holds lines until they are sent.

    A log that is followed never holds up who writes it: of too many lines the oldest are left out and counted. One that is read to its
    end is complete, so `write` waits there until there is room.
    """

    def __init__(self, follow: bool) -> None:
        super().__init__()
        self._follow = follow
        self._lines: deque[str] = deque()
        self._characters = 0
        self._skipped = 0

    def write(self, lines: Sequence[str]) -> None:
        """Passes lines on; raises UsageError for what is not text."""
        if isinstance(lines, str):
            raise UsageError("lines of a log were written as one text", "write a list of lines")
        for line in lines:
            text = _sendable(line)
            with self._condition:
                if not self._follow:
                    self._condition.wait_for(lambda: self._stopped or not self._full)
                if self._stopped:
                    return
                self._lines.append(text)
                self._characters += len(text)
                while self._follow and self._full and len(self._lines) > 1:
                    self._characters -= len(self._lines.popleft())
                    self._skipped += 1
        self._wake()

    def take(self) -> LinesTaken | None:
        """The next message's lines, oldest first, or None when there are none."""
        with self._condition:
            taken: list[str] = []
            room = CHARACTERS_SENT
            while self._lines and len(taken) < LINES_SENT and (room >= len(self._lines[0]) or not taken):
                line = self._lines.popleft()
                self._characters -= len(line)
                room -= len(line)
                taken.append(line)
            if not taken:
                return None
            skipped, self._skipped = self._skipped, 0
            self._condition.notify_all()
            return LinesTaken(tuple(taken), skipped)

    @property
    def _full(self) -> bool:
        return len(self._lines) >= LINES_HELD or self._characters >= CHARACTERS_HELD


class HostDocumentContext(StreamContext):
    """The host's DocumentContext: keeps the latest document until it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self._latest: Document | None = None

    def show(self, document: Document) -> None:
        """Shows the document's latest state; never blocks."""
        with self._condition:
            if self._stopped:
                return
            self._latest = document
        self._wake()

    def take(self) -> Document | None:
        """The latest document when it was not taken yet; raises UsageError for one that cannot be sent."""
        with self._condition:
            latest, self._latest = self._latest, None
        if latest is not None:
            _check_document(latest)
        return latest


def _nobody() -> None:
    """There is nobody to wake yet."""


def _sendable(line: object) -> str:
    if not isinstance(line, str):
        raise UsageError(f"a line of a log is a {type(line).__name__}, not text", "decode it first")
    text = line if len(line) <= LINE_CHARACTERS else line[:LINE_CHARACTERS] + CUT
    text = text.removesuffix("\n").removesuffix("\r")
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _check_document(document: object) -> None:
    try:
        encoded = msgspec.json.encode(document)
        _document.decode(encoded)
    except (msgspec.MsgspecError, TypeError, UnicodeError, OverflowError) as error:
        raise UsageError(
            f"a live document cannot be sent: {error}", "documents hold text, numbers, booleans or nothing"
        ) from error
    if len(encoded) > DOCUMENT_BYTES:
        raise UsageError(f"a live document is larger than {DOCUMENT_BYTES} bytes", "show less at a time")
