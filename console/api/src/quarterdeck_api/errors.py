"""The one exception hierarchy: every error is a sentence with a remedy and maps to one exit code."""

from enum import IntEnum

from msgspec import Struct


class ExitCode(IntEnum):
    """Exit codes of the command line; they are part of the interface."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    UNKNOWN = 5
    INTERRUPTED = 130


class ErrorReport(Struct, frozen=True, omit_defaults=True):
    """An error as data, as it crosses a process border."""

    code: str
    message: str
    remedy: str = ""
    address: str = ""


class QuarterdeckError(Exception):
    """Base of all errors that a user may see.

    `message` says what failed and where, `remedy` what to do about it.
    """

    code = "failed"
    exit_code = ExitCode.FAILED

    def __init__(self, message: str, remedy: str = "", address: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.address = address

    def report(self) -> ErrorReport:
        """The error as data."""
        return ErrorReport(self.code, self.message, self.remedy, self.address)


class UsageError(QuarterdeckError):
    """The request itself is wrong: an unknown name, a bad value, a missing parameter."""

    code = "usage"
    exit_code = ExitCode.USAGE


class NotFoundError(UsageError):
    """Nothing bears the address."""

    code = "not-found"


class RefusedError(QuarterdeckError):
    """Policy, a guardrail or an authorising plugin said no; nothing was done."""

    code = "refused"
    exit_code = ExitCode.REFUSED


class UnsupportedError(QuarterdeckError):
    """The backend lacks this capability."""

    code = "unsupported"
    exit_code = ExitCode.REFUSED


class UnreachableError(QuarterdeckError):
    """The other side cannot be reached now; trying again may help. Nothing was done."""

    code = "unreachable"
    exit_code = ExitCode.UNREACHABLE


class CallTimeoutError(UnreachableError):
    """The other side did not answer in time, and asking it changes nothing."""

    code = "timeout"


class UnknownOutcomeError(QuarterdeckError):
    """A request was sent and its answer was lost: it may or may not have happened, and it is never repeated by itself."""

    code = "unknown-outcome"
    exit_code = ExitCode.UNKNOWN


class JobCancelledError(QuarterdeckError):
    """The job was asked to end."""

    code = "cancelled"


class ProtocolError(QuarterdeckError):
    """The other side broke the protocol: a line too long, not JSON, or another major version."""

    code = "protocol"
    exit_code = ExitCode.UNREACHABLE


def _subclasses(base: type[QuarterdeckError]) -> list[type[QuarterdeckError]]:
    return [base, *(each for child in base.__subclasses__() for each in _subclasses(child))]


def error_from_report(report: ErrorReport) -> QuarterdeckError:
    """The exception that a report came from; an unknown code gives the base class."""
    kind = next((each for each in _subclasses(QuarterdeckError) if each.code == report.code), QuarterdeckError)
    return kind(report.message, report.remedy, report.address)
