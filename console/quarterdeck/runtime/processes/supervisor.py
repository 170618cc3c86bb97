"""Keeps managed processes as they are wanted: starts, stops, adopts, watches and restarts their instances."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from random import Random
from typing import Any

from msgspec.structs import replace

from quarterdeck.config.paths import InstancePaths, make_private
from quarterdeck.runtime.database import StateWriteError
from quarterdeck.runtime.processes.decisions import (
    Act,
    Decision,
    Ended,
    Limits,
    after_end,
    asked_anew,
    limits_of,
)
from quarterdeck.runtime.processes.guarded_process import GuardedProcess, exit_reason
from quarterdeck.runtime.processes.host_side import HostSide
from quarterdeck.runtime.processes.instance import Instance
from quarterdeck.runtime.processes.process_store import ProcessStore
from quarterdeck.runtime.processes.records import ProcessRecord
from quarterdeck.runtime.processes.starting import InstanceStart, launch_process_guard, new_process_files
from quarterdeck.runtime.processes.surroundings import ProcessSurroundings
from quarterdeck.runtime.processes.usage import usage_by_session
from quarterdeck.runtime.workers.guard_child import creation_time
from quarterdeck.runtime.workers.guard_launch import existing_guards
from quarterdeck.runtime.workers.process_sessions import ProcessIdentity
from quarterdeck_api.errors import QuarterdeckError, UnreachableError
from quarterdeck_api.processes import DesiredState, ProcessReport

_log = logging.getLogger("quarterdeck.runtime")

#: Seconds between two looks at instances that run, and between two at what they use.
_LOOK = 0.5
_USAGE_LOOK = 2.0
#: Seconds until something that cannot be started now (its plugin, its backend) is tried again.
_BLOCKED = 5.0
#: Seconds that an instance gets to end when the runtime itself is to end.
_CLOSE_GRACE = 10.0
#: The limits of an instance whose type is not known (yet): none.
_NO_LIMITS = Limits(True, float("inf"), float("inf"))


class ProcessSupervisor:
    """All managed processes of the runtime; everything runs on its loop. Every change of a process goes to `publish` by its name.

    `on_usage` gets the instances whose use was looked at. `clock` gives Unix seconds. `linger` is how many seconds an instance that is to stop with the runtime outlives it.
    """

    def __init__(
        self,
        paths: InstancePaths,
        store: ProcessStore,
        surroundings: ProcessSurroundings,
        hosts: HostSide,
        publish: Callable[[str], None],
        on_usage: Callable[[Sequence[Instance]], None],
        clock: Callable[[], float],
        rng: Random,
        linger: float,
    ) -> None:
        self._paths = paths
        self._store = store
        self._surroundings = surroundings
        self._hosts = hosts
        self._publish = publish
        self._on_usage = on_usage
        self._clock = clock
        self._rng = rng
        self._linger = linger
        self._instances: dict[tuple[str, int], Instance] = {}
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._starts: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()
        self._closing = False

    # What others ask

    def wanted(self) -> int:
        """How many processes are to run; they keep the runtime alive."""
        return sum(record.spec.desired is DesiredState.RUNNING and not record.removed for record in self._store.all())

    def instances(self, name: str) -> list[Instance]:
        """The instances of a process, by number."""
        return [self._instances[key] for key in sorted(self._instances) if key[0] == name]

    def instance(self, name: str) -> Instance | None:
        """An instance by its name."""
        return next((each for each in self._instances.values() if each.name == name), None)

    def wake(self) -> None:
        """Something has changed that decisions depend on."""
        self._wake.set()

    def begin_anew(self, name: str) -> None:
        """What a process's instances suffered before no longer counts: they are started at once."""
        for instance in self.instances(name):
            self._begin_anew(instance)
        self.wake()

    def restart(self, instances: Iterable[Instance]) -> None:
        """Has instances end and start again."""
        for instance in instances:
            instance.restart_asked = instance.guarded is not None
            self._begin_anew(instance)
            self._publish(instance.record.process)
        self.wake()

    def of_plugins(self, plugins: Collection[str]) -> list[Instance]:
        """The instances of these plugins."""
        return [each for each in self._instances.values() if self._plugin_of(each) in plugins]

    def report(self, plugin: str, report: ProcessReport) -> Instance | None:
        """A host tells of an instance; gives it unless it is unknown."""
        instance = self.instance(report.name)
        record = self._store.find(instance.record.process) if instance is not None else None
        if instance is None or instance.guarded is None or record is None or record.spec.plugin != plugin:
            return None
        before = (instance.ready, instance.connected, instance.health, instance.message)
        instance.reported(report)
        if before != (instance.ready, instance.connected, instance.health, instance.message):
            self._tell(instance.record.process)
        return instance

    def host_ready(self, plugin: str) -> None:
        """A plugin's host can be told things: it is told which instances to let in."""
        for instance in self._instances.values():
            if instance.alive and self._plugin_of(instance) == plugin:
                self._expect(instance)
        self.wake()

    async def until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Waits until a condition on processes holds; False when it does not in time."""
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            return False
        return True

    # Life

    async def adopt(self) -> None:
        """Finds the instances that guards of an earlier runtime hold, and ends what is left of others."""
        make_private(self._paths.process_guards)
        make_private(self._paths.host_sockets)
        for record in self._store.all():
            self._follow_record(record)
        by_guard = {each.record.guard: each for each in self._instances.values() if each.record.guard}
        found = existing_guards(self._paths.process_guards)
        for instance in by_guard.values():
            instance.starting = True
        await asyncio.gather(*(self._adopt(files.name, by_guard.get(files.name)) for files in found))
        for instance in by_guard.values():
            if instance.guarded is None and instance.starting:
                # Its guard has left not even a file: the machine was started anew.
                self._gone(instance, "it ended with the machine", asked=False, blameless=True)

    async def run(self) -> None:
        """Keeps everything as it is wanted; call it once plugins are known."""
        loop = asyncio.get_running_loop()
        looked = used = loop.time()
        while True:
            self._wake.clear()
            now = loop.time()
            try:
                self._look(min(now - looked, 2 * _LOOK))
            except StateWriteError as error:
                _log.error("processes: %s. %s", error.message, error.remedy)
            if now - used >= _USAGE_LOOK:
                self._look_at_usage(now - used)
                used = now
            looked = now
            busy = any(each.alive or each.wanted for each in self._instances.values())
            try:
                async with asyncio.timeout(_LOOK if busy else None):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def close(self, stop: bool) -> None:
        """Ends every instance, or with `stop` false leaves them to their guards for another runtime; what is wanted stays as it is."""
        self._closing = True
        if self._starts:  # They are waited for: nothing may be left half started.
            await asyncio.wait(tuple(self._starts))
        endings: list[Coroutine[Any, Any, None]] = []
        for instance in self._instances.values():
            if instance.guarded is not None:
                self._hosts.drain(self._plugin_of(instance), instance.name) if stop else None
                grace = min(self._grace(instance), _CLOSE_GRACE)
                endings.append(instance.guarded.stop(grace) if stop else instance.guarded.leave_alone())
        await asyncio.gather(*endings)
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))

    # Decisions

    def _look(self, seconds: float) -> None:
        if self._closing:
            return
        for record in self._store.all():
            self._follow_record(record)
        for instance in list(self._instances.values()):
            before = instance.ready
            instance.passes(seconds, self._hosts.ready(self._plugin_of(instance)))
            if instance.ready != before:
                self._tell(instance.record.process)
            decision = instance.decide(self._clock())
            if decision.act is Act.START:
                self._begin(instance)
            elif decision.act is Act.STOP:
                self._end(instance, decision)
        self._forget_what_is_done()

    def _follow_record(self, record: ProcessRecord) -> None:
        """What is wanted of each instance, according to its process."""
        spec = record.spec
        runs = spec.desired is DesiredState.RUNNING and not record.removed
        kept = {each.number for each in self._store.instances(spec.name)}
        info = self._surroundings.known_type(spec.plugin, spec.process_type)
        limits = limits_of(info) if info is not None else _NO_LIMITS
        for number in sorted(kept | set(range(1, spec.count + 1))):
            instance = self._instances.get((spec.name, number))
            if instance is None:
                instance = Instance(self._store.instance(spec.name, number), limits)
                self._instances[spec.name, number] = instance
            instance.limits = limits
            instance.wanted = runs and number <= spec.count

    def _forget_what_is_done(self) -> None:
        for key, instance in list(self._instances.items()):
            record = self._store.find(key[0])
            superfluous = record is None or key[1] > record.spec.count
            if superfluous and not instance.alive:
                del self._instances[key]
                self._store.drop_instance(*key)
                self._tell(key[0])
        for record in self._store.all():
            if record.removed and not self.instances(record.spec.name):
                self._store.forget(record.spec.name)
                self._tell(record.spec.name)

    def _begin_anew(self, instance: Instance) -> None:
        instance.blocked = ""
        fresh = asked_anew(instance.record)
        if fresh != instance.record:
            instance.record = fresh
            self._store.save_instance(fresh)

    # Starting

    def _begin(self, instance: Instance) -> None:
        record = self._store.get(instance.record.process)
        try:
            start = self._surroundings.start_of(record.spec, instance.record.number, secrets.token_urlsafe(24))
        except QuarterdeckError as error:
            instance.blocked = error.message
            instance.record = replace(instance.record, not_before=self._clock() + _BLOCKED)
            self._tell(record.spec.name)
            return
        files = new_process_files(self._paths)
        begun = replace(
            instance.record, token=start.token, guard=files.name, started=self._clock(), not_before=0.0, reason=""
        )
        self._store.save_instance(begun, "started")  # Before it is started: whoever finds the guard knows it.
        instance.record, instance.blocked, instance.starting = begun, "", True
        task = self._spawn(self._start(instance, GuardedProcess(files, self), start))
        self._starts.add(task)
        task.add_done_callback(self._starts.discard)
        self._tell(record.spec.name)

    async def _start(self, instance: Instance, guarded: GuardedProcess, start: InstanceStart) -> None:
        try:
            await self._hosts.expect(start.plugin.id, start.name, start.info.id, start.backend.name, start.token)
            process = launch_process_guard(self._paths, guarded.files, start, self._linger)
            await guarded.connect(process, ProcessIdentity(process.pid, creation_time(process.pid)))
        except (OSError, QuarterdeckError) as error:
            guarded.files.remove()
            reason = error.message if isinstance(error, QuarterdeckError) else f"it cannot be started: {error}"
            if guarded.exited is not None:
                reason = exit_reason(guarded.exited)
            self._gone(instance, reason, asked=False)
            return
        if guarded.gone:
            self._gone(instance, exit_reason(guarded.exited), asked=False)
            return
        instance.began(guarded)
        self._tell(instance.record.process)
        self.wake()

    async def _adopt(self, guard: str, instance: Instance | None) -> None:
        files = new_process_files(self._paths, guard)
        guarded = GuardedProcess(files, self)
        try:
            await guarded.connect(None, None)
        except UnreachableError:
            if instance is not None:
                reason = exit_reason(guarded.exited)
                self._gone(instance, reason, asked=_was_asked(guarded), blameless=guarded.exited is None)
            return
        if instance is None:
            _log.warning("the guard %s holds %s, which nobody wants; it is ended", guard, guarded.identity)
            await guarded.stop(_CLOSE_GRACE)
            return
        instance.found_again(guarded)
        if guarded.identity is not None and guarded.identity.stopping:
            instance.stop_decision = Decision(Act.STOP, "it was asked to stop")
        _log.info("%s (process %d) is found again", instance.name, instance.pid)

    # Ending

    def _end(self, instance: Instance, decision: Decision) -> None:
        assert instance.guarded is not None
        instance.stop_decision = decision
        if decision.failure:
            _log.warning("%s is ended: %s", instance.name, decision.reason)
        self._hosts.drain(self._plugin_of(instance), instance.name)
        self._spawn(instance.guarded.stop(self._grace(instance)))
        self._tell(instance.record.process)

    def on_process_gone(self, process: GuardedProcess) -> None:
        """Nothing of an instance is left: it is recorded, and started again when that is wanted."""
        instance = next((each for each in self._instances.values() if each.guarded is process), None)
        if instance is None or process.left_alone:
            return
        decision = instance.stop_decision
        reason = decision.reason if decision is not None else exit_reason(process.exited)
        asked = not decision.failure if decision is not None else self._closing or _was_asked(process)
        self._gone(instance, reason, asked=asked, blameless=decision is None and process.exited is None)

    def _gone(self, instance: Instance, reason: str, *, asked: bool, blameless: bool = False) -> None:
        lived = max(0.0, self._clock() - instance.record.started)
        instance.ended()
        ended = Ended(lived, asked, reason, blameless)
        instance.record = after_end(instance.record, ended, self._clock(), self._rng)
        event = "stopped" if asked else "crash-loop" if instance.record.crash_loop else "ended"
        try:
            self._store.save_instance(instance.record, event, reason)
        except StateWriteError as error:
            _log.error("the end of %s is not recorded: %s. %s", instance.name, error.message, error.remedy)
        if not asked:
            _log.warning("%s: %s", instance.name, reason)
        self._hosts.forget(self._plugin_of(instance), instance.name)
        self._tell(instance.record.process)
        self.wake()

    # Hosts and usage

    def _expect(self, instance: Instance) -> None:
        record = self._store.known(instance.record.process)
        if record is not None:
            spec, token = record.spec, instance.record.token
            self._spawn(self._hosts.expect(spec.plugin, instance.name, spec.process_type, spec.backend, token))

    def _look_at_usage(self, seconds: float) -> None:
        alive = [each for each in self._instances.values() if each.session]
        found = usage_by_session({each.session for each in alive})
        for instance in alive:
            usage, before = found[instance.session], instance.usage.cpu_seconds
            cpu = max(0.0, usage.cpu_seconds - before) / seconds if before else 0.0
            if instance.used(usage, cpu):
                self._publish(instance.record.process)
        self._on_usage(alive)

    def _plugin_of(self, instance: Instance) -> str:
        return self._surroundings.plugin_of(instance.record.process)

    def _grace(self, instance: Instance) -> float:
        return self._surroundings.grace_of(instance.record.process)

    def _tell(self, name: str) -> None:
        self._publish(name)
        self._spawn(self._notify_waiters())

    async def _notify_waiters(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a process could not be looked after", exc_info=error)


def _was_asked(process: GuardedProcess) -> bool:
    """Whether a guard ended its process because it was to, be it by an earlier runtime or because none was there."""
    return process.exited is not None and process.exited.reason in ("stop", "alone")
