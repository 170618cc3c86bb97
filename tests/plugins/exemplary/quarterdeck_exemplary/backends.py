"""Backends in memory: a few nodes that change when they are told to, and many rows that change by themselves."""

import os
import threading
import time
from collections import deque

from quarterdeck_api.backend import ActionRequest, ActionResult, Choice, ProbeResult, WatchContext
from quarterdeck_api.documents import Document, Fact, FactsBlock
from quarterdeck_api.errors import NotFoundError, UnsupportedError
from quarterdeck_api.resources import Address, Remove, Resource, Synced, Upsert
from quarterdeck_exemplary.settings import ManySettings, NodeSettings

_TICK_SECONDS = 0.05


class NodesBackend:
    """A few nodes; each change by an action is pushed at once."""

    def __init__(self, name: str, settings: NodeSettings) -> None:
        self._name = name
        self._wanted = settings.nodes
        self._lock = threading.Lock()
        self._changed: deque[str] = deque()
        self._pings = {f"n{number}": 0 for number in range(1, settings.nodes + 1)}
        self._said: dict[str, str] = {}
        self._wake = threading.Event()
        self._closed = threading.Event()

    def watch(self, context: WatchContext) -> None:
        with self._lock:
            self._changed.clear()
            names = list(self._pings)
        for name in names:
            context.emit(Upsert(self._resource(context, name)))
        context.emit(Synced(("node", "item")))
        while not context.stopped:
            self._wake.wait(_TICK_SECONDS * 4)
            self._wake.clear()
            self._emit_changed(context)

    def close(self) -> None:
        self._closed.set()

    def describe(self, address: str) -> Document:
        name = self._existing(address)
        facts = (Fact("pings", self._pings[name]), Fact("said", self._said.get(name, "")))
        return Document(f"Node {name}", (FactsBlock(facts),))

    def probe(self) -> ProbeResult:
        return ProbeResult("1.0", ("ping",))

    def complete(self, action: str, address: str, field: str, prefix: str) -> list[Choice]:
        return [Choice(word) for word in ("ping", "pong") if field == "text" and word.startswith(prefix)]

    def perform(self, request: ActionRequest) -> ActionResult:
        if request.action == "node.restore":
            for number in range(1, self._wanted + 1):
                self._pings.setdefault(f"n{number}", 0)
                self._tell(f"n{number}")
            return ActionResult(f"{self._wanted} nodes are there")
        name = self._existing(request.address)
        match request.action:
            case "node.ping":
                return self._ping(name, str(request.parameters.get("text", "pong")), request.dry_run)
            case "node.remove":
                del self._pings[name]
                self._tell(name)
                return ActionResult(f"{name} is removed")
            case "node.hang":
                self._closed.wait()
                return ActionResult("the backend was closed")
            case "node.crash":
                os._exit(7)
            case _:
                raise UnsupportedError(f"{request.action} is unknown here", "see the plugin's actions", request.address)

    def _ping(self, name: str, text: str, dry_run: bool) -> ActionResult:
        statement = f"PING {name} {text}"
        if dry_run:
            return ActionResult(f"would ping {name}", statement)
        with self._lock:
            self._pings[name] += 1
            self._said[name] = text
        self._tell(name)
        return ActionResult(text, statement)

    def _tell(self, name: str) -> None:
        self._changed.append(name)
        self._wake.set()

    def _emit_changed(self, context: WatchContext) -> None:
        while self._changed:
            name = self._changed.popleft()
            gone = name not in self._pings
            context.emit(Remove(f"{self._name}/node/{name}") if gone else Upsert(self._resource(context, name)))

    def _resource(self, context: WatchContext, name: str) -> Resource:
        cells = {"pings": self._pings[name], "said": self._said.get(name, "")}
        return context.resource("node", name, cells=cells, health="ok", state="up", since=1_700_000_000.0, uid=name)

    def _existing(self, address: str) -> str:
        name = Address.parse(address).name
        if name not in self._pings:
            raise NotFoundError(f"there is no {address}", "see `quarterdeck get node`", address)
        return name


class ManyBackend:
    """Many items with eight cells; a steady number of cells changes each second."""

    def __init__(self, name: str, settings: ManySettings) -> None:
        self._settings = settings
        self._values: dict[int, float] = {}

    def watch(self, context: WatchContext) -> None:
        for number in range(self._settings.rows):
            if context.stopped:
                return
            context.emit(Upsert(self._item(context, number)))
        context.emit(Synced(("node", "item")))
        started, done = time.monotonic(), 0
        while not context.stopped:
            context.wait(_TICK_SECONDS if self._settings.changes_per_second else 1.0)
            due = int((time.monotonic() - started) * self._settings.changes_per_second)
            for change in range(done, due):
                number = change * 7919 % self._settings.rows  # A prime, so that changes are spread over all rows.
                self._values[number] = float(change)
                context.emit(Upsert(self._item(context, number)))
            done = due

    def close(self) -> None:
        self._values.clear()

    def _item(self, context: WatchContext, number: int) -> Resource:
        cells = {
            "number": number,
            "value": self._values.get(number, number / 3),
            "share": number % 100 / 100,
            "size": number * 1024,
            "lasts": float(number % 86_400),
            "seen": 1_700_000_000.0 + number,
            "good": number % 10 != 0,
            "text": f"item number {number}",
        }
        health = "ok" if number % 10 else "degraded"
        name = f"item-{number:06d}"
        return context.resource(
            "item", name, cells=cells, health=health, state="listed", since=1_700_000_000.0, uid=name
        )


def open_nodes(name: str, settings: NodeSettings) -> NodesBackend:
    """Opens the backend with a few nodes."""
    return NodesBackend(name, settings)


def open_many(name: str, settings: ManySettings) -> ManyBackend:
    """Opens the backend with many rows."""
    return ManyBackend(name, settings)
