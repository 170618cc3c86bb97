"""The protocols that a backend implements; what it lacks is greyed out with the reason.

Methods are plain blocking functions: the host runs them in its thread pool, always with a time-out. A backend must therefore keep one
client per thread where its library is not thread-safe.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Protocol, runtime_checkable

from msgspec import Struct

from quarterdeck_api.catalogue import JsonSchema
from quarterdeck_api.documents import Document
from quarterdeck_api.findings import Finding
from quarterdeck_api.jobs import DatasetLocation
from quarterdeck_api.metrics import MetricSample
from quarterdeck_api.processes import ControlAnswer, ControlMessage, ProcessReport, Telemetry
from quarterdeck_api.resources import Change, Resource


class Interest(Enum):
    """Who looks at the backend now: what nobody looks at is asked rarely."""

    FOREGROUND = "foreground"
    BACKGROUND = "background"
    NONE = "none"


class WatchContext(Protocol):
    """What `watch` is given: a sink for changes, and when to end."""

    @property
    def stopped(self) -> bool:
        """Whether `watch` must return."""
        ...

    @property
    def interest(self) -> Interest:
        """Who looks at the backend now."""
        ...

    def emit(self, change: Change) -> None:
        """Reports one change; never blocks. Changes are coalesced per resource and sent against credit."""
        ...

    def wait(self, seconds: float) -> bool:
        """Sleeps, but wakes when `watch` must return, the interest changes, or `wake` is called; True when it must return."""
        ...

    def wake(self) -> None:
        """Ends a `wait` that is under way, or the next one, from any thread: there may be something to see."""
        ...

    def metric(self, samples: Sequence[MetricSample]) -> None:
        """Reports samples of metrics; never blocks. They are kept for a while by the runtime and are not part of any state."""
        ...

    def findings(self, findings: Sequence[Finding]) -> None:
        """Says everything that needs attention now, in place of what was said before; never blocks. At most 1,000."""
        ...

    def send(self, instance: str, message: ControlMessage, timeout: float = 5.0) -> ControlAnswer:
        """Sends a control message to a managed process of this backend and waits for its answer; raises UnreachableError or UnknownOutcomeError."""
        ...

    def resource(
        self,
        kind: str,
        name: str,
        *,
        cells: Mapping[str, str | int | float | bool | None],
        health: str = "ok",
        state: str = "",
        reason: str = "",
        since: float = 0.0,
        uid: str = "",
        parent: str = "",
        links: dict[str, str] | None = None,
        actions_off: dict[str, str] | None = None,
    ) -> Resource:
        """Builds a resource of this backend with its cells in the catalogue's order; an unknown kind or column is an error."""
        ...


@runtime_checkable
class Backend(Protocol):
    """The least that a backend is: something that reports its mirrored resources until it is closed."""

    def watch(self, context: WatchContext) -> None:
        """Emits everything the backend has, `Synced`, then changes, until `context.stopped`; runs in a thread of its own.

        `Synced` has to name every mirrored kind of the plugin, those of which this backend has nothing too: whoever asks for a kind waits
        for it.
        """
        ...

    def close(self) -> None:
        """Releases what the backend holds; called once."""
        ...


@runtime_checkable
class Describable(Protocol):
    """A backend whose resources can be described."""

    def describe(self, address: str) -> Document:
        """The document of one resource."""
        ...


class ActionRequest(Struct, frozen=True):
    """One action on one resource. `parameters` satisfy the action's schema, `settings` the resource's own (`--set`).

    `datasets` are those that the parameters name and that are imported, by what is written there: a job gets them in its spec, and the dry
    run of an action here.
    """

    action: str
    address: str
    parameters: dict[str, object] = {}
    settings: dict[str, object] = {}
    dry_run: bool = False
    datasets: dict[str, DatasetLocation] = {}


class RunInTerminal(Struct, frozen=True, omit_defaults=True):
    """A program that the client runs in its own terminal (a shell, a log-in); the console steps aside meanwhile. No shell reads `argv`."""

    argv: tuple[str, ...]
    folder: str = ""
    environment: dict[str, str] = {}
    title: str = ""


class ActionResult(Struct, frozen=True):
    """What a short action gave. `statement` is the exact request as the system knows it; `run` is for the client to run."""

    message: str
    statement: str = ""
    document: Document | None = None
    run: RunInTerminal | None = None


@runtime_checkable
class Performer(Protocol):
    """A backend with short actions."""

    def perform(self, request: ActionRequest) -> ActionResult:
        """Does the action once; with `dry_run` only says what would be sent."""
        ...


class Verdict(Enum):
    """Whether a request whose answer was lost has happened."""

    DONE = "done"
    NOT_DONE = "not-done"
    UNCLEAR = "unclear"


class VerifiedOutcome(Struct, frozen=True):
    """What was found out of a request whose answer was lost, and how, as a sentence."""

    verdict: Verdict
    sentence: str


@runtime_checkable
class Verifier(Protocol):
    """A backend that can find out later whether an action has happened."""

    def verify(self, request: ActionRequest) -> VerifiedOutcome:
        """Looks whether the action has happened, and never does it again. Secrets among the parameters are `***`: they are not kept."""
        ...


@runtime_checkable
class Parameterised(Protocol):
    """A backend whose resources have parameters of their own (each model has others)."""

    def own_parameters(self, action: str, address: str) -> JsonSchema:
        """JSON Schema (an object) of `--set` for this action on this resource."""
        ...


class Choice(Struct, frozen=True):
    """One completion."""

    value: str
    help: str = ""


@runtime_checkable
class Completer(Protocol):
    """A backend that completes values from the live system."""

    def complete(self, action: str, address: str, field: str, prefix: str) -> list[Choice]:
        """Choices for a field that begin with the prefix."""
        ...


class ProbeResult(Struct, frozen=True):
    """What a backend is, as found out by asking it."""

    version: str
    capabilities: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


@runtime_checkable
class Probeable(Protocol):
    """A backend that can be asked what it is."""

    def probe(self) -> ProbeResult:
        """Version and capabilities."""
        ...


@runtime_checkable
class ProcessListener(Protocol):
    """A backend that follows its managed processes; called in the host's thread pool, one call at a time for each instance."""

    def process_changed(self, report: ProcessReport) -> None:
        """An instance came, went, or judges itself otherwise."""
        ...

    def process_telemetry(self, instance: str, telemetry: Telemetry) -> None:
        """The latest of what an instance reported since the call before."""
        ...
