"""The backends: models in memory, of which a steady number changes each second; and one that hangs as soon as it is asked."""

import threading
import time

from quarterdeck_api.backend import WatchContext
from quarterdeck_api.resources import Resource, Synced, Upsert
from quarterdeck_rows.settings import RowsSettings, StuckSettings

_TICK_SECONDS = 0.05


class ManyBackend:
    """Models `m-000000` and so on, each with eight columns."""

    def __init__(self, settings: RowsSettings) -> None:
        self._settings = settings

    def watch(self, context: WatchContext) -> None:
        for number in range(self._settings.rows):
            if context.stopped:
                return
            context.emit(Upsert(self._model(context, number, number / 3)))
        context.emit(Synced(("model",)))
        started, done = time.monotonic(), 0
        rate, seen = self._settings.changes_per_second, 40
        while not context.wait(_TICK_SECONDS if rate else 1.0):
            due = int((time.monotonic() - started) * rate)
            for change in range(done, due):
                # Every other change hits the first rows, which stand on the screen.
                spread = change * 7919 % self._settings.rows
                number = spread if change % 2 else spread % min(seen, self._settings.rows)
                context.emit(Upsert(self._model(context, number, float(change))))
            done = due

    def close(self) -> None:
        """Nothing is held."""

    @staticmethod
    def _model(context: WatchContext, number: int, mae: float) -> Resource:
        cells = {
            "number": number,
            "mae": mae,
            "share": number % 100 / 100,
            "size": number * 1024,
            "lasts": float(number % 86_400),
            "good": number % 10 != 0,
        }
        health = "ok" if number % 10 else "degraded"
        name = f"m-{number:06d}"
        return context.resource("model", name, cells=cells, health=health, state="listed", since=1.7e9, uid=name)


class TickingBackend:
    """One model whose state is the time at which it was pushed, again and again."""

    def watch(self, context: WatchContext) -> None:
        first = True
        while not context.wait(0.0 if first else 0.25):
            state = f"at {time.time():.4f}"
            context.emit(Upsert(context.resource("model", "clock", cells={}, state=state, since=1.7e9)))
            if first:
                context.emit(Synced(("model",)))
            first = False

    def close(self) -> None:
        """Nothing is held."""


class StuckBackend:
    """Hangs when it is watched, whatever it is told."""

    def __init__(self) -> None:
        self._never = threading.Event()

    def watch(self, context: WatchContext) -> None:
        self._never.wait()

    def close(self) -> None:
        """Does not end the hanging call: that is the point."""


def open_many(name: str, settings: RowsSettings) -> ManyBackend:
    """Opens the backend with many models."""
    return ManyBackend(settings)


def open_ticking(name: str, settings: StuckSettings) -> TickingBackend:
    """Opens the backend whose one model tells when it was pushed."""
    return TickingBackend()


def open_stuck(name: str, settings: StuckSettings) -> StuckBackend:
    """Opens the backend that hangs."""
    return StuckBackend()
