"""What a backend's `watch` is given: where changes go, who looks, and when to end."""

import threading
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from quarterdeck_api.backend import Interest
from quarterdeck_api.catalogue import Catalogue
from quarterdeck_api.findings import Finding
from quarterdeck_api.host.making import BackendResources
from quarterdeck_api.metrics import MetricSample
from quarterdeck_api.processes import ControlAnswer, ControlMessage
from quarterdeck_api.resources import Cell, Change, Remove, Resource, Synced, Upsert


class WatchOutlets(Struct, frozen=True):
    """Where what a backend says beside its changes goes; all may be called from any thread."""

    metrics: Callable[[Sequence[MetricSample]], None]
    findings: Callable[[Sequence[Finding]], None]
    send: Callable[[str, ControlMessage, float], ControlAnswer]


class HostWatchContext:
    """The host's WatchContext for one run of `watch`; all methods may be called from any thread.

    `sink` takes the changes until `stop`; what an abandoned `watch` emits afterwards is dropped.
    """

    def __init__(
        self,
        backend: str,
        catalogue: Catalogue,
        interest: Interest,
        sink: Callable[[Change], None],
        outlets: WatchOutlets,
    ) -> None:
        self._resources = BackendResources(backend, catalogue)
        self._sink = sink
        self._outlets = outlets
        self._condition = threading.Condition()
        self._interest = interest
        self._unseen_interest = False
        self._woken = False
        self._stopped = False
        self._synced = False

    @property
    def stopped(self) -> bool:
        """Whether `watch` must return."""
        return self._stopped

    @property
    def synced(self) -> bool:
        """Whether this run has said everything at least once."""
        return self._synced

    @property
    def interest(self) -> Interest:
        """Who looks at the backend now."""
        with self._condition:
            return self._interest

    def stop(self) -> None:
        """Tells `watch` to return."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()

    def set_interest(self, interest: Interest) -> None:
        """Tells `watch` who looks now."""
        with self._condition:
            if interest is not self._interest:
                self._interest = interest
                self._unseen_interest = True
                self._condition.notify_all()

    def wait(self, seconds: float) -> bool:
        """Sleeps, but wakes when `watch` must return, the interest changes, or `wake` is called; True when it must return."""
        with self._condition:
            self._condition.wait_for(lambda: self._stopped or self._unseen_interest or self._woken, max(seconds, 0.0))
            self._unseen_interest = self._woken = False
            return self._stopped

    def wake(self) -> None:
        """Ends a `wait` that is under way, or the next one."""
        with self._condition:
            self._woken = True
            self._condition.notify_all()

    def emit(self, change: Change) -> None:
        """Reports one change; never blocks.

        Raises UsageError for a resource of another backend or of a kind that is not mirrored, and for what is not a change.
        """
        if isinstance(change, Upsert):
            self._resources.check_mirrored(change.resource.address)
        elif isinstance(change, Remove):
            self._resources.check_mirrored(change.address)
        if self._stopped:
            return
        if isinstance(change, Synced):
            self._synced = True
        self._sink(change)

    def metric(self, samples: Sequence[MetricSample]) -> None:
        """Reports samples of metrics; never blocks. What is not a finite number is a gap and left out.

        Raises UsageError for a sample of another backend, or one that is not as typed.
        """
        for sample in samples:
            self._resources.check_own(sample.address)
        if not self._stopped:
            self._outlets.metrics(samples)

    def findings(self, findings: Sequence[Finding]) -> None:
        """Says everything that needs attention now; never blocks. Raises UsageError for more than 1,000, or for what is no finding."""
        if not self._stopped:
            self._outlets.findings(findings)

    def send(self, instance: str, message: ControlMessage, timeout: float = 5.0) -> ControlAnswer:
        """Sends a control message to a managed process and waits for its answer; raises UnreachableError or UnknownOutcomeError."""
        return self._outlets.send(instance, message, timeout)

    def resource(
        self,
        kind: str,
        name: str,
        *,
        cells: Mapping[str, Cell],
        health: str = "ok",
        state: str = "",
        reason: str = "",
        since: float = 0.0,
        uid: str = "",
        parent: str = "",
        links: dict[str, str] | None = None,
        actions_off: dict[str, str] | None = None,
    ) -> Resource:
        """Builds a resource of this backend with its cells in the catalogue's order; columns that are not given are empty.

        Raises UsageError for an unknown kind, column or health. Without `uid` the name identifies the resource.
        """
        return self._resources(
            kind,
            name,
            cells=cells,
            health=health,
            state=state,
            reason=reason,
            since=since,
            uid=uid,
            parent=parent,
            links=links,
            actions_off=actions_off,
        )
