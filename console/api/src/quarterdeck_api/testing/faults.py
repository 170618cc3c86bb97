"""Faults put between a host and a backend: calls that are slow, raise, or never return."""

import threading
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from quarterdeck_api.backend import Backend
from quarterdeck_api.backend_factory import make_backend
from quarterdeck_api.catalogue import BackendTypeInfo
from quarterdeck_api.errors import ErrorReport, UsageError, error_from_report

#: What a backend may have, by the names of its protocols' methods.
CALLS = (
    "watch",
    "close",
    "describe",
    "perform",
    "own_parameters",
    "complete",
    "probe",
    "browse",
    "describe_live",
    "log_sources",
    "logs",
    "metrics",
    "get_text",
    "put_text",
    "process_changed",
    "process_telemetry",
    "verify",
)

_SUFFIX = "+faults"


class Slow(Struct, frozen=True, tag="slow"):
    """The call takes this many seconds longer."""

    seconds: float


class Raises(Struct, frozen=True, tag="raises"):
    """The call raises; `code` is that of an error of quarterdeck_api.errors, or `crash` for an exception that nobody expects."""

    code: str = "unreachable"
    message: str = "a fault that a test has put here"


class Hangs(Struct, frozen=True, tag="hangs"):
    """The call never returns."""


Fault = Slow | Raises | Hangs


class FaultySettings(Struct, frozen=True):
    """How `open_faulty` makes the backend, and which calls of it go wrong."""

    factory: str
    settings: dict[str, Any]
    faults: dict[str, Fault]


def with_faults(backend: Backend, faults: dict[str, Fault]) -> Backend:
    """A backend that has what the given one has, with some of its calls going wrong; raises UsageError for a call that it lacks."""
    lacking = [name for name in faults if name not in CALLS or not hasattr(backend, name)]
    if lacking:
        raise UsageError(f"{type(backend).__name__} has no {lacking[0]}, so it cannot go wrong", "name one that it has")
    had = {name: getattr(backend, name) for name in CALLS if hasattr(backend, name)}
    # A class of its own, because protocols are recognised by what the class has.
    members = {name: _method(_faulty(call, faults.get(name))) for name, call in had.items()}
    made = type(f"Faulty{type(backend).__name__}", (), members)()
    assert isinstance(made, Backend)
    return made


def faulty_type(info: BackendTypeInfo) -> BackendTypeInfo:
    """The backend type beside another one whose backends are opened with faults."""
    return msgspec.structs.replace(info, id=info.id + _SUFFIX, factory=f"{__name__}:open_faulty", embedded=False)


def open_faulty(name: str, settings: FaultySettings) -> Backend:
    """Opens a backend with faults; a fault of `open` concerns the factory itself."""
    faults = dict(settings.faults)
    opening = faults.pop("open", None)
    _faulty(lambda: None, opening)()
    return with_faults(make_backend(name, settings.factory, settings.settings), faults)


def _method(call: Callable[..., Any]) -> Callable[..., Any]:
    def method(_self: object, *arguments: Any, **named: Any) -> Any:
        return call(*arguments, **named)

    return method


def _faulty(call: Callable[..., Any], fault: Fault | None) -> Callable[..., Any]:
    def go_wrong(*arguments: Any, **named: Any) -> Any:
        match fault:
            case Slow(seconds):
                threading.Event().wait(seconds)
            case Raises(code, message):
                if code == "crash":
                    raise RuntimeError(message)
                raise error_from_report(ErrorReport(code, message, "it is a test"))
            case Hangs():
                threading.Event().wait()
            case None:
                pass
        return call(*arguments, **named)

    return go_wrong
