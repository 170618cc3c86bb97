"""Answers for metrics: what the runtime keeps, together with what a backend keeps itself; and following the newest samples."""

import asyncio
import logging
from collections.abc import Callable

from quarterdeck.runtime.backend_asking import BackendAsking
from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck.runtime.metrics_store import MetricsStore
from quarterdeck.runtime.serving.outlet import Outlet
from quarterdeck.runtime.serving.session import ClientSession
from quarterdeck_api.errors import UnreachableError, UnsupportedError, UsageError
from quarterdeck_api.host_protocol import BACKEND_METRICS, HOST_METRICS, MetricsAsked
from quarterdeck_api.host_protocol import MetricsParams as HostMetricsParams
from quarterdeck_api.metrics import (
    METRICS_CHANGED,
    MetricSample,
    MetricsChanged,
    MetricsNumber,
    MetricsParams,
    MetricsResult,
    MetricsWatch,
)
from quarterdeck_api.resources import CORE, Address
from quarterdeck_api.wire import Nothing

#: Seconds between two messages of a metrics stream.
INTERVAL = 1.0

#: Seconds for a backend to give metrics that it keeps.
_ASK_TIMEOUT = 15.0

_log = logging.getLogger("quarterdeck.runtime")


class Metrics:
    """Metrics for clients. `clock` gives Unix seconds. `put` takes samples of the runtime's own parts, as of managed processes."""

    def __init__(self, asking: BackendAsking, hosts: HostSupervisor, clock: Callable[[], float]) -> None:
        self._asking = asking
        self._clock = clock
        self._store = MetricsStore(clock, _series_dropped)
        self.put = self._store.put
        hosts.routes.on_notification(HOST_METRICS, self._received)

    async def get(self, _: ClientSession, asked: MetricsParams) -> MetricsResult:
        """Metrics of a resource in a range of time; raises UsageError for no address or a range that is none."""
        address = Address.parse(asked.address)
        until = asked.until or self._clock()
        since = until + asked.since if asked.since < 0 else asked.since
        if since > until:
            raise UsageError("the range of metrics ends before it begins", "give a `since` that is before `until`")
        kept = {each.name: each for each in self._store.range(asked.address, asked.names, since, until)}
        if address.backend != CORE:
            wanted = MetricsAsked(asked.address, asked.names, since, until)
            try:
                found = await self._asking.ask(address.backend, BACKEND_METRICS, wanted, _ASK_TIMEOUT)
            except (UnsupportedError, UnreachableError) as error:
                if not kept and isinstance(error, UnreachableError):
                    raise
                found = MetricsResult(())  # What it emitted is all that there is now.
            kept.update({each.name: each for each in found.series})
        return MetricsResult(tuple(kept[name] for name in sorted(kept)))

    async def open(self, session: ClientSession, wanted: MetricsWatch) -> Nothing:
        """Follows the newest samples of an address or of a kind."""
        if bool(wanted.address) == bool(wanted.kind):
            raise UsageError("metrics are followed of one address or of one kind", "give one of the two")
        session.metrics.open(wanted.stream, wanted.address, self._follow(session.outlet, wanted))
        return Nothing()

    async def close(self, session: ClientSession, wanted: MetricsNumber) -> Nothing:
        """Ends following."""
        session.metrics.close(wanted.stream)
        return Nothing()

    async def _follow(self, outlet: Outlet, wanted: MetricsWatch) -> None:
        revision = 0
        while True:
            revision, samples = self._store.newest(revision, lambda address, name: _matches(wanted, address, name))
            if samples:
                await outlet.room()
                outlet.notify(METRICS_CHANGED, MetricsChanged(wanted.stream, tuple(samples)))
            await asyncio.sleep(INTERVAL)

    def _received(self, plugin: str, params: HostMetricsParams) -> None:
        own: list[MetricSample] = [each for each in params.samples if each.address.startswith(f"{params.backend}/")]
        self._store.put(own)


def _matches(wanted: MetricsWatch, address: str, name: str) -> bool:
    if wanted.names and name not in wanted.names:
        return False
    return address == wanted.address if wanted.address else address.split("/", 2)[1] == wanted.kind


def _series_dropped(limit: int) -> None:
    _log.warning("more than %d metrics are reported: those without a sample for the longest are dropped", limit)
