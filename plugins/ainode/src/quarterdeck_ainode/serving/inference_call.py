"""One request under way in our AINode, and what is said when it gets no answer."""

import signal
import threading

from quarterdeck_ainode.serving.engine import ENDING, AinodeStatus, EngineError
from quarterdeck_ainode.serving.inference_task import Computed, InferenceTask, Refused

#: The share of its time for which a request waits. Beginning later, it would be ended unfinished, and its worker with it: where more is asked
#: than can be computed, every request would have waited as long, and none would ever be answered.
_WAITING_SHARE = 0.5


class InferenceCall:
    """One request under way; `outcome` is set before `done`. `begin_by` and `deadline` are on the pool's clock, `seconds` were allowed in all."""

    def __init__(self, model_id: str, task: InferenceTask, now: float, seconds: float) -> None:
        self.model_id = model_id
        self.task = task
        self.seconds = seconds
        self.begin_by = now + self.waiting_seconds
        self.deadline = now + seconds
        self.attempts = 0
        self.done = threading.Event()
        self.outcome: Computed | Refused | EngineError | None = None

    @property
    def waiting_seconds(self) -> float:
        """How long it may wait for a worker."""
        return self.seconds * _WAITING_SHARE

    def end(self, outcome: Computed | Refused | EngineError) -> None:
        """Gives whoever asked the outcome."""
        self.outcome = outcome
        self.done.set()


def closing() -> Refused:
    """The whole engine ends."""
    return Refused(AinodeStatus.INTERNAL, f"the {ENDING}; repeat the statement once it is back")


def too_late(call: InferenceCall) -> Refused:
    """It was computed for too long."""
    return Refused(
        AinodeStatus.INFERENCE_FAILED,
        f"{call.model_id} took longer than the AINode's limit of {call.seconds:.3g} s over {len(call.task.values)} rows and "
        f"{call.task.steps} steps; use fewer rows or a simpler model, or start the AINode with a longer limit",
    )


def ended_twice(call: InferenceCall) -> Refused:
    """Two workers died over it."""
    return Refused(
        AinodeStatus.INFERENCE_FAILED,
        f"two workers ended while they computed {call.model_id} over {len(call.task.values)} rows; see the AINode's log, and use fewer "
        "rows or another model",
    )


def defect(call: InferenceCall) -> Refused:
    """Something raised that should not."""
    return Refused(
        AinodeStatus.INTERNAL, f"{call.model_id} failed in a way that it should not; the AINode's log says how"
    )


def overloaded(running: int, waiting: int) -> EngineError:
    """There is no room for it."""
    return EngineError(
        AinodeStatus.OVERLOADED,
        f"the AINode is overloaded: {running} requests are computed and {waiting} wait; "
        "repeat the statement later, or start the AINode with more workers or a longer queue",
    )


def never_begun(call: InferenceCall) -> EngineError:
    """It waited for a worker as long as it may."""
    return EngineError(
        AinodeStatus.OVERLOADED,
        f"no worker became free for {call.model_id} within {call.waiting_seconds:.3g} s; repeat the statement later, or start the "
        "AINode with more workers",
    )


def cause_of_end(status: int) -> str:
    """An exit status (minus the signal's number) in words."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
