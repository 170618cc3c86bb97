"""Metrics: samples of numbers over time, apart from the state of resources."""

from typing import Protocol, runtime_checkable

from msgspec import Struct

from quarterdeck_api.wire import Method, Nothing


class MetricSample(Struct, frozen=True, array_like=True):
    """One number of one resource at a Unix time. `unit` is `1/s`, `s`, `By`, `1` (a fraction) or empty."""

    address: str
    name: str
    value: float
    time: float
    unit: str = ""


class MetricSeries(Struct, frozen=True, omit_defaults=True):
    """One metric over time: Unix times, ascending, and values of equal length; None is a gap."""

    name: str
    times: tuple[float, ...]
    values: tuple[float | None, ...]
    unit: str = ""


@runtime_checkable
class MetricProvider(Protocol):
    """A backend that keeps metrics itself; others emit samples through their WatchContext, and the runtime keeps those."""

    def metrics(self, address: str, names: tuple[str, ...], since: float, until: float) -> list[MetricSeries]:
        """The metrics of a resource in a range of Unix times; without names all that it has."""
        ...


class MetricsParams(Struct, frozen=True, omit_defaults=True):
    """Metrics of a resource in a range of Unix times; `until` 0 is now, `since` below 0 counts from there. Without names: all."""

    address: str
    names: tuple[str, ...] = ()
    since: float = -900.0
    until: float = 0.0


class MetricsResult(Struct, frozen=True):
    """What is known, by name: a sample a second of the last 15 minutes, one every 10 seconds of the last 24 hours."""

    series: tuple[MetricSeries, ...]


class MetricsWatch(Struct, frozen=True, omit_defaults=True):
    """Metrics to follow, under a number that the client chooses: of one address, or of all resources of a kind; without names all."""

    stream: int
    address: str = ""
    kind: str = ""
    names: tuple[str, ...] = ()


class MetricsNumber(Struct, frozen=True):
    """A metrics stream of this connection."""

    stream: int


class MetricsChanged(Struct, frozen=True):
    """The newest sample of each metric that has a new one, once a second at most."""

    stream: int
    samples: tuple[MetricSample, ...]


METRICS = Method("metrics", MetricsParams, MetricsResult)
METRICS_OPEN = Method("metrics.open", MetricsWatch, Nothing)
METRICS_CLOSE = Method("metrics.close", MetricsNumber, Nothing)
METRICS_CHANGED = Method("metrics.changed", MetricsChanged, Nothing)
