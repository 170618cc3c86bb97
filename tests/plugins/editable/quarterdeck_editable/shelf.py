"""A shelf of notes in memory."""

import difflib
import sys
import threading
import time
from collections import deque
from pathlib import Path

from quarterdeck_api.backend import ActionRequest, ActionResult, Choice, ProbeResult, RunInTerminal, WatchContext
from quarterdeck_api.documents import Document, Fact, FactsBlock, TextBlock
from quarterdeck_api.editing import EditableText, TextChange
from quarterdeck_api.errors import NotFoundError, RefusedError, UnsupportedError, UsageError
from quarterdeck_api.live_documents import DocumentContext
from quarterdeck_api.logs import LogContext, LogOptions, LogSourceInfo
from quarterdeck_api.metrics import MetricSample, MetricSeries
from quarterdeck_api.resources import Address, Resource, Synced, Upsert
from quarterdeck_editable.plugin import ShelfSettings

#: A text with this in it is wrong.
WRONG = "!!"

_TICK = 0.05
_LOG_LINES = 1_000_000


class _Note:
    """One note: its text, its version, and what was written to its log."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.version = 1
        self.log: deque[str] = deque(maxlen=_LOG_LINES)
        self.rate = 10.0
        self.shown = 0


class ShelfBackend:
    """Notes `a`, `b`, `c`…; `a` has no live document, and whatever is written to a note's log is numbered."""

    def __init__(self, name: str, settings: ShelfSettings) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._notes = {chr(97 + number): _Note(f"note {number}\n") for number in range(settings.notes)}
        self._streams = 0

    def watch(self, context: WatchContext) -> None:
        known: dict[str, Resource] = {}
        said_all = False
        while not context.stopped:
            for name in list(self._notes):
                resource = self._resource(context, name)
                if known.get(name) != resource:
                    known[name] = resource
                    context.emit(Upsert(resource))
            if not said_all:
                said_all = True
                context.emit(Synced(("note",)))
            now = time.time()
            samples = [
                MetricSample(f"{self._name}/note/{name}", "size", float(len(note.text)), now, "By")
                for name, note in self._notes.items()
            ]
            samples.append(MetricSample(f"{self._name}/note/a", "streams", float(self._streams), now))
            context.metric(samples)
            context.wait(_TICK)

    def close(self) -> None:
        self._closed.set()

    def probe(self) -> ProbeResult:
        return ProbeResult("1.0", ("edit", "logs", "metrics"))

    def describe(self, address: str) -> Document:
        note = self._existing(address)
        return Document("Note", (FactsBlock((Fact("version", note.version),)), TextBlock(note.text)))

    def describe_live(self, address: str, context: DocumentContext) -> None:
        note = self._existing(address)
        if Address.parse(address).name == "a":
            raise UnsupportedError(f"{address} does not live", "describe it once", address)
        with self._counted():
            began, done = time.monotonic(), 0
            while not context.stopped:
                due = int((time.monotonic() - began) * note.rate)
                for _ in range(done, due):
                    note.shown += 1
                    context.show(Document("Note", (FactsBlock((Fact("shown", note.shown),)),)))
                done = max(done, due)
                context.wait(0.001 if note.rate > 100 else _TICK)

    def log_sources(self, address: str) -> list[LogSourceInfo]:
        self._existing(address)
        return [LogSourceInfo("stdout", "Standard output"), LogSourceInfo("flood"), LogSourceInfo("broken")]

    def logs(self, address: str, source: str, options: LogOptions, context: LogContext) -> None:
        note = self._existing(address)
        with self._counted():
            match source:
                case "stdout":
                    self._stdout(note, options, context)
                case "flood":
                    self._flood(options, context)
                case "broken":
                    context.write(["the last line before the fault"])
                    raise ConnectionResetError("the log's server is gone")
                case _:
                    raise NotFoundError(f"{address} has no log {source!r}", "there are: stdout, flood", address)

    def metrics(self, address: str, names: tuple[str, ...], since: float, until: float) -> list[MetricSeries]:
        note = self._existing(address)
        times = (since, (since + until) / 2, until)
        kept = MetricSeries("versions", times, (1.0, None, float(note.version)))
        return [each for each in (kept,) if not names or each.name in names]

    def get_text(self, address: str) -> EditableText:
        note = self._existing(address)
        return EditableText(note.text, "", str(note.version))

    def put_text(self, address: str, text: str, version: str, dry_run: bool) -> TextChange:
        note = self._existing(address)
        for number, line in enumerate(text.splitlines(), 1):
            if WRONG in line:
                raise UsageError(f"line {number} of {address} has {WRONG} in it", "take it out", address)
        with self._lock:
            if version != str(note.version):
                raise RefusedError(
                    f"{address} was changed meanwhile: it is at version {note.version}, not {version}",
                    "get its text again",
                    address,
                )
            before = note.text.splitlines(keepends=True)
            diff = "".join(difflib.unified_diff(before, text.splitlines(keepends=True), "before", "after"))
            if dry_run:
                return TextChange(diff, f"would put {len(text)} characters", str(note.version))
            note.text = text
            note.version += 1
            return TextChange(diff, f"version {note.version}", str(note.version))

    def complete(self, action: str, address: str, field: str, prefix: str) -> list[Choice]:
        known = [f"{self._name}/note/{name}" for name in self._notes] if field == "to" else []
        return [Choice(each) for each in known if each.startswith(prefix)]

    def perform(self, request: ActionRequest) -> ActionResult:
        note = self._existing(request.address)
        asked = request.parameters
        match request.action:
            case "note.upload":
                path = str(asked["file"])
                if request.dry_run:
                    return ActionResult(f"would read {path}", f"PUT {path}")
                self._put(note, Path(path).read_text(encoding="utf-8"))
                return ActionResult(f"read {path}", f"PUT {path}")
            case "note.unlock":
                if asked["password"] != "open sesame":
                    raise RefusedError(f"{request.address} stays locked: the password is wrong", "try another")
                return ActionResult("unlocked")
            case "note.copy":
                self._put(self._existing(str(asked["to"])), note.text)
                return ActionResult(f"copied to {asked['to']}")
            case "note.shell":
                status = int(str(asked.get("status", 0)))
                program = f"import os, sys; print('shell of', os.environ['NOTE'], os.getcwd()); sys.exit({status})"
                name = Address.parse(request.address).name
                run = RunInTerminal((sys.executable, "-c", program), "/", {"NOTE": name}, f"Shell of {name}")
                return ActionResult(f"a shell of {name}", run=run)
            case "note.say":
                text = str(asked.get("text", "hello"))
                note.log.extend(f"{number} {text}" for number in range(int(str(asked.get("lines", 1)))))
                return ActionResult("written")
            case "note.pulse":
                note.rate = float(str(asked.get("rate", 10.0)))
                return ActionResult(f"{note.rate:g} a second")
            case "note.hang":
                self._closed.wait()
                return ActionResult("the backend was closed")
            case _:
                raise UnsupportedError(f"{request.action} is unknown here", "see the plugin's actions", request.address)

    def _stdout(self, note: _Note, options: LogOptions, context: LogContext) -> None:
        lines = list(note.log)
        context.write(lines[-options.tail :] if options.tail else lines)
        sent = len(lines)
        while options.follow and not context.wait(_TICK):
            news = list(note.log)[sent:]
            sent += len(news)
            if news:
                context.write(news)

    def _flood(self, options: LogOptions, context: LogContext) -> None:
        """A million lines when it is read to its end; when it is followed, as many as can be made."""
        number = max(1_000_000 - options.tail, 0) if options.tail and not options.follow else 0
        while not context.stopped and (options.follow or number < 1_000_000):
            end = number + 1000 if options.follow else min(number + 1000, 1_000_000)
            context.write([f"{each:09d} the quick brown fox jumps over the lazy dog" for each in range(number, end)])
            number = end

    def _put(self, note: _Note, text: str) -> None:
        with self._lock:
            note.text = text
            note.version += 1

    def _resource(self, context: WatchContext, name: str) -> Resource:
        note = self._notes[name]
        cells = {"size": len(note.text.encode()), "version": str(note.version)}
        return context.resource("note", name, cells=cells, state=context.interest.value)

    def _existing(self, address: str) -> _Note:
        note = self._notes.get(Address.parse(address).name)
        if note is None:
            raise NotFoundError(f"there is no {address}", "see `quarterdeck get note`", address)
        return note

    def _counted(self) -> "_Counted":
        return _Counted(self)

    def count(self, change: int) -> None:
        """Streams that run, as the metric of that name says."""
        with self._lock:
            self._streams += change


class _Counted:
    """Counts a stream while it runs."""

    def __init__(self, shelf: ShelfBackend) -> None:
        self._shelf = shelf

    def __enter__(self) -> None:
        self._shelf.count(1)

    def __exit__(self, *_: object) -> None:
        self._shelf.count(-1)


def open_shelf(name: str, settings: ShelfSettings) -> ShelfBackend:
    """Opens a shelf."""
    return ShelfBackend(name, settings)
