"""Logs that a backend has for its resources: which ones there are, and their lines."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from quarterdeck_api.wire import Method


class LogSourceInfo(Struct, frozen=True, omit_defaults=True):
    """One log of a resource, as `stdout` of a container; the first one is shown when none is named."""

    name: str
    title: str = ""


class LogOptions(Struct, frozen=True, omit_defaults=True):
    """What is wanted of a log: its last `tail` lines (0: all that there are), and with `follow` what comes after."""

    follow: bool = False
    tail: int = 0


class LogContext(Protocol):
    """What `logs` is given: where lines go, and when to end."""

    @property
    def stopped(self) -> bool:
        """Whether nobody reads any more."""
        ...

    def write(self, lines: Sequence[str]) -> None:
        """Passes lines on.

        A log that is followed is never held up: it returns at once, and of lines that the reader is too slow for the oldest are left out
        and counted. One that is read to its end stays complete, so there it waits until the reader has taken enough.
        """
        ...

    def wait(self, seconds: float) -> bool:
        """Sleeps, but wakes when nobody reads any more; then it is True."""
        ...


@runtime_checkable
class LogProvider(Protocol):
    """A backend whose resources have logs."""

    def log_sources(self, address: str) -> list[LogSourceInfo]:
        """The logs of a resource, empty when it has none."""
        ...

    def logs(self, address: str, source: str, options: LogOptions, context: LogContext) -> None:
        """Writes a log's lines and returns at its end, or with `follow` when `context.stopped`; runs in a thread of its own."""
        ...


class LogSourcesParams(Struct, frozen=True):
    """A resource whose logs are asked for."""

    address: str


class LogSourcesResult(Struct, frozen=True):
    """Its logs."""

    sources: tuple[LogSourceInfo, ...]


LOG_SOURCES = Method("logs.sources", LogSourcesParams, LogSourcesResult)
