"""What clients, jobs and controllers ask of the runtime about managed processes, beside the actions on them."""

from typing import Any

from msgspec import Struct

from quarterdeck_api.processes import PROCESS_CONTROL, ProcessName
from quarterdeck_api.resources import Health
from quarterdeck_api.wire import Method, Nothing

__all__ = [
    "PROCESS_CONTROL",
    "PROCESS_ENSURE",
    "PROCESS_READY",
    "PROCESS_REMOVE",
    "ProcessAddress",
    "ProcessEnsure",
    "ProcessName",
    "ProcessReadiness",
]


class ProcessEnsure(Struct, frozen=True, omit_defaults=True):
    """A process that shall exist and run so; one that does already stays as it is, one that runs otherwise is brought to it."""

    name: str
    process_type: str
    backend: str
    parameters: dict[str, Any] = {}
    count: int = 1


class ProcessAddress(Struct, frozen=True):
    """A process, as `core/process/NAME`."""

    address: str


class ProcessReadiness(Struct, frozen=True, omit_defaults=True):
    """Whether every wanted instance runs and is well; else what is waited for, as a sentence.

    `health` is what the instance that is waited for says of itself; it says nothing as long as it does not run, or does not beat.
    """

    ready: bool
    waits_for: str = ""
    health: Health = Health.UNKNOWN


PROCESS_ENSURE = Method("process.ensure", ProcessEnsure, ProcessAddress)
PROCESS_REMOVE = Method("process.remove", ProcessName, Nothing)  # Nothing happens when there is none.
PROCESS_READY = Method("process.ready", ProcessName, ProcessReadiness)
