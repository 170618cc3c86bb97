"""One instance of a managed process as the runtime knows it now: pure bookkeeping over its record, its guard and its reports."""

from quarterdeck.runtime.processes.decisions import Decision, Limits, Seen, backoff_left, decide, state_of
from quarterdeck.runtime.processes.guarded_process import GuardedProcess
from quarterdeck.runtime.processes.records import InstanceRecord
from quarterdeck.runtime.processes.usage import Usage
from quarterdeck_api.processes import ProcessReport, ProcessState
from quarterdeck_api.resources import Health

#: A program without heartbeats counts as ready when it has lived so long, in seconds.
ALIVE_SECONDS = 1.0
#: Memory and CPU are shown anew when they differ by such a part, or so much of a processor.
_SHOWN_PART = 0.04
_SHOWN_CPU = 0.02


class Instance:
    """What is known of one instance. Times in seconds; `wanted` says whether it is to run."""

    def __init__(self, record: InstanceRecord, limits: Limits) -> None:
        self.record = record
        self.limits = limits
        self.wanted = False
        self.guarded: GuardedProcess | None = None
        self.starting = False
        self.stop_decision: Decision | None = None
        self.restart_asked = False
        self.ready = False
        self.presumed_ready = False
        self.connected = False
        self.health = Health.UNKNOWN
        self.message = ""
        self.blocked = ""
        self.unready = 0.0
        self.silence = 0.0
        self.usage = Usage()
        self.cpu = 0.0
        self.shown_memory = 0
        self.shown_cpu = 0.0

    @property
    def name(self) -> str:
        """The instance's name."""
        return self.record.name

    @property
    def alive(self) -> bool:
        """Whether something of it runs, or is just being started."""
        return self.starting or self.guarded is not None

    @property
    def running(self) -> bool:
        """Whether it runs and has said that it does its work."""
        return self.guarded is not None and self.ready and self.stop_decision is None

    @property
    def pid(self) -> int:
        """The process's number, 0 when there is none."""
        identity = self.guarded.identity if self.guarded is not None else None
        return identity.child_pid if identity is not None else 0

    @property
    def session(self) -> int:
        """The session in which everything of it runs, 0 when there is none."""
        identity = self.guarded.identity if self.guarded is not None else None
        return identity.guard_pid if identity is not None else 0

    def seen(self, now: float) -> Seen:
        """The instance as decisions see it; `now` is Unix time."""
        return Seen(
            wanted=self.wanted,
            alive=self.alive,
            stopping=self.starting or self.stop_decision is not None,
            ready=self.ready,
            unready=self.unready,
            silence=self.silence,
            memory=self.usage.memory,
            restart_asked=self.restart_asked,
            crash_loop=self.record.crash_loop,
            wait=backoff_left(self.record.not_before, now),
        )

    def decide(self, now: float) -> Decision:
        """What is to be done about it."""
        return decide(self.seen(now), self.limits)

    def state(self, now: float) -> ProcessState:
        """The word for what it is doing."""
        if self.starting:
            return ProcessState.STARTING
        if self.blocked and self.wanted and not self.alive and not self.record.crash_loop:
            return ProcessState.BACKING_OFF
        return state_of(self.seen(now))

    def passes(self, seconds: float, host_ready: bool) -> None:
        """Time passes; silence counts only while the host could have said something."""
        if self.guarded is None:
            return
        if not self.limits.beats:
            self.unready += seconds
            self.ready = self.ready or self.unready >= ALIVE_SECONDS
        elif host_ready:
            self.silence += seconds
            if not self.ready:
                self.unready += seconds

    def reported(self, report: ProcessReport) -> None:
        """Its host says how it is."""
        self.connected = report.connected
        if not report.connected:
            return
        self.silence = 0.0
        self.health, self.message = report.health, report.message
        self.ready = (self.ready and not self.presumed_ready) or report.health is not Health.UNKNOWN
        self.presumed_ready = False

    def used(self, usage: Usage, cpu: float) -> bool:
        """What it uses now, `cpu` in processors; whether that is another value to show. What stays about the same is no change."""
        self.usage, self.cpu = usage, cpu
        memory = abs(usage.memory - self.shown_memory) > _SHOWN_PART * self.shown_memory
        processors = abs(cpu - self.shown_cpu) > max(_SHOWN_CPU, _SHOWN_PART * self.shown_cpu)
        if memory:
            self.shown_memory = usage.memory
        if processors:
            self.shown_cpu = cpu
        return memory or processors

    def began(self, guarded: GuardedProcess) -> None:
        """Its guard has it."""
        self.guarded = guarded
        self.starting = False
        self.restart_asked = False
        self._forget_reports()

    def found_again(self, guarded: GuardedProcess) -> None:
        """Its guard has kept it for this runtime: it is presumed to be as far as it was, until it is heard of."""
        self.began(guarded)
        self.ready = self.presumed_ready = True

    def ended(self) -> None:
        """Nothing of it runs any more."""
        self.guarded = None
        self.starting = False
        self.stop_decision = None
        self._forget_reports()

    def _forget_reports(self) -> None:
        self.ready = self.presumed_ready = self.connected = False
        self.health, self.message = Health.UNKNOWN, ""
        self.unready = self.silence = self.cpu = self.shown_cpu = 0.0
        self.shown_memory = 0
        self.usage = Usage()
