"""Managed processes as data: what a plugin declares them to be, what they report, and what they are told."""

from enum import Enum
from typing import Any

from msgspec import Struct

from quarterdeck_api.resources import Health
from quarterdeck_api.wire import Method, Nothing

#: The variables by which a managed process finds its host and knows who it is.
PROCESS_SOCKET_VARIABLE = "QUARTERDECK_PROCESS_SOCKET"
PROCESS_NAME_VARIABLE = "QUARTERDECK_PROCESS_NAME"
PROCESS_TOKEN_VARIABLE = "QUARTERDECK_PROCESS_TOKEN"

#: Seconds between heartbeats of a managed process that uses `quarterdeck_api.process`.
PROCESS_HEARTBEAT_SECONDS = 1.0
#: Messages of telemetry that a process sends at most, a second.
TELEMETRY_RATE = 10.0


class DesiredState(Enum):
    """What the user wants of a process; the runtime keeps it so."""

    RUNNING = "running"
    STOPPED = "stopped"


class ProcessState(Enum):
    """What a process is doing. `crash-loop`: it ended soon after each of its last starts, and is started again only when asked."""

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    STOPPED = "stopped"
    BACKING_OFF = "backing-off"
    CRASH_LOOP = "crash-loop"


class ProcessSpec(Struct, frozen=True, omit_defaults=True):
    """A managed process that is wanted. `count` instances are kept; `parameters` satisfy the type's schema."""

    name: str
    process_type: str
    plugin: str
    backend: str
    parameters: dict[str, Any]
    desired: DesiredState = DesiredState.RUNNING
    count: int = 1


class ProcessStart(Struct, frozen=True):
    """What an instance is told at its start, as JSON in a file that only its user may read. `name` is the instance's: `NAME.1`, `NAME.2` …"""

    name: str
    instance: int
    process_type: str
    implementation: str
    parameters: dict[str, Any]
    backend: str
    backend_factory: str
    backend_settings: dict[str, Any]


class ProcessHello(Struct, frozen=True):
    """An instance's first line to its host; `token` proves that the runtime has started it."""

    name: str
    token: str
    pid: int


class ProcessBeat(Struct, frozen=True, omit_defaults=True):
    """An instance lives, and how it judges itself; `unknown` until it is ready."""

    health: Health = Health.OK
    message: str = ""


class Telemetry(Struct, frozen=True, omit_defaults=True):
    """Numbers that an instance reports (the latest of each name, coalesced), and texts for its plugin."""

    values: dict[str, float]
    units: dict[str, str] = {}
    notes: dict[str, str] = {}


class ControlMessage(Struct, frozen=True):
    """A message to an instance, as its plugin understands it."""

    name: str
    body: Any = None


class ControlAnswer(Struct, frozen=True):
    """What an instance answered."""

    body: Any = None


class ProcessReport(Struct, frozen=True, omit_defaults=True):
    """What a host tells the runtime of an instance: connected or not, and how it is; `unknown` while it is not ready.

    `values` are what its telemetry has brought since the report before.
    """

    name: str
    connected: bool
    health: Health = Health.UNKNOWN
    message: str = ""
    values: dict[str, float] = {}
    units: dict[str, str] = {}


class ProcessExpected(Struct, frozen=True):
    """An instance that the runtime starts, or has found again: its host lets it in by this token, and listens at `socket`."""

    name: str
    process_type: str
    backend: str
    token: str
    socket: str


class ProcessControl(Struct, frozen=True):
    """A control message for one instance, which has `timeout` seconds to answer."""

    instance: str
    message: ControlMessage
    timeout: float = 5.0


class ProcessName(Struct, frozen=True):
    """An instance of a managed process."""

    name: str


PROCESS_HELLO = Method("process.hello", ProcessHello, Nothing)  # instance to host
PROCESS_BEAT = Method("process.beat", ProcessBeat, Nothing)  # instance to host
PROCESS_TELEMETRY = Method("process.telemetry", Telemetry, Nothing)  # instance to host
PROCESS_DRAIN = Method("process.drain", Nothing, Nothing)  # host to instance
PROCESS_MESSAGE = Method("process.message", ControlMessage, ControlAnswer)  # host to instance
PROCESS_EXPECT = Method("process.expect", ProcessExpected, Nothing)  # runtime to host
PROCESS_FORGET = Method("process.forget", ProcessName, Nothing)  # runtime to host
PROCESS_CONTROL = Method("process.control", ProcessControl, ControlAnswer)  # runtime to host
PROCESS_DRAIN_ONE = Method("process.drain_one", ProcessName, Nothing)  # runtime to host
PROCESS_REPORT = Method("process.report", ProcessReport, Nothing)  # host to runtime
