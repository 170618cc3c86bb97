"""Backends that behave, and backends that do not."""

import ctypes
import os
import threading
import time
from pathlib import Path

from msgspec import Struct

from quarterdeck_api.backend import ActionRequest, ActionResult, Choice, ProbeResult, WatchContext
from quarterdeck_api.documents import Document, Fact, FactsBlock
from quarterdeck_api.errors import UsageError
from quarterdeck_api.host.polling import Poller
from quarterdeck_api.resources import Resource, Synced, Upsert

FLOOD = 1_000_000


class Settings(Struct):
    """`mode` says how `watch` behaves, `folder` is where the backend leaves traces, `count` how many models it has."""

    mode: str = "steady"
    count: int = 3
    folder: str = ""


class Sample:
    """Does what its mode and the names that it is asked for say."""

    def __init__(self, name: str, settings: Settings) -> None:
        if settings.mode == "slow-open":
            time.sleep(3600)
        if settings.mode == "refuse":
            raise ConnectionRefusedError("nobody listens")
        self._name = name
        self._settings = settings

    def watch(self, context: WatchContext) -> None:
        modes = {"flood": self._flood, "polled": self._polled, "flaky": self._flaky, "deaf": self._deaf}
        modes.get(self._settings.mode, self._steady)(context)

    def close(self) -> None:
        self._trace("closed")

    def describe(self, address: str) -> Document:
        name = address.split("/", 2)[2]
        if name == "hang":
            time.sleep(3600)
        if name == "exit":
            os._exit(3)
        if name == "segv":
            ctypes.string_at(0)
        if name == "refused":
            raise ConnectionRefusedError("nobody listens")
        if name == "wrong":
            raise ValueError("the sample is broken")
        if name == "missing":
            raise UsageError("there is no such model", "look at the list")
        facts = (Fact("pid", os.getpid()), Fact("thread", threading.current_thread().name))
        return Document(name, (FactsBlock(facts),))

    def perform(self, request: ActionRequest) -> ActionResult:
        if request.address.endswith("/hang"):
            time.sleep(3600)
        if request.address.endswith("/exit"):
            os._exit(3)
        return ActionResult(f"did {request.action}", f"DO {request.parameters.get('word', 'nothing')}")

    def own_parameters(self, action: str, address: str) -> dict[str, object]:
        return {"type": "object", "properties": {"order": {"type": "string"}}}

    def complete(self, action: str, address: str, field: str, prefix: str) -> list[Choice]:
        return [Choice(word) for word in ("alpha", "beta") if word.startswith(prefix)]

    def probe(self) -> ProbeResult:
        return ProbeResult("1.0", ("describe",))

    def _models(self, context: WatchContext, state: str = "idle") -> list[Resource]:
        return [
            context.resource("model", f"m{number}", cells={"family": "sample", "size": number}, state=state)
            for number in range(self._settings.count)
        ]

    def _steady(self, context: WatchContext) -> None:
        for resource in self._models(context):
            context.emit(Upsert(resource))
        context.emit(Synced(("model",)))
        while not context.wait(3600):
            self._trace(f"interest-{context.interest.value}")

    def _flood(self, context: WatchContext) -> None:
        for number in range(FLOOD):
            if context.stopped:
                return
            resource = Resource(f"{self._name}/model/m{number % 100}", "u", cells=("flood", number))
            context.emit(Upsert(resource))
        context.emit(Synced(("model",)))
        while not context.wait(3600):
            pass

    def _polled(self, context: WatchContext) -> None:
        Poller(lambda: self._models(context), ("model",), 0.1, 0.1).run(context)

    def _flaky(self, context: WatchContext) -> None:
        if self._trace("failed-once"):
            raise ConnectionResetError("the other side went away")
        self._steady(context)

    def _deaf(self, context: WatchContext) -> None:
        context.emit(Synced(("model",)))
        time.sleep(3600)

    def _trace(self, name: str) -> bool:
        """Leaves an empty file; True when it was not there before."""
        if not self._settings.folder:
            return False
        path = Path(self._settings.folder) / name
        new = not path.exists()
        path.touch()
        return new


class Bare:
    """Can nothing but watch."""

    def __init__(self, name: str, settings: object) -> None:
        pass

    def watch(self, context: WatchContext) -> None:
        context.emit(Synced(("model",)))
        while not context.wait(3600):
            pass

    def close(self) -> None:
        pass
