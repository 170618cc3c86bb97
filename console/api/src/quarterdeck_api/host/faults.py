"""What a plugin's code raised, as a sentence with a remedy."""

import errno
import socket
import sys
import traceback

from quarterdeck_api.errors import QuarterdeckError, UnreachableError


def as_error(subject: str, fault: BaseException) -> QuarterdeckError:
    """The error that a user sees for an exception of plugin code.

    Errors of our own hierarchy pass as they are. Connection errors and time-outs of the system are UnreachableError; anything else is
    a fault in the plugin.
    """
    if isinstance(fault, QuarterdeckError):
        return fault
    if _is_network_fault(fault):
        return UnreachableError(f"{subject} cannot be reached: {words(fault)}", "check that it runs and can be reached")
    return QuarterdeckError(
        f"{subject} failed inside its plugin: {words(fault)}",
        "see the host's log with `quarterdeck logs core/host/PLUGIN`",
    )


def _is_network_fault(fault: BaseException) -> bool:
    if isinstance(fault, ConnectionError | TimeoutError | socket.gaierror):
        return True
    return isinstance(fault, OSError) and fault.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN)


def words(fault: BaseException) -> str:
    """An exception in one line."""
    text = " ".join(str(fault).split())
    return f"{type(fault).__name__}: {text}" if text else type(fault).__name__


def log_fault(subject: str, fault: BaseException) -> None:
    """Writes an exception with its traceback to the host's log; an error with a remedy is one line."""
    if isinstance(fault, QuarterdeckError):
        sys.stderr.write(f"{subject}: {fault.message}\n")
    else:
        sys.stderr.write(f"{subject}:\n{''.join(traceback.format_exception(fault))}")
    sys.stderr.flush()
