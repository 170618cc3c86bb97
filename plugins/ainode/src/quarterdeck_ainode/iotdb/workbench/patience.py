"""Waiting for an AINode that does not answer just now: asking for a forecast changes nothing, so it may be asked again."""

from collections.abc import Callable

from quarterdeck_ainode.iotdb.workbench.predicting import Forecasted
from quarterdeck_api.jobs import JobContext

#: Seconds that a job waits in all: an AINode that was killed is back within a few.
PATIENCE = 30.0

_PAUSE = 0.5


class Patience:
    """How long a job still waits; one for all of its models. `pause` sleeps for some seconds."""

    def __init__(self, context: JobContext, seconds: float, pause: Callable[[float], None]) -> None:
        self._context = context
        self._left = seconds
        self._pause = pause

    def ask(self, question: Callable[[], Forecasted]) -> Forecasted:
        """The answer, asked again while the AINode cannot be reached, or is overloaded; can be cancelled meanwhile."""
        made = question()
        if made.transient and self._left > 0 and made.failure is not None:
            self._context.log(f"{made.failure.message}: it is waited for")
        while made.transient and self._left > 0:
            self._context.raise_if_cancelled()
            self._pause(_PAUSE)
            self._left -= _PAUSE
            made = question()
        return made
