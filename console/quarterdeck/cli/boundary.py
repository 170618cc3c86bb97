"""The boundary of the program: every error becomes a sentence on standard error and an exit code."""

import os
import sys
from collections.abc import Callable

from quarterdeck.cli.streams import narrate, narrate_error
from quarterdeck_api.errors import ExitCode, QuarterdeckError


def guarded(action: Callable[[], int | None]) -> int:
    """Runs a command and returns its exit code; None counts as done."""
    try:
        return int(action() or ExitCode.DONE)
    except QuarterdeckError as error:
        narrate_error(error.message, error.remedy)
        return int(error.exit_code)
    except KeyboardInterrupt:
        narrate("interrupted")
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader has seen enough, as in `| head`. Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.DONE)
