"""What becomes of an instance: pure decisions from what is wanted and what is seen; times in seconds."""

from enum import Enum
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from quarterdeck.runtime.processes.records import InstanceRecord
from quarterdeck_api.catalogue import ProcessTypeInfo
from quarterdeck_api.host.backoff import backoff_delay
from quarterdeck_api.processes import ProcessState

#: Whoever lived as long has started well: its end begins a new count.
STABLE_SECONDS = 60.0
#: So many starts in a row that ended soon are a crash loop.
CRASH_LOOP_STARTS = 5
#: No backoff is longer: whoever would have to wait for more has seen the clock set back.
LONGEST_BACKOFF = 80.0


class Limits(Struct, frozen=True):
    """What is asked of an instance. `beats` says whether it has heartbeats at all; `memory` in bytes, 0 is no limit."""

    beats: bool
    ready_timeout: float
    heartbeat_timeout: float
    memory: int = 0


class Seen(Struct, frozen=True):
    """An instance as it is now.

    `unready` and `silence` count only while its host could have told; `wait` is how long it is not to be started yet.
    """

    wanted: bool
    alive: bool = False
    stopping: bool = False
    ready: bool = False
    unready: float = 0.0
    silence: float = 0.0
    memory: int = 0
    restart_asked: bool = False
    crash_loop: bool = False
    wait: float = 0.0


class Act(Enum):
    """What is to be done now."""

    NOTHING = "nothing"
    START = "start"
    STOP = "stop"


class Decision(Struct, frozen=True):
    """What is to be done, why, and whether that is a failure of the process rather than somebody's wish."""

    act: Act
    reason: str = ""
    failure: bool = False


class Ended(Struct, frozen=True):
    """An instance's end: how long it lived, why, and whether it was asked to; `blameless` when something else took it along (its guard died)."""

    lived: float
    asked: bool
    reason: str
    blameless: bool = False


_NOTHING = Decision(Act.NOTHING)


def limits_of(info: ProcessTypeInfo) -> Limits:
    """The limits that a process type declares."""
    return Limits(
        bool(info.implementation), info.ready_timeout, info.heartbeat_timeout, max(info.memory_limit, 0) * 1024**2
    )


def decide(seen: Seen, limits: Limits) -> Decision:
    """What is to be done about an instance now."""
    if not seen.alive:
        if not seen.wanted or seen.crash_loop or seen.wait > 0:
            return _NOTHING
        return Decision(Act.START)
    if seen.stopping:
        return _NOTHING
    if not seen.wanted:
        return Decision(Act.STOP, "it was asked to stop")
    if seen.restart_asked:
        return Decision(Act.STOP, "it was asked to start anew")
    if limits.memory and seen.memory > limits.memory:
        used, limit = seen.memory / 2**20, limits.memory / 2**20
        return Decision(
            Act.STOP, f"it used {used:.0f} MiB of memory, more than its limit of {limit:.0f} MiB", failure=True
        )
    if not seen.ready and seen.unready > limits.ready_timeout:
        return Decision(Act.STOP, f"it was not ready within {limits.ready_timeout:g} s", failure=True)
    if limits.beats and seen.ready and seen.silence > limits.heartbeat_timeout:
        return Decision(Act.STOP, f"it gave no sign of life for {limits.heartbeat_timeout:g} s", failure=True)
    return _NOTHING


def state_of(seen: Seen) -> ProcessState:
    """The word for what an instance is doing."""
    if seen.alive:
        if seen.stopping:
            return ProcessState.DRAINING
        return ProcessState.RUNNING if seen.ready else ProcessState.STARTING
    if not seen.wanted:
        return ProcessState.STOPPED
    if seen.crash_loop:
        return ProcessState.CRASH_LOOP
    return ProcessState.BACKING_OFF if seen.wait > 0 else ProcessState.STARTING


def after_end(record: InstanceRecord, ended: Ended, now: float, rng: Random) -> InstanceRecord:
    """The instance's record once nothing of it runs any more: when it is due again, or that it is in a crash loop."""
    gone = replace(record, token="", guard="", started=0.0, reason="" if ended.asked else ended.reason)
    if ended.asked:
        return replace(gone, failures=0, not_before=0.0, crash_loop=False)
    if ended.blameless:
        return replace(gone, restarts=record.restarts + 1, not_before=now + backoff_delay(1, rng))
    failures = 1 if ended.lived >= STABLE_SECONDS else record.failures + 1
    if failures >= CRASH_LOOP_STARTS:
        return replace(gone, failures=failures, crash_loop=True, not_before=0.0)
    return replace(gone, failures=failures, restarts=record.restarts + 1, not_before=now + backoff_delay(failures, rng))


def backoff_left(not_before: float, now: float) -> float:
    """How long an instance is not to be started yet; both times are Unix seconds of a clock that may have been set."""
    left = not_before - now
    return left if 0 < left <= LONGEST_BACKOFF else 0.0


def asked_anew(record: InstanceRecord) -> InstanceRecord:
    """The record of an instance that somebody wants to have started: what was before does not count."""
    return replace(record, failures=0, not_before=0.0, crash_loop=False)
